// SPDX-License-Identifier: Apache-2.0
/*
 * The flame graph: its layout, time by state, and whole files. A file is checked by a small reader
 * (support/svg_file.h); tests/e2e runs xmllint and a browser on top.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/svg_layout.h"
#include "support/cases.h"
#include "support/formats.h"
#include "support/starved.h"
#include "support/svg_file.h"

#include <cresset/format.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint32_t string_id(struct cresset_profile *p, const char *s)
{
	uint32_t id;

	assert_int_equal(cresset_profile_add_string(p, s, strlen(s), &id), 0);
	return id;
}

/* ---- Layout. */

static void new_layout(struct svg_layout *l, const struct cresset_profile *p, double min_width)
{
	const struct calltree_options options = {.value_index = 0};
	struct calltree *t;

	assert_int_equal(calltree_new(p, &options, &t), 0);
	assert_int_equal(svg_layout_init(l, t, min_width), 0);
	calltree_free(t);
}

static void assert_box(const struct svg_layout *l, size_t i, uint32_t depth, int64_t start,
		       int64_t value, uint32_t merged)
{
	const struct svg_box *b = vec_at(&l->boxes, i);

	assert_true(i < l->boxes.n);
	assert_int_equal(b->depth, depth);
	assert_int_equal(b->start, start);
	assert_int_equal(b->value, value);
	assert_int_equal(b->merged, merged);
}

static void test_layout_merges_narrow(void **state)
{
	struct cresset_profile *p = svg_file_profile();
	struct svg_layout l;

	svg_file_add(p, "main;a;x", 6);
	svg_file_add(p, "main;b;y;z", 1);
	svg_file_add(p, "main;c", 890);
	svg_file_add(p, "main;d", 3);
	svg_file_add(p, "main", 100);
	new_layout(&l, p, 1);
	assert_int_equal(l.boxes.n, 4);
	assert_box(&l, 0, 0, 0, 1000, 0);
	assert_box(&l, 1, 1, 0, 1000, 0);
	assert_box(&l, 2, 2, 0, 890, 0);
	assert_box(&l, 3, 2, 890, 10, 6); /* a, x, b, y, z, d */
	svg_layout_release(&l);
	new_layout(&l, p, 0);
	assert_int_equal(l.boxes.n, 9);
	assert_box(&l, 2, 2, 0, 6, 0);
	assert_box(&l, 3, 3, 0, 6, 0);
	assert_box(&l, 4, 2, 6, 1, 0);
	assert_int_equal(l.max_depth, 4);
	svg_layout_release(&l);
	new_layout(&l, p, 100);
	assert_int_equal(l.boxes.n, 3);
	svg_layout_release(&l);
	/* 6 of 1000 are less than 0.61 %, and not less than 0.6 %. */
	new_layout(&l, p, 0.61);
	assert_box(&l, 2, 2, 0, 890, 0);
	svg_layout_release(&l);
	new_layout(&l, p, 0.6);
	assert_box(&l, 2, 2, 0, 6, 0);
	svg_layout_release(&l);
	new_layout(&l, p, NAN);
	assert_int_equal(l.boxes.n, 9);
	svg_layout_release(&l);
	cresset_profile_free(p);
}

static void test_layout_has_a_bound(void **state)
{
	struct cresset_profile *p = svg_file_profile();
	struct svg_layout l;
	char name[64];
	int64_t sum = 0;

	for (int i = 0; i < 30000; i++) {
		snprintf(name, sizeof(name), "f%d;g;h", i);
		svg_file_add(p, name, 1 + i % 7);
	}
	new_layout(&l, p, 0);
	assert_true(l.coarser);
	assert_true(l.boxes.n > 1 && l.boxes.n <= SVG_MAX_BOXES);
	for (size_t i = 0; i < l.boxes.n; i++) {
		const struct svg_box *b = vec_at(&l.boxes, i);

		sum += b->depth == 1 ? b->value : 0;
	}
	assert_int_equal(sum, ((struct svg_box *)vec_at(&l.boxes, 0))->value);
	svg_layout_release(&l);
	cresset_profile_free(p);
}

