// SPDX-License-Identifier: Apache-2.0
/*
 * The option parser on a table with a row of every kind: what is set, what is refused and in which
 * words, and that nothing is written by an option that was refused.
 */
#include "options.h"
#include "suggest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct values {
	bool verbose, no_inherit;
	const char *format;
	const char *title;
	struct vec outputs, pids;
	unsigned int freq;
	double width;
	uint64_t duration_ns;
};

static bool fruit(size_t i, struct option_choice *ret)
{
	static const char *const names[] = {"apple", "banana", "cherry"};

	if (i >= 3)
		return false;
	*ret = (struct option_choice){names[i], "", ""};
	return true;
}

#define AT(m) .offset = offsetof(struct values, m)
static const struct option_row rows[] = {
	{.kind = OPTION_GROUP, .name = "Group"},
	{.kind = OPTION_FLAG, .letter = 'v', .name = "verbose", .value = true, AT(verbose)},
	{.kind = OPTION_FLAG, .name = "inherit", .value = false, AT(no_inherit)},
	{.kind = OPTION_FLAG, .letter = 'n', .name = "no-inherit", .value = true, AT(no_inherit)},
	{.kind = OPTION_STRING,
	 .letter = 'f',
	 .name = "format",
	 .arg = "NAME",
	 .choice = fruit,
	 AT(format)},
	{.kind = OPTION_STRING, .name = "title", .arg = "TEXT", AT(title)},
	{.kind = OPTION_STRINGS, .letter = 'o', .name = "output", .arg = "FILE", AT(outputs)},
	{.kind = OPTION_IDS, .letter = 'p', .name = "pid", .arg = "PID", AT(pids)},
	{.kind = OPTION_UINT,
	 .letter = 'F',
	 .name = "freq",
	 .arg = "HZ",
	 .min = 1,
	 .max = 1000,
	 AT(freq)},
	{.kind = OPTION_NUMBER, .name = "width", .arg = "PERCENT", .max = 100, AT(width)},
	{.kind = OPTION_DURATION,
	 .letter = 'd',
	 .name = "duration",
	 .arg = "TIME",
	 AT(duration_ns)},
	{.kind = OPTION_END},
};

struct parsed {
	struct values v;
	struct vec words;
	struct cresset_error err;
};

static int parse(struct parsed *p, enum option_words how, const char *first, ...)
{
	char *args[32];
	size_t n = 0;
	va_list list;

	memset(p, 0, sizeof(*p));
	options_init(rows, &p->v);
	vec_init(&p->words, sizeof(const char *));
	va_start(list, first);
	for (const char *a = first; a && n < 32; a = va_arg(list, const char *))
		args[n++] = (char *)(uintptr_t)a;
	va_end(list);
	return options_parse(rows, how, args, n, &p->v, &p->words, &p->err);
}

static void done(struct parsed *p)
{
	options_release(rows, &p->v);
	vec_release(&p->words);
}

static const char *word(const struct vec *v, size_t i)
{
	return *(const char **)vec_at(v, i);
}

static void test_all_kinds(void **state)
{
	struct parsed p;

	assert_int_equal(parse(&p, OPTION_WORDS_MIXED, "-v", "--no-inherit", "-f", "banana",
			       "--title=a=b", "-oone", "--output", "two", "-p1,22", "--pid=22,333",
			       "-F", "99", "--width=0.5", "-d1m30s", "in", "-", NULL),
			 OPTIONS_PARSED);
	assert_true(p.v.verbose && p.v.no_inherit);
	assert_string_equal(p.v.format, "banana");
	assert_string_equal(p.v.title, "a=b");
	assert_int_equal(p.v.outputs.n, 2);
	assert_string_equal(word(&p.v.outputs, 0), "one");
	assert_string_equal(word(&p.v.outputs, 1), "two");
	assert_int_equal(p.v.pids.n, 3); /* 22 only once */
	assert_int_equal(*(uint32_t *)vec_at(&p.v.pids, 2), 333);
	assert_int_equal(p.v.freq, 99);
	assert_true(p.v.width == 0.5);
	assert_true(p.v.duration_ns == 90000000000ull);
	assert_int_equal(p.words.n, 2);
	assert_string_equal(word(&p.words, 1), "-");
	done(&p);
}

static void test_bundles_and_order(void **state)
{
	struct parsed p;

	assert_int_equal(parse(&p, OPTION_WORDS_MIXED, "-vnF7", "-f", "apple", "--inherit", NULL),
			 OPTIONS_PARSED);
	assert_true(p.v.verbose);
	assert_false(p.v.no_inherit); /* the later one counts */
	assert_int_equal(p.v.freq, 7);
	done(&p);
	/* a value may look like an option */
	assert_int_equal(parse(&p, OPTION_WORDS_MIXED, "-o", "-v", "--title", "--", NULL),
			 OPTIONS_PARSED);
	assert_string_equal(word(&p.v.outputs, 0), "-v");
	assert_string_equal(p.v.title, "--");
	assert_false(p.v.verbose);
	done(&p);
}

