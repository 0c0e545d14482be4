// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * procmap.bpf.c - the start-up scan: every process, and every executable mapping of it.
 *
 * Two iterators that user space reads like files. Against reading /proc/PID/maps they see processes
 * whose /proc files are closed to us, give the exec id (which no /proc file has), stamp each
 * process with the time it was looked at, and cost a tenth: only executable mappings are formatted.
 *
 * Invariants: a record is written whole or not at all (bpf_seq_write fails as a whole, and the
 * kernel then calls again for the same mapping once its buffer is empty). The record's buffer is
 * per CPU; each is used by one reader at a time as every process that scans loads its own copy.
 *
 * The types are flavours (___scan) of the kernel's: only fields that are read here, relocated at
 * load.
 */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "abi_procmap.h"

enum {
	VM_EXEC = 4,
	PF_EXITING = 0x00000004,
	PF_KTHREAD = 0x00200000,
	PAGE_SHIFT = 12,
	DEV_MINOR_BITS = 20,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct path___scan {
	void *mnt;
};

struct super_block___scan {
	__u32 s_dev;
};

struct inode___scan {
	struct super_block___scan *i_sb;
	unsigned long i_ino;
};

struct file___scan {
	struct path___scan f_path;
	struct inode___scan *f_inode;
};

struct mm_context___scan {
	void *vdso;
};

struct mm_struct___scan {
	struct mm_context___scan context;
};

struct vm_area_struct___scan {
	unsigned long vm_start;
	unsigned long vm_end;
	struct mm_struct___scan *vm_mm;
	unsigned long vm_flags;
	unsigned long vm_pgoff;
	struct file___scan *vm_file;
};

struct task_struct___scan {
	unsigned int __state;
	unsigned int flags;
	int pid;
	int tgid;
	struct task_struct___scan *real_parent;
	struct task_struct___scan *group_leader;
	char comm[PROCMAP_COMM_BYTES];
	__u64 self_exec_id;
};

struct seq_file;

struct bpf_iter_meta___scan {
	struct seq_file *seq;
};

struct bpf_iter__task___scan {
	struct bpf_iter_meta___scan *meta;
	struct task_struct___scan *task;
};

struct bpf_iter__task_vma___scan {
	struct bpf_iter_meta___scan *meta;
	struct task_struct___scan *task;
	struct vm_area_struct___scan *vma;
};

#pragma clang attribute pop

struct procmap_buffer {
	struct procmap_record record;
	char path[PROCMAP_PATH_BYTES + 8];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct procmap_buffer);
} procmap_buffers SEC(".maps");

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline struct procmap_buffer *record_start(struct task_struct___scan *task,
							   __u16 kind)
{
	__u32 zero = 0;
	struct procmap_buffer *b = bpf_map_lookup_elem(&procmap_buffers, &zero);

	if (!b)
		return NULL;
	b->record.kind = kind;
	b->record.path_size = 0;
	b->record.time_ns = bpf_ktime_get_ns();
	b->record.pid = task->tgid;
	b->record.ppid = 0;
	b->record.exec_id = (__u32)task->self_exec_id;
	b->record.flags = task->flags & PF_KTHREAD ? PROCMAP_KTHREAD : 0;
	b->record.start = b->record.end = b->record.pgoff = b->record.ino = 0;
	b->record.dev_major = b->record.dev_minor = 0;
	bpf_probe_read_kernel(b->record.comm, sizeof(b->record.comm), task->group_leader->comm);
	return b;
}

/* Also pads: what follows the path up to 8 bytes is left over from before, and not read. */
static __always_inline void record_write(struct seq_file *seq, struct procmap_buffer *b,
					 __u64 path_size)
{
	__u64 size;

	if (path_size > PROCMAP_PATH_BYTES)
		path_size = 0;
	b->record.path_size = path_size;
	size = (sizeof(b->record) + path_size + 7) & ~7ull;
	b->record.size = size;
	if (size <= sizeof(*b))
		bpf_seq_write(seq, b, size);
}

SEC("iter/task")
int scan_tasks(struct bpf_iter__task___scan *ctx)
{
	struct task_struct___scan *task = ctx->task;
	struct procmap_buffer *b;

	/* One that exits now may have written its EXIT record already: nothing would end it. */
	if (!task || task->pid != task->tgid || task->flags & PF_EXITING)
		return 0;
	b = record_start(task, PROCMAP_PROCESS);
	if (!b)
		return 0;
	b->record.ppid = task->real_parent->tgid;
	if (!task->__state)
		b->record.flags |= PROCMAP_RUNNING;
	record_write(ctx->meta->seq, b, 0);
	return 0;
}

SEC("iter/task_vma")
int scan_vmas(struct bpf_iter__task_vma___scan *ctx)
{
	struct task_struct___scan *task = ctx->task;
	struct vm_area_struct___scan *vma = ctx->vma;
	struct file___scan *file;
	struct procmap_buffer *b;
	long n = 0;

	if (!task || !vma || !(vma->vm_flags & VM_EXEC))
		return 0;
	b = record_start(task, PROCMAP_MAPPING);
	if (!b)
		return 0;
	b->record.start = vma->vm_start;
	b->record.end = vma->vm_end;
	file = vma->vm_file;
	if (file) {
		__u32 dev = file->f_inode->i_sb->s_dev;

		b->record.pgoff = (__u64)vma->vm_pgoff << PAGE_SHIFT;
		b->record.ino = file->f_inode->i_ino;
		b->record.dev_major = dev >> DEV_MINOR_BITS;
		b->record.dev_minor = dev & ((1u << DEV_MINOR_BITS) - 1);
		n = bpf_d_path((struct path *)&file->f_path, b->path, PROCMAP_PATH_BYTES);
	} else if ((__u64)vma->vm_mm->context.vdso == vma->vm_start) {
		b->record.flags |= PROCMAP_VDSO;
	}
	record_write(ctx->meta->seq, b, n > 0 ? n : 0);
	return 0;
}
