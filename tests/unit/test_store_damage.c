// SPDX-License-Identifier: Apache-2.0
/*
 * A store whose files were changed behind its back: cut, one bit flipped in every part, gone. An
 * answer is then either what it was, or says how much it lacks and which file is to blame; it is
 * never wrong without a word, and everything that is not damaged is still in it. Positions follow
 * from a seed.
 */
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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "store/store.h"
#include "support/store_fill.h"

#define SECOND_NS INT64_C(1000000000)

enum { WINDOWS = 9, FLIPS = 60 };

static const struct store_type three[] = {
	{"cpu", "nanoseconds"}, {"runnable", "nanoseconds"}, {"blocked", "nanoseconds"}};

struct damaged {
	char *folder;
	char file[4300]; /* of the first segment */
	char name[256];	 /* the same, without its folder */
	struct store_fill fill;
	char *whole;	    /* the answer before anything was damaged */
	int64_t total;	    /* its sum … */
	int64_t in_segment; /* … and the first segment's part */
};

static int64_t sum(const struct cresset_profile *p)
{
	return cresset_profile_total(p, 0) + cresset_profile_total(p, 1) +
	       cresset_profile_total(p, 2);
}

/* The sum of an answer; *ret_text (may be NULL) is it as text. */
static int64_t ask(const char *folder, int64_t from_ns, int64_t to_ns, struct store_result *result,
		   char **ret_text)
{
	struct store_query q = {.from_ns = from_ns, .to_ns = to_ns, .types = three, .n_types = 3};
	struct store_options o = {.read_only = true};
	struct cresset_error err = {.text = ""};
	struct cresset_profile *p = NULL;
	struct store *s = NULL;
	int64_t total;

	if (store_open(folder, &o, &s, &err) < 0 || store_query(s, &q, &p, result, &err) < 0)
		fail_msg("no answer: %s", err.text);
	total = sum(p);
	if (ret_text)
		*ret_text = store_fill_text(p, NULL, 0);
	cresset_profile_free(p);
	store_close(s);
	return total;
}

static void find_segment(struct damaged *d)
{
	struct dirent **names;
	int n;

	snprintf(d->file, sizeof(d->file), "%s/segments", d->folder);
	n = scandir(d->file, &names, NULL, alphasort);
	assert_true(n > 3); /* with "." and ".." */
	snprintf(d->name, sizeof(d->name), "%s", names[2]->d_name);
	snprintf(d->file, sizeof(d->file), "%s/segments/%s", d->folder, d->name);
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

/* Two merged minutes, and three windows behind them. */
static void begin(struct damaged *d)
{
	struct store_options o = {.max_age_ns = 3650 * 86400 * SECOND_NS};
	struct store_result result;
	struct cresset_profile *p;
	struct store *s;

	*d = (struct damaged){.fill = STORE_FILL_INIT, .folder = store_fill_folder()};
	d->fill.start_ns = d->fill.start_ns / (3600 * SECOND_NS) * 3600 * SECOND_NS;
	d->fill.step_ns = 20 * SECOND_NS;
	assert_int_equal(store_open(d->folder, &o, &s, NULL), 0);
	for (uint32_t i = 0; i < WINDOWS; i++) {
		assert_int_equal(store_fill_window(&d->fill, i, &p), 0);
		assert_int_equal(store_append(s, p, NULL), 0);
		cresset_profile_free(p);
		while (store_maintain(s, d->fill.start_ns + d->fill.step_ns * (i + 1), NULL) > 0)
			;
	}
	store_close(s);
	find_segment(d);
	d->total = ask(d->folder, 0, 0, &result, &d->whole);
	assert_int_equal(result.windows, WINDOWS);
	assert_int_equal(result.damaged, 0);
	d->in_segment =
		ask(d->folder, d->fill.start_ns, d->fill.start_ns + 60 * SECOND_NS, &result, NULL);
	assert_int_equal(result.segments, 1);
}

static void end(struct damaged *d)
{
	free(d->whole);
	store_fill_remove(d->folder);
}

static char *read_file(const char *path, size_t *ret_size)
{
	FILE *f = fopen(path, "r");
	char *data = malloc(1 << 20);

	assert_true(f && data);
	*ret_size = fread(data, 1, 1 << 20, f);
	fclose(f);
	return data;
}

static void write_file(const char *path, const char *data, size_t size)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	fclose(f);
}

/* With the first segment as it is now. */
static void check_segment(struct damaged *d, const char *how, size_t where)
{
	struct store_result result;
	char *text;
	int64_t total = ask(d->folder, 0, 0, &result, &text);

	if (result.damaged) {
		assert_int_equal(result.damaged, 1);
		assert_string_equal(result.damaged_name, d->name);
		if (total > d->total || total < d->total - d->in_segment)
			fail_msg("%s at %zu: the sum is wrong", how, where);
	} else if (strcmp(text, d->whole) != 0) {
		fail_msg("%s at %zu: another answer, and no word of damage", how, where);
	}
	free(text);
}

