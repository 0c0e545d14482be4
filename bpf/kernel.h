/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * kernel.h - the few kernel types and registers that the programs read.
 *
 * Kernel structs are declared with only the fields in use; CO-RE relocates them at load against the
 * running kernel's BTF, so this replaces a vmlinux.h of 2.8 MB. Two things stay outside CO-RE: the
 * registers of a perf event's context are a stable ABI of 64-bit words, and relocating them against
 * a kernel whose pt_regs has narrower fields (cs became 16 bits with FRED) makes the verifier
 * refuse the load.
 *
 * All that depends on the architecture is in the macros at the end.
 *
 * With CRESSET_BPF_NATIVE the same sources are built for the host: native.h.
 */
#ifndef BPF_KERNEL_H
#define BPF_KERNEL_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include "registers.h"

/*
 * CRESSET_SET_AT_LOAD: written by user space before the load, constant from then on.
 * CRESSET_SET_ANY_TIME: written by user space while programs run.
 * CRESSET_TEST_POINT: where a test of the host build may let another CPU run.
 * CRESSET_READ: a field of a struct that the verifier knows nothing of (arguments of raw_tp).
 */
#ifdef CRESSET_BPF_NATIVE
#include "native.h"
#define CRESSET_IN_IOWAIT(t)   ((t)->in_iowait)
#define CRESSET_READ(t, field) ((t)->field)
#else
#include <bpf/bpf_helpers.h>
/* In this order: the second uses the first. */
#include <bpf/bpf_core_read.h>
#define CRESSET_RELOCATED    __attribute__((preserve_access_index))
#define CRESSET_SET_AT_LOAD  const volatile
#define CRESSET_SET_ANY_TIME volatile
#define CRESSET_TEST_POINT()
#define CRESSET_IN_IOWAIT(t)   BPF_CORE_READ_BITFIELD(t, in_iowait)
#define CRESSET_READ(t, field) BPF_CORE_READ(t, field)
#endif

#define CRESSET_TASK_INTERRUPTIBLE   0x0001
#define CRESSET_TASK_UNINTERRUPTIBLE 0x0002
#define CRESSET_TASK_STOPPED	     0x0004
#define CRESSET_TASK_TRACED	     0x0008
#define CRESSET_TASK_PARKED	     0x0040
#define CRESSET_TASK_DEAD	     0x0080
#define CRESSET_TASK_WAKING	     0x0200
#define CRESSET_TASK_NOLOAD	     0x0400
#define CRESSET_TASK_FROZEN	     0x8000

#define CRESSET_EEXIST	   17
#define CRESSET_E2BIG	   7
#define CRESSET_PF_KTHREAD 0x00200000
#define CRESSET_PF_WORKERS 0x00004010 /* PF_IO_WORKER, PF_USER_WORKER */

struct mm_struct;

struct kernfs_node {
	__u64 id;
} CRESSET_RELOCATED;

struct cgroup_subsys_state {
	struct cgroup_subsys_state *parent;
} CRESSET_RELOCATED;

struct cgroup {
	struct cgroup_subsys_state self; /* the first member, in all kernels */
	struct kernfs_node *kn;
} CRESSET_RELOCATED;

#if defined(__TARGET_ARCH_x86)
struct thread_struct {
	unsigned long sp;
} CRESSET_RELOCATED;
/* Of a task that does not run. */
#define CRESSET_KERNEL_SP(t) ((t)->thread.sp)
#else
struct cpu_context {
	unsigned long sp;
} CRESSET_RELOCATED;
struct thread_struct {
	struct cpu_context cpu_context;
} CRESSET_RELOCATED;
#define CRESSET_KERNEL_SP(t) ((t)->thread.cpu_context.sp)
#endif

struct css_set {
	struct cgroup *dfl_cgrp;
} CRESSET_RELOCATED;

struct sched_entity {
	__u64 sum_exec_runtime;
} CRESSET_RELOCATED;

struct task_struct {
	unsigned int __state;
	unsigned int flags;
	int on_cpu;
	int exit_state;
	int pid;
	int tgid;
	unsigned int in_iowait : 1;
	struct mm_struct *mm;
	struct task_struct *group_leader;
	struct css_set *cgroups;
	struct sched_entity se;
	__u64 start_boottime;
	__u64 self_exec_id;
	char comm[16];
	struct thread_struct thread;
} CRESSET_RELOCATED;

