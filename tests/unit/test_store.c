// SPDX-License-Identifier: Apache-2.0
/*
 * The embedded store: what was appended is what is answered, for every range and match, before and
 * after compaction, and however the store was closed. The truth is made from the windows themselves
 * (support/store_fill.h).
 */
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

#include "store/event.h"
#include "store/maintain.h"
#include "store/match.h"
#include "store/store.h"
#include "support/alloc_fail.h"
#include "support/store_must.h"

#define SECOND_NS INT64_C(1000000000)
#define HOUR_NS	  (3600 * SECOND_NS)

static const struct store_type three[] = {
	{"cpu", "nanoseconds"}, {"runnable", "nanoseconds"}, {"blocked", "nanoseconds"}};
static const char *const service_comm[] = {"service", "comm"};

static struct store *open_store(const char *path, bool read_only)
{
	struct store_options o = {.read_only = read_only, .max_age_ns = 1000 * 24 * HOUR_NS};
	struct cresset_error err = {.text = ""};
	struct store *s = NULL;
	int r = store_open(path, &o, &s, &err);

	if (r < 0)
		fail_msg("store_open: %d %s", r, err.text);
	return s;
}

/* The answer to a query for all types, as text. */
static char *answer(struct store *s, int64_t from_ns, int64_t to_ns, const char *match,
		    const char *const *labels, size_t n, struct store_result *ret)
{
	struct store_query q = {.from_ns = from_ns,
				.to_ns = to_ns,
				.types = three,
				.n_types = 3,
				.keep_labels = labels,
				.n_keep_labels = n};
	struct cresset_error err = {.text = ""};
	struct cresset_profile *p = NULL;
	struct match *m = NULL;
	char *text;

	assert_int_equal(match_new(match, &m, &err), 0);
	q.match = m;
	if (store_query(s, &q, &p, ret, &err) < 0)
		fail_msg("query: %s", err.text);
	text = store_fill_text(p, labels, n);
	cresset_profile_free(p);
	match_free(m);
	return text;
}

static void assert_windows(struct store *s, const struct store_fill *f, uint32_t first,
			   uint32_t last)
{
	struct store_result result;
	char *have = answer(s, f->start_ns + first * f->step_ns, f->start_ns + last * f->step_ns,
			    NULL, service_comm, 2, &result);
	char *want = store_fill_expected(f, first, last, service_comm, 2);

	assert_string_equal(have, want);
	assert_int_equal(result.windows, last - first);
	assert_int_equal(result.damaged, 0);
	if (last > first) {
		assert_true(result.first_ns == f->start_ns + first * f->step_ns);
		assert_true(result.last_ns == f->start_ns + last * f->step_ns);
	}
	free(have);
	free(want);
}

static void test_append_and_query(void **state)
{
	struct store_fill f = STORE_FILL_INIT;
	char *folder = store_fill_folder();
	struct store *s = open_store(folder, false), *reader;
	struct store_result result;
	struct store_stats stats;
	char *none;

	store_must_append(s, &f, 0, 20);
	assert_windows(s, &f, 0, 20);
	assert_windows(s, &f, 3, 4);
	assert_windows(s, &f, 5, 17);
	none = answer(s, f.start_ns + 30 * f.step_ns, f.start_ns + 40 * f.step_ns, NULL, NULL, 0,
		      &result);
	assert_string_equal(none, "");
	assert_int_equal(result.windows, 0);
	free(none);
	reader = open_store(folder, true);
	assert_windows(reader, &f, 0, 20);
	store_must_append(s, &f, 20, 21);
	assert_windows(reader, &f, 0, 21);
	assert_int_equal(store_append(reader, NULL, NULL), -EROFS);
	assert_int_equal(store_stats(s, &stats, NULL), 0);
	assert_int_equal(stats.windows, 21);
	assert_int_equal(stats.segments, 21);
	assert_int_equal(stats.series, 6);
	assert_int_equal(stats.appended, 21);
	assert_true(stats.bytes > stats.segment_bytes);
	store_close(reader);
	store_close(s);
	/* As it was, when it is opened again; and the dictionary goes on. */
	s = open_store(folder, false);
	store_must_append(s, &f, 21, 30);
	assert_windows(s, &f, 0, 30);
	assert_int_equal(store_stats(s, &stats, NULL), 0);
	assert_int_equal(stats.series, 6);
	store_close(s);
	store_fill_remove(folder);
}

