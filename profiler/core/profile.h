// SPDX-License-Identifier: Apache-2.0
/*
 * profile - the inside of struct cresset_profile (cresset/profile.h), for core/ alone.
 *
 * Every table is one of three interners (strtab, table, stacktab); lines stand in one array that
 * locations point into. A location is interned by what it was when it was added (`key`), so that
 * the symbolizer can change its lines without moving it. Invariant: every id stored in a table
 * exists in the table it names.
 */
#ifndef CORE_PROFILE_H
#define CORE_PROFILE_H

#include <cresset/profile.h>

#include "core/stacktab.h"
#include "core/strtab.h"
#include "core/table.h"

enum { PROFILE_MAX_TYPES = 16, LABEL_WORDS = sizeof(struct cresset_label) / sizeof(uint32_t) };

struct location_entry {
	struct cresset_location pub;
	uint32_t first_line;
	uint32_t key_first_line;
	uint32_t key_n_lines;
	uint32_t key_flags;
};

struct cresset_profile {
	struct strtab strings;
	struct table mappings;	/* struct cresset_mapping */
	struct table functions; /* struct cresset_function */
	struct table samples;	/* struct cresset_sample; sample i has id i + 1 */
	struct table stats;	/* struct cresset_stat, by name */
	struct vec locations;	/* struct location_entry; [0] is empty */
	struct hash location_index;
	struct vec lines;	/* struct cresset_line */
	struct vec values;	/* int64_t, n_types for each sample */
	struct vec comments;	/* uint32_t, string ids */
	struct stacktab stacks; /* location ids, leaf first */
	struct stacktab labels; /* struct cresset_label as words */
	struct cresset_value_type types[PROFILE_MAX_TYPES];
	size_t n_types;
	size_t default_type;
	struct cresset_value_type period_type;
	int64_t period;
	int64_t time_ns;
	int64_t duration_ns;
};

/* Is it the frame "--", behind which (towards the leaf) the waker's frames begin, upside down? */
bool cresset_profile_is_separator(const struct cresset_profile *p, uint32_t location);
/* Has it a line with a function? A line without one names nothing, and no reader takes it. */
bool profile_location_is_named(const struct cresset_profile *p, uint32_t location);
/* a + b, or the nearest value there is. */
int64_t profile_add_saturating(int64_t a, int64_t b);

#endif