static void test_scale_is_exact(void **state)
{
	assert_int_equal(svg_layout_scale(1, 3, 11760), 3920);
	assert_int_equal(svg_layout_scale(INT64_MAX, INT64_MAX, 11760), 11760);
	assert_int_equal(svg_layout_scale(INT64_MAX / 2, INT64_MAX, 11760), 5879);
	assert_int_equal(svg_layout_scale(5, 0, 11760), 0);
	assert_int_equal(svg_layout_scale(-5, 10, 11760), 0);
}

/* ---- Whole files. */

static struct cresset_profile *typical_profile(void)
{
	struct cresset_profile *p = svg_file_profile();

	svg_file_add(p, "_start;main;parse;hash_lookup", 60);
	svg_file_add(p, "_start;main;emit;vfs_write", 30);
	svg_file_add(p, "[error: no unwind rule];memcpy", 9);
	svg_file_add(p, "_start;main;rare", 1);
	assert_int_equal(cresset_profile_set_period(p, "cpu", "nanoseconds", 10101010), 0);
	cresset_profile_set_time(p, 1763800000000000000, 10000000000);
	assert_int_equal(cresset_profile_set_stat(p, "samples.taken", 1003), 0);
	assert_int_equal(cresset_profile_set_stat(p, "samples.lost.map_full", 3), 0);
	assert_int_equal(cresset_profile_set_stat(p, "stacks.user", 1000), 0);
	assert_int_equal(cresset_profile_set_stat(p, "stacks.user_complete", 910), 0);
	assert_int_equal(cresset_profile_add_comment(p, "recorded with <care> & -e cpu"), 0);
	return p;
}

static void test_file(void **state)
{
	struct cresset_profile *p = typical_profile();
	char *text = svg_file_of(p, NULL);

	svg_file_check(text);
	assert_non_null(strstr(text, "role=\"img\""));
	assert_non_null(strstr(text, "viewBox=\"0 0 1200 "));
	assert_non_null(strstr(text, ">cpu · 10.0 s</title>"));
	assert_non_null(strstr(text, "1.00 s of cpu · 100 samples · recorded for 10.0 s · 99 Hz · "
				     "2025-11-22 08:26 UTC"));
	assert_non_null(strstr(text,
			       "samples taken 1003; samples lost map full 3; stacks user 1000; "
			       "stacks user complete 910"));
	assert_non_null(strstr(text, "recorded with &lt;care&gt; &amp; -e cpu"));
	assert_non_null(strstr(text, "Most of the time itself: hash_lookup 60.00 %, "
				     "vfs_write 30.00 %, memcpy 9.00 %, rare 1.00 %."));
	assert_non_null(strstr(text, "1,003 samples taken · 3 lost · 91.00 % of user stacks"));
	assert_non_null(strstr(text, "<title>parse\n600 ms, 60.00 %</title>"));
	assert_non_null(strstr(text, "<title>all\n1.00 s, 100.00 %</title>"));
	assert_non_null(strstr(text, ">hash_lookup</text>"));
	/* A box and a title each: all, _start, main, parse, hash_lookup, emit, vfs_write, rare, …
	 */
	assert_int_equal(svg_file_count(text, "data-v="), 10);
	assert_int_equal(svg_file_count(text, "<g data-v=\"600000000\">"), 2);
	/* The legend has the kinds that are there. */
	assert_non_null(strstr(text, ">kernel</text>"));
	assert_non_null(strstr(text, ">error</text>"));
	assert_null(strstr(text, ">JIT</text>"));
	assert_null(strstr(text, "foreignObject x"));
	assert_null(strstr(text, "<linearGradient"));
	assert_null(strstr(text, "<filter"));
	free(text);
	cresset_profile_free(p);
}

