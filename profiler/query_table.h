// SPDX-License-Identifier: Apache-2.0
/* query_table - what `cresset query` prints besides profiles: sums by a label, and what a store
 * has. */
#ifndef PROFILER_QUERY_TABLE_H
#define PROFILER_QUERY_TABLE_H

#include "store/ask.h"

#include <stdio.h>

struct query_table {
	FILE *f;
	unsigned int columns; /* of the terminal */
	unsigned int top;     /* rows; 0: all */
};

/* The values of `label` by their sums, with shares. *ret_found: some series has that label. */
int query_table_by(const struct query_table *t, struct store *s, const struct asked *a,
		   const char *label, struct store_result *ret_result, bool *ret_found,
		   struct cresset_error *err);
/* Ranges, types, and labels with their values, of what q asks for. */
int query_table_list(const struct query_table *t, struct store *s, const struct store_query *q,
		     struct store_result *ret_result, struct cresset_error *err);

#endif
