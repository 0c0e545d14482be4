// SPDX-License-Identifier: Apache-2.0
/*
 * store_fill.h - windows with known content, for the tests of stores.
 *
 * Window i is the same whenever it is made: series, stacks and values follow from i alone. So what
 * a store should answer can be computed without it.
 */
#ifndef TESTS_SUPPORT_STORE_FILL_H
#define TESTS_SUPPORT_STORE_FILL_H

#include "store/store.h"

/* How much a window has. Types are cpu, runnable and blocked, in nanoseconds. */
struct store_fill {
	int64_t start_ns; /* of window 0 */
	int64_t step_ns;  /* from one window to the next; also their length */
	uint32_t services, series_each, stacks_each; /* stacks of a series in a window */
	uint32_t functions;			     /* of a service; some more are shared by all */
	uint32_t depth;
};
#define STORE_FILL_INIT                                                                            \
	{                                                                                          \
		.start_ns = INT64_C(1700000000000000000), .step_ns = INT64_C(10000000000),         \
		.services = 3, .series_each = 2, .stacks_each = 8, .functions = 40, .depth = 10    \
	}

int store_fill_window(const struct store_fill *f, uint32_t i, struct cresset_profile **ret);

/* A folder for a store, to be removed with store_fill_remove(). */
char *store_fill_folder(void);
void store_fill_remove(char *folder);

/*
 * A profile as sorted lines "labels;root;…;leaf values", equal for equal content; malloc'ed. Labels
 * are only those named, in that order.
 */
char *store_fill_text(const struct cresset_profile *p, const char *const *labels, size_t n);
/* What a store that has the windows first … last - 1 should answer to a query for everything with
 * these types and labels: the same text, made from the windows themselves. */
char *store_fill_expected(const struct store_fill *f, uint32_t first, uint32_t last,
			  const char *const *labels, size_t n);

#endif