/* Between two marks; the second is looked for behind the first. malloc'ed. */
static char *between(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from), *end = at ? strstr(at, to) : NULL;

	if (!end)
		fail_msg("no %s … %s", from, to);
	return strndup(at, (size_t)(end - at));
}

static void test_states(void **state)
{
	struct cresset_profile *p = test_case_profile("wall");
	char *text = svg_file_of(p, NULL), *part;

	svg_file_check(text);
	assert_non_null(strstr(text, ">wall · server · 10.0 s</title>"));
	assert_non_null(strstr(text, "By state: on CPU 3.00 s, 15.00 %; runnable 600 ms, 3.00 %; "
				     "blocked 7.40 s, 37.00 %; idle 9.00 s, 45.00 %.\n"));
	/* The legend, drawn, and the bar. */
	assert_non_null(strstr(text, ">on CPU 3.00 s, 15.00 %</text>"));
	assert_non_null(strstr(text, ">idle 9.00 s, 45.00 %</text>"));
	part = between(text, "<svg class=\"sb\"", "</svg>");
	assert_non_null(strstr(part, "<rect class=\"u3\" x=\"0\" width=\"1764\""));
	assert_non_null(strstr(part, "<rect class=\"b3\" x=\"2116\" width=\"4352\""));
	assert_non_null(strstr(part, "<rect class=\"d3\" x=\"6468\" width=\"5292\""));
	free(part);
	/* The split of a box, and its hue: what ran has its own, what waited its state's. */
	assert_non_null(strstr(text,
			       "<title>all\n20.0 s, 100.00 %\n"
			       "on CPU 3.00 s, runnable 600 ms, blocked 7.40 s, idle 9.00 s<"));
	assert_non_null(strstr(text, "blocked 7.40 s\nlibc.so.6</title><rect class=\"u"));
	assert_non_null(strstr(text, "<title>futex_wait\n6.60 s, 33.00 %\nrunnable 200 ms, "
				     "blocked 6.40 s</title><rect class=\"q"));
	assert_non_null(strstr(text, "<title>preempt_schedule_irq\n300 ms, 1.50 %\n"
				     "all of it runnable</title><rect class=\"y"));
	assert_non_null(strstr(text, "<title>[blocked]\n6.40 s, 32.00 %</title><rect class=\"b"));
	/* What waits in a function is its time. */
	assert_non_null(strstr(text, "Most of the time itself: schedule 83.50 %, "
				     "do_syscall_64 12.00 %"));
	free(text);
	cresset_profile_free(p);
}

static void test_hidden_idle(void **state)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	struct cresset_profile *p = test_case_profile("wall");
	char *text;

	options.hide_idle = true;
	text = svg_file_of(p, &options);
	svg_file_check(text);
	assert_null(strstr(text, "<title>[idle]"));
	assert_non_null(strstr(text, "<title>all\n11.0 s, 100.00 %\n"));
	assert_non_null(strstr(text, "11.0 s of wall · 9.00 s of idle waits hidden · "));
	/* Shares of the whole: the states still add up. */
	assert_non_null(strstr(text, ">on CPU 3.00 s, 15.00 %</text>"));
	assert_non_null(strstr(text, ">idle 9.00 s, 45.00 %, hidden</text>"));
	free(text);
	cresset_profile_free(p);
	/* Nothing but what is hidden. */
	p = svg_file_profile();
	svg_file_add(p, "[idle]", 5);
	text = svg_file_of(p, &options);
	svg_file_check(text);
	assert_non_null(strstr(text, ">no samples</text>"));
	assert_non_null(strstr(text, ">idle 50.0 ms, 100.00 %, hidden</text>"));
	free(text);
	cresset_profile_free(p);
}

