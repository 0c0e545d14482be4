// SPDX-License-Identifier: Apache-2.0
/*
 * limits - the agent's limits on itself: CPU, memory, descriptors. No I/O but for the last.
 *
 * CPU. The governor is told after each window what the agent cost, and says at which frequency the
 * next windows are to be sampled. It goes down a step (19, 11, 7, 3, 1 Hz, …) when the cost comes
 * near the budget, before it is broken, and up again by trying: after a calm time, one step; if
 * that does not hold, the next try comes after twice the time. No model of the costs is needed for
 * that, which would be wrong where most of them do not depend on the frequency. The first windows
 * pay for tables and names of everything that runs already, and lower nothing.
 *
 * Memory. One budget is split; each part is given to the module that keeps to it.
 */
#ifndef AGENT_LIMITS_H
#define AGENT_LIMITS_H

#include <cresset/types.h>

/* ---- CPU. */

struct governor {
	double budget; /* CPUs for each CPU */
	unsigned int n_cpus;
	unsigned int top_hz; /* what is configured */
	unsigned int hz;     /* now */
	double cost;	     /* of late, in the budget's unit: for metrics */
	bool over;	     /* the budget is broken at the lowest frequency */
	uint64_t lowered, raised;
	unsigned int windows; /* since the last change, or the start */
	unsigned int calm;    /* windows in a row with room for a step up */
	unsigned int wait;    /* calm windows before the next try */
	unsigned int warming; /* windows of the start still to come */
	bool tried;	      /* the last change was a step up */
};

void governor_init(struct governor *g, double budget, unsigned int n_cpus, unsigned int top_hz);
/*
 * After a window: CPU time of the process, and the window's length. Returns the frequency for what
 * follows. What following switches costs in the kernel is not in it: that has a budget of its own
 * (overhead_budget), and does not depend on the frequency.
 */
unsigned int governor_window(struct governor *g, uint64_t cpu_ns, uint64_t wall_ns);
/* The next lower and higher steps; the same at the ends. */
unsigned int governor_step_down(unsigned int hz);
unsigned int governor_step_up(unsigned int hz, unsigned int top_hz);

/* ---- Memory. */

struct memory_split {
	uint64_t tables;   /* of unwinding: cresset_recorder_options.max_memory */
	uint64_t symbols;  /* of the symbolizer's caches */
	uint64_t windows;  /* of profiles: being filled, waiting, being written */
	uint64_t captures; /* of what is added up for those who wait for a capture */
	uint64_t queue;	   /* of each upload's queue, at most */
	uint64_t store;	   /* of the writer's dictionary: store_options.max_memory */
	uint64_t queries;  /* of all queries by HTTP, and of their answers */
	uint64_t labels;   /* agent_labels_options.max_memory */
};

/* The parts, with `queue` for each of n_uploads, are no more than the budget. */
void memory_split(uint64_t budget, size_t n_uploads, struct memory_split *ret);
/* A window that is being filled is cut when it takes more than this … */
uint64_t memory_filling(const struct memory_split *split);
/* … and those that wait, and the one that is being written, take no more than this as they come;
 * the rest of `windows` is for names and for the copies that are stored and sent. */
uint64_t memory_waiting(const struct memory_split *split);

/* What HTTP may do with its share: queries at once, and the bytes of each, and of its answer. */
struct query_limits {
	unsigned int at_once;
	uint64_t query_bytes, answer_bytes;
};
void memory_queries(const struct memory_split *split, struct query_limits *ret);

/* ---- Descriptors. */

struct file_limits {
	unsigned int allowed;	  /* of the process, now */
	unsigned int connections; /* of HTTP at a time */
	unsigned int symbols;	  /* files that the symbolizer may hold open */
	unsigned int recorder;	  /* … and each recorder; at a reload there are three of them */
};

/* Raises the soft limit to what is wanted, or as far as it goes, and divides it. -EMFILE: not even
 * the least of it can be had. */
int file_limits_raise(unsigned int n_cpus, size_t n_uploads, struct file_limits *ret,
		      struct cresset_error *err);
/* The division alone. */
int file_limits_split(unsigned int allowed, unsigned int n_cpus, size_t n_uploads,
		      struct file_limits *ret);

/* What was split at the start, and stays. */
struct self_limits {
	uint64_t max_memory_bytes;
	struct memory_split memory;
	struct file_limits files;
};

#endif