static void test_match_and_labels(void **state)
{
	struct store_fill f = STORE_FILL_INIT;
	char *folder = store_fill_folder();
	struct store *s = open_store(folder, false);
	char *all, *one, *none, *want;

	store_must_append(s, &f, 0, 6);
	all = answer(s, 0, 0, "service=~\"service[0-9]\",host=\"here\"", service_comm, 2, NULL);
	want = store_fill_expected(&f, 0, 6, service_comm, 2);
	assert_string_equal(all, want);
	free(want);
	one = answer(s, 0, 0, "{service=\"service1\",comm!~\".*-1\"}", service_comm, 2, NULL);
	assert_non_null(strstr(one, "service1;comm1-0;"));
	assert_null(strstr(one, "comm1-1"));
	assert_null(strstr(one, "service0"));
	for (char *line = strtok(one, "\n"); line; line = strtok(NULL, "\n"))
		assert_non_null(strstr(all, line));
	none = answer(s, 0, 0, "nothing=\"x\"", service_comm, 2, NULL);
	assert_string_equal(none, "");
	free(none);
	none = answer(s, 0, 0, "nothing=\"\"", NULL, 0, NULL);
	want = store_fill_expected(&f, 0, 6, NULL, 0);
	assert_string_equal(none, want);
	free(none);
	free(want);
	free(all);
	free(one);
	store_close(s);
	store_fill_remove(folder);
}

/* Windows of three hours and a bit; everything that can be merged is. */
static void test_compaction(void **state)
{
	struct store_fill f = STORE_FILL_INIT;
	char *folder = store_fill_folder();
	struct store *s;
	struct store_stats stats;
	struct store_result result;
	char *before, *after;

	f.stacks_each = 1;
	f.step_ns = 20 * SECOND_NS;
	f.start_ns = f.start_ns / (24 * HOUR_NS) * 24 * HOUR_NS + 22 * HOUR_NS;
	s = open_store(folder, false);
	store_must_append(s, &f, 0, 560); /* over midnight */
	before = answer(s, 0, 0, NULL, service_comm, 2, NULL);
	store_must_maintain(s, f.start_ns + 30 * 60 * SECOND_NS);
	assert_int_equal(store_stats(s, &stats, NULL), 0);
	/* Minutes of this hour, but for two near now; the rest of the day, and the next one. */
	assert_int_equal(stats.segments, 58 + 2 * 3 + 1 + 1);
	assert_int_equal(stats.windows, 560);
	assert_windows(s, &f, 0, 560);
	assert_windows(s, &f, 3, 90); /* whole minutes */
	store_must_maintain(s, f.start_ns + 48 * HOUR_NS);
	assert_int_equal(store_stats(s, &stats, NULL), 0);
	assert_int_equal(stats.segments, 2); /* two days */
	assert_int_equal(stats.windows, 560);
	assert_int_equal(stats.damaged, 0);
	assert_windows(s, &f, 0, 560);
	assert_windows(s, &f, 180, 360);
	after = answer(s, 0, 0, NULL, service_comm, 2, &result);
	assert_string_equal(before, after);
	assert_int_equal(result.segments, 2);
	/* One that comes late finds its day. */
	store_must_append(s, &f, 560, 561);
	store_must_maintain(s, f.start_ns + 48 * HOUR_NS);
	assert_windows(s, &f, 0, 561);
	assert_int_equal(store_stats(s, &stats, NULL), 0);
	assert_int_equal(stats.segments, 2);
	free(before);
	free(after);
	store_close(s);
	store_fill_remove(folder);
}

