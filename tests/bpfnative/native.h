// SPDX-License-Identifier: Apache-2.0
/*
 * native.h - what the tests of this folder share: the programs, and a thread to sample.
 */
#ifndef BPFNATIVE_NATIVE_H
#define BPFNATIVE_NATIVE_H

#include "core.h"

#include <string.h>

int cresset_cpu(struct bpf_perf_event_data *ctx);
int cresset_fork(__u64 *ctx);
int cresset_free(__u64 *ctx);
int cresset_intern(__u32 slot_id, int user, int generation);
extern volatile __u32 cresset_generation;

enum { USER_CS = 0x33, KERNEL_CS = 0x10, CODE = 0x401000 };

/* A process of one thread, with everything about it that the programs look at. */
struct native_task {
	struct task_struct task;
	struct pt_regs regs;
};

static inline void native_task_init(struct native_task *t, int pid, __u64 start_ns)
{
	memset(t, 0, sizeof(*t));
	t->task.pid = t->task.tgid = pid;
	t->task.mm = (struct mm_struct *)t;
	t->task.group_leader = &t->task;
	t->task.start_boottime = start_ns;
	t->task.self_exec_id = 7;
	t->regs.cs = USER_CS;
	t->regs.orig_ax = ~0ul;
}

/* Runs the task on this thread's CPU. */
static inline void native_run(struct native_task *t)
{
	fake_cpu.task = &t->task;
	fake_cpu.pt_regs = &t->regs;
}

static inline struct bpf_perf_event_data native_tick(__u64 cs, __u64 ip, __u64 sp, __u64 fp)
{
	struct bpf_perf_event_data ctx;

	memset(&ctx, 0, sizeof(ctx));
	ctx.regs.cs = cs;
	ctx.regs.ip = ip;
	ctx.regs.sp = sp;
	ctx.regs.bp = fp;
	return ctx;
}

static inline __u64 native_stat(enum cresset_stat_id stat)
{
	return cresset_slot(cresset_slot_id(CRESSET_CONTEXT_PERF))->stats[stat];
}

#endif