static void test_flipped_segments(void **state)
{
	struct damaged d;
	size_t size;
	char *data;

	begin(&d);
	data = read_file(d.file, &size);
	/* Every bit of the beginning and of the trailer, and some of all between. */
	for (size_t i = 0; i < size; i++) {
		bool edge = i < 8 || i + 40 >= size;

		if (!edge && i % (size / FLIPS + 1))
			continue;
		for (unsigned int bit = i % 3; bit < 8; bit += edge ? 3 : 8) {
			data[i] ^= (char)(1 << bit);
			write_file(d.file, data, size);
			data[i] ^= (char)(1 << bit);
			check_segment(&d, "a flipped bit", i);
		}
	}
	write_file(d.file, data, size);
	check_segment(&d, "nothing", 0);
	free(data);
	end(&d);
}

static void test_cut_segments(void **state)
{
	struct store_result result;
	struct damaged d;
	size_t size;
	char *data;

	begin(&d);
	data = read_file(d.file, &size);
	for (size_t n = 0; n < size; n += n < 9 || n + 45 > size ? 1 : size / 20) {
		write_file(d.file, data, n);
		assert_true(ask(d.folder, 0, 0, &result, NULL) == d.total - d.in_segment);
		assert_int_equal(result.damaged, 1);
		assert_string_equal(result.damaged_name, d.name);
	}
	/* More than there should be; another segment's content; none at all. */
	data[size] = 'x';
	write_file(d.file, data, size + 1);
	assert_true(ask(d.folder, 0, 0, &result, NULL) == d.total - d.in_segment);
	unlink(d.file);
	assert_int_equal(mkdir(d.file, 0700), 0);
	assert_true(ask(d.folder, 0, 0, &result, NULL) == d.total - d.in_segment);
	assert_int_equal(result.damaged, 1);
	rmdir(d.file);
	assert_true(ask(d.folder, 0, 0, &result, NULL) == d.total - d.in_segment);
	assert_int_equal(result.damaged, 1);
	assert_string_equal(result.damaged_name, d.name);
	free(data);
	end(&d);
}

/* Compaction leaves what it cannot read where it is, says so once, and goes on with the rest. */
static void test_compaction_of_damage(void **state)
{
	struct store_options o = {.max_age_ns = 3650 * 86400 * SECOND_NS};
	struct store_result result;
	struct store_stats stats;
	struct damaged d;
	struct store *s;
	int r, turns = 0;

	begin(&d);
	assert_int_equal(truncate(d.file, 100), 0);
	assert_int_equal(store_open(d.folder, &o, &s, NULL), 0);
	while ((r = store_maintain(s, d.fill.start_ns + 86400 * SECOND_NS * 3, NULL)) > 0)
		assert_true(++turns < 100);
	assert_int_equal(r, 0);
	assert_int_equal(store_stats(s, &stats, NULL), 0);
	assert_int_equal(stats.damaged, 1);
	assert_int_equal(stats.segments, 2);
	assert_int_equal(stats.windows, WINDOWS);
	store_close(s);
	assert_true(ask(d.folder, 0, 0, &result, NULL) == d.total - d.in_segment);
	assert_int_equal(result.damaged, 1);
	assert_string_equal(result.damaged_name, d.name);
	end(&d);
}

/* ---- Dictionaries. */