/* A clock that is set back and forth: each window stays what and where it is. */
static void test_clock_jumps(void **state)
{
	static const int64_t jumps[] = {0, 400 * 24, -300 * 24, 1, -1, 24, 0};
	struct store_fill f = STORE_FILL_INIT;
	char *folder = store_fill_folder();
	struct store *s = open_store(folder, false);

	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		struct store_fill other = f;

		other.start_ns += jumps[i] * HOUR_NS;
		if (i + 1 == sizeof(jumps) / sizeof(jumps[0]))
			other.start_ns += HOUR_NS / 2;
		store_must_append(s, &other, 0, 8);
		store_must_maintain(s, other.start_ns);
	}
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		struct store_fill other = f;

		other.start_ns += jumps[i] * HOUR_NS;
		if (i + 1 == sizeof(jumps) / sizeof(jumps[0]))
			other.start_ns += HOUR_NS / 2;
		assert_windows(s, &other, 0, 8);
	}
	store_close(s);
	store_fill_remove(folder);
}

static void test_clock_guard(void **state)
{
	struct clock_guard g = {.seen = false};
	int64_t now = 1000 * HOUR_NS, boot = HOUR_NS;

	assert_true(clock_guard_trusts(&g, now, boot));
	assert_true(clock_guard_trusts(&g, now + 10 * SECOND_NS, boot + 10 * SECOND_NS));
	/* Suspended: both went on. */
	assert_true(clock_guard_trusts(&g, now + 9 * HOUR_NS, boot + 9 * HOUR_NS));
	now += 9 * HOUR_NS + 10000 * HOUR_NS;
	boot += 9 * HOUR_NS;
	assert_false(clock_guard_trusts(&g, now, boot));
	assert_false(clock_guard_trusts(&g, now + 3000 * SECOND_NS, boot + 3000 * SECOND_NS));
	assert_true(clock_guard_trusts(&g, now + 3601 * SECOND_NS, boot + 3601 * SECOND_NS));
}

static void test_retention_by_age(void **state)
{
	struct store_fill f = STORE_FILL_INIT;
	struct store_options o = {.max_age_ns = 2 * 24 * HOUR_NS};
	char *folder = store_fill_folder();
	struct store_stats stats;
	struct store *s;

	f.step_ns = HOUR_NS / 2;
	f.start_ns = f.start_ns / (24 * HOUR_NS) * 24 * HOUR_NS;
	assert_int_equal(store_open(folder, &o, &s, NULL), 0);
	store_must_append(s, &f, 0, 4 * 48);
	store_must_maintain(s, f.start_ns + 4 * 24 * HOUR_NS + HOUR_NS);
	assert_int_equal(store_stats(s, &stats, NULL), 0);
	assert_true(stats.expired > 0 && stats.expired_windows >= 96);
	assert_int_equal(stats.windows + stats.expired_windows, 4 * 48);
	/* It is two days and an hour since: two windows of the third day have ended before. */
	assert_windows(s, &f, 2 * 48 + 1, 4 * 48);
	store_close(s);
	store_fill_remove(folder);
}

/* A machine that comes up ten years ahead of its time does not lose what it has. */
static void test_clock_ahead(void **state)
{
	struct store_fill f = STORE_FILL_INIT;
	struct store_options o = {.max_age_ns = 2 * 24 * HOUR_NS};
	char *folder = store_fill_folder();
	struct store_stats stats;
	struct store *s;

	assert_int_equal(store_open(folder, &o, &s, NULL), 0);
	store_must_append(s, &f, 0, 8);
	store_close(s);
	assert_int_equal(store_open(folder, &o, &s, NULL), 0);
	store_must_maintain(s, f.start_ns + 10 * 365 * 24 * HOUR_NS);
	store_must_maintain(s, f.start_ns + 10 * 365 * 24 * HOUR_NS + 10 * SECOND_NS);
	store_must_maintain(s, f.start_ns + 90 * SECOND_NS); /* put right */
	assert_int_equal(store_stats(s, &stats, NULL), 0);
	assert_int_equal(stats.expired, 0);
	assert_windows(s, &f, 0, 8);
	store_close(s);
	store_fill_remove(folder);
}

