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

/*
 * Events: profiler/sources/<name>.c. Rows come from two sources, src_cpu.bpf.c and
 * src_off_cpu.bpf.c; the others are made of those.
 */
#define CRESSET_SOURCES(X) X(cpu) X(off_cpu) X(wall) X(runqueue)

/* Unwinders of user stacks: unw_<name>.bpf.c and profiler/unwind/<name>.c. */
#define CRESSET_UNWINDERS(X) X(fp) X(native)

/* Why a sample that was taken for a target could not be counted. */
#define CRESSET_LOSSES(X)                                                                          \
	X(lost_samples_full, "the samples map was full")                                           \
	X(lost_stacks_full, "the stack-trace map was full")                                        \
	X(lost_collision, "another stack had the same 64-bit id")                                  \
	X(lost_map_busy, "a map refused the update for another reason")                            \
	X(lost_switch, "the generations switched again and again under the sample")

/* Counters, kept per CPU. taken == counted + filtered + unsampled + all losses. */
#define CRESSET_STATS(X)                                                                           \
	X(taken, "ticks of the sampling event, and waits of targets that are over")                \
	X(counted, "samples put in the samples map")                                               \
	X(filtered, "samples of no target, without the frames asked for, too short or too long")   \
	X(unsampled, "waits left out to keep within the overhead budget")                          \
	CRESSET_LOSSES(X)                                                                          \
	X(wakes_missed, "blocked threads that ran without being seen to be woken")                 \
	X(switches_missed, "threads that ran or stopped twice in a row")                           \
	X(wakers_stack, "wakers not noted: the kernel did not give the stack of the wake-up call") \
	X(wakers_full, "… the stack-trace map was full")                                           \
	X(wakers_collision, "… another stack had the same 64-bit id")                              \
	X(wakers_busy, "… a map refused the update for another reason")                            \
	X(wakers_switch, "… the generations switched again and again")                             \
	X(clock_back, "intervals that ended before they began, counted as 0")                      \
	X(threads_lost, "threads not followed for want of memory")                                 \
	X(events_lost, "ends of threads that the ring buffer had no room for")                     \
	X(kernel_stack_errors, "samples counted without their kernel stack")                       \
	X(children_missed, "children of targets not followed: too many of them")                   \
	X(frames_table, "user frames found by unwind tables")                                      \
	X(frames_jit, "user frames found by frame pointers in generated code")                     \
	X(frames_hotspot, "user frames found by what a Java VM says of its code")                  \
	X(frames_fallback, "user frames found by frame pointers for want of a table or rule")      \
	X(stacks_fallback, "user stacks with such a frame, generated code aside")                  \
	X(stacks_walked, "stacks of waits that had to be walked")                                  \
	X(stacks_remembered, "stacks of waits that were where the thread's last one was")          \
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
	X(JIT, "generated code without frame pointers")                                            \
	X(NOT_TAKEN, "user stack not taken")

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
enum cresset_context {
	CRESSET_CONTEXT_PERF,
	CRESSET_CONTEXT_SCHED, /* scheduler tracepoints: interrupts are off */
	CRESSET_CONTEXT_ITER,  /* the iterator over threads, which is preempted by those */
	CRESSET_N_CONTEXTS
};

/*
 * What a thread does. RUNNING is also the state of cpu samples. The order matters: up to STOPPED
 * it is blocked, then runnable.
 */
#define CRESSET_STATES(X)                                                                          \
	X(RUNNING, "", "")                                                                         \
	X(INTERRUPTIBLE, "blocked", "interruptible")                                               \
	X(UNINTERRUPTIBLE, "blocked", "uninterruptible")                                           \
	X(IO, "blocked", "io")                                                                     \
	X(IDLE, "blocked", "idle")                                                                 \
	X(STOPPED, "blocked", "stopped")                                                           \
	X(PREEMPTED, "runnable", "preempted")                                                      \
	X(WOKEN, "runnable", "woken")                                                              \
	X(NEW, "runnable", "new")                                                                  \
	X(DEAD, "", "")

#define CRESSET_X_STATE(name, state, wait) CRESSET_STATE_##name,
enum cresset_state { CRESSET_STATES(CRESSET_X_STATE) CRESSET_N_STATES };

