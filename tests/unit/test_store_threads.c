// SPDX-License-Identifier: Apache-2.0
/*
 * An answer that is large enough for a second thread is the one that a single thread gives: whole,
 * and where blocks of rows and chunks of names are damaged.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
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

#include "store/maintain.h"
#include "store/match.h"
#include "support/store_must.h"

#define HOUR_NS (3600 * INT64_C(1000000000))

/* A day of an hour each: 24 blocks at least, of three types and eight spans; thousands of stacks.
 */
static const struct store_fill fill = {.start_ns = INT64_C(1700006400000000000),
				       .step_ns = HOUR_NS,
				       .services = 3,
				       .series_each = 2,
				       .stacks_each = 100,
				       .functions = 300,
				       .depth = 20};
enum { WINDOWS = 24 };

static const struct store_type three[] = {
	{"cpu", "nanoseconds"}, {"runnable", "nanoseconds"}, {"blocked", "nanoseconds"}};

static struct store *open_store(const char *path, bool read_only)
{
	struct store_options o = {.read_only = read_only, .max_age_ns = 100000 * 24 * HOUR_NS};
	struct cresset_error err = {.text = ""};
	struct store *s = NULL;

	if (store_open(path, &o, &s, &err) < 0)
		fail_msg("store_open: %s", err.text);
	return s;
}

static char *ask(const char *path, struct store_result *ret)
{
	struct store *s = open_store(path, true);
	struct store_query q = {.types = three, .n_types = 3};
	struct cresset_error err = {.text = ""};
	struct cresset_profile *p = NULL;
	struct match *m = NULL;
	char *text;

	memset(ret, 0, sizeof(*ret));
	assert_int_equal(match_new(NULL, &m, &err), 0);
	q.match = m;
	if (store_query(s, &q, &p, ret, &err) < 0)
		fail_msg("query: %s", err.text);
	text = store_fill_text(p, NULL, 0);
	cresset_profile_free(p);
	match_free(m);
	store_close(s);
	return text;
}

/* On one of the CPUs that we have, so that there is no second for a thread. */
static char *ask_alone(const char *path, struct store_result *ret)
{
	cpu_set_t all, one;
	char *text;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	text = ask(path, ret);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	return text;
}

static void assert_same(const char *path, struct store_result *ret)
{
	struct store_result alone;
	char *a = ask_alone(path, &alone), *b = ask(path, ret);

	assert_string_equal(a, b);
	assert_int_equal(alone.rows, ret->rows);
	assert_int_equal(alone.windows, ret->windows);
	assert_int_equal(alone.damaged, ret->damaged);
	assert_int_equal(alone.stacks_missing, ret->stacks_missing);
	assert_int_equal(alone.names_damaged, ret->names_damaged);
	free(a);
	free(b);
}

/* Merged into one segment. */
static char *make(void)
{
	char *folder = store_fill_folder();
	struct store *s = open_store(folder, false);
	struct store_stats stats;

	store_must_append(s, &fill, 0, WINDOWS);
	store_must_maintain(s, fill.start_ns + 3 * 24 * HOUR_NS);
	assert_int_equal(store_stats(s, &stats, NULL), 0);
	assert_int_equal(stats.segments, 1);
	store_close(s);
	return folder;
}

static void test_whole(void **state)
{
	char *folder = make();
	struct store_result result;
	char *have = ask(folder, &result), *want = store_fill_expected(&fill, 0, WINDOWS, NULL, 0);

	assert_string_equal(have, want);
	assert_int_equal(result.damaged + result.stacks_missing + result.names_damaged, 0);
	assert_same(folder, &result);
	free(have);
	free(want);
	store_fill_remove(folder);
}

/* Every fifth chunk of the dictionary, of whatever kind. */
static void test_damaged_chunks(void **state)
{
	char *folder = make(), path[512];
	struct store_result result;
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/catalog.db", folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db,
			     "UPDATE chunks SET data = substr(data, 1, length(data) / 2) "
			     "WHERE rowid IN (SELECT rowid FROM (SELECT rowid, row_number() "
			     "OVER (ORDER BY rowid DESC) AS k FROM chunks) WHERE k % 5 = 2)",
			     NULL, NULL, NULL),
		SQLITE_OK);
	assert_true(sqlite3_changes(db) > 2);
	sqlite3_close(db);
	assert_same(folder, &result);
	assert_true(result.stacks_missing > 0);
	store_fill_remove(folder);
}

/* A byte every so often in its only file of rows. */
static void test_damaged_blocks(void **state)
{
	char *folder = make(), path[900];
	struct store_result result;
	struct dirent *e;
	off_t size;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "%s/segments", folder);
	dir = opendir(path);
	while ((e = readdir(dir)) && !strstr(e->d_name, ".seg"))
		;
	assert_non_null(e);
	snprintf(path, sizeof(path), "%s/segments/%s", folder, e->d_name);
	closedir(dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	size = lseek(fd, 0, SEEK_END);
	for (off_t at = 100; at < size / 2; at += size / 8)
		assert_int_equal(pwrite(fd, "x", 1, at), 1);
	close(fd);
	assert_same(folder, &result);
	assert_int_equal(result.damaged, 1);
	assert_true(result.rows > 0);
	store_fill_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_damaged_chunks),
		cmocka_unit_test(test_damaged_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