/* A merged box has the split of what was merged, and nothing else. */
static void test_merged_states(void **state)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	struct cresset_profile *p = svg_file_profile();
	char *text;

	svg_file_add(p, "main;wide;[blocked]", 91);
	svg_file_add(p, "main;a;[blocked]", 4);
	svg_file_add(p, "main;b", 3);
	svg_file_add(p, "main;c;[runnable]", 2);
	options.min_width = 10;
	text = svg_file_of(p, &options);
	assert_non_null(strstr(text, "<title>… 5 frames\n90.0 ms, 9.00 %\n"
				     "on CPU 30.0 ms, runnable 20.0 ms, blocked 40.0 ms</title>"));
	free(text);
	cresset_profile_free(p);
}

/* What was folded and read back has the same states, in the same colours. */
static void test_states_of_folded(void **state)
{
	struct cresset_profile *p = test_case_profile("wakers"), *back;
	static const char *const classes[] = {"<rect class=\"b", "<rect class=\"n",
					      "<rect class=\"s", "<rect class=\"w"};
	char *text = svg_file_of(p, NULL), *folded, *again;
	struct cresset_error err;
	size_t n;

	assert_non_null(strstr(text, "<title>--\n7.50 s, 100.00 %\nrunnable 200 ms, blocked 7.30 s"
				     "</title><rect class=\"s"));
	assert_non_null(strstr(text, ">waker</text>"));
	assert_int_equal(format_to_memory("folded", p, NULL, &folded, &n), 0);
	assert_int_equal(format_from_memory("folded", folded, n, &back, &err), 0);
	again = svg_file_of(back, NULL);
	svg_file_check(again);
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		assert_true(svg_file_count(text, classes[i]) > 1);
		assert_int_equal(svg_file_count(text, classes[i]),
				 svg_file_count(again, classes[i]));
	}
	free(folded);
	free(text);
	free(again);
	cresset_profile_free(p);
	cresset_profile_free(back);
}

static void test_same_bytes(void **state)
{
	struct cresset_profile *p = typical_profile(), *q = typical_profile();
	char *a = svg_file_of(p, NULL), *b = svg_file_of(q, NULL);

	assert_string_equal(a, b);
	free(b);
	/* What differs in content differs in the id that scopes style and script. */
	svg_file_add(q, "_start;other", 1);
	b = svg_file_of(q, NULL);
	assert_string_not_equal(strstr(a, "id=\"fg"), strstr(b, "id=\"fg"));
	assert_int_not_equal(memcmp(strstr(a, "id=\"fg"), strstr(b, "id=\"fg"), 14), 0);
	free(a);
	free(b);
	cresset_profile_free(p);
	cresset_profile_free(q);
}

static void test_hostile_text(void **state)
{
	static const char nasty[] = "</title><script>alert(1)</script>&\"'\x01\xff]]>";
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	struct cresset_profile *p;
	const int64_t values[] = {5, 5};
	uint32_t location, stack, labels;
	struct cresset_label l[] = {{0}};
	char *text;

	assert_int_equal(cresset_profile_new(&p), 0);
	assert_int_equal(cresset_profile_add_value_type(p, nasty, nasty), 0);
	assert_int_equal(cresset_profile_add_frame(p, nasty, strlen(nasty), 0, &location), 0);
	assert_int_equal(cresset_profile_add_stack(p, &location, 1, &stack), 0);
	l[0] = (struct cresset_label){.key = string_id(p, "comm"), .str = string_id(p, nasty)};
	assert_int_equal(cresset_profile_add_labels(p, l, 1, &labels), 0);
	assert_int_equal(cresset_profile_add_sample(p, stack, labels, values), 0);
	assert_int_equal(cresset_profile_add_comment(p, nasty), 0);
	assert_int_equal(cresset_profile_set_stat(p, nasty, 1), 0);
	assert_int_equal(cresset_profile_set_period(p, nasty, nasty, INT64_MIN), 0);
	cresset_profile_set_time(p, INT64_MAX, INT64_MAX);
	options.title = nasty;
	text = svg_file_of(p, &options);
	svg_file_check(text);
	assert_null(strstr(text, "<script>alert"));
	assert_int_equal(svg_file_count(text, "<script>"), 1);
	free(text);
	options.title = NULL;
	text = svg_file_of(p, &options);
	svg_file_check(text);
	assert_int_equal(svg_file_count(text, "<script>"), 1);
	free(text);
	cresset_profile_free(p);
}

