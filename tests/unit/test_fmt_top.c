// SPDX-License-Identifier: Apache-2.0
/* The table of the top functions: sums, order, and that it fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/text.h"
#include "support/cases.h"
#include "support/formats.h"
#include "support/starved.h"

static char *top(const char *name, const struct cresset_format_options *options)
{
	struct cresset_profile *p = test_case_profile(name);
	char *text;
	size_t n;

	assert_int_equal(format_to_memory("top", p, options, &text, &n), 0);
	cresset_profile_free(p);
	return text;
}

static void test_sums(void **state)
{
	char *text = top("names", NULL);

	/* work stands three times in a stack and counts once in the total. */
	assert_string_equal(text, "100 samples\n"
				  "\n"
				  " SELF%  SELF  TOTAL%  TOTAL  FUNCTION\n"
				  " 50.0%    50   50.0%     50  poll\n"
				  " 30.0%    30   35.0%     35  work\n"
				  " 17.0%    17   17.0%     17  read\n"
				  "  3.0%     3   15.0%     15  parse\n"
				  "  0.0%     0   50.0%     50  main\n"
				  "  0.0%     0   50.0%     50  start_thread\n");
	free(text);
}

static void test_recorded(void **state)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	char *text = top("recorded", NULL);

	assert_non_null(strstr(text, "cpu: 980 ms in 97 samples over 10.0 s, at 99 Hz\n"));
	assert_non_null(strstr(text, "[kernel]   [k] do_syscall_64\n"));
	assert_non_null(strstr(text, "server     clamp<int>(int, int)\n"));
	assert_non_null(strstr(text, "libc.so.6  [libc.so.6+0x29d90]\n"));
	free(text);
	options.top = 2;
	text = top("recorded", &options);
	assert_non_null(strstr(text, "\n... and 9 more\n"));
	free(text);
	options.value_index = 0;
	text = top("recorded", &options);
	assert_non_null(strstr(text, "97 samples over 10.0 s, at 99 Hz\n"));
	free(text);
}

/* A column for each state; waiting is the own time of who called into the kernel. */
static void test_states(void **state)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	char *text;

	options.top = 4;
	text = top("wall", &options);
	assert_string_equal(
		text,
		"wall: 20.0 s over 10.0 s, at 99 Hz\n"
		"\n"
		" SELF%     CPU  RUNNABLE  BLOCKED    WALL  TOTAL%   TOTAL  MODULE     FUNCTION\n"
		" 45.5%     0 s    100 ms   9.00 s  9.10 s   50.0%  10.0 s  server     main\n"
		" 38.0%     0 s    200 ms   7.40 s  7.60 s   50.0%  10.0 s  libc.so.6  "
		"[libc.so.6+0x29d90]\n"
		" 12.0%  2.40 s       0 s      0 s  2.40 s   95.5%  19.1 s  [kernel]   "
		"[k] do_syscall_64\n"
		"  4.5%  600 ms    300 ms      0 s  900 ms   54.5%  10.9 s  server     "
		"clamp<int>(int, int)\n"
		"... and 7 more\n"
		"\nThreads\n"
		"  COMM/THREAD        PID   TID    WALL     CPU  RUNNABLE  BLOCKED     SUM\n"
		"  server            4242  4242  10.0 s  600 ms    400 ms   9.00 s  10.0 s\n"
		"  server/worker #1  4242  4250  10.0 s  2.40 s    200 ms   7.40 s  10.0 s\n"
		"  all                           20.0 s  3.00 s    600 ms   16.4 s  20.0 s\n");
	free(text);
	/* By another value: that decides the order. */
	options.value_index = 0;
	text = top("wall", &options);
	assert_non_null(strstr(text, "cpu: 3.00 s over 10.0 s"));
	assert_non_null(strstr(text, "\n 80.0%  2.40 s       0 s      0 s  2.40 s   80.0%"));
	assert_non_null(strstr(text, "TID     CPU  RUNNABLE  BLOCKED    WALL\n"
				     "  server/worker #1  4242  4250  2.40 s"));
	free(text);
}

/* What is left out is a row, and the last row is the whole. */
static void test_threads_left_out(void **state)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	char *text;

	options.top = 1;
	text = top("off_cpu", &options);
	assert_non_null(strstr(text,
			       "\nThreads\n"
			       "  COMM/THREAD   PID   TID  OFF_CPU  BLOCKED  RUNNABLE     SUM\n"
			       "  server       4242  4242   9.00 s   9.00 s       0 s  9.00 s\n"
			       "  2 more                    8.10 s   7.90 s    200 ms  8.10 s\n"
			       "  all                       17.1 s   16.9 s    200 ms  17.1 s\n"));
	free(text);
	/* No frame of the waker is in the table. */
	text = top("wakers", NULL);
	assert_null(strstr(text, "waker server"));
	assert_null(strstr(text, "try_to_wake_up"));
	assert_non_null(strstr(text, "100.0%   7.30 s    200 ms   7.50 s  100.0%"));
	free(text);
}

