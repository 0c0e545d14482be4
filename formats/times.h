// SPDX-License-Identifier: Apache-2.0
/*
 * times - which of a profile's value types are times that a table shows beside each other.
 *
 * A profile of time by state (events wall and off-cpu) splits one time into others; then a table
 * has a column for each. With a single type of time there is nothing to split, and there are no
 * columns. More than fit a terminal are left out, never the one that the table is of.
 */
#ifndef FORMATS_TIMES_H
#define FORMATS_TIMES_H

#include <cresset/profile.h>

enum { TIMES_MAX = 5, TIMES_HEADING = 13, TIMES_HEADING_BYTES = 64 };

struct times_column {
	size_t value; /* index of the value type */
	/* Its type in capitals, fit for a terminal, at most TIMES_HEADING code points. */
	char heading[TIMES_HEADING_BYTES];
	bool part; /* it is time in one state, and the parts together are a thread's whole time */
};

struct times {
	size_t n; /* 0: less than two */
	struct times_column columns[TIMES_MAX];
	size_t main; /* the column that the table is of */
	bool sum;    /* main is not a part, and there are two that are */
};

/* value: what the table is of. There are no columns if that is not a time. -ENOMEM. */
int times_find(const struct cresset_profile *p, size_t value, struct times *ret);
/* The sum of the values that are parts, saturating; values by column. */
int64_t times_sum(const struct times *t, const int64_t *values);

/* Sums of values that may be anything. */
static inline int64_t times_add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

#endif
