// SPDX-License-Identifier: Apache-2.0
/*
 * catalog - segments and numbers; see catalog.h. Statements are prepared once, as rows of one table
 * of texts. Chunks are in catalog_chunks.c.
 */
#include "store/catalog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "store/catalog_sql.h"
#include "store/catalog_statement.h"

#define COLUMNS                                                                                    \
	"id, seq, dict, level, from_ns, last_ns, to_ns, windows, n_rows, bytes, damaged "          \
	"FROM segments "

static const char *const texts[] = {
	[SQL_SEGMENTS] = "SELECT " COLUMNS "WHERE from_ns < ?2 AND last_ns >= ?1 "
			 "ORDER BY dict, from_ns, id",
	[SQL_MERGEABLE] =
		"SELECT from_ns / ?2, dict FROM segments WHERE level <= ?1 AND damaged = 0 "
		"GROUP BY 1, 2 HAVING count(*) > 1 AND sum(bytes) <= ?5 AND "
		"((from_ns / ?2 + 1) * ?2 + ?4 <= ?3 OR from_ns / ?2 * ?2 > ?3 + ?4) "
		"ORDER BY 1 LIMIT 1",
	[SQL_BUCKET] = "SELECT " COLUMNS "WHERE level <= ?1 AND damaged = 0 AND "
		       "from_ns >= ?2 AND from_ns < ?3 AND dict = ?4 ORDER BY level, from_ns, id "
		       "LIMIT ?5",
	[SQL_OLDEST] = "SELECT " COLUMNS "ORDER BY seq, id LIMIT 1",
	[SQL_EXPIRED] = "SELECT " COLUMNS "WHERE to_ns < ?1 ORDER BY to_ns, id LIMIT 1",
	[SQL_HAS] = "SELECT 1 FROM segments WHERE id = ?1",
	[SQL_ADD] = "INSERT INTO segments (id, seq, dict, level, from_ns, last_ns, to_ns, windows, "
		    "n_rows, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	[SQL_REMOVE] = "DELETE FROM segments WHERE id = ?1",
	[SQL_DAMAGED] = "UPDATE segments SET damaged = 1 WHERE id = ?1",
	[SQL_STATS] = "SELECT count(*), total(windows), total(n_rows), total(bytes), "
		      "total(damaged), min(from_ns), max(to_ns) FROM segments",
	[SQL_NUMBER] = "SELECT value FROM numbers WHERE name = ?1",
	[SQL_SET_NUMBER] = "INSERT OR REPLACE INTO numbers (name, value) VALUES (?1, ?2)",
	[SQL_ADD_TYPE] = "INSERT OR IGNORE INTO types (type, unit) VALUES (?1, ?2)",
	[SQL_TYPES] = "SELECT type, unit FROM types ORDER BY 1, 2",
	[SQL_PUT_CHUNK] = "INSERT OR REPLACE INTO chunks (id, n, data) VALUES (?1, ?2, ?3)",
	[SQL_CHUNK] = "SELECT id, n, data FROM chunks WHERE id >= ?1 AND id <= ?2 "
		      "ORDER BY id DESC LIMIT 1",
	[SQL_DICT_BYTES] = "SELECT total(length(data) + 16) FROM chunks WHERE id >= ?1 AND id < ?2",
	[SQL_DROP_CHUNKS] = "DELETE FROM chunks WHERE id IN (SELECT id FROM chunks WHERE "
			    "id >= ?1 AND id < ?2 LIMIT ?3)",
	[SQL_FIRST_CHUNK] = "SELECT id FROM chunks WHERE id >= ?1 ORDER BY id LIMIT 1",
	[SQL_DICT_USED] = "SELECT 1 FROM segments WHERE dict = ?1 LIMIT 1",
	[SQL_PAGES] = "SELECT (SELECT page_count FROM pragma_page_count), "
		      "(SELECT freelist_count FROM pragma_freelist_count), "
		      "(SELECT page_size FROM pragma_page_size)",
};
_Static_assert(sizeof(texts) / sizeof(texts[0]) <= CATALOG_STATEMENTS, "room for all statements");

