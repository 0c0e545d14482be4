// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * src_cpu.bpf.c - what the CPUs run: one run for each tick of a perf event, one event a CPU.
 *
 * A tick in user mode has no kernel stack, so the kernel's unwinder (most of a sample's cost) is
 * not asked. A tick in the kernel has both: the kernel stack, and the user stack from the registers
 * that were saved at the entry. Kernel threads have no user registers.
 */
#include "core.h"

static __always_inline void kernel_stack_take(struct bpf_perf_event_data *ctx,
					      struct cresset_slot *slot, struct cresset_scratch *s)
{
	long bytes =
		bpf_get_stack(ctx, s->kernel.frames, CRESSET_MAX_KERNEL_FRAMES * sizeof(__u64), 0);

	if (bytes > 0) {
		s->kernel.n = bytes / sizeof(__u64);
		return;
	}
	s->key.flags |= CRESSET_SAMPLE_KERNEL_FAILED;
	cresset_count(slot, CRESSET_STAT_kernel_stack_errors);
}

/* Interrupted in the kernel. False if the sample has no frames of those asked for. */
static __always_inline bool kernel_mode(struct bpf_perf_event_data *ctx, struct cresset_slot *slot,
					struct cresset_scratch *s)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs;

	/* An exiting task has given up its memory; a kernel thread never had its own. */
	if (!cresset_config.kernel_only && task->mm && !(task->flags & CRESSET_PF_KTHREAD)) {
		regs = (struct pt_regs *)bpf_task_pt_regs(task);
		CRESSET_REGISTERS_TAKE(s, regs);
		if (CRESSET_IN_SYSCALL(regs))
			s->key.flags = CRESSET_SAMPLE_LEAF_AFTER;
	}
	if (cresset_config.user_only)
		return s->registers.ip != 0;
	kernel_stack_take(ctx, slot, s);
	return true;
}

SEC("perf_event")
int cresset_cpu(struct bpf_perf_event_data *ctx)
{
	__u32 slot_id = cresset_slot_id(CRESSET_CONTEXT_PERF);
	struct cresset_slot *slot = cresset_slot(slot_id);
	struct cresset_scratch *s = cresset_scratch(slot_id);
	bool keep = true;

	if (!slot || !s)
		return 0;
	cresset_count(slot, CRESSET_STAT_taken);
	if (!cresset_is_target()) {
		cresset_count(slot, CRESSET_STAT_filtered);
		return 0;
	}
	s->key.source = CRESSET_SOURCE_cpu;
	s->key.state = CRESSET_STATE_RUNNING;
	s->key.waker = 0;
	s->count.n = 1;
	s->count.blocked_ns = 0;
	s->count.runnable_ns = 0;
	s->key.flags = 0;
	s->kernel.n = 0;
	s->registers.ip = 0;
	if (!CRESSET_IS_USER(&ctx->regs))
		keep = kernel_mode(ctx, slot, s);
	else if (cresset_config.kernel_only)
		keep = false;
	else
		CRESSET_REGISTERS_TAKE(s, &ctx->regs);
	if (!keep) {
		cresset_count(slot, CRESSET_STAT_filtered);
		return 0;
	}
	return cresset_emit(slot_id);
}
