/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * unwind_vma.h - the kernel's types that unwind_vma.bpf.c reads, as far as they are in use.
 *
 * Fields are found by the running kernel's BTF (CO-RE), so only their names matter; what follows
 * ___ in the name of a type is no part of it. On the host, where tests build such trees, they are
 * as they stand here.
 */
#ifndef BPF_UNWIND_VMA_H
#define BPF_UNWIND_VMA_H

#include "kernel.h"
#include "unwind.h"

enum maple_type___vma { maple_leaf_64___vma = 1, maple_range_64___vma, maple_arange_64___vma };

struct maple_metadata___vma {
	unsigned char end;
} CRESSET_RELOCATED;

struct maple_range_64___vma {
	void *parent;
	unsigned long pivot[15];
	union {
		void *slot[16];
		struct {
			void *pad[15];
			struct maple_metadata___vma meta;
		} CRESSET_RELOCATED;
	};
} CRESSET_RELOCATED;

struct maple_arange_64___vma {
	void *parent;
	unsigned long pivot[9];
	void *slot[10];
	unsigned long gap[10];
	struct maple_metadata___vma meta;
} CRESSET_RELOCATED;

struct maple_tree___vma {
	void *ma_root;
} CRESSET_RELOCATED;

struct mm_context___vma {
	void *vdso;
} CRESSET_RELOCATED;

struct mm_struct___vma {
	struct maple_tree___vma mm_mt;
	struct mm_context___vma context;
} CRESSET_RELOCATED;

struct super_block___vma {
	__u32 s_dev;
} CRESSET_RELOCATED;

struct timespec64___vma {
	__s64 tv_sec;
	long tv_nsec;
} CRESSET_RELOCATED;

struct inode___vma {
	struct super_block___vma *i_sb;
	unsigned long i_ino;
	__s64 i_size;
	__s64 i_mtime_sec;
	__u32 i_mtime_nsec;
} CRESSET_RELOCATED;

/* Before 6.11, and before 6.6. */
struct inode___before611 {
	struct timespec64___vma __i_mtime;
} CRESSET_RELOCATED;

struct inode___before66 {
	struct timespec64___vma i_mtime;
} CRESSET_RELOCATED;

struct file___vma {
	struct inode___vma *f_inode;
} CRESSET_RELOCATED;

struct vm_area_struct___vma {
	unsigned long vm_start;
	unsigned long vm_end;
	struct mm_struct___vma *vm_mm;
	unsigned long vm_flags;
	unsigned long vm_pgoff;
	struct file___vma *vm_file;
} CRESSET_RELOCATED;

/* What was found at the address. */
struct cresset_vma_seen {
	struct mm_struct___vma *owner;
	unsigned long start, end, flags, pgoff, ino;
	struct file___vma *file;
	struct inode___vma *inode;
	struct super_block___vma *sb;
	struct cresset_unwind_file_key key;
	struct cresset_unwind_file now;
};

/* Of one look-up on its way; a map value, for the verifier's sake. */
enum { NODE_WORDS = 32, NODE_BYTES = 8 * NODE_WORDS };

/* How a node of each type is laid out, in words; the last one's byte `end` in bytes. */
struct cresset_vma_layout {
	__u32 pivot, n_pivots, slot, end;
};

struct cresset_vma_search {
	__u64 node[NODE_WORDS];
	/* Here, since below seven calls the stack has no room for it. */
	struct cresset_vma_seen seen;
	__u64 entry; /* the node to look into: address, type */
	__u64 max;   /* the last address that it is about */
	__u64 address;
	__u64 type;			  /* of the node: enum maple_type */
	struct cresset_vma_layout layout; /* of the node */
	__u32 last;			  /* its last slot that is in use */
};

#endif
