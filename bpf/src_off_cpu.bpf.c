// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * src_off_cpu.bpf.c - what threads wait for: from the moment they stop running to when they run
 * again.
 *
 * At switch-out the thread that leaves is still current, so its user stack is taken there, before
 * anybody knows how long it will wait; it is the memory of another process by the time the thread
 * comes back. The kernel stack is that of the same call of schedule() all the while, and is taken
 * at switch-in, only of waits that are written, and from the outside: no frame of this program or
 * of its tracepoint is in it.
 *
 * A wait has two parts: blocked until sched_waking, then runnable until a CPU has time for it. One
 * that did not block (state 0, or preemption whatever the state) is runnable all along. The state
 * that the tracepoint gives is the one before a pending signal or an early waker changed it, so
 * the task's own is asked too.
 *
 * Past the overhead budget only some waits are recorded: the coin is thrown at switch-out with a
 * probability that user space sets, and what is recorded weighs 1/probability. Long waits are swept
 * up later (sched_scan.bpf.c): those are recorded anyway and weigh 1. Totals of threads are exact
 * all the same, as they need no stack.
 */
#include "thread.h"
#include "wakers.h"

struct cresset_threads_map threads SEC(".maps");
volatile struct cresset_sched_control cresset_sched = {};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} sched_events SEC(".maps");

enum { SELF_TIME_EVERY = 64 };

/* The number of bits: 0 for 0. Kernels have no such instruction for BPF. */
static __always_inline __u32 bits(__u64 n)
{
	__u32 b = 0;

	if (n >> 32) {
		b += 32;
		n >>= 32;
	}
	if (n >> 16) {
		b += 16;
		n >>= 16;
	}
	if (n >> 8) {
		b += 8;
		n >>= 8;
	}
	if (n >> 4) {
		b += 4;
		n >>= 4;
	}
	if (n >> 2) {
		b += 2;
		n >>= 2;
	}
	return b + (n >> 1 ? 2 : n);
}

/* Does anything count now? */
static __always_inline bool counting(__u64 now)
{
	__u64 start = cresset_sched.start_ns, stop = cresset_sched.stop_ns;

	return start && now >= start && (!stop || now < stop);
}

/* Not by cgroup: only user space's list and the current task can be asked for that. */
static __always_inline bool is_target(const struct task_struct *task)
{
	__u32 id;

	if (!cresset_config.by_pid && !cresset_config.by_tid)
		return !cresset_config.by_cgroup;
	id = task->tgid;
	if (cresset_config.by_pid && cresset_target_matches(bpf_map_lookup_elem(&target_pids, &id),
							    task->group_leader->start_boottime))
		return true;
	id = task->pid;
	return cresset_config.by_tid &&
	       cresset_target_matches(bpf_map_lookup_elem(&target_tids, &id), task->start_boottime);
}

/*
 * Follows a thread from now on. `state` is what it has done since then. If it was there before the
 * recording, that is since the start, or its programs would have seen it change.
 */
#define THREAD_ADD(task, slot, since, state)                                                       \
	({                                                                                         \
		struct cresset_thread *t_ =                                                        \
			bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);   \
                                                                                                   \
		if (!t_)                                                                           \
			cresset_count(slot, CRESSET_STAT_threads_lost);                            \
		else if (!__sync_val_compare_and_swap(&t_->mark, 0, mark_make(since, state)))      \
			thread_begin(t_, task, since, state);                                      \
		t_;                                                                                \
	})

static __always_inline void report_send(struct cresset_slot *slot, struct cresset_scratch *s)
{
	if (bpf_ringbuf_output(&sched_events, &s->report, CRESSET_REPORT_SHORT_BYTES,
			       BPF_RB_NO_WAKEUP))
		cresset_count(slot, CRESSET_STAT_events_lost);
}

