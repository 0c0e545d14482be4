/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * abi.h - everything that BPF programs and user space say to each other.
 *
 * A sample is a row {key, count} in a samples map; its stacks are rows of a stacks map, named by
 * 64-bit content ids. There are two of each: one generation fills while the other drains. Which one
 * fills is the global `cresset_generation`; a CPU announces in its slot which one it is writing.
 *
 * The X-lists are the tables of the design: a line here gives the enum, the dispatch in BPF, the
 * table in user space, its help and its metrics. Types have fixed widths, padding is written out,
 * and the sizes are asserted at the end.
 */
#ifndef BPF_ABI_H
#define BPF_ABI_H

#include <linux/types.h>

/* Event sources: src_<name>.bpf.c and profiler/sources/<name>.c. */
#define CRESSET_SOURCES(X) X(cpu)

/* Unwinders of user stacks: unw_<name>.bpf.c and profiler/unwind/<name>.c. */
#define CRESSET_UNWINDERS(X) X(fp) X(native)

/* Why a sample that was taken for a target could not be counted. */
#define CRESSET_LOSSES(X)                                                                          \
	X(lost_samples_full, "the samples map was full")                                           \
	X(lost_stacks_full, "the stack-trace map was full")                                        \
	X(lost_collision, "another stack had the same 64-bit id")                                  \
	X(lost_map_busy, "a map refused the update for another reason")                            \
	X(lost_switch, "the generations switched again and again under the sample")

/* Counters, kept per CPU. taken == counted + filtered + all losses. */
#define CRESSET_STATS(X)                                                                           \
	X(taken, "runs of the sampling program")                                                   \
	X(counted, "samples put in the samples map")                                               \
	X(filtered, "samples of no target, or without the frames asked for")                       \
	CRESSET_LOSSES(X)                                                                          \
	X(kernel_stack_errors, "samples counted without their kernel stack")                       \
	X(children_missed, "children of targets not followed: too many of them")                   \
	X(frames_table, "user frames found by unwind tables")                                      \
	X(frames_jit, "user frames found by frame pointers in generated code")                     \
	X(frames_fallback, "user frames found by frame pointers for want of a table or rule")      \
	X(stacks_fallback, "user stacks with such a frame, generated code aside")                  \
	X(misses_full, "requests for unwind tables not noted: too many of them")

/*
 * Why a user walk stopped, and what a broken stack shows of it. NO_USER, END and WHOLE are no
 * errors: there is no user stack, the chain of frame pointers ended in a zero, the tables said that
 * this is the outermost frame. Whether END proves a stack whole is for its unwinder to say.
 */
#define CRESSET_STOPS(X)                                                                           \
	X(NO_USER, "")                                                                             \
	X(END, "no frame pointer")                                                                 \
	X(READ_FAULT, "stack not readable")                                                        \
	X(OUTSIDE, "frame pointer outside the stack")                                              \
	X(NOT_GROWING, "frame pointers do not grow")                                               \
	X(MISALIGNED, "misaligned frame pointer")                                                  \
	X(DEPTH, "stack too deep")                                                                 \
	X(BAD_RA, "bad return address")                                                            \
	X(COMPAT32, "32-bit code")                                                                 \
	X(NO_REGS, "no user registers")                                                            \
	X(WHOLE, "outermost frame")                                                                \
	X(NOT_KNOWN, "process not yet known")                                                      \
	X(NO_TABLE, "no unwind table yet")                                                         \
	X(EVICTED, "unwind table evicted")                                                         \
	X(NO_INFO, "no unwind information")                                                        \
	X(UNSUPPORTED, "unwind rule not supported")                                                \
	X(NO_REGISTER, "register not known")                                                       \
	X(NOT_MAPPED, "return address outside code")                                               \
	X(BAD_CFA, "stack pointers do not grow")                                                   \
	X(BAD_TABLE, "unwind table damaged")                                                       \
	X(JIT, "generated code without frame pointers")

#define CRESSET_X_SOURCE(name)	   CRESSET_SOURCE_##name,
#define CRESSET_X_UNWINDER(name)   CRESSET_UNWINDER_##name,
#define CRESSET_X_STAT(name, help) CRESSET_STAT_##name,
#define CRESSET_X_STOP(name, text) CRESSET_STOP_##name,