static uint64_t folder_bytes(const char *folder)
{
	char command[4200];
	unsigned long long bytes = 0;
	FILE *f;

	snprintf(command, sizeof(command), "du -sb '%s' | cut -f1", folder);
	f = popen(command, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%llu", &bytes), 1);
	pclose(f);
	return bytes;
}

/* The bound here is below STORE_MIN_MAX_BYTES, which only store_open() insists on: less to do. */
static void test_retention_by_size(void **state)
{
	const struct store_kind *kind = store_kind_at(0);
	struct store_fill f = STORE_FILL_INIT;
	struct store_options o = {.max_bytes = 2 << 20,
				  .max_age_ns = 1000 * 24 * HOUR_NS,
				  .resolution_ns = 60 * SECOND_NS};
	char *folder = store_fill_folder();
	struct store_stats stats;
	struct store *s;
	uint32_t kept;

	f.services = 2;
	f.stacks_each = 300;
	f.functions = 30000;
	f.depth = 30;
	f.step_ns = 9 * HOUR_NS;
	assert_int_equal(kind->open(folder, &o, &s, NULL), 0);
	s->kind = kind;
	for (uint32_t i = 0; i < 30; i++) {
		store_must_append(s, &f, i, i + 1);
		store_must_maintain(s, f.start_ns + (i + 1) * f.step_ns);
		assert_true(folder_bytes(folder) <= o.max_bytes + o.max_bytes / 8);
	}
	assert_int_equal(store_stats(s, &stats, NULL), 0);
	assert_true(stats.expired_windows > 0 && stats.windows > 0);
	assert_int_equal(stats.windows + stats.expired_windows, 30);
	assert_true(stats.bytes <= o.max_bytes);
	/* The newest are there, whole. */
	kept = (uint32_t)stats.windows;
	assert_windows(s, &f, 30 - kept, 30);
	store_close(s);
	store_fill_remove(folder);
}

struct listed {
	char text[4096];
};

static int list_text(void *arg, const char *text)
{
	struct listed *l = arg;

	strcat(strcat(l->text, text), " ");
	return 0;
}

static int list_type(void *arg, const struct store_type *t)
{
	list_text(arg, t->type);
	return list_text(arg, t->unit);
}

static int list_range(void *arg, const struct store_range *r)
{
	struct listed *l = arg;
	size_t n = strlen(l->text);

	snprintf(l->text + n, sizeof(l->text) - n, "%lld+%lld:%llu ",
		 (long long)(r->from_ns / SECOND_NS),
		 (long long)((r->to_ns - r->from_ns) / SECOND_NS), (unsigned long long)r->windows);
	return 0;
}

static int list_series(void *arg, const struct store_label *labels, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		list_text(arg, labels[i].key);
		list_text(arg, labels[i].value);
	}
	return list_text(arg, "|");
}

static void test_listing(void **state)
{
	struct store_fill f = STORE_FILL_INIT, later;
	struct store_query q = {.n_types = 0};
	char *folder = store_fill_folder();
	struct store *s = open_store(folder, false);
	struct match *m;
	struct listed l = {.text = ""};

	f.series_each = 1;
	later = f;
	later.start_ns += 2 * HOUR_NS;
	later.services = 4;
	store_must_append(s, &f, 0, 4);
	store_must_append(s, &later, 0, 2);
	assert_int_equal(store_labels(s, &q, list_text, &l, NULL), 0);
	assert_string_equal(l.text, "comm host service ");
	l.text[0] = '\0';
	assert_int_equal(store_values(s, &q, "service", list_text, &l, NULL), 0);
	assert_string_equal(l.text, "service0 service1 service2 service3 ");
	l.text[0] = '\0';
	q.to_ns = f.start_ns + HOUR_NS;
	assert_int_equal(store_values(s, &q, "service", list_text, &l, NULL), 0);
	assert_string_equal(l.text, "service0 service1 service2 ");
	l.text[0] = '\0';
	assert_int_equal(match_new("service=\"service2\"", &m, NULL), 0);
	q.match = m;
	assert_int_equal(store_series(s, &q, list_series, &l, NULL, NULL), 0);
	assert_string_equal(l.text, "comm comm2-0 host here service service2 | ");
	l.text[0] = '\0';
	assert_int_equal(store_types(s, list_type, &l, NULL), 0);
	assert_string_equal(l.text, "blocked nanoseconds cpu nanoseconds runnable nanoseconds ");
	l.text[0] = '\0';
	assert_int_equal(store_ranges(s, 0, 0, 0, list_range, &l, NULL), 0);
	assert_string_equal(l.text, "1700000000+40:4 1700007200+20:2 ");
	match_free(m);
	store_close(s);
	store_fill_remove(folder);
}

