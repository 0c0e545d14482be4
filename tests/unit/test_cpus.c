// SPDX-License-Identifier: Apache-2.0
/* Lists of CPUs as the kernel writes them, and everything else. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpus.h"

enum { N = 16 };

static void lists(void **state)
{
	static const struct {
		const char *text;
		const char *want; /* one digit for each CPU */
	} cases[] = {
		{"0\n", "1000000000000000"},
		{"0-1\n", "1100000000000000"},
		{"0-3,8,10-11", "1111000010110000"},
		{"15", "0000000000000001"},
		{"\n", "0000000000000000"},
		{"", "0000000000000000"},
		{"3-3,5,5", "0001010000000000"},
		/* More CPUs than there can be. */
		{"14-200,1048576", "0000000000000011"},
	};
	bool set[N];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t count = 0;

		memset(set, 1, sizeof(set));
		assert_int_equal(cpus_parse(cases[i].text, set, N), 0);
		for (size_t cpu = 0; cpu < N; cpu++) {
			assert_int_equal(set[cpu], cases[i].want[cpu] == '1');
			count += set[cpu];
		}
		assert_int_equal(cpus_count(set, N), count);
	}
}

static void no_lists(void **state)
{
	static const char *const cases[] = {
		"x", "0-", "-1", "1-0", "0,,1", "0;1", "0x1", "1 2", "99999999999999999999", "0--1",
	};
	bool set[N];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(set, 1, sizeof(set));
		assert_int_equal(cpus_parse(cases[i], set, N), -EINVAL);
		assert_int_equal(cpus_count(set, N), 0);
	}
}

static void this_machine(void **state)
{
	bool set[4096];

	assert_int_equal(cpus_online(set, 4096), 0);
	assert_true(cpus_count(set, 4096) >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(no_lists),
		cmocka_unit_test(this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