static sqlite3 *open_catalog(const struct damaged *d)
{
	char path[4300];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/catalog.db", d->folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

/* Puts data back for chunk id. */
static void put_chunk(const struct damaged *d, int64_t id, const void *data, int size, int64_t n)
{
	sqlite3 *db = open_catalog(d);
	sqlite3_stmt *s;

	assert_int_equal(sqlite3_prepare_v2(db, "UPDATE chunks SET data = ?2, n = ?3 WHERE id = ?1",
					    -1, &s, NULL),
			 SQLITE_OK);
	sqlite3_bind_int64(s, 1, id);
	sqlite3_bind_blob(s, 2, data, size, SQLITE_STATIC);
	sqlite3_bind_int64(s, 3, n);
	assert_int_equal(sqlite3_step(s), SQLITE_DONE);
	sqlite3_finalize(s);
	sqlite3_close(db);
}

/* Sums stay, unless it is the name of their type that is gone; and that something is, is said. */
static void check_names(struct damaged *d, const char *how, int64_t id)
{
	struct store_result result;
	char *text;
	int64_t total = ask(d->folder, 0, 0, &result, &text);

	assert_true(total == d->total || (total < d->total && result.names_damaged));
	assert_int_equal(result.damaged, 0);
	if (strcmp(text, d->whole) != 0 && !result.names_damaged && !result.stacks_missing)
		fail_msg("%s in chunk %llx: other names, and no word of it", how,
			 (unsigned long long)id);
	free(text);
}

static void damage_chunk(struct damaged *d, int64_t id, const char *data, int size, int64_t n)
{
	char *changed = malloc((size_t)size + 1);

	memcpy(changed, data, (size_t)size);
	for (int i = 0; i < size; i += i < 16 ? 1 : size / 6 + 1) {
		changed[i] ^= (char)(1 << i % 8);
		put_chunk(d, id, changed, size, n);
		check_names(d, "a flipped bit", id);
		changed[i] ^= (char)(1 << i % 8);
	}
	for (int i = 0; i < size; i += i < 17 ? 8 : size / 3 + 1) {
		put_chunk(d, id, data, i, n);
		check_names(d, "a cut", id);
	}
	put_chunk(d, id, data, size, n + 1);
	check_names(d, "a larger count", id);
	put_chunk(d, id, data, size, INT64_MAX);
	check_names(d, "a huge count", id);
	put_chunk(d, id, data, size, -1);
	check_names(d, "a negative count", id);
	put_chunk(d, id, data, size, n);
	free(changed);
}

static void test_damaged_dictionaries(void **state)
{
	struct damaged d;
	struct store_result result;
	int64_t ids[64], counts[64];
	char *data[64], *text;
	int sizes[64], n = 0;
	sqlite3_stmt *s;
	sqlite3 *db;

	begin(&d);
	db = open_catalog(&d);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT id, n, data FROM chunks", -1, &s, NULL),
			 SQLITE_OK);
	for (; sqlite3_step(s) == SQLITE_ROW && n < 64; n++) {
		ids[n] = sqlite3_column_int64(s, 0);
		counts[n] = sqlite3_column_int64(s, 1);
		sizes[n] = sqlite3_column_bytes(s, 2);
		data[n] = malloc((size_t)sizes[n] + 1);
		memcpy(data[n], sqlite3_column_blob(s, 2), (size_t)sizes[n]);
	}
	sqlite3_finalize(s);
	sqlite3_close(db);
	assert_true(n >= 6); /* every kind */
	for (int i = 0; i < n; i++) {
		damage_chunk(&d, ids[i], data[i], sizes[i], counts[i]);
		free(data[i]);
	}
	assert_true(ask(d.folder, 0, 0, &result, &text) == d.total);
	assert_string_equal(text, d.whole);
	assert_int_equal(result.names_damaged + result.stacks_missing, 0);
	free(text);
	end(&d);
}

/* A writer begins a new dictionary if it cannot read the one in use. */
static void test_append_after_damage(void **state)
{
	struct store_options o = {.max_age_ns = 3650 * 86400 * SECOND_NS};
	struct store_result result;
	struct cresset_profile *p;
	struct damaged d;
	struct store *s;
	sqlite3 *db;
	int64_t total;

	begin(&d);
	db = open_catalog(&d);
	assert_int_equal(sqlite3_exec(db, "UPDATE chunks SET data = x'00'", NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(store_open(d.folder, &o, &s, NULL), 0);
	assert_int_equal(store_fill_window(&d.fill, WINDOWS, &p), 0);
	total = sum(p);
	assert_int_equal(store_append(s, p, NULL), 0);
	cresset_profile_free(p);
	store_close(s);
	p = NULL;
	total -= ask(d.folder, d.fill.start_ns + WINDOWS * d.fill.step_ns,
		     d.fill.start_ns + (WINDOWS + 1) * d.fill.step_ns, &result, NULL);
	assert_true(total == 0);
	assert_int_equal(result.stacks_missing + result.names_damaged, 0);
	ask(d.folder, 0, 0, &result, NULL);
	assert_true(result.stacks_missing + result.names_damaged > 0);
	end(&d);
}

/* ---- The catalogue: SQLite's to find out; here it may not crash, hang or leak. */

static void test_damaged_catalog(void **state)
{
	struct damaged d;
	char path[4300];
	unsigned int seed = 17;
	size_t size;
	char *data;

	begin(&d);
	snprintf(path, sizeof(path), "%s/catalog.db", d.folder);
	data = read_file(path, &size);
	for (unsigned int i = 0; i < 300; i++) {
		struct store_query q = {.n_types = 0};
		struct cresset_error err = {.text = ""};
		struct cresset_profile *p = NULL;
		struct store *s = NULL;
		size_t at = (size_t)rand_r(&seed) % (i % 3 ? size : 200);
		char before = data[at];
		int r;

		data[at] = (char)rand_r(&seed);
		write_file(path, data, i % 10 ? size : at);
		r = store_open(d.folder, &(struct store_options){.read_only = i % 2}, &s, &err);
		r = r ?: store_query(s, &q, &p, NULL, &err);
		if (r < 0)
			assert_true(err.text[0] != '\0');
		cresset_profile_free(p);
		store_close(s);
		data[at] = before;
		/* A writer may have left a log. */
		for (size_t k = 0; k < 2; k++) {
			char log[4400];

			snprintf(log, sizeof(log), "%s%s", path, k ? "-wal" : "-shm");
			unlink(log);
		}
	}
	free(data);
	end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flipped_segments),
		cmocka_unit_test(test_cut_segments),
		cmocka_unit_test(test_compaction_of_damage),
		cmocka_unit_test(test_damaged_dictionaries),
		cmocka_unit_test(test_append_after_damage),
		cmocka_unit_test(test_damaged_catalog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