static void test_empty_profile(void **state)
{
	struct cresset_profile *p;
	char *text;

	assert_int_equal(cresset_profile_new(&p), 0);
	text = svg_file_of(p, NULL);
	svg_file_check(text);
	assert_non_null(strstr(text, ">no samples</text>"));
	assert_null(strstr(text, "<script>"));
	free(text);
	cresset_profile_free(p);
	p = svg_file_profile();
	text = svg_file_of(p, NULL);
	svg_file_check(text);
	assert_non_null(strstr(text, ">no samples</text>"));
	free(text);
	cresset_profile_free(p);
}

static void test_options(void **state)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	struct cresset_profile *p = typical_profile();
	char *text;

	options.title = "My <title>";
	options.value_index = 0;
	options.min_width = 2;
	text = svg_file_of(p, &options);
	svg_file_check(text);
	assert_non_null(strstr(text, "My &lt;title&gt;</title>"));
	assert_non_null(strstr(text, "<title>parse\n60 samples, 60.00 %</title>"));
	assert_non_null(strstr(text, "<title>… 1 frame\n1 sample, 1.00 %</title>"));
	assert_null(strstr(text, "<title>rare"));
	assert_non_null(strstr(text, "Frames narrower than 2 % are merged"));
	free(text);
	options.value_index = 7;
	assert_int_equal(svg_file_write(p, &options, &text), -EINVAL);
	cresset_profile_free(p);
}

static void test_huge_values(void **state)
{
	struct cresset_profile *p = svg_file_profile();
	const int64_t values[] = {INT64_MAX, INT64_MAX};
	uint32_t location, stack;
	char *text;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(cresset_profile_add_frame(p, &"abc"[i], 1, 0, &location), 0);
		assert_int_equal(cresset_profile_add_stack(p, &location, 1, &stack), 0);
		assert_int_equal(cresset_profile_add_sample(p, stack, 0, values), 0);
	}
	text = svg_file_of(p, NULL);
	svg_file_check(text);
	assert_non_null(strstr(text, "<title>a\n2562048 h, 100.00 %</title>"));
	assert_non_null(strstr(text, "2 samples were cut"));
	free(text);
	cresset_profile_free(p);
}

static void test_full_disk(void **state)
{
	struct cresset_profile *p = typical_profile();
	struct cresset_error err = {.text = ""};

	if (access("/dev/full", W_OK) != 0)
		skip();
	assert_int_equal(cresset_format_write_file(cresset_format_by_name("svg"), p, "/dev/full",
						   NULL, &err),
			 -ENOSPC);
	assert_true(err.text[0] != '\0');
	cresset_profile_free(p);
}

static void test_allocations_fail(void **state)
{
	struct cresset_profile *p = *state ? test_case_profile(*state) : typical_profile();

	starved_write("svg", p, NULL, 5);
	cresset_profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout_merges_narrow),
		cmocka_unit_test(test_layout_has_a_bound),
		cmocka_unit_test(test_scale_is_exact),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_hidden_idle),
		cmocka_unit_test(test_merged_states),
		cmocka_unit_test(test_states_of_folded),
		cmocka_unit_test(test_same_bytes),
		cmocka_unit_test(test_hostile_text),
		cmocka_unit_test(test_empty_profile),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_huge_values),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_allocations_fail),
		cmocka_unit_test_prestate(test_allocations_fail, "wall"),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
