// SPDX-License-Identifier: Apache-2.0
/*
 * Durations as users write them, and everything that only looks like one.
 */
#include "duration.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_accepted(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} cases[] = {
		{"10s", 10000000000ull},
		{"1m", 60000000000ull},
		{"500ms", 500000000ull},
		{"1.5s", 1500000000ull},
		{"10", 10000000000ull},
		{"0.25", 250000000ull},
		{".5s", 500000000ull},
		{"5.", 5000000000ull},
		{"1m30s", 90000000000ull},
		{"1h2m3s", 3723000000000ull},
		{"2d", 172800000000000ull},
		{"7us", 7000},
		{"9ns", 9},
		{"1000d", 86400000000000000ull},
		{"0.000000001s", 0}, /* below the precision of fractions: refused below */
		{"1.0000019s", 1000001000ull},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ns = 12345;
		int r = duration_parse(cases[i].text, &ns);

		if (!cases[i].ns) {
			assert_int_equal(r, -ERANGE);
			continue;
		}
		assert_int_equal(r, 0);
		assert_true(ns == cases[i].ns);
	}
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"",	"s",	"-1s",	"+1s",	  "1x",	 "1 s", " 1s",
		"1s ",	"1sec", "1e3s", "0x10s",  "inf", "nan", "1s5",
		"1,5s", ".",	"ms",	"1.5.2s", "10S", "1mm", "1m 30s",
	};
	static const char *const out_of_range[] = {
		"0",
		"0s",
		"0.0ms",
		"1001d",
		"999999999999999999999999s",
		"86400001",
		"1000d1ns",
		"18446744073709551616ns",
	};
	uint64_t ns = 12345;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(duration_parse(bad[i], &ns), -EINVAL);
	for (size_t i = 0; i < sizeof(out_of_range) / sizeof(out_of_range[0]); i++)
		assert_int_equal(duration_parse(out_of_range[i], &ns), -ERANGE);
	assert_true(ns == 12345);
}

static void test_text(void **state)
{
	char buf[32];

	assert_string_equal(duration_text(0, buf, sizeof(buf)), "0.0 s");
	assert_string_equal(duration_text(449999999, buf, sizeof(buf)), "0.4 s");
	assert_string_equal(duration_text(59999999999ull, buf, sizeof(buf)), "59.9 s");
	assert_string_equal(duration_text(60000000000ull, buf, sizeof(buf)), "1m00s");
	assert_string_equal(duration_text(125000000000ull, buf, sizeof(buf)), "2m05s");
	assert_string_equal(duration_text(3723000000000ull, buf, sizeof(buf)), "1h02m03s");
	assert_string_equal(duration_text(3723000000000ull, buf, 4), "1h0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
