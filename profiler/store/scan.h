// SPDX-License-Identifier: Apache-2.0
/*
 * scan - all rows of a query, summed by series and stack within each block, dictionary by
 * dictionary.
 *
 * The catalogue is read in one transaction, so a scan sees one state. Files are not part of it: one
 * that compaction has replaced may be gone. Then the scan ends with -EAGAIN and is to be begun
 * again; a file that is gone the second time, while the catalogue still names it, is lost, and
 * counted as damaged. So are files that do not read well; the rest of the answer stands.
 */
#ifndef STORE_SCAN_H
#define STORE_SCAN_H

#include "store/dict_read.h"
#include "store/embedded.h"
#include "store/match.h"
#include "store/segment.h"

enum { SCAN_TRIES = 8 };

struct scan_ops {
	/* Of the series that match: any number that rows() shall get for it. */
	int (*series)(void *arg, struct dict_reader *d, const struct cresset_label *labels,
		      size_t n, uint32_t *ret_out);
	/* Sums of stacks, of one series and type of the query (its position); stacks rise. */
	int (*rows)(void *arg, uint32_t out, uint32_t type, const uint32_t *stacks,
		    const int64_t *sums, size_t n);
	/* All of a dictionary's rows have been given. */
	int (*end)(void *arg, struct dict_reader *d);
	bool any_type; /* types do not matter: rows() may get no stacks, just that there are rows */
};

struct scan {
	struct embedded *e;
	const struct store_query *q;
	const struct scan_ops *ops;
	void *arg;
	struct cresset_error *err;
	struct store_result result;
	struct vec suspects; /* uint64_t: segments without a file */

	/* Of the dictionary at hand. */
	struct dict_reader *dict;
	uint32_t *outs; /* by series: 1 + out; 0: it does not match */
	uint32_t n_series;
	/* Of the segment at hand. */
	struct segment_rows rows;
	struct vec sums;   /* int64_t */
	struct vec inside; /* bool, by window */
	bool damaged;
};

int scan_init(struct scan *s, struct embedded *e, const struct store_query *q,
	      const struct scan_ops *ops, void *arg, struct cresset_error *err);
void scan_release(struct scan *s);
/* -EAGAIN: undo what was given, and run it again (at most SCAN_TRIES times in all). */
int scan_run(struct scan *s, bool last_try);

/* All rows of an open segment, whose windows are chosen; -errno, of rows() too. Blocks that do not
 * read well set `damaged`. rows() may be called on another thread, never on two at once. */
int scan_blocks(struct scan *s, const struct segment *seg);

/* A label's value as text: in buf where it is a number. */
const char *scan_label_text(struct dict_reader *d, const struct cresset_label *l, char buf[64]);
/* The label with that key, or NULL. */
const struct cresset_label *scan_find_label(struct dict_reader *d,
					    const struct cresset_label *labels, size_t n,
					    const char *key);

#endif
