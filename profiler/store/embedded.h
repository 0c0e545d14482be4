// SPDX-License-Identifier: Apache-2.0
/* embedded - the inside of the embedded store, for its own files. See README.md for the whole. */
#ifndef STORE_EMBEDDED_H
#define STORE_EMBEDDED_H

#include "store/catalog.h"
#include "store/dict_write.h"
#include "store/store.h"

struct compaction;

/* Whether the wall clock can be trusted to tell what is old; see maintain.c. */
struct clock_guard {
	bool seen;
	int64_t now_ns;		   /* the wall clock at the last look … */
	int64_t boot_ns;	   /* … and the clock that nobody sets */
	int64_t distrust_until_ns; /* by that one */
};

struct embedded {
	struct store store;
	char *path;
	int segments_fd; /* the folder of the segments */
	int lock_fd;
	bool read_only;
	struct store_options options;
	struct catalog *catalog;

	/* Of a writer. */
	struct dict_writer *dict; /* NULL: to be loaded */
	uint32_t dict_number;	  /* 0: none yet */
	uint64_t dict_day;
	unsigned int dict_checked; /* appends since its size was looked at */
	uint64_t next_segment;
	uint64_t next_seq;
	struct compaction *compaction; /* going on, or NULL */
	struct clock_guard clock;
	struct store_stats counts; /* those since it was opened */
};

static inline struct embedded *embedded_of(struct store *s)
{
	return (struct embedded *)s;
}

enum { EMBEDDED_NAME = 64 };

/* "20261122T130500Z-hour-00000000000000ff.seg" */
void embedded_name(int64_t from_ns, uint32_t level, uint64_t id, char buf[EMBEDDED_NAME]);
/* The file of a new segment under a temporary name, to be written to. */
int embedded_create(struct embedded *e, uint64_t id, int *ret_fd, struct cresset_error *err);
/* Gives it its name, durably. */
int embedded_publish(struct embedded *e, uint64_t id, const char *name, struct cresset_error *err);
void embedded_discard(struct embedded *e, uint64_t id, const char *name);
/* -errno with the text; ENOSPC says what to do. */
int embedded_error(const struct embedded *e, int r, const char *doing, struct cresset_error *err);

int embedded_append(struct store *s, const struct cresset_profile *p, struct cresset_error *err);
int embedded_query(struct store *s, const struct store_query *q, struct cresset_profile **ret,
		   struct store_result *ret_result, struct cresset_error *err);
int embedded_top(struct store *s, const struct store_query *q, const char *label, store_top_fn fn,
		 void *arg, struct store_result *ret_result, struct cresset_error *err);
int embedded_series(struct store *s, const struct store_query *q, store_series_fn fn, void *arg,
		    struct store_result *ret_result, struct cresset_error *err);
int embedded_maintain(struct store *s, int64_t now_ns, struct cresset_error *err);
/* Removes segments (by id) and their files. */
int embedded_drop(struct embedded *e, const struct catalog_segment *segments, size_t n,
		  struct cresset_error *err);

#endif
