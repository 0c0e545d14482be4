// SPDX-License-Identifier: Apache-2.0
/*
 * threads - how long each thread ran, could have run and was blocked: exact, from its switches.
 *
 * BPF says it when a thread ends, and of all that live when it is asked (a flush). What is said is
 * the total since the thread was first followed; here it becomes what is new since it was last
 * taken, so that windows add up.
 */
#ifndef PROFILER_THREADS_H
#define PROFILER_THREADS_H

#include <stdint.h>

#include "bpf/abi.h"
#include "core/table.h"

struct thread_times {
	/* Its name: tids are reused, so the moment it was first followed is part of it. */
	uint64_t born_ns;
	uint32_t tid;
	uint32_t pid;

	uint32_t exec_id;
	uint32_t ended;	    /* bool */
	uint64_t at_ns;	    /* as of then */
	uint64_t totals[3]; /* by enum cresset_time */
	uint64_t taken[3];  /* of them, by earlier threads_taken() */
	uint64_t taken_ns;
	char comm[CRESSET_COMM_BYTES];
};

struct threads {
	struct table table; /* struct thread_times; ids from 1 */
};

int threads_init(struct threads *t);
void threads_release(struct threads *t);
/* A report of any kind but USED. -ENOMEM. */
int threads_add(struct threads *t, const struct cresset_thread_report *report);
/* Ids run from 1 to this. */
uint32_t threads_count(const struct threads *t);
const struct thread_times *threads_get(const struct threads *t, uint32_t id);
/* All has been taken; those that ended go. -ENOMEM: they stay, with nothing left to take. */
int threads_taken(struct threads *t);

#endif
