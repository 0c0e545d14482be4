// SPDX-License-Identifier: Apache-2.0
/* Folded stacks: escaping, order, roots, and what the reader refuses and how it says so. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/cases.h"
#include "support/formats.h"
#include "support/starved.h"

static char *folded(const char *name, const struct cresset_format_options *options)
{
	struct cresset_profile *p = test_case_profile(name);
	char *text;
	size_t n;

	assert_int_equal(format_to_memory("folded", p, options, &text, &n), 0);
	assert_int_equal(strlen(text), n);
	cresset_profile_free(p);
	return text;
}

static void assert_folded(const char *name, const struct cresset_format_options *options,
			  const char *expected)
{
	char *text = folded(name, options);

	assert_string_equal(text, expected);
	free(text);
}

static struct cresset_profile *read_text(const char *text)
{
	struct cresset_error err;
	struct cresset_profile *p;

	if (format_from_memory("folded", text, strlen(text), &p, &err) < 0)
		fail_msg("%s", err.text);
	return p;
}

/* Reads and writes. */
static void assert_round(const char *text, const char *expected)
{
	struct cresset_profile *p = read_text(text);
	char *back;
	size_t n;

	assert_int_equal(format_to_memory("folded", p, NULL, &back, &n), 0);
	assert_string_equal(back, expected);
	free(back);
	cresset_profile_free(p);
}

static void test_order(void **state)
{
	assert_folded("names", NULL,
		      "main;parse 3\n"
		      "main;parse;read 12\n"
		      "main;work;read 5\n"
		      "main;work;work;work 30\n"
		      "start_thread;poll 50\n");
	assert_folded("empty", NULL, "");
	assert_folded("nothing", NULL, "");
}

static void test_escapes(void **state)
{
	char *text = folded("hostile", NULL);

	assert_non_null(strstr(text, "evil:comm 7_;a:b;c 1\n"));
	assert_non_null(strstr(text, "_#not a comment;leaf 2\n"));
	assert_non_null(strstr(text, "\noperator 12_ 3\n"));
	assert_non_null(strstr(text, "\nratio 1.5_ 4\n"));
	assert_non_null(strstr(text, "\nratio 1._ 5\n"));
	assert_non_null(strstr(text, "\nline break and  ;bell  6\n"));
	assert_non_null(strstr(text, "bad \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd "
				     "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd utf8;"
				     "\xef\xbf\xbd\xef\xbf\xbd 7\n"));
	assert_non_null(strstr(text, "\nna\xc3\xafve \xe6\xbc\xa2\xe5\xad\x97 "
				     "\xf0\x9f\x94\xa5 8\n"));
	assert_non_null(strstr(text, "\nc1   next line 10\n"));
	/* Whole lines in byte order, although "a;b" is below "a". */
	assert_non_null(strstr(text, "a (b) 13\na 12\na 1x 14\na!;b 16\na;b 15\n"));
	free(text);
}

static void test_roots(void **state)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	char *text;

	options.value_index = 0;
	text = folded("recorded", &options);
	assert_non_null(strstr(text, "server;__libc_start_call_main;main;"
				     "Server::handle(std::string const&);"
				     "std::sort<int*>(int*, int*);clamp<int>(int, int) 60\n"));
	assert_non_null(strstr(text, ";[libc.so.6+0x29d90];do_syscall_64 8\n"));
	assert_non_null(strstr(text, "server;main;[anon+0x7f0000002000];LazyCompile:"));
	assert_non_null(strstr(text, "server;[error: bad frame pointer];Server::handle"));
	/* No labels, no root. */
	assert_non_null(strstr(text, "do_syscall_64 1\n"));
	free(text);
	options.pid_roots = true;
	text = folded("recorded", &options);
	assert_non_null(strstr(text, "server-4242;main;"));
	free(text);
	options.tid_roots = true;
	text = folded("recorded", &options);
	assert_non_null(strstr(text, "worker #1-4242/4250;main;"));
	assert_non_null(strstr(text, "server-4242/4242;__libc_start_call_main;"));
	free(text);
}

static void test_values(void **state)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	char *text = folded("recorded", NULL);

	/* The default type is the second. */
	assert_non_null(strstr(text, " 606060600\n"));
	free(text);
	options.value_index = 7;
	text = folded("recorded", &options);
	assert_string_equal(text, "");
	free(text);
	assert_folded("extreme", NULL, "[no stack] 3\nmore 5\nmuch 9223372036854775807\n");
}