struct top {
	int64_t sums[3];
	size_t n;
	char last[64];
	int64_t last_total;
};

static int take_top(void *arg, const char *value, const int64_t *sums, size_t n)
{
	struct top *t = arg;
	int64_t total = 0;

	for (size_t i = 0; i < n; i++) {
		t->sums[i] += sums[i];
		total += sums[i];
	}
	assert_true(!t->n || total <= t->last_total);
	t->last_total = total;
	snprintf(t->last, sizeof(t->last), "%s", value);
	t->n++;
	return 0;
}

static void test_top_and_events(void **state)
{
	struct store_fill f = STORE_FILL_INIT;
	struct store_query q = {
		.types = three, .n_types = 3, .keep_labels = service_comm, .n_keep_labels = 1};
	char *folder = store_fill_folder();
	struct store *s = open_store(folder, false);
	struct cresset_profile *p, *wall, *off;
	struct top t = {.n = 0};

	store_must_append(s, &f, 0, 10);
	assert_int_equal(store_top(s, &q, "comm", take_top, &t, NULL, NULL), 0);
	assert_int_equal(t.n, 6);
	assert_int_equal(store_query(s, &q, &p, NULL, NULL), 0);
	for (size_t i = 0; i < 3; i++)
		assert_true(t.sums[i] == cresset_profile_total(p, i));
	assert_int_equal(store_query_event(s, store_event_by_name("wall"), &q, &wall, NULL, NULL),
			 0);
	assert_int_equal(cresset_profile_n_value_types(wall), 4);
	assert_int_equal(cresset_profile_default_type(wall), 3);
	assert_true(cresset_profile_total(wall, 3) == t.sums[0] + t.sums[1] + t.sums[2]);
	for (size_t i = 0; i < cresset_profile_n_samples(wall); i++) {
		const int64_t *v = cresset_profile_values(wall, i);
		const struct cresset_sample *sample = cresset_profile_sample(wall, i);
		const struct cresset_label *l =
			cresset_profile_find_label(wall, sample->labels, "state");
		const char *have = l ? cresset_profile_string(wall, l->str) : "";

		assert_true(v[0] + v[1] + v[2] == v[3] && v[3] > 0);
		assert_string_equal(have, v[0] ? "" : v[1] ? "runnable" : "blocked");
		assert_non_null(cresset_profile_find_label(wall, sample->labels, "service"));
	}
	assert_int_equal(store_query_event(s, store_event_by_name("off-cpu"), &q, &off, NULL, NULL),
			 0);
	assert_true(cresset_profile_total(off, 2) == t.sums[1] + t.sums[2]);
	assert_string_equal(cresset_profile_string(off, cresset_profile_value_type(off, 2).type),
			    "off_cpu");
	assert_null(store_event_by_name("off_cpu"));
	cresset_profile_free(p);
	cresset_profile_free(wall);
	cresset_profile_free(off);
	store_close(s);
	store_fill_remove(folder);
}

/* ---- What can be wrong. */