/* Walks the user stack of the current task, from scratch.registers. -1, or a loss. */
static __always_inline int user_stack_walk(__u32 slot_id, struct cresset_scratch *s,
					   const struct task_struct *task,
					   const struct pt_regs *regs)
{
	s->key.pid = task->tgid;
	s->key.exec_id = task->self_exec_id;
	s->key.flags = CRESSET_IN_SYSCALL(regs) ? CRESSET_SAMPLE_LEAF_AFTER : 0;
	s->key.user_stack = 0;
	CRESSET_REGISTERS_TAKE(s, regs);
	cresset_walk_user(slot_id);
	return s->user.n ? cresset_intern_user(slot_id) : -1;
}

static __always_inline bool tables_may_come(__u32 stop)
{
	return stop == CRESSET_STOP_NO_TABLE || stop == CRESSET_STOP_NOT_KNOWN ||
	       stop == CRESSET_STOP_NOT_MAPPED;
}

/* Remembers the stack that was walked, if it is one that can be. */
static __always_inline void user_stack_remember(__u32 slot_id, struct cresset_scratch *s,
						struct cresset_stack_cache *c,
						const struct pt_regs *regs)
{
	__u32 stop = s->key.flags & CRESSET_SAMPLE_STOP;

	c->n = 0;
	if ((stop != CRESSET_STOP_WHOLE && stop != CRESSET_STOP_END) || s->slots.unknown ||
	    !s->slots.n)
		return;
	c->id = s->key.user_stack;
	c->flags = s->key.flags;
	c->ip = CRESSET_IP(regs);
	c->fp = CRESSET_FP(regs);
	c->uses_fp = s->slots.uses_fp;
	c->sp = s->slots.sp;
	c->epoch = cresset_sched.epoch;
	__builtin_memcpy(c->slots, s->slots.at, sizeof(c->slots));
	c->n = s->slots.n;
	c->check = cresset_cache_hash(slot_id, c, 1);
}

/* Of the current task, which stops running. */
static __always_inline void user_stack_take(__u32 slot_id, struct cresset_slot *slot,
					    struct cresset_scratch *s, struct task_struct *task,
					    struct cresset_thread *t)
{
	struct cresset_stack_cache *c = &t->user[!state_is_blocked(t->state)];
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	int lost;

	if (c->epoch != cresset_sched.epoch || c->ip != CRESSET_IP(regs) ||
	    c->sp != CRESSET_SP(regs) || (c->uses_fp && c->fp != CRESSET_FP(regs)) ||
	    !cache_holds(slot_id, c, 1)) {
		lost = user_stack_walk(slot_id, s, task, regs);
		if (lost >= 0) {
			t->flags = THREAD_LOST;
			t->lost = lost;
			return;
		}
		t->user_stack = s->key.user_stack;
		t->sample_flags = s->key.flags;
		if (tables_may_come(s->key.flags & CRESSET_SAMPLE_STOP))
			t->flags = THREAD_BROKEN;
		user_stack_remember(slot_id, s, c, regs);
		cresset_count(slot, CRESSET_STAT_stacks_walked);
		return;
	}
	cresset_count(slot, CRESSET_STAT_stacks_remembered);
	t->user_stack = c->id;
	t->sample_flags = c->flags;
}

/*
 * Of the task that is about to run: to the key if it is remembered, else its frames to the scratch.
 * Returns where to remember it, or NULL.
 */
static __always_inline struct cresset_stack_cache *
kernel_stack_take(__u32 slot_id, struct cresset_slot *slot, struct cresset_scratch *s,
		  struct task_struct *task, struct cresset_thread *t)
{
	struct cresset_stack_cache *c = &t->kernel[!state_is_blocked(t->state)];

	c->sp = CRESSET_KERNEL_SP(task);
	if (c->epoch == cresset_sched.epoch && cache_holds(slot_id, c, 0)) {
		s->key.kernel_stack = c->id;
		cresset_count(slot, CRESSET_STAT_stacks_remembered);
		return NULL;
	}
	cresset_count(slot, CRESSET_STAT_stacks_walked);
	WAIT_KERNEL_STACK(s, slot, task);
	return cresset_cache_find(slot_id, c) ? c : NULL;
}