/* Waiting is told by the last element, and what is idle can be left out. */
static void test_states(void **state)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	char *text = folded("wall", NULL);
	struct cresset_profile *p;
	size_t n;

	assert_non_null(strstr(text, ";do_syscall_64;futex_wait;schedule;[blocked] 6400000000\n"));
	assert_non_null(strstr(text, ";do_syscall_64;futex_wait;schedule;[runnable] 200000000\n"));
	assert_non_null(strstr(text, ";[libc.so.6+0x29d90];do_syscall_64 2400000000\n"));
	assert_non_null(strstr(text, ";main;do_syscall_64;ep_poll;schedule;[idle] 9000000000\n"));
	p = read_text(text);
	free(text);
	options.hide_idle = true;
	text = folded("wall", &options);
	assert_null(strstr(text, "[idle]"));
	assert_non_null(strstr(text, "ep_poll;schedule;[runnable] 100000000\n"));
	assert_non_null(strstr(text, "[blocked] 6400000000\n"));
	free(text);
	/* Read back, the text is all there is. */
	assert_int_equal(format_to_memory("folded", p, &options, &text, &n), 0);
	assert_null(strstr(text, "[idle]"));
	assert_non_null(strstr(text, "[blocked] 6400000000\n"));
	free(text);
	cresset_profile_free(p);
	/* No stack at all, and no label to begin with. */
	text = folded("off_cpu", NULL);
	assert_non_null(strstr(text, "\nserver;[idle] 1500000000\n"));
	free(text);
	assert_round("[blocked] 3\na;[blocked];b 2\n", "[blocked] 3\na;[blocked];b 2\n");
	text = folded("wakers", NULL);
	assert_non_null(strstr(text, ";schedule;--;try_to_wake_up;main;__libc_start_call_main;"
				     "waker server;[blocked] 6400000000\n"));
	free(text);
}

static void test_read(void **state)
{
	assert_round("b;c 2\na 1\r\n\n# comment\n   \nb;c 3\n#x;y\na;b\t7  \n",
		     "a 1\na;b 7\nb;c 5\n");
	assert_round("a b c 1", "a b c 1\n");
	assert_round("a 0\nb 1\n", "b 1\n");
	assert_round("a;;b 1\n;c 2\nd; 3\n", "[unknown];c 2\na;[unknown];b 1\nd;[unknown] 3\n");
	/* Frames that begin alike. */
	assert_round("aa;bb;cc 1\naa;bb;ccc 2\naa;b 3\na;a 4\naa;bb 5\naa;bb;cc 6\n",
		     "a;a 4\naa;b 3\naa;bb 5\naa;bb;cc 7\naa;bb;ccc 2\n");
}

/* What we wrote is written the same again. */
static void test_identical(void **state)
{
	const struct test_case *c;

	for (size_t i = 0; (c = test_case_at(i)); i++) {
		char *text = folded(c->name, NULL);

		assert_round(text, text);
		free(text);
	}
}

static void test_flags(void **state)
{
	struct cresset_profile *p = read_text("main;f_[i];sys_[k];jit_[j];[error: x y] 1\n");
	struct cresset_frame frames[5];

	assert_int_equal(cresset_profile_frames(p, 1, frames, 5), 5);
	assert_int_equal(frames[0].kind, CRESSET_FRAME_USER);
	assert_int_equal(frames[1].kind, CRESSET_FRAME_INLINED);
	assert_int_equal(frames[2].kind, CRESSET_FRAME_KERNEL);
	assert_int_equal(frames[3].kind, CRESSET_FRAME_JIT);
	assert_int_equal(frames[4].kind, CRESSET_FRAME_ERROR);
	assert_string_equal(cresset_profile_string(p, frames[2].name), "sys_[k]");
	cresset_profile_free(p);
}

