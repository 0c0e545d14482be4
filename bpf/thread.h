/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * thread.h - where the time of a thread goes: the state that scheduler programs keep of each.
 *
 * A thread has a mark: what it does, and since when, in one word. Whoever sees it change (it stops
 * running, is woken, runs again) exchanges the mark, and so gets the interval that is over: from
 * the old mark to now, in the old state. Each nanosecond between a thread's first mark and its last
 * belongs to exactly one interval, whatever CPUs it moved over and whoever came first. That is why
 * cpu + runnable + blocked is the wall time, by construction and not by luck.
 *
 * An interval that is still open can be cut in two by the same means (a flush): it is counted up to
 * that moment, and what comes later is counted from there.
 *
 * The mark lives in task-local storage: it goes with the thread, and goes away with it.
 *
 * A switch may not be seen: a kernel was met (6.18 in a virtual machine) whose tracepoint never
 * fires for switches from certain tasks, so that whoever ran next was not seen to begin. The
 * scheduler's own count of the time that a task ran tells when it was: thread.ran_ns.
 */
#ifndef BPF_THREAD_H
#define BPF_THREAD_H

#include "core.h"
#include "stack_cache.h"

enum {
	MARK_STATE_BITS = 4,
	MARK_STATE = (1 << MARK_STATE_BITS) - 1,
};
_Static_assert((int)CRESSET_N_STATES <= (int)MARK_STATE + 1, "a mark has room for all states");

/* thread.flags, beside those of its samples (CRESSET_SAMPLE_*). */
enum {
	/* Its wait is not wanted: of a state that was not asked for. */
	THREAD_FILTERED = 1,
	/* Its wait was left out to save time. */
	THREAD_UNSAMPLED = 2,
	/* Its user stack could not be stored: thread.lost says why. */
	THREAD_LOST = 4,
	/* It did not run when it was first met: only user space can read its user stack. */
	THREAD_SEEDED = 8,
	/* Its user stack ended early, as tables were not there yet: it is worth another look. */
	THREAD_BROKEN = 16,
};

struct cresset_thread {
	__u64 mark;
	__u64 born_ns;
	__u64 totals[3]; /* closed intervals, by enum cresset_time */
	__u64 ran_ns;	 /* se.sum_exec_runtime when it last stopped running */
	/* The wait at hand, or the last one. */
	__u64 out_ns;	  /* when it stopped running */
	__u64 swept_ns;	  /* out_ns of the wait that was swept last (sched_scan.bpf.c) … */
	__u64 sweep_ns;	  /* … and when that was */
	__u64 blocked_ns; /* time blocked that is over and not counted yet */
	__u64 user_stack;
	__u64 waker;
	__u32 probability;  /* of being recorded, of CRESSET_CERTAIN */
	__u16 sample_flags; /* of its user stack */
	__u8 flags;
	__u8 state; /* enum cresset_state that it began with */
	__u32 lost; /* enum cresset_stat_id */
	/* Who woke it for its last wait, who woke those (wakers.h); of one epoch. */
	__u32 n_wakers;
	__u32 wakers_epoch;
	__u32 pad;
	__u64 wakers[CRESSET_MAX_WAKERS];
	/* Its last stacks: where it blocked, and where it was preempted. */
	struct cresset_stack_cache user[2];
	struct cresset_stack_cache kernel[2];
};

struct cresset_threads_map {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct cresset_thread);
};

extern struct cresset_threads_map threads SEC(".maps");
extern volatile struct cresset_sched_control cresset_sched;

/*
 * Adds the wait in scratch.count and scratch.key, which was recorded with this probability
 * (src_off_cpu.bpf.c). Returns 0.
 */
int cresset_wait_count(__u32 slot_id, __u32 probability);

static __always_inline __u64 mark_make(__u64 ns, __u32 state)
{
	return ns << MARK_STATE_BITS | state;
}

static __always_inline __u32 mark_state(__u64 mark)
{
	return mark & MARK_STATE;
}

static __always_inline __u64 mark_ns(__u64 mark)
{
	return mark >> MARK_STATE_BITS;
}

static __always_inline bool state_is_blocked(__u32 state)
{
	return state >= CRESSET_STATE_INTERRUPTIBLE && state <= CRESSET_STATE_STOPPED;
}

static __always_inline enum cresset_time state_time(__u32 state)
{
	if (state == CRESSET_STATE_RUNNING)
		return CRESSET_TIME_CPU;
	return state_is_blocked(state) ? CRESSET_TIME_BLOCKED : CRESSET_TIME_RUNNABLE;
}