int catalog_prepare(struct catalog *c, enum catalog_sql which, sqlite3_stmt **ret,
		    struct cresset_error *err)
{
	sqlite3_stmt **s = &c->statements[which];
	int code = SQLITE_OK;

	if (!*s)
		code = sqlite3_prepare_v3(c->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, s,
					  NULL);
	if (code != SQLITE_OK)
		return catalog_error(c, code, "read", err);
	sqlite3_reset(*s);
	*ret = *s;
	return 0;
}

int catalog_step(struct catalog *c, sqlite3_stmt *s, const char *doing, struct cresset_error *err)
{
	int code = sqlite3_step(s), r;

	if (code == SQLITE_ROW)
		return 1;
	r = catalog_error(c, code, doing, err);
	sqlite3_reset(s);
	return r;
}

int catalog_begin_read(struct catalog *c, struct cresset_error *err)
{
	/* The view is taken by the first statement that reads. */
	return catalog_exec(c, "BEGIN; SELECT 1 FROM segments LIMIT 1", "read", err);
}

int catalog_begin(struct catalog *c, struct cresset_error *err)
{
	return catalog_exec(c, "BEGIN IMMEDIATE", "write", err);
}

int catalog_commit(struct catalog *c, struct cresset_error *err)
{
	return catalog_exec(c, "COMMIT", "write", err);
}

void catalog_rollback(struct catalog *c)
{
	for (size_t i = 0; i < CATALOG_STATEMENTS; i++)
		if (c->statements[i])
			sqlite3_reset(c->statements[i]);
	if (!sqlite3_get_autocommit(c->db))
		sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
}

static struct catalog_segment segment_of(sqlite3_stmt *s)
{
	return (struct catalog_segment){
		.id = (uint64_t)sqlite3_column_int64(s, 0),
		.seq = (uint64_t)sqlite3_column_int64(s, 1),
		.dict = (uint32_t)sqlite3_column_int64(s, 2),
		.level = (uint32_t)sqlite3_column_int64(s, 3),
		.from_ns = sqlite3_column_int64(s, 4),
		.last_ns = sqlite3_column_int64(s, 5),
		.to_ns = sqlite3_column_int64(s, 6),
		.windows = (uint64_t)sqlite3_column_int64(s, 7),
		.rows = (uint64_t)sqlite3_column_int64(s, 8),
		.bytes = (uint64_t)sqlite3_column_int64(s, 9),
		.damaged = sqlite3_column_int64(s, 10) != 0,
	};
}

static int collect(struct catalog *c, sqlite3_stmt *s, struct vec *ret, struct cresset_error *err)
{
	int r;

	while ((r = catalog_step(c, s, "read", err)) > 0) {
		struct catalog_segment segment = segment_of(s);

		if (!vec_push(ret, &segment, 1)) {
			sqlite3_reset(s);
			return -ENOMEM;
		}
	}
	return r;
}

int catalog_segments(struct catalog *c, int64_t from_ns, int64_t to_ns, struct vec *ret,
		     struct cresset_error *err)
{
	sqlite3_stmt *s = NULL;
	int r = catalog_prepare(c, SQL_SEGMENTS, &s, err);

	if (r < 0)
		return r;
	if (!from_ns && !to_ns)
		to_ns = INT64_MAX;
	sqlite3_bind_int64(s, 1, from_ns);
	sqlite3_bind_int64(s, 2, to_ns);
	return collect(c, s, ret, err);
}