/* Sums of time over all threads that are followed, in ns. The first three are exact. */
enum cresset_time {
	CRESSET_TIME_CPU,
	CRESSET_TIME_RUNNABLE,
	CRESSET_TIME_BLOCKED,
	CRESSET_TIME_FILTERED,	/* waits that were too short or too long */
	CRESSET_TIME_UNSAMPLED, /* … left out, for which others stand */
	CRESSET_TIME_LOST,	/* … not in the maps for want of room */
	CRESSET_TIME_SELF,	/* estimate of what the scheduler programs cost */
	CRESSET_TIME_WORK,	/* … of that, in runs that took a stack or wrote a wait */
	CRESSET_N_TIMES
};

enum {
	/* Of a user stack. */
	CRESSET_MAX_FRAMES = 256,
	/* Of a kernel stack: bpf_get_stack's own limit (kernel.perf_event_max_stack). */
	CRESSET_MAX_KERNEL_FRAMES = 127,
	/* Longer stacks are in the deep_stacks maps. */
	CRESSET_SHORT_FRAMES = 64,
	CRESSET_COMM_BYTES = 16,
	CRESSET_N_LENGTHS = 64,
	CRESSET_MAX_GENERAL = 32, /* registers, by DWARF's numbers */
};

/* key.flags: the low byte is enum cresset_stop. */
enum {
	CRESSET_SAMPLE_STOP = 0xff,
	/* The first user address is behind its instruction (a system call), not at it. */
	CRESSET_SAMPLE_LEAF_AFTER = 0x100,
	/* It ran in the kernel, but the helper gave no kernel stack. */
	CRESSET_SAMPLE_KERNEL_FAILED = 0x200,
	/* user_stack is a ticket: user space was asked to read the stack of a thread asleep. */
	CRESSET_SAMPLE_TICKET = 0x400,
	/* The waker was an interrupt, or the idle task. */
	CRESSET_SAMPLE_WAKER_IRQ = 0x800,
};

/* What a sample is counted by. A stack id of 0 is "no stack". */
struct cresset_sample_key {
	__u64 kernel_stack;
	__u64 user_stack;
	__u64 cgroup;
	__u64 waker; /* of wakers; 0: none */
	__u32 pid;
	__u32 tid;
	__u32 exec_id;		       /* low half of task_struct.self_exec_id */
	__u8 source;		       /* enum cresset_source_id: cpu or off_cpu */
	__u8 state;		       /* enum cresset_state: how it stopped running */
	__u16 flags;		       /* CRESSET_SAMPLE_* */
	char comm[CRESSET_COMM_BYTES]; /* of the thread */
};

/* What samples of one key sum up to. Times are of waits, and weighted by their probability. */
struct cresset_count {
	__u64 n;
	__u64 blocked_ns;
	__u64 runnable_ns;
};

/*
 * Who woke a thread: a row of the stacks maps that has these words. With a waker_depth of more than
 * one a sample names a row of the ids of such rows instead, the nearest waker first.
 */
enum cresset_waker_word {
	CRESSET_WAKER_KERNEL, /* stack ids; 0: no stack */
	CRESSET_WAKER_USER,
	CRESSET_WAKER_TASK,  /* pid, exec_id << 32 */
	CRESSET_WAKER_FLAGS, /* CRESSET_SAMPLE_*; << 16: kernel frames that were not asked for */
	CRESSET_WAKER_COMM,
	CRESSET_WAKER_WORDS = CRESSET_WAKER_COMM + CRESSET_COMM_BYTES / 8
};
enum { CRESSET_WAKER_SKIP_SHIFT = 16, CRESSET_MAX_WAKERS = 8 };

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
	__u64 time[CRESSET_N_TIMES];
	__u64 switches; /* runs of the program on sched_switch */
	__u64 wakers;	/* noted, or lost */
	/* Variances of the weighted sums that are due to leaving waits out, in microseconds². */
	__u64 blocked_variance;
	__u64 runnable_variance;
	/* Intervals by the number of bits of their length in ns: 2^(i-1) to 2^i - 1. */
	__u64 run_slices[CRESSET_N_LENGTHS];
	__u64 run_delays[CRESSET_N_LENGTHS];
} __attribute__((aligned(64)));

