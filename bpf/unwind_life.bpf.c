// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * unwind_life.bpf.c - what the native walker knows of processes follows forks and exits at once.
 *
 * User space hears of a fork some milliseconds later, when a short-lived child has long run. But a
 * child begins with its parent's memory, so it is given its parent's pages before it runs. An exec
 * needs nothing: the entry is of another exec id from then on, until user space makes a new one.
 *
 * Raw tracepoints, where tp_btf would do the same: for that libbpf reads all types of the kernel.
 */
#include "unwind_walk.h"

SEC("raw_tp/sched_process_fork")
int cresset_unwind_fork(__u64 *ctx)
{
	struct task_struct *parent = (struct task_struct *)ctx[0];
	struct task_struct *child = (struct task_struct *)ctx[1];
	struct cresset_unwind_proc *proc;
	__u32 pid = CRESSET_READ(parent, tgid), child_pid = CRESSET_READ(child, tgid);

	if (pid == child_pid)
		return 0;
	proc = bpf_map_lookup_elem(&unwind_procs, &pid);
	/* If the map is full the child's walks say that it is not known. */
	if (proc)
		bpf_map_update_elem(&unwind_procs, &child_pid, proc, BPF_ANY);
	return 0;
}

SEC("raw_tp/sched_process_free")
int cresset_unwind_free(__u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	__u32 pid = CRESSET_READ(task, pid);

	/* The leader goes last; a thread that execs becomes the leader. */
	if (pid != (__u32)CRESSET_READ(task, tgid))
		return 0;
	bpf_map_delete_elem(&unwind_procs, &pid);
	bpf_map_delete_elem(&unwind_jvms, &pid);
	return 0;
}
