// SPDX-License-Identifier: Apache-2.0
/*
 * rows - drained rows become samples of a profile.
 *
 * A row has two lists of run-time addresses; a sample has one stack of locations, leaf first: the
 * kernel's frames, then the user's. What is known to be missing is a frame of its own that says so.
 * Every row is written or counted as lost, never dropped.
 */
#ifndef PROFILER_ROWS_H
#define PROFILER_ROWS_H

#include "drain.h"
#include "procmap.h"
#include "sources/source.h"
#include "unwind/unwind.h"

struct rows {
	const struct session *session; /* for the source */
	const struct source *source;
	const struct unwinder *unwinder;
	struct procmap *procmap;
	struct cresset_profile *profile;
	size_t kernel_limit; /* frames that the kernel gives at most */
	uint64_t written;    /* samples */
	uint64_t lost;	     /* samples: out of memory, or a stack that was not in the maps */
	uint32_t locations[2 * CRESSET_MAX_FRAMES + 3];
	size_t n_locations;
};

/* All rows of the last drain_read(). -ENOMEM: some were lost, and are counted. */
int rows_write(struct rows *rows, const struct drain *drain);

#endif
