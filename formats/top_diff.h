// SPDX-License-Identifier: Apache-2.0
/*
 * top_diff - the table of functions of two profiles: what each has of a function, and the change.
 *
 * Rows are in the order of how much their self time changed, more or less alike; then that of
 * total. A change in percent is of the larger of the two sums, as in the flame graph.
 */
#ifndef FORMATS_TOP_DIFF_H
#define FORMATS_TOP_DIFF_H

#include <cresset/format.h>

#include "core/vec.h"

struct top_change {
	const char *name, *module; /* fit to be shown */
	bool kernel;
	int64_t before_self, self;
	int64_t before_total, total;
};

struct top_diff {
	const struct cresset_format_options *options;
	const char *type, *unit; /* of the value, fit to be shown */
	int64_t before, after;	 /* sums, of all samples */
	bool modules;		 /* some function has one */
};

/* Sorts the changes (struct top_change), scales those of the base if that is asked for, and writes
 * the table. Errors of the sink stay there. */
void top_diff_write(const struct top_diff *d, struct vec *changes, struct cresset_sink *sink);

#endif
