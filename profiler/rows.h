// SPDX-License-Identifier: Apache-2.0
/*
 * rows - drained rows become samples of a profile.
 *
 * A row has two lists of run-time addresses; a sample has one stack of locations, leaf first: the
 * kernel's frames, then the user's. What is known to be missing is a frame of its own that says so.
 * Who woke the thread stands before all that, upside down and behind a frame "--", so that a graph
 * goes on from the end of the wait to the wake-up call and on to the waker's root and its name.
 * Every row is written or counted as lost, never dropped.
 */
#ifndef PROFILER_ROWS_H
#define PROFILER_ROWS_H

#include "drain.h"
#include "procmap.h"
#include "sources/source.h"
#include "unwind/unwind.h"

struct switches;

/* A stack with its error frames; of a waker, with "--" and its name. */
enum {
	ROWS_STACK_LOCATIONS = CRESSET_MAX_KERNEL_FRAMES + CRESSET_MAX_FRAMES + 2,
	ROWS_MAX_LOCATIONS = ROWS_STACK_LOCATIONS + CRESSET_MAX_WAKERS * (ROWS_STACK_LOCATIONS + 2),
};

struct rows {
	const struct session *session; /* for the source */
	struct switches *switches;     /* NULL: all stacks are in the drain */
	const struct source *source;
	const struct unwinder *unwinder;
	struct procmap *procmap;
	struct cresset_profile *profile;
	size_t kernel_limit; /* frames that the kernel gives at most */
	unsigned int waker_depth;
	uint64_t written;     /* samples */
	uint64_t lost;	      /* samples: out of memory, or a stack that was not in the maps */
	uint64_t wakers_lost; /* records of samples, likewise */
	uint32_t locations[ROWS_MAX_LOCATIONS];
	size_t n_locations;
};

/* All rows of the last drain_read(). -ENOMEM: some were lost, and are counted. */
int rows_write(struct rows *rows, const struct drain *drain);
/* The label set of a sample; state and wait of `sample` if it is not NULL. */
int rows_labels(struct rows *rows, const struct cresset_sample_key *key,
		const struct source_sample *sample, uint32_t *ret);

#endif
