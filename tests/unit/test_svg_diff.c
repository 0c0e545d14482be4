// SPDX-License-Identifier: Apache-2.0
/* The flame graph of what changed: numbers at every frame, what has gone, colours, legend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/cases.h"
#include "support/starved.h"
#include "support/svg_file.h"

#include <stdlib.h>
#include <string.h>

static char *svg_since(const struct cresset_profile *base, const struct cresset_profile *p,
		       bool normalize)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	char *text, *again;

	options.base = base;
	options.normalize = normalize;
	text = svg_file_of(p, &options);
	again = svg_file_of(p, &options);
	assert_string_equal(text, again);
	free(again);
	svg_file_check(text);
	return text;
}

static void test_changes(void **state)
{
	struct cresset_profile *base = svg_file_profile(), *p = svg_file_profile();
	char *text;

	svg_file_add(base, "main;parse;hash", 30);
	svg_file_add(base, "main;gone;deep", 20);
	svg_file_add(base, "main;same", 50);
	svg_file_add(p, "main;parse;hash", 60);
	svg_file_add(p, "main;new;vfs_write", 20);
	svg_file_add(p, "main;same", 50);
	text = svg_since(base, p, false);
	assert_non_null(strstr(text, ">Change in cpu</title>"));
	assert_non_null(strstr(text, "cpu before 1.00 s, after 1.30 s: +300 ms, +23.08 %"));
	/* The whole is what came after and what has gone. */
	assert_int_equal(svg_file_count(text, "<g data-v=\"1500000000\" data-c=\"+23.1 %\">"), 2);
	/* At every frame, not at leaves alone. */
	assert_non_null(strstr(text, "<title>main\n+300 ms, +23.08 %\n"
				     "before 1.00 s, after 1.30 s</title><rect class=\"h3\""));
	assert_non_null(strstr(text, "<title>parse\n+300 ms, +23.08 %\n"
				     "before 300 ms, after 600 ms</title><rect class=\"h3\""));
	assert_non_null(strstr(text, "<title>same\nno change\n"
				     "before 500 ms, after 500 ms</title><rect class=\"t0\""));
	assert_non_null(strstr(text, "<title>deep\n−200 ms, −15.38 %\n"
				     "before 200 ms, gone after</title><rect class=\"g0\""));
	assert_non_null(
		strstr(text, "<g data-v=\"200000000\" data-g=\"\" data-c=\"gone −15.4 %\">"));
	assert_non_null(strstr(text, "stroke-dasharray="));
	assert_non_null(strstr(text, "<title>vfs_write\n+200 ms, +15.38 %\n"
				     "not before, after 200 ms\nkernel</title>"));
	/* The sign is in the picture too. */
	assert_non_null(strstr(text, ">main +23.1 %</text>"));
	assert_non_null(strstr(text, ">deep gone −15.4 %</text>"));
	assert_non_null(strstr(text, ">same</text>"));
	assert_non_null(strstr(text, "gone: 1 stack, 200 ms, as wide as before</text>"));
	assert_non_null(strstr(text, "new: 1 stack, 200 ms</text>"));
	assert_non_null(strstr(text, ">% of 1.30 s</text>"));
	assert_non_null(strstr(text, "Their own time changed most: "));
	assert_non_null(strstr(text, "hash +300 ms, +23.08 %; "));
	assert_null(strstr(text, ">kernel</text>"));
	free(text);
	text = svg_since(base, p, true);
	assert_non_null(strstr(text, "cpu before 1.00 s, scaled to the 1.30 s after"));
	assert_non_null(strstr(text, "<title>all\nno change\nbefore 1.30 s, after 1.30 s</title>"));
	assert_non_null(strstr(text, "<title>same\n−150 ms, −11.54 %\n"));
	free(text);
	text = svg_since(p, base, false);
	assert_non_null(strstr(text, "<title>main\n−300 ms, −23.08 %\n"
				     "before 1.30 s, after 1.00 s</title><rect class=\"l3\""));
	free(text);
	cresset_profile_free(base);
	cresset_profile_free(p);
}

/* Narrow boxes are merged with what both sides have of them. */
static void test_merged_changes(void **state)
{
	struct cresset_profile *base = svg_file_profile(), *p = svg_file_profile();
	char *text;

	svg_file_add(base, "main;wide", 99900);
	svg_file_add(base, "main;a", 40);
	svg_file_add(base, "main;b", 20);
	svg_file_add(p, "main;wide", 100000);
	svg_file_add(p, "main;c", 10);
	text = svg_since(base, p, false);
	assert_non_null(strstr(text, "<title>… 3 frames\n−500 ms, −0.05 %\n"
				     "before 600 ms, after 100 ms</title><rect class=\"m0\""));
	free(text);
	cresset_profile_free(base);
	cresset_profile_free(p);
}

static void test_changes_by_state(void **state)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	struct cresset_profile *base = test_case_profile("off_cpu");
	struct cresset_profile *p = test_case_profile("wakers");
	char *text = svg_since(base, p, false);

	assert_non_null(strstr(text, "<title>[blocked]\n"));
	assert_non_null(strstr(text, "<title>[runnable]\n"));
	assert_non_null(strstr(text, ">blocked +900 ms, +5.2"));
	assert_null(strstr(text, "class=\"sb\""));
	free(text);
	cresset_profile_free(base);
	base = test_case_profile("wall");
	options.base = base;
	text = svg_file_of(base, &options);
	assert_non_null(strstr(text, "<title>all\nno change\n"));
	free(text);
	/* What is hidden is on neither side. */
	options.hide_idle = true;
	text = svg_file_of(base, &options);
	svg_file_check(text);
	assert_null(strstr(text, "<title>[idle]"));
	assert_null(strstr(text, "class=\"sb\""));
	assert_non_null(strstr(text, "<title>all\nno change\n"));
	free(text);
	cresset_profile_free(base);
	cresset_profile_free(p);
}

/* Either side without anything, and the largest sums there are. */
static void test_changes_at_the_limits(void **state)
{
	struct cresset_profile *none = svg_file_profile(), *p = svg_file_profile(), *bare;
	const int64_t values[] = {1, INT64_MAX};
	uint32_t stack, location;
	char *text;

	assert_int_equal(cresset_profile_new(&bare), 0);
	assert_int_equal(cresset_profile_add_frame(p, "a", 1, 0, &location), 0);
	assert_int_equal(cresset_profile_add_stack(p, &location, 1, &stack), 0);
	assert_int_equal(cresset_profile_add_sample(p, stack, 0, values), 0);
	for (int normalize = 0; normalize < 2; normalize++) {
		text = svg_since(none, p, normalize);
		assert_non_null(strstr(text, "new +100 %"));
		free(text);
		text = svg_since(p, none, normalize);
		assert_non_null(strstr(text, "gone −100 %"));
		free(text);
		text = svg_since(p, bare, normalize);
		free(text);
		text = svg_since(bare, p, normalize);
		free(text);
		text = svg_since(none, none, normalize);
		assert_non_null(strstr(text, ">no samples</text>"));
		free(text);
		text = svg_since(p, p, normalize);
		assert_non_null(strstr(text, "<title>all\nno change\n"));
		free(text);
	}
	cresset_profile_free(none);
	cresset_profile_free(bare);
	cresset_profile_free(p);
}

static void test_changes_allocations(void **state)
{
	starved_write_changes("svg");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_merged_changes),
		cmocka_unit_test(test_changes_by_state),
		cmocka_unit_test(test_changes_at_the_limits),
		cmocka_unit_test(test_changes_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
