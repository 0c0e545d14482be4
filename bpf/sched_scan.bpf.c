// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * sched_scan.bpf.c - an iterator over all threads, run by user space: what no switch would tell.
 *
 * Seed: threads that are there when the recording starts are followed from its start, though they
 * may never switch. Sweep: long waits are recorded whatever the coin said; if it said no, or
 * tables were not there yet, they get a ticket: user space reads the user stack of the thread that
 * sleeps. Flush: intervals that
 * are open are counted up to now and go on from there, so a window has all of its time, and a
 * thread that slept through all of it is there. Stop: the last flush.
 *
 * The kernel runs this again for a thread whose report did not fit the buffer, so a second run for
 * the same moment must change nothing: what is counted is taken away from the interval first.
 */
#include "thread.h"

/* By targets.bpf.c for the current task, here for any. */
static __always_inline bool in_cgroup(const struct task_struct *task)
{
	struct cgroup *cgroup = task->cgroups->dfl_cgrp;

	for (int depth = 0; depth < 32 && cgroup; depth++) {
		if (BPF_CORE_READ(cgroup, kn, id) == cresset_config.cgroup_id)
			return true;
		cgroup = (struct cgroup *)BPF_CORE_READ(cgroup, self.parent);
	}
	return false;
}

static __always_inline bool is_target(const struct task_struct *task)
{
	__u32 id;

	if (!cresset_config.by_pid && !cresset_config.by_tid && !cresset_config.by_cgroup)
		return true;
	id = task->tgid;
	if (cresset_config.by_pid && cresset_target_matches(bpf_map_lookup_elem(&target_pids, &id),
							    task->group_leader->start_boottime))
		return true;
	id = task->pid;
	if (cresset_config.by_tid &&
	    cresset_target_matches(bpf_map_lookup_elem(&target_tids, &id), task->start_boottime))
		return true;
	return cresset_config.by_cgroup && in_cgroup(task);
}

static __always_inline bool seed(struct cresset_slot *slot, struct task_struct *task,
				 struct cresset_thread **ret)
{
	struct cresset_thread *t = *ret;
	__u32 state = task->on_cpu ? CRESSET_STATE_RUNNING : state_of(task, task->__state);
	__u64 start = cresset_sched.start_ns;

	if (t || task->exit_state || !is_target(task))
		return t && t->flags & THREAD_SEEDED;
	t = *ret = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t) {
		cresset_count(slot, CRESSET_STAT_threads_lost);
		return false;
	}
	/* A program has met it in the meantime. */
	if (__sync_val_compare_and_swap(&t->mark, 0, mark_make(start, state)))
		return false;
	thread_begin(t, task, start, state);
	if (state == CRESSET_STATE_RUNNING || !has_user_stack(task))
		return false;
	t->swept_ns = start;
	t->flags = THREAD_SEEDED;
	return true;
}

/* Finds waits that are older than the gap. Returns whether this one gets a ticket. */
static __always_inline bool sweep(const struct task_struct *task, struct cresset_thread *t,
				  __u64 gap)
{
	__u64 out_ns = t->out_ns, now = cresset_sched.now_ns;

	if (!state_is_blocked(mark_state(t->mark)) || now < out_ns + gap)
		return false;
	if (t->swept_ns != out_ns) {
		t->sweep_ns = now;
		t->swept_ns = out_ns;
	}
	/* Once for each wait; or again, if this is the second run for this sweep. */
	return t->sweep_ns == now && !(t->flags & THREAD_SEEDED) && has_ticket(t, task);
}

/* Writes the part of an open wait that is cut off. */
static __always_inline void wait_cut(__u32 slot_id, struct cresset_slot *slot,
				     struct cresset_scratch *s, struct task_struct *task,
				     struct cresset_thread *t, __u32 state, __u64 ns)
{
	__u64 blocked = __sync_lock_test_and_set(&t->blocked_ns, 0), runnable = 0;

	if (state_is_blocked(state))
		blocked += ns;
	else
		runnable = ns;
	if (!cresset_config.blocked)
		blocked = 0;
	if (!cresset_config.runnable)
		runnable = 0;
	if (!wait_wanted(slot, t, cresset_sched.now_ns, blocked + runnable))
		return;
	wait_fill(s, t, task, blocked, runnable);
	if (!cresset_config.user_only && !task->on_cpu)
		WAIT_KERNEL_STACK(s, slot, task);
	else if (!cresset_config.user_only)
		wait_kernel_lost(slot, s);
	cresset_wait_count(slot_id, chance(t));
}

/*
 * How long a thread has been on a CPU that was not seen to begin. A thread that leaves its CPU at
 * this moment is on it still, but has not run since it was seen to stop.
 */