static void test_words(void **state)
{
	struct parsed p;

	assert_int_equal(parse(&p, OPTION_WORDS_MIXED, "a", "-v", "--", "-n", "b", NULL), 0);
	assert_true(p.v.verbose);
	assert_false(p.v.no_inherit);
	assert_int_equal(p.words.n, 3);
	assert_string_equal(word(&p.words, 1), "-n");
	done(&p);
	assert_int_equal(parse(&p, OPTION_WORDS_TAIL, "-v", "make", "-n", "--", "x", NULL), 0);
	assert_false(p.v.no_inherit);
	assert_int_equal(p.words.n, 4);
	assert_string_equal(word(&p.words, 2), "--");
	done(&p);
	assert_int_equal(parse(&p, OPTION_WORDS_TAIL, "-v", "--", "-n", "--", NULL), 0);
	assert_int_equal(p.words.n, 2);
	assert_string_equal(word(&p.words, 0), "-n");
	done(&p);
}

static void test_help(void **state)
{
	struct parsed p;

	assert_int_equal(parse(&p, OPTION_WORDS_MIXED, "-v", "--help", "--wrong", NULL),
			 OPTIONS_HELP);
	done(&p);
	assert_int_equal(parse(&p, OPTION_WORDS_MIXED, "-vh", NULL), OPTIONS_HELP);
	done(&p);
	assert_int_equal(parse(&p, OPTION_WORDS_TAIL, "ls", "--help", NULL), OPTIONS_PARSED);
	done(&p);
}

static void test_refused(void **state)
{
	static const struct {
		const char *args[2];
		const char *text;
	} cases[] = {
		{{"--verbos"}, "unknown option '--verbos' (did you mean '--verbose'?)"},
		{{"--hlep"}, "unknown option '--hlep' (did you mean '--help'?)"},
		{{"--outptu=x"}, "unknown option '--outptu' (did you mean '--output'?)"},
		{{"--dur", "1"}, "unknown option '--dur' (did you mean '--duration'?)"},
		{{"--xyzzy"}, "unknown option '--xyzzy'"},
		{{"--Group"}, "unknown option '--Group'"},
		{{"--verbose=1"}, "--verbose takes no value"},
		{{"-x"}, "unknown option '-x'"},
		{{"-vx"}, "unknown option '-x'"},
		{{"-F"}, "-F needs a value: HZ"},
		{{"--title"}, "--title needs a value: TEXT"},
		{{"-F", "0"}, "-F must be 1 to 1000, not 0"},
		{{"-F", "1001"}, "-F must be 1 to 1000, not 1001"},
		{{"-F", "99999999999999999999"}, "-F must be 1 to 1000, not 99999999999999999999"},
		{{"-F", "9.5"}, "-F needs a whole number, not '9.5'"},
		{{"-F", "-9"}, "-F needs a whole number, not '-9'"},
		{{"-F", ""}, "-F needs a whole number, not ''"},
		{{"--width=0x10"}, "--width needs a number, not '0x10'"},
		{{"--width=1e9"}, "--width needs a number, not '1e9'"},
		{{"--width=nan"}, "--width needs a number, not 'nan'"},
		{{"--width=1.2.3"}, "--width needs a number, not '1.2.3'"},
		{{"--width=101"}, "--width must be 0 to 100, not 101"},
		{{"-p", "0"}, "-p needs ids like 123 or 123,456, not '0'"},
		{{"-p", ""}, "-p needs ids like 123 or 123,456, not ''"},
		{{"-p", "1,"}, "-p needs ids like 123 or 123,456, not '1,'"},
		{{"-p", "1,,2"}, "-p needs ids like 123 or 123,456, not '1,,2'"},
		{{"-p", "-1"}, "-p needs ids like 123 or 123,456, not '-1'"},
		{{"-p", "2147483648"}, "-p needs ids like 123 or 123,456, not '2147483648'"},
		{{"-p", "bash"}, "-p needs ids like 123 or 123,456, not 'bash'"},
		{{"-d", "soon"}, "-d needs a time like 10s, 1m or 500ms, not 'soon'"},
		{{"-d", "0"}, "-d needs a time like 10s, 1m or 500ms (up to 1000d), not '0'"},
		{{"-f", "aple"}, "unknown format 'aple' (did you mean 'apple'?)"},
		{{"-f", "xml"}, "unknown format 'xml' (there is apple, banana, cherry)"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct parsed p;

		assert_int_equal(
			parse(&p, OPTION_WORDS_MIXED, cases[i].args[0], cases[i].args[1], NULL),
			-EINVAL);
		assert_string_equal(p.err.text, cases[i].text);
		assert_int_equal(p.v.freq, 0);
		assert_true(p.v.duration_ns == 0 && p.v.width == 0 && !p.v.format);
		done(&p);
	}
}

static void test_suggest(void **state)
{
	struct suggestion s;

	suggestion_init(&s, "recrod");
	suggestion_try(&s, "report");
	suggestion_try(&s, "record");
	assert_string_equal(s.best, "record");
	suggestion_init(&s, "rec");
	suggestion_try(&s, "report");
	suggestion_try(&s, "record");
	assert_string_equal(s.best, "record");
	suggestion_init(&s, "zzz");
	suggestion_try(&s, "record");
	assert_null(s.best);
	suggestion_init(&s, "");
	suggestion_try(&s, "a");
	assert_null(s.best);
	suggestion_init(&s, "a-word-much-longer-than-what-is-ever-suggested-by-anything");
	suggestion_try(&s, "a-word-much-longer-than-what-is-ever-suggested-by-anythin");
	assert_null(s.best);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_kinds), cmocka_unit_test(test_bundles_and_order),
		cmocka_unit_test(test_words),	  cmocka_unit_test(test_help),
		cmocka_unit_test(test_refused),	  cmocka_unit_test(test_suggest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