/* What a thread of this task_struct.__state does while it does not run. */
static __always_inline __u32 state_of(const struct task_struct *task, __u32 task_state)
{
	if (!task_state)
		return CRESSET_STATE_PREEMPTED;
	if (task_state & CRESSET_TASK_DEAD)
		return CRESSET_STATE_DEAD;
	if (task_state & CRESSET_TASK_WAKING)
		return CRESSET_STATE_WOKEN;
	if (task_state & (CRESSET_TASK_STOPPED | CRESSET_TASK_TRACED | CRESSET_TASK_FROZEN))
		return CRESSET_STATE_STOPPED;
	if (CRESSET_IN_IOWAIT(task))
		return CRESSET_STATE_IO;
	if (task_state & CRESSET_TASK_INTERRUPTIBLE)
		return CRESSET_STATE_INTERRUPTIBLE;
	if (task_state & (CRESSET_TASK_NOLOAD | CRESSET_TASK_PARKED))
		return CRESSET_STATE_IDLE;
	return CRESSET_STATE_UNINTERRUPTIBLE;
}

/* The interval that a mark began and that ends now. 0 if clocks disagree, which is counted. */
static __always_inline __u64 interval(struct cresset_slot *slot, __u64 mark, __u64 now)
{
	__u64 since = mark_ns(mark);

	if (now >= since)
		return now - since;
	cresset_count(slot, CRESSET_STAT_clock_back);
	return 0;
}

/* Counts an interval of a thread; whoever exchanged the mark does. */
static __always_inline void interval_add(struct cresset_slot *slot, struct cresset_thread *t,
					 enum cresset_time time, __u64 ns)
{
	slot->time[time] += ns;
	__sync_fetch_and_add(&t->totals[time], ns);
}

/* How long the task has run since it was last seen to stop, of an interval that is that long. */
static __always_inline __u64 ran_since(const struct task_struct *task,
				       const struct cresset_thread *t, __u64 ns)
{
	__u64 ran = task->se.sum_exec_runtime - t->ran_ns;

	return ran < ns ? ran : ns;
}

/* Has the thread a user stack of its own? Workers of io_uring and vhost have memory, but no code.
 */
static __always_inline bool has_user_stack(const struct task_struct *task)
{
	return !cresset_config.kernel_only && task->mm &&
	       !(task->flags & (CRESSET_PF_KTHREAD | CRESSET_PF_WORKERS));
}

/*
 * Has a sweep found the wait at hand? A thread may run and wait anew while it is swept on another
 * CPU, so that is said by the name of the wait, not by a flag.
 */
static __always_inline bool is_swept(const struct cresset_thread *t)
{
	return t->swept_ns == t->out_ns;
}

/* Was user space asked to read the user stack of the wait at hand? */
static __always_inline bool has_ticket(const struct cresset_thread *t,
				       const struct task_struct *task)
{
	return is_swept(t) && t->flags & (THREAD_UNSAMPLED | THREAD_SEEDED | THREAD_BROKEN) &&
	       has_user_stack(task);
}

/* A wait has one ticket at most. Tickets are no stack ids: CRESSET_SAMPLE_TICKET tells. */
static __always_inline __u64 ticket_of(const struct cresset_thread *t,
				       const struct task_struct *task)
{
	return (__u64)task->pid << 40 | ((t->out_ns >> 8) & ((1ull << 40) - 1));
}

/*
 * With what probability was the wait at hand recorded? What a sweep finds is, whether or not the
 * coin at switch-out was for it; all others depend on the coin alone. Whatever decides when sweeps
 * come, it is not the coin: so weights of 1/probability are unbiased, for any length of wait.
 */
static __always_inline __u32 chance(const struct cresset_thread *t)
{
	return is_swept(t) ? CRESSET_CERTAIN : t->probability;
}

static __always_inline void key_of_task(struct cresset_sample_key *key,
					const struct task_struct *task)
{
	key->pid = task->tgid;
	key->tid = task->pid;
	key->exec_id = task->self_exec_id;
	key->source = CRESSET_SOURCE_off_cpu;
	key->cgroup = task->cgroups->dfl_cgrp->kn->id;
	__builtin_memcpy(key->comm, task->comm, sizeof(key->comm));
}

/* A thread is followed from `since` on, in this state all the while. */
static __always_inline void thread_begin(struct cresset_thread *t, const struct task_struct *task,
					 __u64 since, __u32 state)
{
	t->born_ns = t->out_ns = since;
	t->ran_ns = task->se.sum_exec_runtime;
	t->state = state;
	t->probability = CRESSET_CERTAIN;
	if (state != CRESSET_STATE_NEW && has_user_stack(task))
		t->sample_flags = CRESSET_STOP_NOT_TAKEN;
}

