// SPDX-License-Identifier: Apache-2.0
/*
 * catalog - the SQLite file of an embedded store: which segments there are, and the chunks of the
 * dictionaries that they refer to.
 *
 * It is in WAL mode, so that readers in other processes see one state for as long as their
 * transaction lasts while the writer goes on, and every commit is synced. The order in which a
 * writer changes things makes every crash harmless: a segment's file is complete and synced before
 * its row is committed, and a file is unlinked only after the commit that dropped its row. What may
 * be left over is a file without a row, which the next writer removes.
 *
 * A dictionary (dict.h) is a number here; chunks are opaque. A dictionary that no segment refers to
 * is dropped whole by catalog_drop_dicts().
 */
#ifndef STORE_CATALOG_H
#define STORE_CATALOG_H

#include "core/vec.h"
#include "store/store.h"

#include <sqlite3.h>

enum { CATALOG_VERSION = 2, CATALOG_APPLICATION_ID = 0x63727374, CATALOG_KINDS = 6 };

#define CATALOG_FILE "catalog.db"

enum catalog_level { LEVEL_WINDOW, LEVEL_MINUTE, LEVEL_HOUR, LEVEL_DAY };

enum { CATALOG_STATEMENTS = 24 };

struct catalog {
	sqlite3 *db;
	char *path;
	sqlite3_stmt *statements[CATALOG_STATEMENTS]; /* prepared when first used */
};

struct catalog_segment {
	uint64_t id;
	uint64_t seq; /* of the first append that is in it: the order of age, whatever the clock did
		       */
	int64_t from_ns; /* start of the first window … */
	int64_t last_ns; /* … and of the last one */
	int64_t to_ns;	 /* latest end of a window */
	uint64_t windows;
	uint64_t rows;
	uint64_t bytes;
	uint32_t dict;
	uint32_t level; /* enum catalog_level */
	bool damaged;
};

/* Opens, and (a writer) creates. Errors as of store_open(). */
int catalog_open(const char *folder, bool read_only, struct catalog **ret,
		 struct cresset_error *err);
void catalog_close(struct catalog *c);

/* A reader's view stays the same until the end. */
int catalog_begin_read(struct catalog *c, struct cresset_error *err);
int catalog_begin(struct catalog *c, struct cresset_error *err);
int catalog_commit(struct catalog *c, struct cresset_error *err);
/* Also ends a read. */
void catalog_rollback(struct catalog *c);

/* Segments with a window that may start in [from, to), by dictionary and time; both 0: all. */
int catalog_segments(struct catalog *c, int64_t from_ns, int64_t to_ns, struct vec *ret,
		     struct cresset_error *err);
/* At most max segments of one bucket of bucket_ns that should become one of `level`, by time; n is
 * 0 if there is none. Not the bucket that now, less slack, is in. */
int catalog_mergeable(struct catalog *c, uint32_t level, int64_t bucket_ns, int64_t now_ns,
		      int64_t slack_ns, uint64_t max_bytes, size_t max, struct vec *ret,
		      struct cresset_error *err);
/* The segment that goes first: the oldest append; -ENOENT. */
int catalog_oldest(struct catalog *c, struct catalog_segment *ret, struct cresset_error *err);
/* One that ended before; -ENOENT. */
int catalog_expired(struct catalog *c, int64_t before_ns, struct catalog_segment *ret,
		    struct cresset_error *err);
/* Is there still such a segment? 1, 0 or -errno. */
int catalog_has(struct catalog *c, uint64_t id, struct cresset_error *err);
int catalog_add(struct catalog *c, const struct catalog_segment *s, struct cresset_error *err);
int catalog_remove(struct catalog *c, uint64_t id, struct cresset_error *err);
int catalog_mark_damaged(struct catalog *c, uint64_t id, struct cresset_error *err);
/* bytes, segment_bytes, segments, windows, rows, damaged, first_ns and last_ns. */
int catalog_stats(struct catalog *c, struct store_stats *stats, struct cresset_error *err);
/* Numbers that outlive the process: "next_segment", "next_seq", "dict". 0 if never set. */
int catalog_number(struct catalog *c, const char *name, uint64_t *ret, struct cresset_error *err);
int catalog_set_number(struct catalog *c, const char *name, uint64_t value,
		       struct cresset_error *err);

int catalog_add_type(struct catalog *c, const char *type, const char *unit,
		     struct cresset_error *err);
int catalog_types(struct catalog *c, int (*fn)(void *arg, const struct store_type *type), void *arg,
		  struct cresset_error *err);

/* A chunk of entries first … first + n - 1 of one kind of a dictionary. data lasts until the next
 * call about a chunk. */
struct catalog_chunk {
	uint32_t first;
	uint32_t n;
	const void *data;
	size_t size;
};
int catalog_put_chunk(struct catalog *c, uint32_t dict, uint32_t kind,
		      const struct catalog_chunk *chunk, struct cresset_error *err);
/* The last chunk that begins at id or before; -ENOENT. */
int catalog_chunk(struct catalog *c, uint32_t dict, uint32_t kind, uint32_t id,
		  struct catalog_chunk *ret, struct cresset_error *err);
/* Bytes of a dictionary's chunks. */
int catalog_dict_bytes(struct catalog *c, uint32_t dict, uint64_t *ret, struct cresset_error *err);
/* Drops up to max chunks of dictionaries that no segment needs and that are not `keep`. *ret: how
 * many went. */
int catalog_drop_dicts(struct catalog *c, uint32_t keep, uint32_t max, uint32_t *ret,
		       struct cresset_error *err);
/* Gives up to max free pages back to the file system; *ret: how many are still free. */
int catalog_shrink(struct catalog *c, uint32_t max, uint64_t *ret, struct cresset_error *err);
/* Empties the log, if no reader needs it. */
void catalog_checkpoint(struct catalog *c);

#endif