/* Value of the target maps. */
struct cresset_target {
	__u64 start_ns; /* start_boottime, tells a reused pid apart; 0: not seen yet */
};

/* What the iterator over threads (sched_scan.bpf.c) is to do. */
enum cresset_scan_mode {
	CRESSET_SCAN_SEED,  /* follow all targets that there are, from the start of the recording */
	CRESSET_SCAN_SWEEP, /* give tickets to long waits whose stack was not taken */
	CRESSET_SCAN_LIST,  /* report all threads */
	CRESSET_SCAN_FLUSH, /* count all open intervals up to scan.now_ns, and report all threads */
	CRESSET_SCAN_STOP,  /* … for the last time: open waits without a stack get tickets */
};

/* Set by user space while the programs run. */
struct cresset_sched_control {
	__u64 start_ns;	   /* CLOCK_MONOTONIC; 0: nothing counts yet */
	__u64 stop_ns;	   /* nothing counts from then on; 0: it goes on */
	__u64 now_ns;	   /* of a flush */
	__u64 sweep_ns;	   /* the age at which waits are swept */
	__u32 seeding;	   /* threads may still be met for the first time */
	__u32 scan_mode;   /* enum cresset_scan_mode */
	__u32 probability; /* of a wait to be recorded, of CRESSET_CERTAIN */
	__u32 epoch;	   /* what threads remember of stacks is good for one epoch */
};

enum { CRESSET_CERTAIN = 1 << 16 };

/*
 * What scans and the ends of threads say. Totals are since the thread was first followed. A ticket
 * asks for the user stack of a thread that is asleep: the registers are those of user mode.
 */
enum cresset_thread_report_kind {
	CRESSET_REPORT_THREAD, /* it lives */
	CRESSET_REPORT_END,    /* it has run for the last time */
	CRESSET_REPORT_TICKET, /* its wait has the ticket; and it lives */
	CRESSET_REPORT_USED,   /* the wait with this ticket ended at at_ns */
};

struct cresset_thread_report {
	__u32 kind;
	__u32 pid;
	__u32 tid;
	__u32 exec_id;
	__u64 at_ns;
	__u64 born_ns; /* followed since */
	__u64 totals[3];
	__u64 user_stack; /* of its open wait, or the ticket; 0: none */
	__u64 waker;	  /* of its open wait, as in the sample key */
	char comm[CRESSET_COMM_BYTES];
	__u64 in_syscall;
	__u64 ip;
	__u64 sp;
	__u64 fp;
	__u64 compat32;
	__u64 general[CRESSET_MAX_GENERAL];
};

/* All of them end before the registers but tickets. */
enum { CRESSET_REPORT_SHORT_BYTES = 88 };

/* A piece of the kernel's code. */
struct cresset_text {
	__u64 start;
	__u64 bytes; /* 0: not known */
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
	__u8 blocked;	  /* of waits: time blocked … */
	__u8 runnable;	  /* … and time runnable */
	__u8 waker_depth; /* 0: who woke a thread is not asked */
	__u8 pad[3];
	__u64 min_wait_ns;		   /* shorter waits are filtered … */
	__u64 max_wait_ns;		   /* … and longer ones */
	__u64 cgroup_id;		   /* of the target cgroup */
	struct cresset_text waker_call;	   /* what calls the tracepoint sched_waking */
	struct cresset_text interrupts[2]; /* where hard and soft interrupts come in */
};

_Static_assert(sizeof(struct cresset_sample_key) == 64, "padding");
_Static_assert(sizeof(struct cresset_count) == 24, "padding");
_Static_assert(sizeof(struct cresset_stack) == 8 + 8 * CRESSET_MAX_FRAMES, "padding");
_Static_assert(sizeof(struct cresset_short_stack) == 8 + 8 * CRESSET_SHORT_FRAMES, "padding");
_Static_assert(sizeof(struct cresset_slot) % 64 == 0, "slots must not share cache lines");
_Static_assert(sizeof(struct cresset_config) == 96, "padding");
_Static_assert(__builtin_offsetof(struct cresset_thread_report, in_syscall) ==
		       CRESSET_REPORT_SHORT_BYTES,
	       "padding");
_Static_assert((int)CRESSET_N_STOPS <= (int)CRESSET_SAMPLE_STOP, "stop reasons must fit the flags");

#endif
