// SPDX-License-Identifier: Apache-2.0
/*
 * Questions to a store as texts: ranges of every form and how one end follows from the other, what
 * is said about texts that mean nothing, and answers from a store with known content.
 */
#include "store/ask.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/when.h"
#include "support/alloc_fail.h"
#include "support/store_fill.h"

#define SECOND_NS INT64_C(1000000000)
#define HOUR_NS	  (3600 * SECOND_NS)
#define NOW_NS	  (INT64_C(1795352700) * SECOND_NS) /* 2026-11-22T13:05:00Z */

static void test_when(void **state)
{
	static const struct {
		const char *text;
		int64_t ns; /* below 0: -errno */
	} cases[] = {
		{"now", NOW_NS},
		{"-1h", NOW_NS - HOUR_NS},
		{"now-30m", NOW_NS - HOUR_NS / 2},
		{"now+1h", NOW_NS + HOUR_NS},
		{"+1h", NOW_NS + HOUR_NS},
		{"-1d12h", NOW_NS - 36 * HOUR_NS},
		{"2026-11-22T13:05:00Z", NOW_NS},
		{"2026-11-22t13:05:00z", NOW_NS},
		{"2026-11-22T13:05Z", NOW_NS},
		{"2026-11-22T14:05:00.25+01:00", NOW_NS + SECOND_NS / 4},
		{"2026-11-22T05:35:00-0730", NOW_NS},
		{"2026-11-22 13:05", NOW_NS},
		{"2026-11-22", NOW_NS - 13 * HOUR_NS - 300 * SECOND_NS},
		{"2024-02-29", INT64_C(1709164800) * SECOND_NS},
		{"1795352700", NOW_NS},
		{"1795352700.5", NOW_NS + SECOND_NS / 2},
		{"1795352700000", NOW_NS},
		{"1795352700000000", NOW_NS},
		{"1795352700000000000", NOW_NS},
		{"0", 0},
		{"1970-01-01T00:00:00Z", 0},
		{"", -EINVAL},
		{"-", -EINVAL},
		{"now-", -EINVAL},
		{"nowadays", -EINVAL},
		{"now -1h", -EINVAL},
		{"-1x", -EINVAL},
		{"yesterday", -EINVAL},
		{" now", -EINVAL},
		{"1e9", -EINVAL},
		{"0x10", -EINVAL},
		{"1795352700.", -EINVAL},
		{"1795352700000.5", -EINVAL},
		{"2026-02-30", -EINVAL},
		{"2025-02-29", -EINVAL},
		{"2026-13-01", -EINVAL},
		{"2026-11-22T", -EINVAL},
		{"2026-11-22T24:00", -EINVAL},
		{"2026-11-22T13:05:00Zjunk", -EINVAL},
		{"2026-11-22T13:05:00+1", -EINVAL},
		{"2026-11-2", -EINVAL},
		{"1970-01-01T00:00:00+01:00", -ERANGE},
		{"2300-01-01", -ERANGE},
		{"9999-12-31T23:59:59Z", -ERANGE},
		{"99999999999999999999", -ERANGE},
		{"-999d", NOW_NS - 999 * 24 * HOUR_NS},
		{"now-1001d", -ERANGE},
	};

	setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ns = -1;
		int r = when_parse(cases[i].text, NOW_NS, &ns);

		if (cases[i].ns < 0 ? r != cases[i].ns : r != 0 || ns != cases[i].ns)
			fail_msg("'%s': %d, %lld", cases[i].text, r, (long long)ns);
	}
	setenv("TZ", "Asia/Kolkata", 1);
	assert_int_equal(when_parse("2026-11-22 18:35", NOW_NS, &(int64_t){0}), 0);
	setenv("TZ", "UTC", 1);
}

static void test_when_local(void **state)
{
	int64_t ns = 0;

	/* A zone without a database: five and a half hours east. */
	setenv("TZ", "IST-5:30", 1);
	assert_int_equal(when_parse("2026-11-22 18:35", NOW_NS, &ns), 0);
	assert_true(ns == NOW_NS);
	assert_int_equal(when_parse("2026-11-22T13:05:00Z", NOW_NS, &ns), 0);
	assert_true(ns == NOW_NS);
	setenv("TZ", "UTC", 1);
}

