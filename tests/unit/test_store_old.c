// SPDX-License-Identifier: Apache-2.0
/*
 * Stores as the first version wrote them: segments whose rows stand by series, stack and time, with
 * no spans. They answer as before, are merged with what comes later, and a store that has been
 * opened for writing says that it is of the newer version.
 *
 * The old segments are made from new ones: the same rows in the old order, written here.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "store/segment.h"
#include "store/segment_file.h"
#include "store/store.h"
#include "support/store_must.h"

#define SECOND_NS INT64_C(1000000000)
#define HOUR_NS	  (3600 * SECOND_NS)
#define DAY_NS	  (24 * HOUR_NS)

enum { WINDOWS = 90, OLD_BLOCK_ROWS = 700 };

static const struct store_type three[] = {
	{"cpu", "nanoseconds"}, {"runnable", "nanoseconds"}, {"blocked", "nanoseconds"}};
static const char *const service_comm[] = {"service", "comm"};

struct row {
	uint32_t type, series, stack, time;
	int64_t value;
};

static int compare_rows(const void *pa, const void *pb)
{
	const struct row *a = pa, *b = pb;

	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->series != b->series)
		return a->series < b->series ? -1 : 1;
	if (a->stack != b->stack)
		return a->stack < b->stack ? -1 : 1;
	return a->time < b->time ? -1 : a->time > b->time;
}

static void read_rows(const struct segment *s, struct vec *ret)
{
	struct segment_rows rows;

	assert_int_equal(segment_rows_init(&rows), 0);
	for (size_t i = 0; i < s->blocks.n; i++) {
		const struct segment_block *b = vec_at(&s->blocks, i);
		uint32_t stack = 0, at = 0;

		assert_int_equal(segment_read(s, b, true, &rows), 0);
		for (uint32_t k = 0; k < b->n_series; k++) {
			const struct segment_series *e = vec_at(&s->series, b->first_series + k);

			for (uint32_t j = 0; j < e->n_stacks; j++, stack++) {
				uint32_t n = *(uint32_t *)vec_at(&rows.counts, stack);

				for (; n; n--, at++) {
					struct row row = {
						.type = b->type,
						.series = e->series,
						.stack = *(uint32_t *)vec_at(&rows.stacks, stack),
						.time = *(uint32_t *)vec_at(&rows.times, at),
						.value = *(int64_t *)vec_at(&rows.values, at)};

					assert_non_null(vec_push(ret, &row, 1));
				}
			}
		}
	}
	segment_rows_release(&rows);
}

/* ---- Writing as version 1 did. Nothing is packed, which was always allowed. */

struct old {
	struct bytes_out body, index, blocks;
	uint32_t n_blocks;
};

static void put_column(struct old *o, struct bytes_out *sizes, struct bytes_out *column)
{
	bytes_put(sizes, column->data.n);
	bytes_put(sizes, column->data.n);
	bytes_put_raw(&o->body, column->data.data, column->data.n);
	bytes_release(column);
}

/* Rows of one type, that begin and end between two stacks. */
static void put_block(struct old *o, const struct row *rows, size_t n)
{
	struct bytes_out columns[SEGMENT_COLUMNS], sizes, series;
	size_t n_series = 0, from = o->body.data.n;

	bytes_init(&sizes);
	bytes_init(&series);
	for (size_t c = 0; c < SEGMENT_COLUMNS; c++)
		bytes_init(&columns[c]);
	for (size_t i = 0; i < n; n_series++) {
		uint32_t id = rows[i].series, n_stacks = 0, last = 0;
		uint32_t before = i ? rows[i - 1].series : 0;

		for (; i < n && rows[i].series == id; n_stacks++) {
			uint32_t stack = rows[i].stack, time = 0, count = 0;

			for (; i < n && rows[i].series == id && rows[i].stack == stack; i++) {
				bytes_put(&columns[SEGMENT_TIMES], rows[i].time - time);
				bytes_put(&columns[SEGMENT_VALUES], (uint64_t)rows[i].value);
				time = rows[i].time;
				count++;
			}
			bytes_put(&columns[SEGMENT_STACKS], stack - last);
			bytes_put(&columns[SEGMENT_COUNTS], count - 1);
			last = stack;
		}
		bytes_put(&series, id - before);
		bytes_put(&series, n_stacks);
	}
	for (size_t c = 0; c < SEGMENT_COLUMNS; c++)
		put_column(o, &sizes, &columns[c]);
	bytes_put(&o->blocks, rows[0].type);
	bytes_put(&o->blocks, n);
	bytes_put(&o->blocks, 1);
	bytes_put_u64(&o->blocks,
		      XXH3_64bits((char *)o->body.data.data + from, o->body.data.n - from));
	bytes_put_raw(&o->blocks, sizes.data.data, sizes.data.n);
	bytes_put(&o->blocks, n_series);
	bytes_put_raw(&o->blocks, series.data.data, series.data.n);
	bytes_release(&sizes);
	bytes_release(&series);
	o->n_blocks++;
}