int catalog_mergeable(struct catalog *c, uint32_t level, int64_t bucket_ns, int64_t now_ns,
		      int64_t slack_ns, uint64_t max_bytes, size_t max, struct vec *ret,
		      struct cresset_error *err)
{
	int64_t bucket, dict;
	sqlite3_stmt *s = NULL;
	int r = catalog_prepare(c, SQL_MERGEABLE, &s, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, level);
	sqlite3_bind_int64(s, 2, bucket_ns);
	sqlite3_bind_int64(s, 3, now_ns);
	sqlite3_bind_int64(s, 4, slack_ns);
	sqlite3_bind_int64(s, 5, (int64_t)max_bytes);
	r = catalog_step(c, s, "read", err);
	if (r <= 0)
		return r;
	bucket = sqlite3_column_int64(s, 0);
	dict = sqlite3_column_int64(s, 1);
	sqlite3_reset(s);
	r = catalog_prepare(c, SQL_BUCKET, &s, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, level);
	sqlite3_bind_int64(s, 2, bucket * bucket_ns);
	sqlite3_bind_int64(s, 3, bucket * bucket_ns + bucket_ns);
	sqlite3_bind_int64(s, 4, dict);
	sqlite3_bind_int64(s, 5, (int64_t)max);
	return collect(c, s, ret, err);
}

/* The one row of a statement. */
static int one_segment(struct catalog *c, sqlite3_stmt *s, struct catalog_segment *ret,
		       struct cresset_error *err)
{
	int r = catalog_step(c, s, "read", err);

	if (r <= 0)
		return r ?: -ENOENT;
	*ret = segment_of(s);
	sqlite3_reset(s);
	return 0;
}

int catalog_oldest(struct catalog *c, struct catalog_segment *ret, struct cresset_error *err)
{
	sqlite3_stmt *s = NULL;
	int r = catalog_prepare(c, SQL_OLDEST, &s, err);

	return r ?: one_segment(c, s, ret, err);
}

int catalog_expired(struct catalog *c, int64_t before_ns, struct catalog_segment *ret,
		    struct cresset_error *err)
{
	sqlite3_stmt *s = NULL;
	int r = catalog_prepare(c, SQL_EXPIRED, &s, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, before_ns);
	return one_segment(c, s, ret, err);
}

int catalog_has(struct catalog *c, uint64_t id, struct cresset_error *err)
{
	sqlite3_stmt *s = NULL;
	int r = catalog_prepare(c, SQL_HAS, &s, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, (int64_t)id);
	r = catalog_step(c, s, "read", err);
	sqlite3_reset(s);
	return r;
}

/* Runs a statement that gives no row. */
static int run(struct catalog *c, sqlite3_stmt *s, struct cresset_error *err)
{
	int r = catalog_step(c, s, "write", err);

	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

int catalog_add(struct catalog *c, const struct catalog_segment *segment, struct cresset_error *err)
{
	const int64_t values[] = {
		(int64_t)segment->id,	 (int64_t)segment->seq,	    segment->dict,
		segment->level,		 segment->from_ns,	    segment->last_ns,
		segment->to_ns,		 (int64_t)segment->windows, (int64_t)segment->rows,
		(int64_t)segment->bytes,
	};
	sqlite3_stmt *s = NULL;
	int r = catalog_prepare(c, SQL_ADD, &s, err);

	if (r < 0)
		return r;
	for (int i = 0; i < (int)(sizeof(values) / sizeof(values[0])); i++)
		sqlite3_bind_int64(s, i + 1, values[i]);
	return run(c, s, err);
}

static int run_with_id(struct catalog *c, enum catalog_sql which, uint64_t id,
		       struct cresset_error *err)
{
	sqlite3_stmt *s = NULL;
	int r = catalog_prepare(c, which, &s, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, (int64_t)id);
	return run(c, s, err);
}

int catalog_remove(struct catalog *c, uint64_t id, struct cresset_error *err)
{
	return run_with_id(c, SQL_REMOVE, id, err);
}

int catalog_mark_damaged(struct catalog *c, uint64_t id, struct cresset_error *err)
{
	return run_with_id(c, SQL_DAMAGED, id, err);
}

static uint64_t log_bytes(const struct catalog *c)
{
	static const char *const suffixes[] = {"-wal", "-shm"};
	uint64_t sum = 0;
	char path[4096];
	struct stat st;

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s%s", c->path, suffixes[i]);
		if (stat(path, &st) == 0)
			sum += (uint64_t)st.st_size;
	}
	return sum;
}

