/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * wakers.h - who woke a thread: taken at sched_waking, where the waker is the current task.
 *
 * A waker is a record of a few words (enum cresset_waker_word), named by a hash of them. Records
 * are rows of the stacks maps like any stack, so they come and go with those. With a depth of more
 * than one, a thread keeps the ids of its last wakers, nearest first; whom it wakes takes over its
 * list with the thread itself in front. That list, again a row of a stacks map, is what a wait
 * names. Ids of records say nothing of what lies behind them, so a list can be cut anywhere.
 *
 * An interrupt happens to whatever task is current, which is therefore not named: neither its stack
 * nor its wakers. The kernel stack is that of the interrupt alone, cut where it came in.
 *
 * The tracepoint is called from one function of the kernel, which user space has looked up. Frames
 * above it are those of this program and of tracing: they are skipped. How many there are is found
 * out by the first stack and checked with each.
 */
#ifndef BPF_WAKERS_H
#define BPF_WAKERS_H

#include "thread.h"

enum { WAKER_STACK_TRIES = 3, WAKER_MAX_SKIP = 24, WAKER_TIME_EVERY = 64 };

extern volatile __u32 cresset_waker_skip;

/*
 * Where in scratch.kernel the function is that called the tracepoint; below 0: it is not there. At
 * 0, if an interrupt has called it, says so in key.flags and cuts the stack behind its entry.
 */
int cresset_waker_cut(__u32 slot_id);
/* Interns scratch.kernel, scratch.user and the record of both: its id is in key.waker. -1, or a
 * loss. */
int cresset_waker_intern(__u32 slot_id);
/* Interns the list in scratch.user: its id is in key.waker. -1, or a loss. */
int cresset_waker_list(__u32 slot_id);

/* False: there is none, or not that of a wake-up call. */
static __always_inline bool waker_kernel_stack(void *ctx, __u32 slot_id, struct cresset_scratch *s)
{
	__u32 skip = cresset_waker_skip & BPF_F_SKIP_FIELD_MASK;
	int at = -1;

	for (int i = 0; i < WAKER_STACK_TRIES; i++) {
		long bytes = bpf_get_stack(ctx, s->kernel.frames,
					   CRESSET_MAX_KERNEL_FRAMES * sizeof(__u64), skip);

		s->kernel.n = bytes > 0 ? bytes / sizeof(__u64) : 0;
		at = cresset_waker_cut(slot_id);
		if (!at)
			break;
		skip = at > 0 ? (skip + at) & BPF_F_SKIP_FIELD_MASK : 0;
	}
	if (at)
		return false;
	s->key.tid = skip;
	if (skip != cresset_waker_skip)
		cresset_waker_skip = skip;
	if (cresset_config.user_only)
		s->kernel.n = 0;
	return true;
}

static __always_inline enum cresset_stat_id waker_loss(int lost)
{
	if (lost == CRESSET_STAT_wakers_stack)
		return CRESSET_STAT_wakers_stack;
	if (lost == CRESSET_STAT_lost_stacks_full)
		return CRESSET_STAT_wakers_full;
	if (lost == CRESSET_STAT_lost_collision)
		return CRESSET_STAT_wakers_collision;
	if (lost == CRESSET_STAT_lost_switch)
		return CRESSET_STAT_wakers_switch;
	return CRESSET_STAT_wakers_busy;
}

/* Is this wait going to be written? */
static __always_inline bool waker_wanted(const struct cresset_thread *t)
{
	if (t->flags & (THREAD_FILTERED | THREAD_LOST))
		return false;
	return !(t->flags & THREAD_UNSAMPLED) || is_swept(t);
}

/* The thread's list: its waker and, after it, the waker's own. Returns -1, or a loss. */
static __always_inline int waker_follow(__u32 slot_id, struct cresset_scratch *s,
					struct cresset_thread *t, struct task_struct *by)
{
	struct cresset_thread *before = by ? bpf_task_storage_get(&threads, by, 0, 0) : NULL;
	__u32 n = 1, left = 0;

	t->wakers[0] = s->user.frames[0] = s->key.waker;
	if (before && before->wakers_epoch == cresset_sched.epoch)
		left = before->n_wakers;
	for (__u32 i = 1; i < CRESSET_MAX_WAKERS; i++) {
		if (!before || i >= cresset_config.waker_depth || i > left)
			break;
		t->wakers[i] = s->user.frames[i] = before->wakers[i - 1];
		n++;
	}
	t->n_wakers = n;
	t->wakers_epoch = cresset_sched.epoch;
	s->user.n = n;
	return cresset_waker_list(slot_id);
}

/* The current task, or the interrupt in it, to the key and its stacks to the scratch. */
static __always_inline bool waker_stacks(void *ctx, __u32 slot_id, struct cresset_scratch *s,
					 struct task_struct *by)
{
	struct pt_regs *regs;

	__builtin_memset(&s->key, 0, sizeof(s->key));
	s->user.n = 0;
	if (!by->pid)
		s->key.flags = CRESSET_SAMPLE_WAKER_IRQ;
	if (!waker_kernel_stack(ctx, slot_id, s))
		return false;
	if (s->key.flags & CRESSET_SAMPLE_WAKER_IRQ)
		return true;
	s->key.pid = by->tgid;
	s->key.exec_id = by->self_exec_id;
	__builtin_memcpy(s->key.comm, by->comm, sizeof(s->key.comm));
	if (!has_user_stack(by))
		return true;
	regs = (struct pt_regs *)bpf_task_pt_regs(by);
	if (CRESSET_IN_SYSCALL(regs))
		s->key.flags |= CRESSET_SAMPLE_LEAF_AFTER;
	CRESSET_REGISTERS_TAKE(s, regs);
	cresset_walk_user(slot_id);
	return true;
}

/* Of a thread that has just been woken, by whatever this CPU is doing. */
static __always_inline void waker_take(void *ctx, __u32 slot_id, struct cresset_slot *slot,
				       struct cresset_thread *t, __u64 now)
{
	struct task_struct *by = bpf_get_current_task_btf();
	struct cresset_scratch *s = cresset_scratch(slot_id);
	int lost;

	if (!s)
		return;
	lost = CRESSET_STAT_wakers_stack;
	if (waker_stacks(ctx, slot_id, s, by))
		lost = cresset_waker_intern(slot_id);
	if (lost < 0 && cresset_config.waker_depth > 1)
		lost = waker_follow(slot_id, s, t,
				    s->key.flags & CRESSET_SAMPLE_WAKER_IRQ ? NULL : by);
	if (lost < 0)
		t->waker = s->key.waker;
	else
		slot->stats[waker_loss(lost)]++;
	if (!(slot->wakers++ % WAKER_TIME_EVERY))
		slot->time[CRESSET_TIME_SELF] += (bpf_ktime_get_ns() - now) * WAKER_TIME_EVERY;
}

#endif