static void put_blocks(struct old *o, const struct row *rows, size_t n)
{
	size_t from = 0;

	for (size_t i = 1; i <= n; i++) {
		const struct row *a = &rows[i - 1], *b = i < n ? &rows[i] : NULL;
		bool same_stack = b && a->series == b->series && a->stack == b->stack;

		if (b && a->type == b->type && (same_stack || i - from < OLD_BLOCK_ROWS))
			continue;
		put_block(o, rows + from, i - from);
		from = i;
	}
}

static void put_index(struct old *o, const struct segment *s)
{
	int64_t last = 0;

	bytes_put(&o->index, s->dict);
	bytes_put(&o->index, s->windows.n);
	for (size_t i = 0; i < s->windows.n; i++) {
		const struct segment_window *w = vec_at(&s->windows, i);

		bytes_put(&o->index, (uint64_t)(w->start_ns - last));
		bytes_put(&o->index, (uint64_t)(w->end_ns - w->start_ns));
		bytes_put(&o->index, w->count);
		last = w->start_ns;
	}
	bytes_put(&o->index, s->types.n);
	for (size_t i = 0; i < s->types.n; i++) {
		const struct segment_type *t = vec_at(&s->types, i);

		bytes_put(&o->index, t->type);
		bytes_put(&o->index, t->unit);
	}
	bytes_put(&o->index, o->n_blocks);
	bytes_put_raw(&o->index, o->blocks.data.data, o->blocks.data.n);
}

static void write_old(int fd, const struct segment *s, const struct vec *rows)
{
	struct segment_trailer t = {.version = 1};
	struct old o = {.n_blocks = 0};

	bytes_init(&o.body);
	bytes_init(&o.index);
	bytes_init(&o.blocks);
	bytes_put_raw(&o.body, SEGMENT_MAGIC, SEGMENT_MAGIC_SIZE);
	put_blocks(&o, rows->data, rows->n);
	put_index(&o, s);
	t.offset = o.body.data.n;
	t.size = t.stored = (uint32_t)o.index.data.n;
	t.hash = XXH3_64bits(o.index.data.data, o.index.data.n);
	memcpy(t.magic, SEGMENT_END_MAGIC, SEGMENT_MAGIC_SIZE);
	bytes_put_raw(&o.body, o.index.data.data, o.index.data.n);
	bytes_put_raw(&o.body, &t, sizeof(t));
	assert_int_equal(segment_write_at(fd, 0, o.body.data.data, o.body.data.n), 0);
	assert_int_equal(ftruncate(fd, (off_t)o.body.data.n), 0);
	bytes_release(&o.body);
	bytes_release(&o.index);
	bytes_release(&o.blocks);
}

/* Returns how many blocks have a span that is not all of the windows. */
static size_t make_old(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), copy = dup(fd);
	size_t n = 0;
	struct segment *s;
	struct vec rows;

	vec_init(&rows, sizeof(struct row));
	assert_int_equal(segment_open(copy, &s), 0);
	assert_int_equal(s->version, SEGMENT_VERSION);
	read_rows(s, &rows);
	assert_true(rows.n > 0);
	for (size_t i = 0; i < s->blocks.n; i++)
		n += ((struct segment_block *)vec_at(&s->blocks, i))->n_windows < s->windows.n;
	qsort(rows.data, rows.n, sizeof(struct row), compare_rows);
	write_old(fd, s, &rows);
	vec_release(&rows);
	segment_close(s);
	close(fd);
	return n;
}

