// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_arch - what the compiler must know of a machine: which registers matter. Numbers are DWARF's
 * (x86-64 psABI 3.6.2; "DWARF for the Arm 64-bit Architecture", 4.1).
 */
#ifndef UNWIND_CFI_ARCH_H
#define UNWIND_CFI_ARCH_H

#include <stdbool.h>
#include <stdint.h>

struct cfi_arch {
	uint16_t machine; /* EM_* */
	uint8_t fp;
	uint8_t sp;
	uint8_t ra;
	uint8_t n_registers; /* those that a CFA may be based on: 0 to this - 1 */
	uint8_t followed; /* a preserved register that CFAs of some files are based on; 0: none */
	bool ra_is_register; /* without a rule the return address is still in `ra` */
};

/* NULL: not one that we unwind. */
const struct cfi_arch *cfi_arch_of(uint16_t machine);

#endif