/* The state it goes to. A stale `blocked` is told from a true one by the task's own state. */
static __always_inline __u32 state_after(const struct task_struct *prev, bool preempt,
					 __u32 prev_state)
{
	__u32 now = prev->__state;

	if (preempt && !(prev_state & CRESSET_TASK_DEAD))
		return CRESSET_STATE_PREEMPTED;
	if (prev_state && (!now || now & CRESSET_TASK_WAKING))
		prev_state = now;
	return state_of(prev, prev_state);
}

/* A wait is over at `now`. Returns whether it is to be written, with all but its kernel stack. */
static __always_inline bool wait_end(struct cresset_slot *slot, struct cresset_scratch *s,
				     struct task_struct *task, struct cresset_thread *t, __u64 now)
{
	__u64 old = __sync_lock_test_and_set(&t->mark, mark_make(now, CRESSET_STATE_RUNNING));
	__u64 ns = interval(slot, old, now), blocked = t->blocked_ns, runnable = 0;

	interval_add(slot, t, state_time(mark_state(old)), ns);
	if (state_is_blocked(mark_state(old))) {
		cresset_count(slot, CRESSET_STAT_wakes_missed);
		blocked += ns;
	} else {
		runnable = ns;
		slot->run_delays[bits(ns) & (CRESSET_N_LENGTHS - 1)]++;
	}
	if (has_ticket(t, task)) {
		report_fill(&s->report, CRESSET_REPORT_USED, task, t, now);
		s->report.user_stack = ticket_of(t, task);
		report_send(slot, s);
	}
	if (!cresset_config.blocked)
		blocked = 0;
	if (!cresset_config.runnable)
		runnable = 0;
	if (!wait_wanted(slot, t, now, blocked + runnable))
		return false;
	wait_fill(s, t, task, blocked, runnable);
	return true;
}

/*
 * The current thread stops running and was not seen to begin: its wait ended as long ago as it has
 * run since. Where in the kernel it waited is not known any more. Verified apart, as it is a second
 * end of waits.
 */
__noinline int cresset_switch_in_late(__u32 slot_id, __u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct cresset_thread *t = bpf_task_storage_get(&threads, task, 0, 0);
	struct cresset_scratch *s = cresset_scratch(slot_id);
	struct cresset_slot *slot = cresset_slot(slot_id);
	__u64 then;

	if (!s || !slot || !t)
		return 0;
	then = now - ran_since(task, t, interval(slot, t->mark, now));
	cresset_count(slot, CRESSET_STAT_switches_missed);
	if (!wait_end(slot, s, task, t, then))
		return 0;
	if (!cresset_config.user_only)
		wait_kernel_lost(slot, s);
	return cresset_wait_count(slot_id, chance(t));
}

static __always_inline void switch_out(__u32 slot_id, struct cresset_slot *slot,
				       struct cresset_scratch *s, struct task_struct *prev,
				       __u32 state, __u64 now)
{
	struct cresset_thread *t = bpf_task_storage_get(&threads, prev, 0, 0);
	__u64 old, ns;

	if (!t && cresset_is_target())
		t = THREAD_ADD(prev, slot, cresset_sched.start_ns, CRESSET_STATE_RUNNING);
	if (!t)
		return;
	if (mark_state(t->mark) != CRESSET_STATE_RUNNING)
		cresset_switch_in_late(slot_id, now);
	t->ran_ns = prev->se.sum_exec_runtime;
	t->blocked_ns = 0;
	t->out_ns = now;
	t->user_stack = 0;
	t->waker = 0;
	if (state_is_blocked(state))
		t->n_wakers = 0;
	t->sample_flags = 0;
	t->flags = 0;
	t->state = state;
	t->probability = cresset_sched.probability;
	old = __sync_lock_test_and_set(&t->mark, mark_make(now, state));
	ns = interval(slot, old, now);
	slot->run_slices[bits(ns) & (CRESSET_N_LENGTHS - 1)]++;
	interval_add(slot, t, state_time(mark_state(old)), ns);
	if (state == CRESSET_STATE_DEAD) {
		report_fill(&s->report, CRESSET_REPORT_END, prev, t, now);
		report_send(slot, s);
	} else if (!cresset_config.runnable && !state_is_blocked(state)) {
		t->flags = THREAD_FILTERED;
	} else if (t->probability < CRESSET_CERTAIN &&
		   (bpf_get_prandom_u32() & (CRESSET_CERTAIN - 1)) >= t->probability) {
		t->flags = THREAD_UNSAMPLED;
	} else if (has_user_stack(prev)) {
		user_stack_take(slot_id, slot, s, prev, t);
	}
}