static void assert_refused(const char *text, size_t size, const char *why)
{
	struct cresset_error err;
	struct cresset_profile *p;

	assert_true(format_from_memory("folded", text, size, &p, &err) < 0);
	assert_null(p);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void test_refused(void **state)
{
	static const char *const bad[][2] = {
		{"a 1\nnocount\n", "line 2: no count"},
		{"a;b 12 13\n", "line 1: two counts"},
		{"a 1\n\n#\na;b 1.5\n", "line 4: the count"},
		{"a -1\n", "line 1: the count"},
		{"a 99999999999999999999\n", "line 1: the count is too large"},
		{" 5\n", "line 1: a count without a stack"},
		{"5\n", "line 1: no count"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(bad[i][0], strlen(bad[i][0]), bad[i][1]);
	assert_refused("a\0b 1\n", 6, "NUL");
}

static void test_sniff(void **state)
{
	const struct cresset_format *f = cresset_format_by_name("folded");
	static const char *const yes[] = {"a 1\n", "# x\n\na;b 2", "a;b c 3\r\n", "a 1 2\n"};
	static const char *const no[] = {"",	   "\n\n",    "# only\n",
					 "text\n", "<svg>\n", "\x1f\x8b\x08"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(f->sniff(yes[i], strlen(yes[i])));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(f->sniff(no[i], strlen(no[i])));
}

static void test_write_allocations(void **state)
{
	struct cresset_profile *p = test_case_profile("recorded");

	starved_write("folded", p, NULL, 5);
	cresset_profile_free(p);
}

static void test_read_allocations(void **state)
{
	char *text = folded("names", NULL);

	starved_read("folded", text, strlen(text), 5);
	free(text);
}

/* ---- Compared. */

static int write_changes(const char *format, struct cresset_profile *base,
			 struct cresset_profile *p, bool normalize, char **ret)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	size_t n;

	options.base = base;
	options.normalize = normalize;
	return format_to_memory(format, p, &options, ret, &n);
}

static void assert_changes(const char *before, const char *after, bool normalize,
			   const char *expected)
{
	struct cresset_profile *base = read_text(before), *p = read_text(after);
	char *text;

	assert_int_equal(write_changes("folded", base, p, normalize, &text), 0);
	assert_string_equal(text, expected);
	free(text);
	cresset_profile_free(base);
	cresset_profile_free(p);
}

/* As difffolded.pl: its own first lines are "while (($stack, $count) …) print "$stack 0 $count". */
static void test_changes(void **state)
{
	assert_changes("a;b 10\na;c 5\na 1\n", "a;b 7\na;d 3\na;b;e 2\n", false,
		       "a 1 0\n"
		       "a;b 10 7\n"
		       "a;b;e 0 2\n"
		       "a;c 5 0\n"
		       "a;d 0 3\n");
	/* 16 to 12: each count on its own, rounded down. */
	assert_changes("a;b 10\na;c 5\na 1\n", "a;b 7\na;d 3\na;b;e 2\n", true,
		       "a 0 0\n"
		       "a;b 7 7\n"
		       "a;b;e 0 2\n"
		       "a;c 3 0\n"
		       "a;d 0 3\n");
	assert_changes("a 3\n", "a 3\n", true, "a 3 3\n");
	/* Lines stay in the order of their bytes. */
	assert_changes("x 2\nx 2\n", "x (y) 4\n", false, "x (y) 0 4\nx 4 0\n");
	assert_changes("a;#b 1\n", "_#a 1\n", false, "_#a 0 1\na;#b 1 0\n");
}

static void test_changes_at_the_limits(void **state)
{
	assert_changes("a 9223372036854775807\nb 9223372036854775807\n", "a 9223372036854775807\n",
		       true,
		       "a 9223372036854775807 9223372036854775807\n"
		       "b 9223372036854775807 0\n");
	assert_changes("a 1\nb 9223372036854775806\n", "a 1\n", true, "a 0 1\nb 0 0\n");
}

/* What flamegraph.pl makes of a line: two numbers at its end, behind a stack that is not empty. */
static void assert_two_counts(const char *text)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n"), at = len;

		assert_int_equal(line[len], '\n');
		for (int i = 0; i < 2; i++) {
			size_t digits = at;

			while (at && line[at - 1] >= '0' && line[at - 1] <= '9')
				at--;
			assert_true(at && digits > at && line[at - 1] == ' ');
			at--;
		}
		/* A third number would be taken for a part of the stack, and the name be cut. */
		assert_true(at > 0 && !(line[at - 1] >= '0' && line[at - 1] <= '9' &&
					memchr(line, ' ', at) && at > 2 && line[at - 2] == ' '));
		line += len + 1;
	}
}

static void test_changes_of_cases(void **state)
{
	static const char *const names[][2] = {{"names", "hostile"}, {"hostile", "names"},
					       {"raw", "recorded"},  {"off_cpu", "wakers"},
					       {"names", "empty"},   {"empty", "names"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct cresset_profile *base = test_case_profile(names[i][0]);
		struct cresset_profile *p = test_case_profile(names[i][1]);
		char *text;

		assert_int_equal(write_changes("folded", base, p, i % 2, &text), 0);
		assert_two_counts(text);
		free(text);
		cresset_profile_free(base);
		cresset_profile_free(p);
	}
}

/* The base must have the value that is compared. */
static void test_changes_refused(void **state)
{
	static const char *const formats[] = {"folded", "svg", "top"};

	for (size_t i = 0; i < 3; i++) {
		struct cresset_profile *base = test_case_profile("names");
		struct cresset_profile *p = test_case_profile("recorded");
		struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
		struct cresset_error err = {.text = ""};
		struct cresset_sink *sink;

		options.base = base;
		assert_int_equal(cresset_sink_memory(&sink), 0);
		assert_int_equal(cresset_format_by_name(formats[i])->write(p, sink, &options, &err),
				 -EINVAL);
		assert_non_null(strstr(err.text, "has no value 'cpu' in nanoseconds"));
		cresset_sink_finish(sink, -EINVAL);
		cresset_profile_free(base);
		cresset_profile_free(p);
	}
}

static void test_changes_allocations(void **state)
{
	starved_write_changes("folded");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_roots),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_identical),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_sniff),
		cmocka_unit_test(test_write_allocations),
		cmocka_unit_test(test_read_allocations),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_changes_at_the_limits),
		cmocka_unit_test(test_changes_of_cases),
		cmocka_unit_test(test_changes_refused),
		cmocka_unit_test(test_changes_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
