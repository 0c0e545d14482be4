// SPDX-License-Identifier: Apache-2.0
/* Amounts of memory as people write them, and what is refused. */
#include "bytesize.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void good(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{"1", 1},
		{"4096", 4096},
		{"1b", 1},
		{"512k", 512 << 10},
		{"64M", 64 << 20},
		{"64MB", 64 << 20},
		{"64MiB", 64 << 20},
		{"1.5g", UINT64_C(1536) << 20},
		{".5K", 512},
		{"2T", UINT64_C(2) << 40},
		{"1024T", UINT64_C(1) << 50},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t bytes = 0;

		assert_int_equal(bytesize_parse(cases[i].text, &bytes), 0);
		assert_int_equal(bytes, cases[i].bytes);
	}
}

static void bad(void **state)
{
	static const struct {
		const char *text;
		int error;
	} cases[] = {
		{"", -EINVAL},	      {"M", -EINVAL},
		{"-1", -EINVAL},      {"1 M", -EINVAL},
		{"1MM", -EINVAL},     {"1iB", -EINVAL},
		{"0x10", -EINVAL},    {"lots", -EINVAL},
		{".", -EINVAL},	      {"0", -ERANGE},
		{"0.0001k", -ERANGE}, {"1025T", -ERANGE},
		{"1P", -EINVAL},      {"99999999999999999999999999", -ERANGE},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t bytes = 7;

		assert_int_equal(bytesize_parse(cases[i].text, &bytes), cases[i].error);
		assert_int_equal(bytes, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(good), cmocka_unit_test(bad)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