static void test_ranges(void **state)
{
	static const struct {
		const char *from, *to, *diff_from, *diff_to;
		int64_t want[4]; /* from, to, and of the base, in hours before NOW_NS */
	} cases[] = {
		{NULL, NULL, NULL, NULL, {1, 0, 0, 0}},
		{"-3h", NULL, NULL, NULL, {3, 0, 0, 0}},
		{NULL, "-3h", NULL, NULL, {4, 3, 0, 0}},
		{"-3h", "-2h", NULL, NULL, {3, 2, 0, 0}},
		{"-3h", "-2h", "-6h", NULL, {3, 2, 6, 5}},
		{"-3h", "-2h", NULL, "-6h", {3, 2, 7, 6}},
		{"-3h", "-2h", "-9h", "-6h", {3, 2, 9, 6}},
		{NULL, NULL, "-25h", NULL, {1, 0, 25, 24}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ask a = {.from = cases[i].from,
				.to = cases[i].to,
				.diff_from = cases[i].diff_from,
				.diff_to = cases[i].diff_to};
		struct asked q;

		assert_int_equal(ask_parse(&a, NOW_NS, &q, NULL), 0);
		assert_true(q.query.from_ns == NOW_NS - cases[i].want[0] * HOUR_NS);
		assert_true(q.query.to_ns == NOW_NS - cases[i].want[1] * HOUR_NS);
		assert_int_equal(q.has_base, cases[i].diff_from || cases[i].diff_to);
		if (q.has_base) {
			assert_true(q.base.from_ns == NOW_NS - cases[i].want[2] * HOUR_NS);
			assert_true(q.base.to_ns == NOW_NS - cases[i].want[3] * HOUR_NS);
		}
		assert_string_equal(q.event->name, "cpu");
		asked_release(&q);
	}
}

static void test_errors(void **state)
{
	static const struct {
		struct ask ask;
		const char *says;
	} cases[] = {
		{{.from = "soon"}, "from 'soon' is not a moment (write now, -1h, "},
		{{.to = ""}, "to '' is not a moment"},
		{{.from = "1960-01-01"}, "from '1960-01-01' is not a moment"},
		{{.from = "2400-01-01"}, "from '2400-01-01' is out of range"},
		{{.from = "now"}, "from 'now' is not before to 'now': the range is empty"},
		{{.from = "-1h", .to = "-2h"}, "from '-1h' is not before to '-2h'"},
		{{.diff_from = "x"}, "diff-from 'x' is not a moment"},
		{{.diff_from = "-1h", .diff_to = "-2h"}, "diff-from '-1h' is not before diff-to"},
		{{.event = "gpu"}, "event 'gpu' is not known (known: cpu, off-cpu, wall)"},
		{{.match = "service"}, "match 'service': one of = != =~ !~ is expected"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cresset_error err = {.text = ""};
		struct asked q;

		assert_int_equal(ask_parse(&cases[i].ask, NOW_NS, &q, &err), -EINVAL);
		if (strncmp(err.text, cases[i].says, strlen(cases[i].says)) != 0)
			fail_msg("%zu: %s", i, err.text);
	}
}

static void test_title(void **state)
{
	static const struct {
		struct ask ask;
		const char *title;
	} cases[] = {
		{{.from = "-1h"}, "cpu, 2026-11-22 12:05 to 13:05 UTC"},
		{{.from = "-1d", .event = "wall", .match = "service=\"a\""},
		 "wall, 2026-11-21 13:05 to 2026-11-22 13:05 UTC, service=\"a\""},
		{{.from = "-90", .diff_from = "-1d"},
		 "cpu, 2026-11-22 13:03:30 to 13:05:00 against 2026-11-21 13:05:00 to 13:06:30 UTC"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char title[200];
		struct asked q;

		assert_int_equal(ask_parse(&cases[i].ask, NOW_NS, &q, NULL), 0);
		assert_string_equal(ask_title(&q, title, sizeof(title)), cases[i].title);
		ask_title(&q, title, 10);
		assert_int_equal(strlen(title), 9);
		asked_release(&q);
	}
}

static int64_t total(const struct cresset_profile *p, size_t type)
{
	int64_t sum = 0;

	for (size_t i = 0; i < cresset_profile_n_samples(p); i++)
		sum += cresset_profile_values(p, i)[type];
	return sum;
}

static struct store *filled_store(const char *folder, const struct store_fill *f, uint32_t n)
{
	struct store_options o = {.max_age_ns = 1000 * 24 * HOUR_NS};
	struct cresset_profile *p;
	struct store *s;

	assert_int_equal(store_open(folder, &o, &s, NULL), 0);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(store_fill_window(f, i, &p), 0);
		assert_int_equal(store_append(s, p, NULL), 0);
		cresset_profile_free(p);
	}
	return s;
}

/* What the windows first … last - 1 have of one type. */
static int64_t expected(const struct store_fill *f, uint32_t first, uint32_t last, size_t type)
{
	struct cresset_profile *p;
	int64_t sum = 0;

	for (uint32_t i = first; i < last; i++) {
		assert_int_equal(store_fill_window(f, i, &p), 0);
		sum += total(p, type);
		cresset_profile_free(p);
	}
	return sum;
}

static void test_answers(void **state)
{
	struct store_fill f = STORE_FILL_INIT;
	char *folder = store_fill_folder();
	struct store *s = filled_store(folder, &f, 30);
	int64_t now_ns = f.start_ns + 30 * f.step_ns;
	struct ask a = {.from = "-100s", .event = "wall", .diff_from = "-300s", .diff_to = "-200s"};
	struct ask_answer answer;
	struct asked q;

	assert_int_equal(ask_parse(&a, now_ns, &q, NULL), 0);
	assert_int_equal(ask_profile(s, &q, &answer, NULL), 0);
	assert_int_equal(answer.result.windows, 10);
	assert_int_equal(answer.base_result.windows, 10);
	/* cpu, runnable, blocked, and the sum of them. */
	assert_int_equal(cresset_profile_n_value_types(answer.profile), 4);
	for (size_t t = 0; t < 3; t++) {
		assert_true(total(answer.profile, t) == expected(&f, 20, 30, t));
		assert_true(total(answer.base, t) == expected(&f, 0, 10, t));
	}
	assert_true(total(answer.profile, 3) ==
		    total(answer.profile, 0) + total(answer.profile, 1) + total(answer.profile, 2));
	ask_answer_release(&answer);
	asked_release(&q);

	a = (struct ask){.from = "-100s", .match = "service=\"nobody\""};
	assert_int_equal(ask_parse(&a, now_ns, &q, NULL), 0);
	assert_int_equal(ask_profile(s, &q, &answer, NULL), 0);
	assert_null(answer.base);
	assert_int_equal(cresset_profile_n_samples(answer.profile), 0);
	ask_answer_release(&answer);
	asked_release(&q);
	store_close(s);
	store_fill_remove(folder);
}

static void test_allocations(void **state)
{
	struct store_fill f = STORE_FILL_INIT;
	char *folder = store_fill_folder();
	struct store *s = filled_store(folder, &f, 3);
	struct ask a = {.from = "0", .match = "comm=~\"comm.*\"", .diff_from = "1"};
	struct ask_answer answer;
	struct asked q;
	unsigned int n;

	for (n = 1; alloc_fail_next(&n, 100000); n += n / 40) {
		int r = ask_parse(&a, NOW_NS, &q, NULL);

		if (r == 0) {
			r = ask_profile(s, &q, &answer, NULL);
			asked_release(&q);
		}
		if (r == 0)
			ask_answer_release(&answer);
		if (!alloc_fail_end()) {
			assert_int_equal(r, 0);
			break;
		}
		assert_true(r == 0 || r == -ENOMEM);
	}
	assert_true(n > 50 && n < 100000);
	store_close(s);
	store_fill_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_when),	    cmocka_unit_test(test_when_local),
		cmocka_unit_test(test_ranges),	    cmocka_unit_test(test_errors),
		cmocka_unit_test(test_title),	    cmocka_unit_test(test_answers),
		cmocka_unit_test(test_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
