// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * targets.bpf.c - which tasks are sampled.
 *
 * Targets are processes, threads and a cgroup, and a task is sampled if it is any of them. With
 * inherit, children of target processes become targets when they are forked, before they run.
 *
 * Pids are reused, so an entry carries the start time of its task: another task with that pid is
 * not the target. An entry that user space made learns the start time at its first match; entries
 * go when their task is freed, after its very last instruction.
 */
#include "core.h"

struct cresset_targets_map target_pids SEC(".maps");
struct cresset_targets_map target_tids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target_cgroup SEC(".maps");

__noinline int cresset_is_target(void)
{
	struct task_struct *task;
	__u32 id;

	if (!cresset_config.by_pid && !cresset_config.by_tid && !cresset_config.by_cgroup)
		return 1;
	task = bpf_get_current_task_btf();
	if (cresset_config.by_pid) {
		id = task->tgid;
		if (cresset_target_matches(bpf_map_lookup_elem(&target_pids, &id),
					   task->group_leader->start_boottime))
			return 1;
	}
	if (cresset_config.by_tid) {
		id = task->pid;
		if (cresset_target_matches(bpf_map_lookup_elem(&target_tids, &id),
					   task->start_boottime))
			return 1;
	}
	if (cresset_config.by_cgroup)
		return bpf_current_task_under_cgroup(&target_cgroup, 0) == 1;
	return 0;
}

/* Raw tracepoints: see unwind_life.bpf.c. */
SEC("raw_tp/sched_process_fork")
int cresset_fork(__u64 *ctx)
{
	struct task_struct *parent = (struct task_struct *)ctx[0];
	struct task_struct *child = (struct task_struct *)ctx[1];
	__u32 slot_id = cresset_slot_id(CRESSET_CONTEXT_PERF), pid = CRESSET_READ(parent, tgid);
	__u32 child_pid = CRESSET_READ(child, tgid);
	struct task_struct *leader = CRESSET_READ(parent, group_leader);
	struct cresset_target target;
	struct cresset_slot *slot;

	if (child_pid == pid)
		return 0;
	if (!cresset_target_matches(bpf_map_lookup_elem(&target_pids, &pid),
				    CRESSET_READ(leader, start_boottime)))
		return 0;
	target.start_ns = CRESSET_READ(child, start_boottime);
	slot = cresset_slot(slot_id);
	/* A sample on this CPU may interrupt the counting, so it has to be atomic. */
	if (bpf_map_update_elem(&target_pids, &child_pid, &target, BPF_ANY) && slot)
		__sync_fetch_and_add(&slot->stats[CRESSET_STAT_children_missed], 1);
	return 0;
}

SEC("raw_tp/sched_process_free")
int cresset_free(__u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	struct cresset_target *target;
	__u32 pid = CRESSET_READ(task, pid);

	/* Only a leader stands for its process; a thread that execs takes over pid and start time.
	 */
	if (pid != (__u32)CRESSET_READ(task, tgid))
		return 0;
	target = bpf_map_lookup_elem(&target_pids, &pid);
	if (target && (!target->start_ns || target->start_ns == CRESSET_READ(task, start_boottime)))
		bpf_map_delete_elem(&target_pids, &pid);
	return 0;
}
