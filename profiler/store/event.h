// SPDX-License-Identifier: Apache-2.0
/*
 * event - the profiles of cpu, off-cpu and wall time, as the recorder writes them, out of what is
 * stored.
 *
 * Stored are the three types that add up to a thread's time: cpu, runnable and blocked, each in
 * nanoseconds. An event is some of them. Its profile has a value for each, the sum as the last and
 * default one, and samples of waiting have the label "state"; so what a query writes looks like
 * what `cresset record -e` of that event would have written. The cpu event is the one type alone.
 */
#ifndef STORE_EVENT_H
#define STORE_EVENT_H

#include "store/store.h"

struct store_event {
	const char *name; /* "cpu", "off-cpu", "wall": as of record -e */
	const char *help;
	const struct store_type *types; /* of the store */
	size_t n_types;
	const char *sum; /* name of the value that is the sum of all; NULL: no such */
};

/* The i-th event, NULL past the end. */
const struct store_event *store_event_at(size_t i);
const struct store_event *store_event_by_name(const char *name);

/* As store_query(), with q's types being ignored. */
int store_query_event(struct store *s, const struct store_event *event, const struct store_query *q,
		      struct cresset_profile **ret, struct store_result *ret_result,
		      struct cresset_error *err);

#endif