/* The argument of the iterator over threads. */
struct bpf_iter_meta {
	struct seq_file *seq;
} CRESSET_RELOCATED;

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} CRESSET_RELOCATED;

#if defined(__TARGET_ARCH_x86)

/* In kernel memory (bpf_task_pt_regs). */
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax;
	unsigned long ip;
	unsigned long cs;
	unsigned long sp;
} CRESSET_RELOCATED;

/* In a perf event's context: uapi asm/ptrace.h. */
struct cresset_event_regs {
	__u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	__u64 orig_ax, ip, cs, flags, sp, ss;
};

#define CRESSET_USER32_CS	    0x23
#define CRESSET_IS_USER(r)	    (((r)->cs & 3) == 3)
#define CRESSET_IS_COMPAT32(r)	    (((r)->cs & 0xffff) == CRESSET_USER32_CS)
#define CRESSET_IP(r)		    ((r)->ip)
#define CRESSET_SP(r)		    ((r)->sp)
#define CRESSET_FP(r)		    ((r)->bp)
/* Of registers saved at the entry to the kernel: only a system call leaves its number there. */
#define CRESSET_IN_SYSCALL(r)	    ((long)(r)->orig_ax >= 0)
/* Lower-half addresses; what lies above belongs to the kernel or to nobody. */
#define CRESSET_USER_LIMIT	    (1ull << 47)
/* A plain store is a release. */
#define CRESSET_STORE_RELEASE(p, v) (*(volatile __typeof__(*(p)) *)(p) = (v))

#define CRESSET_GENERAL_TAKE(to, r)                                                                \
	do {                                                                                       \
		(to)[0] = (r)->ax;                                                                 \
		(to)[1] = (r)->dx;                                                                 \
		(to)[2] = (r)->cx;                                                                 \
		(to)[3] = (r)->bx;                                                                 \
		(to)[4] = (r)->si;                                                                 \
		(to)[5] = (r)->di;                                                                 \
		(to)[8] = (r)->r8;                                                                 \
		(to)[9] = (r)->r9;                                                                 \
		(to)[10] = (r)->r10;                                                               \
		(to)[11] = (r)->r11;                                                               \
		(to)[12] = (r)->r12;                                                               \
		(to)[13] = (r)->r13;                                                               \
		(to)[14] = (r)->r14;                                                               \
		(to)[15] = (r)->r15;                                                               \
	} while (0)

#elif defined(__TARGET_ARCH_arm64)

/* In kernel memory; syscallno is -1 outside of system calls. */
struct pt_regs {
	unsigned long regs[31];
	unsigned long sp;
	unsigned long pc;
	unsigned long pstate;
	int syscallno;
} CRESSET_RELOCATED;

/* In a perf event's context: uapi struct user_pt_regs. */
struct cresset_event_regs {
	__u64 regs[31];
	__u64 sp, pc, pstate;
};

/* pstate: exception level 0; bit 4: 32-bit. */
#define CRESSET_IS_USER(r)	    (((r)->pstate & 0xf) == 0)
#define CRESSET_IS_COMPAT32(r)	    (((r)->pstate >> 4) & 1)
#define CRESSET_IP(r)		    ((r)->pc)
#define CRESSET_SP(r)		    ((r)->sp)
#define CRESSET_FP(r)		    ((r)->regs[29])
#define CRESSET_IN_SYSCALL(r)	    ((r)->syscallno >= 0)
#define CRESSET_USER_LIMIT	    (1ull << 48)
#define CRESSET_STORE_RELEASE(p, v) ((void)__sync_lock_test_and_set((p), (v)))

#define CRESSET_GENERAL_TAKE(to, r)                                                                \
	do {                                                                                       \
		_Pragma("unroll") for (int i_ = 0; i_ < 31; i_++)(to)[i_] = (r)->regs[i_];         \
	} while (0)

#else
#error "kernel.h: registers of this architecture are not described yet"
#endif

/* The context of SEC("perf_event"): uapi linux/bpf_perf_event.h. */
struct bpf_perf_event_data {
	struct cresset_event_regs regs;
	__u64 sample_period;
	__u64 addr;
};

#endif
