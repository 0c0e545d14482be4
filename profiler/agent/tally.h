// SPDX-License-Identifier: Apache-2.0
/*
 * tally - what the agent has done so far, for metrics: sums of the stats of all windows, and the
 * last word of the store, the labels and the symbolizer. Written by the writing thread, read by
 * any.
 */
#ifndef AGENT_TALLY_H
#define AGENT_TALLY_H

#include "agent/labels.h"
#include "core/strtab.h"
#include "store/store.h"

#include <cresset/profile.h>
#include <cresset/symbolizer.h>
#include <pthread.h>

enum { TALLY_NAMES_MAX = 512 };

struct tally {
	pthread_mutex_t lock;
	struct strtab names; /* of stats; sums[id] */
	struct vec sums;     /* uint64_t */
	uint64_t windows;
	uint64_t window_errors; /* windows that could not be made fit to be stored */
	uint64_t stored_windows, store_errors;
	uint64_t push_errors;	 /* profiles that could not be queued for a server */
	int64_t last_window_ns;	 /* wall clock: end of the last window; 0: none */
	uint64_t last_stored_ns; /* CLOCK_MONOTONIC */
	char store_error[512];	 /* "" : the last window was stored */
	struct store_stats store;
	struct agent_labels_stats labels;
	struct cresset_symbolizer_stats symbols;
};

int tally_init(struct tally *t);
void tally_release(struct tally *t);
/* A window with names: its stats are added. */
void tally_window(struct tally *t, const struct cresset_profile *p);
/* The sum of a stat over all windows. With the lock held. */
uint64_t tally_sum(const struct tally *t, const char *name);
void tally_lock(struct tally *t);
void tally_unlock(struct tally *t);

#endif
