// SPDX-License-Identifier: Apache-2.0
/*
 * The closing lines, from profiles with known stats: exact text, shares rounded down, and an
 * accounting that does not add up is said so.
 */
#include "summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct stat {
	const char *name;
	uint64_t value;
};

static char *printed(const struct stat *stats, size_t n)
{
	struct cresset_profile *p;
	char *text = NULL;
	size_t size;
	FILE *f;

	assert_int_equal(cresset_profile_new(&p), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(cresset_profile_set_stat(p, stats[i].name, stats[i].value), 0);
	f = open_memstream(&text, &size);
	assert_non_null(f);
	summary_print(f, p);
	fclose(f);
	cresset_profile_free(p);
	return text;
}

static void test_nothing_known(void **state)
{
	char *text = printed(NULL, 0);

	assert_string_equal(text, "");
	free(text);
}

static void test_all_known(void **state)
{
	const struct stat stats[] = {
		{"samples.taken", 1000},       {"samples.written", 970},
		{"samples.filtered", 20},      {"samples.lost.samples_full", 7},
		{"samples.lost.collision", 0}, {"samples.lost.a_new_cause", 3},
		{"stacks.user", 10000},	       {"stacks.user_complete", 9999},
		{"frames.total", 3},	       {"frames.named", 2},
		{"something.else", 42},
	};
	char *text = printed(stats, sizeof(stats) / sizeof(stats[0]));

	assert_string_equal(text, "samples  1000 taken = 970 written + 20 filtered + 10 lost "
				  "(samples_full 7, a_new_cause 3)\n"
				  "stacks   99.9 % of 10000 user stacks are complete\n"
				  "frames   66.6 % of 3 have a name\n");
	free(text);
}

static void test_by_tables(void **state)
{
	const struct stat stats[] = {
		{"stacks.user", 1000},		{"stacks.user_complete", 990},
		{"stacks.user_clean", 985},	{"unwind.stops.whole", 980},
		{"unwind.stops.end", 5},	{"unwind.stops.not_known", 4},
		{"unwind.stops.read_fault", 6}, {"unwind.frames.table", 900},
		{"unwind.frames.jit", 60},	{"unwind.frames.fallback", 40},
		{"unwind.tables.loaded", 12},	{"unwind.tables.rows", 34567},
		{"unwind.bytes", 8000000},
	};
	const struct stat tight[] = {{"unwind.tables.evicted", 3}, {"unwind.tables.refused", 2}};
	char *text = printed(stats, sizeof(stats) / sizeof(stats[0]));

	assert_string_equal(
		text, "stacks   99.0 % of 1000 user stacks are complete, 98.5 % without a guess\n"
		      "unwind   90.0 % of 1000 frames by table, 60 in generated code, 40 by guess; "
		      "ended early: not_known 4, read_fault 6\n"
		      "tables   12 loaded, 34567 rows, 8.0 MB\n");
	free(text);
	text = printed(tight, 2);
	assert_non_null(strstr(text, "for want of memory 3 evicted and 2 not loaded (see "
				     "--max-memory)\n"));
	free(text);
}

static void test_does_not_add_up(void **state)
{
	const struct stat stats[] = {{"samples.taken", 10}, {"samples.written", 7}};
	const struct stat more[] = {{"samples.taken", 10}, {"samples.written", 12}};
	char *text = printed(stats, 2);

	assert_string_equal(text, "samples  10 taken = 7 written + 0 filtered + 0 lost\n"
				  "         3 samples are not accounted for\n");
	free(text);
	text = printed(more, 2);
	assert_string_equal(text, "samples  10 taken = 12 written + 0 filtered + 0 lost\n"
				  "         -2 samples are not accounted for\n");
	free(text);
}

static void test_empty_recording(void **state)
{
	const struct stat stats[] = {{"samples.taken", 0}, {"stacks.user", 0}, {"frames.total", 0}};
	char *text = printed(stats, 3);

	assert_string_equal(text, "samples  0 taken = 0 written + 0 filtered + 0 lost\n"
				  "stacks   - of 0 user stacks are complete\n"
				  "frames   - of 0 have a name\n");
	free(text);
}

static void test_share(void **state)
{
	char buf[32];

	assert_string_equal(summary_share(0, 0, buf, sizeof(buf)), "-");
	assert_string_equal(summary_share(0, 5, buf, sizeof(buf)), "0.0 %");
	assert_string_equal(summary_share(5, 5, buf, sizeof(buf)), "100.0 %");
	assert_string_equal(summary_share(99999999, 100000000, buf, sizeof(buf)), "99.9 %");
	/* a damaged file may say anything */
	assert_string_equal(summary_share(7, 5, buf, sizeof(buf)), "100.0 %");
	assert_string_equal(summary_share(UINT64_MAX - 1, UINT64_MAX, buf, sizeof(buf)), "99.9 %");
	assert_string_equal(summary_share(UINT64_MAX / 2, UINT64_MAX, buf, sizeof(buf)), "49.9 %");
}

static void test_bytes(void **state)
{
	char buf[32];

	assert_string_equal(summary_bytes(0, buf, sizeof(buf)), "0 B");
	assert_string_equal(summary_bytes(999, buf, sizeof(buf)), "999 B");
	assert_string_equal(summary_bytes(1500, buf, sizeof(buf)), "1.5 kB");
	assert_string_equal(summary_bytes(12300000, buf, sizeof(buf)), "12.3 MB");
	assert_string_equal(summary_bytes(2000000000000000ull, buf, sizeof(buf)), "2000.0 TB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_known),	cmocka_unit_test(test_all_known),
		cmocka_unit_test(test_by_tables),	cmocka_unit_test(test_does_not_add_up),
		cmocka_unit_test(test_empty_recording), cmocka_unit_test(test_share),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
