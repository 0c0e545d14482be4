// SPDX-License-Identifier: Apache-2.0
/*
 * metrics - a writer of Prometheus text (exposition format 0.0.4).
 *
 *     metrics_init(&m, sink);
 *     metrics_family(&m, "cresset_samples_lost_total", METRICS_COUNTER, "Samples lost, by cause.");
 *     metrics_uint(&m, 3, (struct metrics_label[]){{"cause", "map_full"}}, 1);
 *     metrics_one(&m, "cresset_queue_bytes", METRICS_GAUGE, "Bytes waiting.", 4096);
 *     r = metrics_release(&m);
 *
 * Scrapers drop a whole page for one bad line, so a bad line is never written: a name that is not
 * allowed, a counter whose name does not end in _total, a family or a series that was there before
 * are left out, and the first such mistake is what metrics_release() returns. Values of labels may
 * be any text. One writer writes at most one line of the same series; two writers on one sink need
 * names of their own.
 */
#ifndef WEB_METRICS_H
#define WEB_METRICS_H

#include "core/strtab.h"

#include <cresset/sink.h>

enum metrics_kind { METRICS_COUNTER, METRICS_GAUGE };

enum { METRICS_MAX_LABELS = 16, METRICS_NAME_MAX = 200 };

struct metrics_label {
	const char *name;
	const char *value; /* NULL: "" */
};

struct metrics {
	struct cresset_sink *sink;
	struct strtab seen; /* families, and series as they are written */
	struct vec line;    /* char */
	char family[METRICS_NAME_MAX + 1];
	bool open; /* the family is one that values may be added to */
	int error;
};

/* -ENOMEM; metrics_release() is allowed then too. */
int metrics_init(struct metrics *m, struct cresset_sink *sink);
/* Values that follow belong to this family. */
void metrics_family(struct metrics *m, const char *name, enum metrics_kind kind, const char *help);
void metrics_uint(struct metrics *m, uint64_t value, const struct metrics_label *labels, size_t n);
void metrics_double(struct metrics *m, double value, const struct metrics_label *labels, size_t n);
/* A family of one value without labels. */
void metrics_one(struct metrics *m, const char *name, enum metrics_kind kind, const char *help,
		 uint64_t value);
void metrics_one_double(struct metrics *m, const char *name, enum metrics_kind kind,
			const char *help, double value);
/*
 * The first error: the sink's, -ENOMEM, -EINVAL (a name that is not allowed, or a value without a
 * family), -EEXIST (said before). The sink stays open.
 */
int metrics_release(struct metrics *m);

#endif
