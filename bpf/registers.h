/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * registers.h - the user registers of a thread, as walks of its stack begin with them.
 *
 * BPF fills them from what the kernel has saved (CRESSET_GENERAL_TAKE in kernel.h); user space, for
 * threads that sleep, gets them from BPF. Numbers are DWARF's of the architecture (x86-64: psABI,
 * figure 3.36; AArch64: x0 to x30 are 0 to 30). The count is a power of two.
 */
#ifndef BPF_REGISTERS_H
#define BPF_REGISTERS_H

#include <linux/types.h>

#if defined(__TARGET_ARCH_x86) || defined(__x86_64__)
#define CRESSET_N_GENERAL   16
#define CRESSET_REGISTER_FP 6
#define CRESSET_REGISTER_SP 7
#elif defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
#define CRESSET_N_GENERAL   32
#define CRESSET_REGISTER_FP 29
#define CRESSET_REGISTER_LR 30
#define CRESSET_REGISTER_SP 31
#else
#error "registers.h: registers of this architecture are not described yet"
#endif

/* Of user mode. An ip of 0: there are none. */
struct cresset_registers {
	__u64 ip;
	__u64 sp;
	__u64 fp;
	__u64 compat32; /* 32-bit code: frames of another shape, only its address is kept */
	/* All of them; only set for unwinders that ask: cresset_registers_wanted. */
	__u64 general[CRESSET_N_GENERAL];
};

#endif