static __always_inline __u64 ran_unseen(const struct task_struct *task, struct cresset_thread *t,
					__u64 ns)
{
	__u64 ran = task->on_cpu ? ran_since(task, t, ns) : 0;

	/* Its stack may have been read while it ran. */
	if (ran && has_ticket(t, task)) {
		t->flags &= ~(THREAD_UNSAMPLED | THREAD_SEEDED | THREAD_BROKEN);
		t->user_stack = 0;
		t->sample_flags = CRESSET_STOP_NOT_TAKEN;
	}
	return ran;
}

/* Counts the open interval up to now. Returns whether its wait got a ticket just now. */
static __always_inline bool flush(__u32 slot_id, struct cresset_slot *slot,
				  struct cresset_scratch *s, struct task_struct *task,
				  struct cresset_thread *t)
{
	__u64 now = cresset_sched.now_ns, mark = t->mark, ns, ran = 0;
	__u32 state = mark_state(mark);
	bool ticket = false;

	/* One that runs has state 0, and so has one that begins to. */
	if (state == CRESSET_STATE_RUNNING && !task->on_cpu && task->__state &&
	    mark_ns(mark) < now) {
		switch_out_late(slot, t, task, state_of(task, task->__state), now);
		mark = t->mark;
		state = mark_state(mark);
	}
	if (!mark || state == CRESSET_STATE_DEAD || mark_ns(mark) >= now)
		return has_ticket(t, task);
	ns = now - mark_ns(mark);
	if (state != CRESSET_STATE_RUNNING)
		ran = ran_unseen(task, t, ns);
	/* At the end, whoever is blocked is recorded. */
	if (cresset_sched.scan_mode == CRESSET_SCAN_STOP && !ran)
		ticket = sweep(task, t, 0);
	/* A wait that may yet become long enough is left whole. */
	else if (state != CRESSET_STATE_RUNNING && !ran &&
		 now - t->out_ns < cresset_config.min_wait_ns)
		return false;
	if (__sync_val_compare_and_swap(
		    &t->mark, mark, mark_make(now, ran ? CRESSET_STATE_RUNNING : state)) != mark)
		return false;
	interval_add(slot, t, state_time(state), ns - ran);
	if (state == CRESSET_STATE_RUNNING || ran)
		t->ran_ns = task->se.sum_exec_runtime;
	if (ran) {
		cresset_count(slot, CRESSET_STAT_switches_missed);
		interval_add(slot, t, CRESSET_TIME_CPU, ran);
	}
	if (state != CRESSET_STATE_RUNNING)
		wait_cut(slot_id, slot, s, task, t, state, ns - ran);
	return ticket;
}

/* Registers of user mode, for the ticket's walk. */
static __always_inline void report_registers(struct cresset_thread_report *r,
					     struct cresset_scratch *s, struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	CRESSET_REGISTERS_TAKE(s, regs);
	r->in_syscall = CRESSET_IN_SYSCALL(regs);
	r->ip = s->registers.ip;
	r->sp = s->registers.sp;
	r->fp = s->registers.fp;
	r->compat32 = s->registers.compat32;
	for (int i = 0; i < CRESSET_N_GENERAL; i++)
		r->general[i] = s->registers.general[i];
}

SEC("iter/task")
int cresset_scan(struct bpf_iter__task *ctx)
{
	__u32 slot_id = cresset_slot_id(CRESSET_CONTEXT_ITER), mode = cresset_sched.scan_mode;
	struct cresset_slot *slot = cresset_slot(slot_id);
	struct cresset_scratch *s = cresset_scratch(slot_id);
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct cresset_thread *t;
	bool ticket;

	if (!slot || !s || !task || !task->pid)
		return 0;
	t = bpf_task_storage_get(&threads, task, 0, 0);
	if (mode == CRESSET_SCAN_SEED)
		ticket = seed(slot, task, &t);
	else if (!t)
		return 0;
	else if (mode == CRESSET_SCAN_SWEEP)
		ticket = sweep(task, t, cresset_sched.sweep_ns);
	else
		ticket = mode != CRESSET_SCAN_LIST && flush(slot_id, slot, s, task, t);
	if (!t || (mode < CRESSET_SCAN_LIST && !ticket))
		return 0;
	report_fill(&s->report, ticket ? CRESSET_REPORT_TICKET : CRESSET_REPORT_THREAD, task, t,
		    cresset_sched.now_ns);
	if (!ticket) {
		bpf_seq_write(seq, &s->report, CRESSET_REPORT_SHORT_BYTES);
		return 0;
	}
	s->report.user_stack = ticket_of(t, task);
	report_registers(&s->report, s, task);
	bpf_seq_write(seq, &s->report, sizeof(s->report));
	return 0;
}
