// SPDX-License-Identifier: Apache-2.0
/* starved - see starved.h. */
#include "support/starved.h"

#include "support/alloc_fail.h"
#include "support/cases.h"
#include "support/formats.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

void starved_write(const char *format, const struct cresset_profile *p,
		   const struct cresset_format_options *options, unsigned int least)
{
	unsigned int n;
	int r = -1;

	for (n = 1; alloc_fail_next(&n, 10000);) {
		char *text = NULL;
		size_t size;
		bool failed;

		r = format_to_memory(format, p, options, &text, &size);
		failed = alloc_fail_end();
		free(text);
		if (!failed)
			break;
		assert_int_equal(r, -ENOMEM);
	}
	assert_int_equal(r, 0);
	assert_true(n > least);
}

void starved_write_changes(const char *format)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	struct cresset_profile *base = test_case_profile("off_cpu");
	struct cresset_profile *p = test_case_profile("wakers");

	options.base = base;
	options.normalize = true;
	starved_write(format, p, &options, 5);
	cresset_profile_free(base);
	cresset_profile_free(p);
}

void starved_read(const char *format, const void *data, size_t size, unsigned int least)
{
	unsigned int n;
	int r = -1;

	for (n = 1; alloc_fail_next(&n, 10000);) {
		struct cresset_profile *p = NULL;
		struct cresset_error err;
		bool failed;

		r = format_from_memory(format, data, size, &p, &err);
		failed = alloc_fail_end();
		if (r == 0)
			cresset_profile_free(p);
		if (!failed)
			break;
		assert_int_equal(r, -ENOMEM);
	}
	assert_int_equal(r, 0);
	assert_true(n > least);
}