/* More types than columns, values that do not fit, and samples of no thread. */
static void test_odd_states(void **state)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	const int64_t values[] = {INT64_MAX, 1, 2, 3, 4, 5, INT64_MIN};
	struct cresset_label l = {.num = INT64_MIN};
	struct cresset_profile *p;
	uint32_t frame, stack, labels;
	char *text, type[600];
	size_t n;

	assert_int_equal(cresset_profile_new(&p), 0);
	for (size_t i = 0; i < 7; i++) {
		memset(type, "a\xff\x1b\xc3"[i % 4], sizeof(type) - 1);
		type[599] = '\0';
		type[0] = (char)('p' + i);
		assert_int_equal(cresset_profile_add_value_type(p, type, "seconds"), 0);
	}
	assert_int_equal(cresset_profile_add_frame(p, "f", 1, 0, &frame), 0);
	assert_int_equal(cresset_profile_add_stack(p, &frame, 1, &stack), 0);
	assert_int_equal(cresset_profile_add_string(p, "tid", 3, &l.key), 0);
	assert_int_equal(cresset_profile_add_labels(p, &l, 1, &labels), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(cresset_profile_add_sample(p, stack, labels, values), 0);
		assert_int_equal(cresset_profile_add_sample(p, stack, 0, values), 0);
	}
	cresset_profile_set_default_type(p, 5);
	options.columns = 80;
	assert_int_equal(format_to_memory("top", p, &options, &text, &n), 0);
	assert_true(text_is_utf8(text, n));
	assert_null(strchr(text, '\x1b'));
	assert_non_null(strstr(text, "  PAAA"));
	assert_null(strstr(text, "  TAAA"));			    /* the fifth: no room … */
	assert_non_null(strstr(text, "  U\xef\xbf\xbd"));	    /* … beside the default one */
	assert_non_null(strstr(text, "\n  -            "));	    /* no thread's */
	assert_non_null(strstr(text, "0  -9223372036854775808  ")); /* a tid of any size */
	free(text);
	cresset_profile_free(p);
}

static void test_nothing(void **state)
{
	char *text = top("nothing", NULL);

	assert_string_equal(text, "no samples\n");
	free(text);
	text = top("empty", NULL);
	assert_non_null(strstr(text, "0 samples over 1.00 s\n\nno samples\n"));
	free(text);
}

/* No line is longer. Frees text. */
static void assert_fits(char *text, size_t columns)
{
	char *line, *rest;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		size_t width = 0;

		assert_true(text_is_utf8(line, strlen(line)));
		for (const char *c = line; *c; c++) {
			assert_true((unsigned char)*c >= ' ');
			width += (*c & 0xc0) != 0x80;
		}
		assert_in_range(width, 1, columns);
	}
	free(text);
}

/* With a width no line is longer than it, unless even the shortest name does not fit. */
static void test_columns(void **state)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	char *text;

	options.columns = 100;
	assert_fits(top("hostile", &options), 100);
	options.columns = 80;
	assert_fits(top("wall", &options), 80);
	assert_fits(top("off_cpu", &options), 80);
	assert_fits(top("wakers", &options), 80);
	options.color = true;
	text = top("names", &options);
	assert_non_null(strstr(text, "\x1b[1m SELF%"));
	free(text);
	options.color = false;
	text = top("names", &options);
	assert_null(strstr(text, "\x1b"));
	free(text);
}

static void assert_value(int64_t value, const char *unit, const char *expected)
{
	char text[TEXT_VALUE_MAX];

	text_value(text, value, unit);
	assert_string_equal(text, expected);
}

static void test_values(void **state)
{
	assert_value(0, "count", "0");
	assert_value(999, "count", "999");
	assert_value(1000, "count", "1,000");
	assert_value(-1234567, "count", "-1,234,567");
	assert_value(INT64_MIN, "count", "-9,223,372,036,854,775,808");
	assert_value(12, "widgets", "12 widgets");
	assert_value(0, "nanoseconds", "0 s");
	assert_value(0, "bytes", "0 B");
	assert_value(999, "nanoseconds", "999 ns");
	assert_value(1500, "nanoseconds", "1.50 us");
	assert_value(12345678, "nanoseconds", "12.3 ms");
	assert_value(-2500000000, "nanoseconds", "-2.50 s");
	assert_value(123456789012, "nanoseconds", "123 s");
	assert_value(5, "seconds", "5.00 s");
	assert_value(3 << 20, "bytes", "3.00 MiB");
	assert_value(INT64_MIN, "nanoseconds", "-9223372037 s");
}

