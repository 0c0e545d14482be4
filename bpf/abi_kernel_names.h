/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * abi_kernel_names.h - the question and the answer of kernel_names.bpf.c: one map value that user
 * space maps.
 */
#ifndef BPF_ABI_KERNEL_NAMES_H
#define BPF_ABI_KERNEL_NAMES_H

enum {
	KERNEL_NAMES_ROWS = 64,
	/* KSYM_NAME_LEN is 512 since Linux 6.1; a module's name and two brackets come behind. */
	KERNEL_NAMES_BYTES = 640,
};

struct kernel_names_row {
	__u64 address;
	/* "name" or "name [module]"; "0x…": nothing is there; "": longer than that. */
	char text[KERNEL_NAMES_BYTES];
};

struct kernel_names {
	__u32 n;
	__u32 pad;
	struct kernel_names_row rows[KERNEL_NAMES_ROWS];
};

#endif
