// SPDX-License-Identifier: Apache-2.0
/* cfi_arch.c - see cfi_arch.h. */
#include "unwind/cfi_arch.h"

#include <elf.h>
#include <stddef.h>

const struct cfi_arch *cfi_arch_of(uint16_t machine)
{
	static const struct cfi_arch x86_64 = {
		.machine = EM_X86_64,
		.fp = 6,
		.sp = 7,
		.ra = 16,
		.n_registers = 16,
		.followed = 3 /* rbx: the dynamic loader's _dl_runtime_resolve */};
	static const struct cfi_arch aarch64 = {.machine = EM_AARCH64,
						.fp = 29,
						.sp = 31,
						.ra = 30,
						.n_registers = 32,
						.ra_is_register = true};

	switch (machine) {
	case EM_X86_64:
		return &x86_64;
	case EM_AARCH64:
		return &aarch64;
	default:
		return NULL;
	}
}