enum cresset_source_id { CRESSET_SOURCES(CRESSET_X_SOURCE) CRESSET_N_SOURCES };
enum cresset_unwinder_id { CRESSET_UNWINDERS(CRESSET_X_UNWINDER) CRESSET_N_UNWINDERS };
enum cresset_stat_id { CRESSET_STATS(CRESSET_X_STAT) CRESSET_N_STATS };
enum cresset_stop { CRESSET_STOPS(CRESSET_X_STOP) CRESSET_N_STOPS };

/*
 * Programs that can interrupt each other on one CPU must not share a slot or scratch memory: each
 * such context has its own.
 */
enum cresset_context { CRESSET_CONTEXT_PERF, CRESSET_N_CONTEXTS };

enum {
	/* Of a user stack. */
	CRESSET_MAX_FRAMES = 256,
	/* Of a kernel stack: bpf_get_stack's own limit (kernel.perf_event_max_stack). */
	CRESSET_MAX_KERNEL_FRAMES = 127,
	/* Longer stacks are in the deep_stacks maps. */
	CRESSET_SHORT_FRAMES = 64,
	CRESSET_COMM_BYTES = 16,
};

/* key.flags: the low byte is enum cresset_stop. */
enum {
	CRESSET_SAMPLE_STOP = 0xff,
	/* The first user address is behind its instruction (a system call), not at it. */
	CRESSET_SAMPLE_LEAF_AFTER = 0x100,
	/* It ran in the kernel, but the helper gave no kernel stack. */
	CRESSET_SAMPLE_KERNEL_FAILED = 0x200,
};

/* What a sample is counted by. A stack id of 0 is "no stack". */
struct cresset_sample_key {
	__u64 kernel_stack;
	__u64 user_stack;
	__u64 cgroup;
	__u32 pid;
	__u32 tid;
	__u32 exec_id;		       /* low half of task_struct.self_exec_id */
	__u8 source;		       /* enum cresset_source_id */
	__u8 state;		       /* of the source; 0: running */
	__u16 flags;		       /* CRESSET_SAMPLE_* */
	char comm[CRESSET_COMM_BYTES]; /* of the thread */
};

/* What an id says of itself. */
#define CRESSET_STACK_DEEP 1ull

/*
 * A row of a stacks map, leaf first. `check` is a second hash of the same frames. Most stacks are
 * short, so they have a map with small rows; deep ones have ids with CRESSET_STACK_DEEP set.
 */
struct cresset_stack {
	__u32 n;
	__u32 check;
	__u64 frames[CRESSET_MAX_FRAMES];
};

/* The beginning of one. */
struct cresset_short_stack {
	__u32 n;
	__u32 check;
	__u64 frames[CRESSET_SHORT_FRAMES];
};

/* One for each CPU and context, in pages that user space maps: index CPU * contexts + context. */
struct cresset_slot {
	__u64 busy; /* 0, or 1 + the generation being written */
	__u64 stats[CRESSET_N_STATS];
	__u64 stops[CRESSET_N_STOPS]; /* how user walks ended */
} __attribute__((aligned(64)));

/* Value of the target maps. */
struct cresset_target {
	__u64 start_ns; /* start_boottime, tells a reused pid apart; 0: not seen yet */
};

/* Set before the programs are loaded; constant to the verifier. */
struct cresset_config {
	__u64 hash_seed; /* so that no program can aim at collisions */
	__u32 unwinder;	 /* enum cresset_unwinder_id */
	__u8 by_pid;
	__u8 by_tid;
	__u8 by_cgroup;
	__u8 user_only;
	__u8 kernel_only;
	__u8 tables_only; /* no fallback to frame pointers */
	__u8 pad[6];
};

_Static_assert(sizeof(struct cresset_sample_key) == 56, "padding");
_Static_assert(sizeof(struct cresset_stack) == 8 + 8 * CRESSET_MAX_FRAMES, "padding");
_Static_assert(sizeof(struct cresset_short_stack) == 8 + 8 * CRESSET_SHORT_FRAMES, "padding");
_Static_assert(sizeof(struct cresset_slot) % 64 == 0, "slots must not share cache lines");
_Static_assert(sizeof(struct cresset_config) == 24, "padding");
_Static_assert((int)CRESSET_N_STOPS <= (int)CRESSET_SAMPLE_STOP, "stop reasons must fit the flags");

#endif