static __noinline int switch_in(__u32 slot_id, struct cresset_slot *slot, struct cresset_scratch *s,
				struct task_struct *next, __u64 now)
{
	struct cresset_thread *t = bpf_task_storage_get(&threads, next, 0, 0);
	struct cresset_stack_cache *c = NULL;

	if (!t && cresset_sched.seeding && is_target(next))
		t = THREAD_ADD(next, slot, cresset_sched.start_ns, CRESSET_STATE_PREEMPTED);
	if (!t)
		return 0;
	if (mark_state(t->mark) == CRESSET_STATE_RUNNING)
		switch_out_late(slot, t, next, CRESSET_STATE_PREEMPTED, now);
	if (!wait_end(slot, s, next, t, now))
		return 0;
	if (!cresset_config.user_only)
		c = kernel_stack_take(slot_id, slot, s, next, t);
	cresset_wait_count(slot_id, chance(t));
	if (c) {
		c->id = s->key.kernel_stack;
		c->epoch = cresset_sched.epoch;
		c->check = cresset_cache_hash(slot_id, c, 0);
	}
	return 0;
}

/* Σ (w² · (1 - P)) estimates the variance of a sum of weights w = value / P. */
static __always_inline __u64 variance(__u64 weight_ns, __u64 p)
{
	__u64 us = (weight_ns + 500) / 1000;

	/* CRESSET_CERTAIN is 1 << 16. */
	if (us < 1 << 23)
		return us * us * (CRESSET_CERTAIN - p) >> 16;
	return (us * us >> 16) * (CRESSET_CERTAIN - p);
}

__noinline int cresset_wait_count(__u32 slot_id, __u32 probability)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	struct cresset_slot *slot = cresset_slot(slot_id);
	__u64 p = probability, blocked, runnable;
	__u32 outcome;

	if (!s || !slot)
		return 0;
	blocked = s->count.blocked_ns;
	runnable = s->count.runnable_ns;
	if (p && p < CRESSET_CERTAIN) {
		s->count.blocked_ns = blocked * CRESSET_CERTAIN / p;
		s->count.runnable_ns = runnable * CRESSET_CERTAIN / p;
		slot->blocked_variance += variance(s->count.blocked_ns, p);
		slot->runnable_variance += variance(s->count.runnable_ns, p);
	}
	outcome = cresset_write(slot_id);
	if (outcome < CRESSET_N_STATS)
		slot->stats[outcome]++;
	if (outcome != CRESSET_STAT_counted)
		slot->time[CRESSET_TIME_LOST] += blocked + runnable;
	return 0;
}

/* Changes when a run does what it would not have done, had the coin said no. */
static __always_inline __u64 work_done(const struct cresset_slot *slot)
{
	return slot->stats[CRESSET_STAT_counted] + slot->stats[CRESSET_STAT_stacks_walked] +
	       slot->stats[CRESSET_STAT_stacks_remembered];
}

SEC("tp_btf/sched_switch")
int cresset_switch(__u64 *ctx)
{
	struct task_struct *prev = (struct task_struct *)ctx[1];
	struct task_struct *next = (struct task_struct *)ctx[2];
	__u32 slot_id = cresset_slot_id(CRESSET_CONTEXT_SCHED);
	struct cresset_slot *slot = cresset_slot(slot_id);
	struct cresset_scratch *s = cresset_scratch(slot_id);
	__u64 now = bpf_ktime_get_ns(), work;

	if (!slot || !s || !counting(now))
		return 0;
	work = work_done(slot);
	if (prev->pid)
		switch_out(slot_id, slot, s, prev, state_after(prev, ctx[0], ctx[3]), now);
	if (next->pid)
		switch_in(slot_id, slot, s, next, now);
	if (slot->switches++ % SELF_TIME_EVERY)
		return 0;
	now = (bpf_ktime_get_ns() - now) * SELF_TIME_EVERY;
	slot->time[CRESSET_TIME_SELF] += now;
	if (work_done(slot) != work)
		slot->time[CRESSET_TIME_WORK] += now;
	return 0;
}

