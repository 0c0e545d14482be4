// SPDX-License-Identifier: Apache-2.0
/*
 * window - a profile as rows of a segment, with all that the rows name put into the dictionary.
 *
 * A location that has lines loses its address, and a mapping of one process (anonymous memory, JIT
 * code) loses pid and range: what is left is what a reader of a merged profile can use, and it is
 * the same in every process and after every restart. New stacks are added series by series, in the
 * order of their frames from the root, so that a service's stacks stand together and share their
 * beginnings.
 */
#ifndef STORE_WINDOW_H
#define STORE_WINDOW_H

#include "store/dict_write.h"
#include "store/segment.h"

struct window_row {
	uint32_t type; /* position in types */
	uint32_t series;
	uint32_t stack;
	uint32_t pad;
	int64_t value;
};

struct window {
	struct vec types; /* struct segment_type, sorted */
	struct vec rows;  /* struct window_row, sorted by type, series, stack; none twice */
	uint64_t labels_dropped;
};

void window_init(struct window *w);
void window_release(struct window *w);
/* -EINVAL with err: values below 0, or too many types. */
int window_build(struct window *w, const struct cresset_profile *p, struct dict_writer *d,
		 struct cresset_error *err);
/* Writes the rows, all of the writer's window 0. */
int window_write(const struct window *w, struct segment_writer *to);

#endif
