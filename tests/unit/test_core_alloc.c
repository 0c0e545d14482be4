// SPDX-License-Identifier: Apache-2.0
/*
 * Every allocation of core/ failing once. Whichever it is, building a profile must end with -ENOMEM
 * or succeed, leak nothing (LeakSanitizer watches) and leave a profile that can be read.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <cresset/profile.h>

#include "core/bulk.h"
#include "support/alloc_fail.h"

static int fill(struct cresset_profile *p)
{
	int r = cresset_profile_add_value_type(p, "samples", "count");

	for (uint32_t i = 0; i < 200 && !r; i++) {
		char name[16];
		struct cresset_mapping m = {.start = i};
		struct cresset_location l = {.address = i};
		struct cresset_label label = {.num = i};
		uint32_t ids[2], stack, labels;
		int64_t value = 1, nothing = 0;

		snprintf(name, sizeof(name), "f%u", i);
		r = cresset_profile_add_frame(p, name, strlen(name), 0, &ids[0]);
		r = r ?: cresset_profile_add_mapping(p, &m, &l.mapping);
		r = r
			    ?: (i % 3 ? profile_append_location
				      : cresset_profile_add_location)(p, &l, NULL, &ids[1]);
		r = r
			    ?: (i % 3 ? profile_append_stack : cresset_profile_add_stack)(p, ids, 2,
											  &stack);
		r = r ?: cresset_profile_add_string(p, "pid", 3, &label.key);
		r = r ?: cresset_profile_add_labels(p, &label, 1, &labels);
		r = r ?: cresset_profile_add_sample(p, stack, labels, &value);
		/* One that was there before: from here on samples are looked for. */
		if (i >= 100)
			r = r ?: cresset_profile_add_sample(p, 1, 1, &nothing);
		r = r ?: cresset_profile_set_stat(p, name, i);
		r = r ?: cresset_profile_add_comment(p, name);
	}
	return r ?: cresset_profile_settle(p);
}

static void read_all(const struct cresset_profile *p)
{
	struct cresset_frame frames[4];

	for (size_t i = 0; i < cresset_profile_n_samples(p); i++) {
		const struct cresset_sample *s = cresset_profile_sample(p, i);

		assert_true(cresset_profile_values(p, i)[0] <= 1);
		assert_true(cresset_profile_frames(p, s->stack, frames, 4) <= 4);
	}
}

static int build_and_merge(void)
{
	struct cresset_profile *p = NULL, *copy = NULL;
	int r = cresset_profile_new(&p);

	if (!r) {
		r = fill(p);
		read_all(p);
	}
	r = r ?: cresset_profile_new(&copy);
	if (!r) {
		r = cresset_profile_merge(copy, p);
		read_all(copy);
	}
	cresset_profile_free(p);
	cresset_profile_free(copy);
	return r;
}

static void every_allocation_may_fail(void **state)
{
	unsigned int n;

	for (n = 1; alloc_fail_next(&n, 10000);) {
		int r = build_and_merge();

		if (!alloc_fail_end()) {
			assert_int_equal(r, 0);
			break;
		}
		assert_int_equal(r, -ENOMEM);
	}
	assert_true(n > 50 && n < 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("core_alloc", tests, NULL, NULL);
}
