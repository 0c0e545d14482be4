// SPDX-License-Identifier: Apache-2.0
/* Age by a clock that may be set. */
#include "export/age.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000000)

/* A spool's entries do not get old by a jump. */
static void test_age(void **state)
{
	int64_t now = 1700000000 * SECOND, boot = 100 * SECOND;
	struct age a = {.seen = false};

	assert_true(age_trusts(&a, now, boot));
	assert_true(age_trusts(&a, now + 60 * SECOND, boot + 60 * SECOND));
	/* Asleep for a day: they have got old. */
	now += 86400 * SECOND, boot += 86400 * SECOND;
	assert_true(age_trusts(&a, now, boot));
	now += 5 * 3600 * SECOND;
	assert_false(age_trusts(&a, now, boot));
	assert_false(age_trusts(&a, now + 3599 * SECOND, boot + 3599 * SECOND));
	assert_true(age_trusts(&a, now + 3601 * SECOND, boot + 3601 * SECOND));
	assert_false(age_trusts(&a, now, boot + 7200 * SECOND));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
