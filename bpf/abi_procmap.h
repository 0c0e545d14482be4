/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * abi_procmap.h - what the start-up scan's iterators write and profiler/vmascan.c reads.
 *
 * One record for each process (of iter/task) and one for each executable mapping (of
 * iter/task_vma), back to back in the iterator's byte stream. A record is its fixed part followed
 * by path_size bytes of path (with its NUL; 0: no file) and padding up to 8 bytes. They come over a
 * read(2) from the kernel, yet the reader checks each size: a short read ends in the middle of one.
 */
#ifndef BPF_ABI_PROCMAP_H
#define BPF_ABI_PROCMAP_H

enum {
	PROCMAP_PATH_BYTES = 4096,
	PROCMAP_COMM_BYTES = 16,
};

enum procmap_record_kind {
	PROCMAP_PROCESS = 1,
	PROCMAP_MAPPING = 2,
};

enum {
	PROCMAP_KTHREAD = 1u << 0, /* of a process: has no address space */
	PROCMAP_VDSO = 1u << 1,	   /* of a mapping: is the vdso */
	PROCMAP_RUNNING = 1u << 2, /* of a process: its leader is on a CPU or waits for one */
};

struct procmap_record {
	__u32 size; /* of the whole record */
	__u16 kind; /* enum procmap_record_kind */
	__u16 path_size;
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 pid;
	__u32 ppid;
	__u32 exec_id;
	__u32 flags;
	__u64 start;
	__u64 end;
	__u64 pgoff; /* bytes */
	__u64 ino;
	__u32 dev_major;
	__u32 dev_minor;
	char comm[PROCMAP_COMM_BYTES]; /* of the group leader */
};

_Static_assert(sizeof(struct procmap_record) == 88, "no hidden padding");

#endif