static void test_utf8(void **state)
{
	static const char *const good[] = {"",
					   "abc",
					   "\xc2\x80",
					   "\xdf\xbf",
					   "\xe0\xa0\x80",
					   "\xed\x9f\xbf",
					   "\xee\x80\x80",
					   "\xf0\x90\x80\x80",
					   "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80",
					  "\xc0\x80",
					  "\xc1\xbf",
					  "\xc2",
					  "\xe0\x9f\xbf",
					  "\xed\xa0\x80",
					  "\xe2\x82",
					  "\xf0\x8f\xbf\xbf",
					  "\xf4\x90\x80\x80",
					  "\xf5\x80\x80\x80",
					  "\xff",
					  "\xe2\x82\x41",
					  "\xf0\x9f\x94"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(text_is_utf8(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_is_utf8(bad[i], strlen(bad[i])));
}

static void test_allocations(void **state)
{
	struct cresset_profile *p = test_case_profile(*state);

	starved_write("top", p, NULL, 5);
	cresset_profile_free(p);
}

/* ---- Compared. */

static char *changes(const char *before, const char *after,
		     const struct cresset_format_options *options)
{
	struct cresset_format_options o = CRESSET_FORMAT_OPTIONS_INIT;
	struct cresset_profile *base, *p = NULL;
	struct cresset_error err;
	char *text;
	size_t n;

	if (options)
		o = *options;
	assert_int_equal(format_from_memory("folded", before, strlen(before), &base, &err), 0);
	assert_int_equal(format_from_memory("folded", after, strlen(after), &p, &err), 0);
	o.base = base;
	assert_int_equal(format_to_memory("top", p, &o, &text, &n), 0);
	cresset_profile_free(base);
	cresset_profile_free(p);
	return text;
}

static void test_changes(void **state)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	static const char before[] = "main;a;a 30\nmain;gone 20\n";
	static const char after[] = "main;a;a 50\nmain;new 10\nmain 20\n";
	char *text = changes(before, after, NULL);

	assert_string_equal(text,
			    "samples: before 50, after 80, +30 (+37.5 %)\n"
			    "\n"
			    "     SELF                         TOTAL\n"
			    "  CHANGE%  CHANGE  BEFORE  AFTER  CHANGE  BEFORE  AFTER  FUNCTION\n"
			    "   +25.0%     +20       0     20     +30      50     80  main\n"
			    "   +25.0%     +20      30     50     +20      30     50  a\n"
			    "   -25.0%     -20      20      0     -20      20      0  gone\n"
			    "   +12.5%     +10       0     10     +10       0     10  new\n");
	free(text);
	options.normalize = true;
	options.top = 1;
	text = changes(before, after, &options);
	assert_non_null(strstr(text, "samples: before 50, scaled to the 80 after\n"));
	assert_non_null(strstr(text, "   -40.0%     -32      32      0     -32      32      0  "
				     "gone\n... and 3 more\n"));
	free(text);
	/* Nothing on one side, nothing on either. */
	text = changes("", after, &options);
	assert_non_null(strstr(text, "+62.5%"));
	free(text);
	text = changes("", "", NULL);
	assert_non_null(strstr(text, "no samples\n"));
	free(text);
	text = changes("a 9223372036854775807\nb 9223372036854775807\n", "a 1\n", &options);
	assert_non_null(strstr(text, "scaled"));
	free(text);
}

/* A module that only one side knows does not part a function from itself. */
static void test_changes_without_modules(void **state)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	struct cresset_profile *p = test_case_profile("recorded"), *base;
	struct cresset_error err;
	char *text, *folded;
	size_t n;

	options.value_index = 0;
	assert_int_equal(format_to_memory("folded", p, &options, &folded, &n), 0);
	assert_int_equal(format_from_memory("folded", folded, n, &base, &err), 0);
	options.base = base;
	assert_int_equal(format_to_memory("top", p, &options, &text, &n), 0);
	assert_null(strstr(text, "MODULE"));
	free(text);
	free(folded);
	cresset_profile_free(base);
	cresset_profile_free(p);
}

static void test_changes_allocations(void **state)
{
	starved_write_changes("top");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_threads_left_out),
		cmocka_unit_test(test_odd_states),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test_prestate(test_allocations, "recorded"),
		cmocka_unit_test_prestate(test_allocations, "wall"),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_changes_without_modules),
		cmocka_unit_test(test_changes_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
