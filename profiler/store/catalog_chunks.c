// SPDX-License-Identifier: Apache-2.0
/*
 * catalog - chunks of dictionaries; see catalog.h. A chunk's key is one number, dictionary, kind
 * and first entry from the top bits down, so that SQLite's own tree finds the chunk that has an
 * entry.
 */
#include "store/catalog.h"

#include <errno.h>
#include <stdio.h>

#include "store/catalog_sql.h"
#include "store/catalog_statement.h"

enum { KIND_SHIFT = 32, DICT_SHIFT = 36, MAX_DICT = 1 << 26 };

static int64_t chunk_key(uint32_t dict, uint32_t kind, uint32_t first)
{
	return (int64_t)dict << DICT_SHIFT | (int64_t)kind << KIND_SHIFT | first;
}

int catalog_put_chunk(struct catalog *c, uint32_t dict, uint32_t kind,
		      const struct catalog_chunk *chunk, struct cresset_error *err)
{
	sqlite3_stmt *s;
	int r = catalog_prepare(c, SQL_PUT_CHUNK, &s, err);

	if (r < 0)
		return r;
	if (dict > MAX_DICT)
		return -E2BIG;
	sqlite3_bind_int64(s, 1, chunk_key(dict, kind, chunk->first));
	sqlite3_bind_int64(s, 2, chunk->n);
	sqlite3_bind_blob64(s, 3, chunk->data, chunk->size, SQLITE_STATIC);
	r = catalog_step(c, s, "write", err);
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return r < 0 ? r : 0;
}

int catalog_chunk(struct catalog *c, uint32_t dict, uint32_t kind, uint32_t id,
		  struct catalog_chunk *ret, struct cresset_error *err)
{
	sqlite3_stmt *s;
	int r = catalog_prepare(c, SQL_CHUNK, &s, err);
	int64_t n;

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, chunk_key(dict, kind, 0));
	sqlite3_bind_int64(s, 2, chunk_key(dict, kind, id));
	r = catalog_step(c, s, "read", err);
	if (r <= 0)
		return r ?: -ENOENT;
	n = sqlite3_column_int64(s, 1);
	ret->first = (uint32_t)sqlite3_column_int64(s, 0);
	ret->n = n < 0 || n > INT32_MAX ? 0 : (uint32_t)n;
	ret->data = sqlite3_column_blob(s, 2);
	ret->size = (size_t)sqlite3_column_bytes(s, 2);
	return 0;
}

int catalog_dict_bytes(struct catalog *c, uint32_t dict, uint64_t *ret, struct cresset_error *err)
{
	sqlite3_stmt *s;
	int r = catalog_prepare(c, SQL_DICT_BYTES, &s, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, chunk_key(dict, 0, 0));
	sqlite3_bind_int64(s, 2, chunk_key(dict + 1, 0, 0));
	r = catalog_step(c, s, "read", err);
	if (r < 0)
		return r;
	*ret = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return 0;
}

/* The first dictionary from `from` on; -ENOENT. */
static int next_dict(struct catalog *c, uint32_t from, uint32_t *ret, struct cresset_error *err)
{
	sqlite3_stmt *s;
	int r = catalog_prepare(c, SQL_FIRST_CHUNK, &s, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, chunk_key(from, 0, 0));
	r = catalog_step(c, s, "read", err);
	if (r <= 0)
		return r ?: -ENOENT;
	*ret = (uint32_t)(sqlite3_column_int64(s, 0) >> DICT_SHIFT);
	sqlite3_reset(s);
	return 0;
}

static int is_used(struct catalog *c, uint32_t dict, struct cresset_error *err)
{
	sqlite3_stmt *s;
	int r = catalog_prepare(c, SQL_DICT_USED, &s, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, dict);
	r = catalog_step(c, s, "read", err);
	sqlite3_reset(s);
	return r;
}

static int drop_chunks(struct catalog *c, uint32_t dict, uint32_t max, struct cresset_error *err)
{
	sqlite3_stmt *s;
	int r = catalog_prepare(c, SQL_DROP_CHUNKS, &s, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, chunk_key(dict, 0, 0));
	sqlite3_bind_int64(s, 2, chunk_key(dict + 1, 0, 0));
	sqlite3_bind_int64(s, 3, max);
	r = catalog_step(c, s, "write", err);
	sqlite3_reset(s);
	return r < 0 ? r : sqlite3_changes(c->db);
}

int catalog_drop_dicts(struct catalog *c, uint32_t keep, uint32_t max, uint32_t *ret,
		       struct cresset_error *err)
{
	uint32_t dict = 0, dropped = 0;
	int r;

	while ((r = next_dict(c, dict, &dict, err)) == 0 && dropped < max) {
		r = dict == keep ? 1 : is_used(c, dict, err);
		if (r == 0)
			r = drop_chunks(c, dict, max - dropped, err);
		else if (r == 1)
			r = 0;
		if (r < 0)
			return r;
		dropped += (uint32_t)r;
		/* One that is not empty yet stays for the next time. */
		dict++;
	}
	if (r < 0 && r != -ENOENT)
		return r;
	*ret = dropped;
	return 0;
}

int catalog_shrink(struct catalog *c, uint32_t max, uint64_t *ret, struct cresset_error *err)
{
	sqlite3_stmt *s;
	char sql[64];
	int r = catalog_prepare(c, SQL_PAGES, &s, err);

	if (r == 0)
		r = catalog_step(c, s, "read", err);
	if (r < 0)
		return r;
	*ret = (uint64_t)sqlite3_column_int64(s, 1);
	sqlite3_reset(s);
	if (!*ret)
		return 0;
	snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%u)", max);
	*ret = *ret > max ? *ret - max : 0;
	return catalog_exec(c, sql, "shrink", err);
}

void catalog_checkpoint(struct catalog *c)
{
	sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}