/*
 * A thread that has not been seen to stop running is in this state by now. It ran as long as the
 * scheduler says, and then it stopped; nobody took its stack.
 */
static __always_inline void switch_out_late(struct cresset_slot *slot, struct cresset_thread *t,
					    const struct task_struct *task, __u32 state, __u64 now)
{
	__u64 mark = t->mark, ran = ran_since(task, t, interval(slot, mark, now));

	t->blocked_ns = 0;
	t->out_ns = mark_ns(mark) + ran;
	t->user_stack = 0;
	t->waker = 0;
	t->n_wakers = 0;
	t->sample_flags = has_user_stack(task) ? CRESSET_STOP_NOT_TAKEN : 0;
	t->flags = 0;
	t->state = state;
	t->probability = CRESSET_CERTAIN;
	if (__sync_val_compare_and_swap(&t->mark, mark, mark_make(t->out_ns, state)) != mark)
		return;
	t->ran_ns = task->se.sum_exec_runtime;
	cresset_count(slot, CRESSET_STAT_switches_missed);
	interval_add(slot, t, CRESSET_TIME_CPU, ran);
}

/* The thread's report, up to its comm. */
static __always_inline void report_fill(struct cresset_thread_report *r, __u32 kind,
					const struct task_struct *task,
					const struct cresset_thread *t, __u64 now)
{
	r->kind = kind;
	r->pid = task->tgid;
	r->tid = task->pid;
	r->exec_id = task->self_exec_id;
	r->at_ns = now;
	r->born_ns = t->born_ns;
	for (int i = 0; i < 3; i++)
		r->totals[i] = t->totals[i];
	r->user_stack = t->user_stack;
	r->waker = t->waker;
	__builtin_memcpy(r->comm, task->comm, sizeof(r->comm));
}

/* All of the wait but its kernel stack, to the scratch. */
static __always_inline void wait_fill(struct cresset_scratch *s, const struct cresset_thread *t,
				      const struct task_struct *task, __u64 blocked, __u64 runnable)
{
	key_of_task(&s->key, task);
	s->key.state = t->state;
	s->key.flags = t->sample_flags;
	s->key.user_stack = t->user_stack;
	if (has_ticket(t, task)) {
		s->key.flags |= CRESSET_SAMPLE_TICKET;
		s->key.user_stack = ticket_of(t, task);
	}
	s->key.waker = blocked ? t->waker : 0;
	s->count.n = 1;
	s->count.blocked_ns = blocked;
	s->count.runnable_ns = runnable;
	s->key.kernel_stack = 0;
	s->kernel.n = 0;
}

/* Where in the kernel the task waited is not known. */
static __always_inline void wait_kernel_lost(struct cresset_slot *slot, struct cresset_scratch *s)
{
	s->key.flags |= CRESSET_SAMPLE_KERNEL_FAILED;
	cresset_count(slot, CRESSET_STAT_kernel_stack_errors);
}

/* The kernel stack of a task that does not run. */
#define WAIT_KERNEL_STACK(s, slot, task)                                                           \
	do {                                                                                       \
		long bytes_ = bpf_get_task_stack(task, (s)->kernel.frames,                         \
						 CRESSET_MAX_KERNEL_FRAMES * sizeof(__u64), 0);    \
                                                                                                   \
		if (bytes_ > 0) {                                                                  \
			(s)->kernel.n = bytes_ / sizeof(__u64);                                    \
		} else {                                                                           \
			wait_kernel_lost(slot, s);                                                 \
		}                                                                                  \
	} while (0)

/* Is the wait that is over (or cut off) to be written? If not, counts why. */
static __always_inline bool wait_wanted(struct cresset_slot *slot, const struct cresset_thread *t,
					__u64 now, __u64 ns)
{
	__u64 length = now > t->out_ns ? now - t->out_ns : 0;
	bool fits = length >= cresset_config.min_wait_ns &&
		    (!cresset_config.max_wait_ns || length <= cresset_config.max_wait_ns);

	cresset_count(slot, CRESSET_STAT_taken);
	if (t->flags & THREAD_FILTERED || !fits) {
		cresset_count(slot, CRESSET_STAT_filtered);
		slot->time[CRESSET_TIME_FILTERED] += ns;
		return false;
	}
	if (t->flags & THREAD_UNSAMPLED && !is_swept(t)) {
		cresset_count(slot, CRESSET_STAT_unsampled);
		slot->time[CRESSET_TIME_UNSAMPLED] += ns;
		return false;
	}
	if (t->flags & THREAD_LOST) {
		if (t->lost < CRESSET_N_STATS)
			slot->stats[t->lost]++;
		slot->time[CRESSET_TIME_LOST] += ns;
		return false;
	}
	return true;
}

#endif