int catalog_stats(struct catalog *c, struct store_stats *stats, struct cresset_error *err)
{
	sqlite3_stmt *s = NULL;
	int r = catalog_prepare(c, SQL_STATS, &s, err);

	if (r == 0)
		r = catalog_step(c, s, "read", err);
	if (r < 0)
		return r;
	stats->segments = (uint64_t)sqlite3_column_int64(s, 0);
	stats->windows = (uint64_t)sqlite3_column_int64(s, 1);
	stats->rows = (uint64_t)sqlite3_column_int64(s, 2);
	stats->segment_bytes = (uint64_t)sqlite3_column_int64(s, 3);
	stats->damaged = (uint64_t)sqlite3_column_int64(s, 4);
	stats->first_ns = sqlite3_column_int64(s, 5);
	stats->last_ns = sqlite3_column_int64(s, 6);
	sqlite3_reset(s);
	r = catalog_prepare(c, SQL_PAGES, &s, err);
	if (r == 0)
		r = catalog_step(c, s, "read", err);
	if (r < 0)
		return r;
	stats->bytes = stats->segment_bytes + log_bytes(c) +
		       (uint64_t)(sqlite3_column_int64(s, 0) * sqlite3_column_int64(s, 2));
	sqlite3_reset(s);
	return 0;
}

int catalog_number(struct catalog *c, const char *name, uint64_t *ret, struct cresset_error *err)
{
	sqlite3_stmt *s = NULL;
	int r = catalog_prepare(c, SQL_NUMBER, &s, err);

	if (r < 0)
		return r;
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	r = catalog_step(c, s, "read", err);
	if (r < 0)
		return r;
	*ret = r ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
	sqlite3_reset(s);
	return 0;
}

int catalog_set_number(struct catalog *c, const char *name, uint64_t value,
		       struct cresset_error *err)
{
	sqlite3_stmt *s = NULL;
	int r = catalog_prepare(c, SQL_SET_NUMBER, &s, err);

	if (r < 0)
		return r;
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, (int64_t)value);
	return run(c, s, err);
}

int catalog_add_type(struct catalog *c, const char *type, const char *unit,
		     struct cresset_error *err)
{
	sqlite3_stmt *s = NULL;
	int r = catalog_prepare(c, SQL_ADD_TYPE, &s, err);

	if (r < 0)
		return r;
	sqlite3_bind_blob(s, 1, type, (int)strlen(type), SQLITE_STATIC);
	sqlite3_bind_blob(s, 2, unit, (int)strlen(unit), SQLITE_STATIC);
	return run(c, s, err);
}

/* A blob with a NUL behind it, within size. */
static void copy_text(sqlite3_stmt *s, int column, char *buf, size_t size)
{
	const void *data = sqlite3_column_blob(s, column);
	size_t n = (size_t)sqlite3_column_bytes(s, column);

	if (n >= size)
		n = size - 1;
	if (n)
		memcpy(buf, data, n);
	buf[n] = '\0';
}

int catalog_types(struct catalog *c, int (*fn)(void *arg, const struct store_type *type), void *arg,
		  struct cresset_error *err)
{
	sqlite3_stmt *s = NULL;
	int r = catalog_prepare(c, SQL_TYPES, &s, err);

	if (r < 0)
		return r;
	while ((r = catalog_step(c, s, "read", err)) > 0) {
		char type[256], unit[256];
		const struct store_type t = {.type = type, .unit = unit};

		copy_text(s, 0, type, sizeof(type));
		copy_text(s, 1, unit, sizeof(unit));
		r = fn(arg, &t);
		if (r)
			break;
	}
	sqlite3_reset(s);
	return r;
}