static void test_open_errors(void **state)
{
	char *folder = store_fill_folder(), path[4200];
	struct store_options ro = {.read_only = true};
	struct cresset_error err = {.text = ""};
	struct store *s, *other = NULL;
	sqlite3 *db;

	assert_int_equal(store_open(folder, &ro, &other, &err), -ENOENT);
	snprintf(path, sizeof(path), "%s/a/b", folder);
	assert_int_equal(store_open(path, NULL, &other, &err), -ENOENT);
	assert_int_equal(store_open("", NULL, &other, &err), -EINVAL);
	s = open_store(folder, false);
	assert_int_equal(store_open(folder, NULL, &other, &err), -EBUSY);
	assert_non_null(strstr(err.text, "has a writer already (pid "));
	store_close(s);
	/* A newer version. */
	snprintf(path, sizeof(path), "%s/catalog.db", folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=3", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(store_open(folder, NULL, &other, &err), -EPROTO);
	assert_non_null(strstr(err.text, "newer cresset"));
	assert_int_equal(store_open(folder, &ro, &other, &err), -EPROTO);
	/* Not a database; not ours. */
	assert_int_equal(truncate(path, 0), 0);
	{
		FILE *f = fopen(path, "w");

		fputs("this is not a database, whatever its name says, as anybody can see here", f);
		for (int i = 0; i < 1000; i++)
			fputs("............", f);
		fclose(f);
	}
	assert_int_equal(store_open(folder, NULL, &other, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "damaged"));
	unlink(path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE x (y)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(store_open(folder, NULL, &other, &err), -EBADMSG);
	assert_null(other);
	store_fill_remove(folder);
}

static void test_bad_windows(void **state)
{
	struct store_fill f = STORE_FILL_INIT;
	char *folder = store_fill_folder();
	struct store *s = open_store(folder, false);
	struct cresset_error err = {.text = ""};
	struct cresset_profile *p;
	int64_t value = -1;

	assert_int_equal(store_fill_window(&f, 0, &p), 0);
	cresset_profile_set_time(p, -1, 1);
	assert_int_equal(store_append(s, p, &err), -EINVAL);
	cresset_profile_set_time(p, 1, INT64_MAX);
	assert_int_equal(store_append(s, p, &err), -EINVAL);
	cresset_profile_free(p);
	assert_int_equal(cresset_profile_new(&p), 0);
	assert_int_equal(cresset_profile_add_value_type(p, "cpu", "nanoseconds"), 0);
	assert_int_equal(cresset_profile_add_sample(p, 0, 0, &value), 0);
	assert_int_equal(store_append(s, p, &err), -EINVAL);
	assert_string_equal(err.text, "a window has a value below zero");
	cresset_profile_free(p);
	/* A window without samples, and one without types, are windows. */
	assert_int_equal(cresset_profile_new(&p), 0);
	cresset_profile_set_time(p, f.start_ns + f.step_ns, f.step_ns);
	assert_int_equal(store_append(s, p, &err), 0);
	cresset_profile_free(p);
	store_must_append(s, &f, 0, 1);
	store_must_maintain(s, f.start_ns + 100 * HOUR_NS);
	{
		struct store_result result;
		char *have = answer(s, 0, 0, NULL, service_comm, 2, &result);
		char *want = store_fill_expected(&f, 0, 1, service_comm, 2);

		assert_string_equal(have, want);
		assert_int_equal(result.windows, 2);
		free(have);
		free(want);
	}
	store_close(s);
	store_fill_remove(folder);
}

/* Names of any bytes, labels that repeat, are numbers, are too many or too long. */
static void test_hostile_strings(void **state)
{
	static const char odd[] = "a;b\n\"\\\xff\xfe</script> 12";
	struct store_query q = {.types = three, .n_types = 1};
	const char *keep[] = {odd, "number"};
	char *folder = store_fill_folder(), *longest = malloc(100001);
	struct store *s = open_store(folder, false);
	struct cresset_label labels[100] = {{0}};
	struct cresset_profile *p, *back;
	const struct cresset_label *l;
	struct store_stats stats;
	uint32_t frame, stack, set;
	int64_t value = 5;

	memset(longest, 'x', 100000);
	longest[100000] = '\0';
	assert_int_equal(cresset_profile_new(&p), 0);
	assert_int_equal(cresset_profile_add_value_type(p, "cpu", "nanoseconds"), 0);
	assert_int_equal(cresset_profile_add_frame(p, longest, 100000, 0, &frame), 0);
	assert_int_equal(cresset_profile_add_stack(p, &frame, 1, &stack), 0);
	for (uint32_t i = 0; i < 100; i++) {
		char key[16];

		snprintf(key, sizeof(key), i == 1 ? "number" : "k%u", i);
		assert_int_equal(cresset_profile_add_string(p, i ? key : odd, 30, &labels[i].key),
				 0);
		if (i == 1)
			labels[i].num = -7;
		else
			assert_int_equal(cresset_profile_add_string(p, i == 2 ? longest : odd,
								    100000, &labels[i].str),
					 0);
	}
	assert_int_equal(cresset_profile_add_labels(p, labels, 100, &set), 0);
	assert_int_equal(cresset_profile_add_sample(p, stack, set, &value), 0);
	cresset_profile_set_time(p, 1000, 1000);
	assert_int_equal(store_append(s, p, NULL), 0);
	assert_int_equal(store_stats(s, &stats, NULL), 0);
	assert_int_equal(stats.labels_dropped, 37);
	q.keep_labels = keep;
	q.n_keep_labels = 2;
	assert_int_equal(store_query(s, &q, &back, NULL, NULL), 0);
	assert_int_equal(cresset_profile_n_samples(back), 1);
	l = cresset_profile_find_label(back, cresset_profile_sample(back, 0)->labels, odd);
	assert_non_null(l);
	assert_string_equal(cresset_profile_string(back, l->str), odd);
	l = cresset_profile_find_label(back, cresset_profile_sample(back, 0)->labels, "number");
	assert_true(l && l->num == -7 && !l->str);
	cresset_profile_free(p);
	cresset_profile_free(back);
	free(longest);
	store_close(s);
	store_fill_remove(folder);
}

/* A sample may have no stack at all; a window of nothing else is one like others. */
static void test_empty_stacks(void **state)
{
	struct store_query q = {.types = three, .n_types = 1};
	char *folder = store_fill_folder();
	struct store *s = open_store(folder, false);
	struct cresset_profile *p, *back;
	struct store_result result;
	int64_t value = 5;
	uint32_t stack;

	for (int window = 0; window < 2; window++) {
		assert_int_equal(cresset_profile_new(&p), 0);
		assert_int_equal(cresset_profile_add_value_type(p, "cpu", "nanoseconds"), 0);
		assert_int_equal(cresset_profile_add_stack(p, NULL, 0, &stack), 0);
		assert_int_equal(cresset_profile_add_sample(p, stack, 0, &value), 0);
		cresset_profile_set_time(p, 1000 + window * 1000, 1000);
		assert_int_equal(store_append(s, p, NULL), 0);
		cresset_profile_free(p);
	}
	assert_int_equal(store_query(s, &q, &back, &result, NULL), 0);
	assert_int_equal(result.windows, 2);
	assert_int_equal(result.damaged, 0);
	assert_int_equal(cresset_profile_n_samples(back), 1);
	assert_int_equal(cresset_profile_values(back, 0)[0], 10);
	cresset_profile_free(back);
	store_close(s);
	store_fill_remove(folder);
}

static void test_query_errors(void **state)
{
	char *folder = store_fill_folder();
	struct store *s = open_store(folder, false);
	struct store_query q = {.from_ns = 2, .to_ns = 1};
	struct cresset_profile *p = NULL;

	assert_int_equal(store_query(s, &q, &p, NULL, NULL), -EINVAL);
	q.to_ns = 2;
	assert_int_equal(store_query(s, &q, &p, NULL, NULL), -EINVAL);
	q = (struct store_query){.n_types = 17};
	assert_int_equal(store_query(s, &q, &p, NULL, NULL), -EINVAL);
	q = (struct store_query){.n_types = 0};
	assert_int_equal(store_top(s, &q, "x", take_top, NULL, NULL, NULL), -EINVAL);
	/* Nothing is no error. */
	assert_int_equal(store_query(s, &q, &p, NULL, NULL), 0);
	assert_int_equal(cresset_profile_n_samples(p), 0);
	cresset_profile_free(p);
	store_close(s);
	store_fill_remove(folder);
}

/* Files left by a crash go; others stay. */
static void test_orphans(void **state)
{
	struct store_fill f = STORE_FILL_INIT;
	char *folder = store_fill_folder(), path[4200];
	static const char *const names[] = {"new-0000000000000007.tmp",
					    "20261122T130500Z-hour-0000000000000777.seg",
					    "notes.txt"};
	struct store *s = open_store(folder, false);

	store_must_append(s, &f, 0, 3);
	store_close(s);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/segments/%s", folder, names[i]);
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	s = open_store(folder, true);
	assert_windows(s, &f, 0, 3);
	store_close(s);
	assert_int_equal(access(path, F_OK), 0);
	s = open_store(folder, false);
	assert_windows(s, &f, 0, 3);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/segments/%s", folder, names[i]);
		assert_int_equal(access(path, F_OK), i == 2 ? 0 : -1);
	}
	store_close(s);
	store_fill_remove(folder);
}

static int append_some(const char *folder)
{
	struct store_fill f = STORE_FILL_INIT;
	struct store_options o = {.max_age_ns = 1000 * 24 * HOUR_NS};
	struct store_query q = {
		.types = three, .n_types = 3, .keep_labels = service_comm, .n_keep_labels = 2};
	struct cresset_profile *p = NULL, *back = NULL;
	struct store *s = NULL;
	int r = store_open(folder, &o, &s, NULL);

	for (uint32_t i = 0; i < 3 && r == 0; i++) {
		r = store_fill_window(&f, i, &p);
		r = r ?: store_append(s, p, NULL);
		cresset_profile_free(p);
		p = NULL;
	}
	while (r == 0 && (r = store_maintain(s, f.start_ns + 1000 * HOUR_NS, NULL)) > 0)
		r = 0;
	r = r ?: store_query(s, &q, &back, NULL, NULL);
	cresset_profile_free(back);
	store_close(s);
	return r;
}

/* Whichever allocation fails, it says so and the store is sound: the next one finds no damage. */
static void test_allocations(void **state)
{
	unsigned int n;

	for (n = 1; alloc_fail_next(&n, 100000); n += n / 16) {
		char *folder;
		struct store *s;
		struct store_stats stats;
		int r;

		alloc_fail_end();
		folder = store_fill_folder();
		alloc_fail_begin(n - 1);
		r = append_some(folder);
		if (!alloc_fail_end()) {
			assert_int_equal(r, 0);
			store_fill_remove(folder);
			break;
		}
		if (r != -ENOMEM && r != 0)
			fail_msg("allocation %u: %d", n, r);
		s = open_store(folder, false);
		assert_int_equal(store_stats(s, &stats, NULL), 0);
		assert_int_equal(stats.damaged, 0);
		free(answer(s, 0, 0, NULL, NULL, 0, NULL));
		store_close(s);
		store_fill_remove(folder);
	}
	assert_true(n > 200 && n < 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append_and_query), cmocka_unit_test(test_match_and_labels),
		cmocka_unit_test(test_compaction),	 cmocka_unit_test(test_clock_jumps),
		cmocka_unit_test(test_clock_guard),	 cmocka_unit_test(test_clock_ahead),
		cmocka_unit_test(test_retention_by_age), cmocka_unit_test(test_retention_by_size),
		cmocka_unit_test(test_listing),		 cmocka_unit_test(test_top_and_events),
		cmocka_unit_test(test_open_errors),	 cmocka_unit_test(test_bad_windows),
		cmocka_unit_test(test_hostile_strings),	 cmocka_unit_test(test_query_errors),
		cmocka_unit_test(test_empty_stacks),	 cmocka_unit_test(test_orphans),
		cmocka_unit_test(test_allocations),
	};

	if (getenv("STORE_TEST"))
		cmocka_set_test_filter(getenv("STORE_TEST"));
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