/* ---- The store. */

static struct store *open_store(const char *path, bool read_only)
{
	struct store_options o = {.read_only = read_only, .max_age_ns = 1000 * DAY_NS};
	struct cresset_error err = {.text = ""};
	struct store *s = NULL;

	if (store_open(path, &o, &s, &err) < 0)
		fail_msg("store_open: %s", err.text);
	return s;
}

static void assert_windows(struct store *s, const struct store_fill *f, uint32_t first,
			   uint32_t last)
{
	struct store_query q = {.from_ns = f->start_ns + first * f->step_ns,
				.to_ns = f->start_ns + last * f->step_ns,
				.types = three,
				.n_types = 3,
				.keep_labels = service_comm,
				.n_keep_labels = 2};
	struct cresset_error err = {.text = ""};
	struct store_result result;
	struct cresset_profile *p;
	char *have, *want;

	if (store_query(s, &q, &p, &result, &err) < 0)
		fail_msg("query: %s", err.text);
	have = store_fill_text(p, service_comm, 2);
	want = store_fill_expected(f, first, last, service_comm, 2);
	assert_string_equal(have, want);
	assert_int_equal(result.windows, last - first);
	assert_int_equal(result.damaged, 0);
	cresset_profile_free(p);
	free(have);
	free(want);
}

static size_t make_all_old(const char *folder)
{
	char path[4200];
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/segments", folder);
	dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/segments/%s", folder, e->d_name);
		n += make_old(path);
	}
	closedir(dir);
	return n;
}

static int64_t version(const char *folder, const char *set)
{
	char path[4200];
	sqlite3_stmt *st;
	sqlite3 *db;
	int64_t n;

	snprintf(path, sizeof(path), "%s/catalog.db", folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (set)
		assert_int_equal(sqlite3_exec(db, set, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

static void test_old_segments(void **state)
{
	struct store_fill f = STORE_FILL_INIT;
	char *folder = store_fill_folder();
	struct store_stats stats;
	struct store *s;

	/* Three hours of windows of two minutes, in two spans; more of that day come when it is
	 * merged. */
	f.step_ns = 120 * SECOND_NS;
	f.start_ns = f.start_ns / DAY_NS * DAY_NS + 8 * HOUR_NS;
	s = open_store(folder, false);
	store_must_append(s, &f, 0, WINDOWS);
	store_must_maintain(s, f.start_ns + 2 * DAY_NS);
	assert_int_equal(store_stats(s, &stats, NULL), 0);
	assert_int_equal(stats.segments, 1);
	assert_windows(s, &f, 0, WINDOWS);
	store_close(s);
	/* Rows did stand by spans, or this tests nothing. */
	assert_true(make_all_old(folder) > 0);
	assert_int_equal(version(folder, "PRAGMA user_version=1"), 1);
	s = open_store(folder, true);
	assert_windows(s, &f, 0, WINDOWS);
	assert_windows(s, &f, 30, 60); /* an hour */
	assert_windows(s, &f, 17, 44);
	store_close(s);
	assert_int_equal(version(folder, NULL), 1);
	s = open_store(folder, false);
	store_must_append(s, &f, WINDOWS, WINDOWS + 20);
	store_must_maintain(s, f.start_ns + 2 * DAY_NS);
	assert_int_equal(store_stats(s, &stats, NULL), 0);
	assert_int_equal(stats.segments, 1);
	assert_int_equal(stats.damaged, 0);
	assert_windows(s, &f, 0, WINDOWS + 20);
	assert_windows(s, &f, 30, 60);
	assert_windows(s, &f, 85, 95);
	store_close(s);
	assert_int_equal(version(folder, NULL), 2);
	/* All is new again. */
	assert_true(make_all_old(folder) > 0);
	store_fill_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_old_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
