// SPDX-License-Identifier: Apache-2.0
/*
 * What a regular expression of a match may ask for: it comes by HTTP, and regcomp() would take all
 * memory if it were let.
 */
#include "store/match.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *value(void *arg, const char *name)
{
	return arg;
}

static int match_of(const char *regex, struct match **ret, struct cresset_error *err)
{
	char text[512];

	snprintf(text, sizeof(text), "comm=~\"%s\"", regex);
	return match_new(text, ret, err);
}

static void test_repetitions_of_repetitions(void **state)
{
	/* Each would be copied 4097 times and more. */
	static const char *const refused[] = {
		"a++++++++++++++",
		"(a)++++++++++++++",
		"a*+*+*+*+*+*+*+*+*+*+*+*+*+",
		"a{50}{50}{2}",
		"a{90}++++++++",
		"((((a{9})+){9})+){9}{9}",
		"a+?+?+?+?+?+?+?+?+?+?+?+?+?+?+",
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct cresset_error err = {.text = ""};
		struct match *m;

		if (match_of(refused[i], &m, &err) != -EINVAL)
			fail_msg("%s: taken", refused[i]);
		assert_non_null(strstr(err.text, "repeats too much"));
	}
}

static void test_what_people_write(void **state)
{
	static const struct {
		const char *regex, *value;
		bool hit;
	} cases[] = {
		{"a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+", "abcdefghijklmnoop", true},
		{"[a-z]+-[0-9]+-[a-z]+-[0-9]+-[a-z]+-[0-9]+", "a-1-bc-22-d-3", true},
		{"(a|b)+c{2,9}(d+|e)*", "abccdde", true},
		{"a++", "aaa", true},
		{"a++", "b", false},
		{"c\\\\+\\\\+", "c++", true},
		{"(redis|nginx)(-[0-9]+)?", "redis-17", true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cresset_error err = {.text = ""};
		struct match *m = NULL;

		if (match_of(cases[i].regex, &m, &err) < 0)
			fail_msg("%s: %s", cases[i].regex, err.text);
		assert_int_equal(match_eval(m, value, (void *)cases[i].value), cases[i].hit);
		match_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repetitions_of_repetitions),
		cmocka_unit_test(test_what_people_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