SEC("tp_btf/sched_waking")
int cresset_waking(__u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	__u32 slot_id = cresset_slot_id(CRESSET_CONTEXT_SCHED);
	struct cresset_slot *slot = cresset_slot(slot_id);
	struct cresset_thread *t = bpf_task_storage_get(&threads, task, 0, 0);
	__u64 now, old, ns;

	if (!slot)
		return 0;
	if (!t && !cresset_sched.seeding)
		return 0;
	now = bpf_ktime_get_ns();
	if (!counting(now))
		return 0;
	if (!t && is_target(task))
		t = THREAD_ADD(task, slot, cresset_sched.start_ns,
			       state_of(task, task->__state & ~CRESSET_TASK_WAKING));
	if (!t)
		return 0;
	/* It sleeps, or it would be on a CPU: a switch comes before that. */
	if (!task->on_cpu && mark_state(t->mark) == CRESSET_STATE_RUNNING)
		switch_out_late(slot, t, task, state_of(task, task->__state & ~CRESSET_TASK_WAKING),
				now);
	old = t->mark;
	/* Of a thread that runs, or that another CPU has woken just now. */
	if (!state_is_blocked(mark_state(old)) ||
	    __sync_val_compare_and_swap(&t->mark, old, mark_make(now, CRESSET_STATE_WOKEN)) != old)
		return 0;
	ns = interval(slot, old, now);
	interval_add(slot, t, CRESSET_TIME_BLOCKED, ns);
	__sync_fetch_and_add(&t->blocked_ns, ns);
	if (cresset_config.waker_depth && waker_wanted(t))
		waker_take(ctx, slot_id, slot, t, now);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int cresset_wakeup_new(__u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	struct cresset_slot *slot = cresset_slot(cresset_slot_id(CRESSET_CONTEXT_SCHED));
	__u64 now = bpf_ktime_get_ns();

	if (!slot || !counting(now))
		return 0;
	/* The current task is its parent, and in the same cgroup. */
	if (cresset_config.by_cgroup ? !cresset_is_target() : !is_target(task))
		return 0;
	THREAD_ADD(task, slot, now, CRESSET_STATE_NEW);
	return 0;
}

/*
 * A thread that ends runs on for a while, and may be gone from the iterator before it is switched
 * out for the last time. Should that come after the recording, its totals are as of now. Interrupts
 * are on: so nothing of the slot or the scratch is used but what is atomic.
 */
SEC("tp_btf/sched_process_exit")
int cresset_exit(__u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	struct cresset_slot *slot = cresset_slot(cresset_slot_id(CRESSET_CONTEXT_SCHED));
	struct cresset_thread *t = bpf_task_storage_get(&threads, task, 0, 0);
	struct cresset_thread_report report;
	__u64 now = bpf_ktime_get_ns(), old;

	if (!slot || !t || !counting(now))
		return 0;
	old = t->mark;
	if (mark_state(old) == CRESSET_STATE_RUNNING && now > mark_ns(old) &&
	    __sync_val_compare_and_swap(&t->mark, old, mark_make(now, CRESSET_STATE_RUNNING)) ==
		    old) {
		__sync_fetch_and_add(&slot->time[CRESSET_TIME_CPU], now - mark_ns(old));
		__sync_fetch_and_add(&t->totals[CRESSET_TIME_CPU], now - mark_ns(old));
	}
	report_fill(&report, CRESSET_REPORT_THREAD, task, t, now);
	if (bpf_ringbuf_output(&sched_events, &report, CRESSET_REPORT_SHORT_BYTES,
			       BPF_RB_NO_WAKEUP))
		__sync_fetch_and_add(&slot->stats[CRESSET_STAT_events_lost], 1);
	return 0;
}
