// SPDX-License-Identifier: Apache-2.0
/* addrspace: newer over older, sharing until changed, checked against one byte per page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "addrspace.h"
#include "support/alloc_fail.h"

static int add(struct addrspace *as, uint64_t start, uint64_t end, uint64_t pgoff, uint32_t dso)
{
	struct addrspace_range r = {.start = start, .end = end, .pgoff = pgoff, .dso = dso};

	return addrspace_add(as, &r, false);
}

static void assert_range(const struct addrspace *as, uint64_t address, uint64_t start, uint64_t end,
			 uint64_t pgoff, uint32_t dso)
{
	const struct addrspace_range *r = addrspace_find(as, address);

	assert_non_null(r);
	assert_int_equal(r->start, start);
	assert_int_equal(r->end, end);
	assert_int_equal(r->pgoff, pgoff);
	assert_int_equal(r->dso, dso);
}

static void finds_what_was_added(void **state)
{
	struct addrspace as;
	size_t n;

	addrspace_init(&as);
	assert_null(addrspace_find(&as, 0));
	assert_int_equal(add(&as, 0x3000, 0x4000, 0, 1), 0);
	assert_int_equal(add(&as, 0x1000, 0x2000, 0x500, 2), 0);
	assert_int_equal(add(&as, UINT64_MAX - 0xfff, UINT64_MAX, 0, 3), 0);
	assert_null(addrspace_find(&as, 0xfff));
	assert_range(&as, 0x1000, 0x1000, 0x2000, 0x500, 2);
	assert_range(&as, 0x1fff, 0x1000, 0x2000, 0x500, 2);
	assert_null(addrspace_find(&as, 0x2000));
	assert_range(&as, 0x3800, 0x3000, 0x4000, 0, 1);
	assert_range(&as, UINT64_MAX - 1, UINT64_MAX - 0xfff, UINT64_MAX, 0, 3);
	assert_null(addrspace_find(&as, UINT64_MAX));
	addrspace_all(&as, &n);
	assert_int_equal(n, 3);
	addrspace_release(&as);
}

static void empty_ranges_are_refused(void **state)
{
	struct addrspace as;

	addrspace_init(&as);
	assert_int_equal(add(&as, 5, 5, 0, 1), -EINVAL);
	assert_int_equal(add(&as, 6, 5, 0, 1), -EINVAL);
	assert_null(addrspace_find(&as, 5));
	addrspace_release(&as);
}

static void newer_splits_older(void **state)
{
	struct addrspace as;

	addrspace_init(&as);
	assert_int_equal(add(&as, 0x1000, 0x9000, 0x10000, 1), 0);
	assert_int_equal(add(&as, 0x3000, 0x4000, 0, 2), 0);
	assert_range(&as, 0x2fff, 0x1000, 0x3000, 0x10000, 1);
	assert_range(&as, 0x3000, 0x3000, 0x4000, 0, 2);
	assert_range(&as, 0x4000, 0x4000, 0x9000, 0x13000, 1);
	/* Over parts of several. */
	assert_int_equal(add(&as, 0x2000, 0x5000, 0x77000, 3), 0);
	assert_range(&as, 0x1000, 0x1000, 0x2000, 0x10000, 1);
	assert_range(&as, 0x3000, 0x2000, 0x5000, 0x77000, 3);
	assert_range(&as, 0x5000, 0x5000, 0x9000, 0x14000, 1);
	addrspace_release(&as);
}

static void anonymous_neighbours_join(void **state)
{
	struct addrspace_range r = {.start = 0x1000, .end = 0x2000, .dso = 7};
	struct addrspace as;
	size_t n;

	addrspace_init(&as);
	assert_int_equal(addrspace_add(&as, &r, true), 0);
	r.start = 0x3000, r.end = 0x4000;
	assert_int_equal(addrspace_add(&as, &r, true), 0);
	r.start = 0x2000, r.end = 0x3000;
	assert_int_equal(addrspace_add(&as, &r, true), 0);
	addrspace_all(&as, &n);
	assert_int_equal(n, 1);
	/* Overlapping on either side, and inside. */
	r.start = 0x3800, r.end = 0x5000;
	assert_int_equal(addrspace_add(&as, &r, true), 0);
	r.start = 0x800, r.end = 0x1800;
	assert_int_equal(addrspace_add(&as, &r, true), 0);
	r.start = 0x1000, r.end = 0x1001;
	assert_int_equal(addrspace_add(&as, &r, true), 0);
	assert_range(&as, 0x2345, 0x800, 0x5000, 0, 7);
	addrspace_all(&as, &n);
	assert_int_equal(n, 1);
	/* Another one next to it does not. */
	r.start = 0x5000, r.end = 0x6000, r.dso = 8;
	assert_int_equal(addrspace_add(&as, &r, true), 0);
	addrspace_all(&as, &n);
	assert_int_equal(n, 2);
	addrspace_release(&as);
}

static void shared_until_changed(void **state)
{
	struct addrspace parent, child, grandchild;
	size_t n;

	addrspace_init(&parent);
	addrspace_init(&child);
	addrspace_init(&grandchild);
	assert_int_equal(add(&parent, 0x1000, 0x2000, 0, 1), 0);
	addrspace_share(&child, &parent);
	addrspace_share(&grandchild, &child);
	assert_ptr_equal(addrspace_all(&child, &n), addrspace_all(&parent, &n));
	/* What is there already changes nothing. */
	assert_int_equal(add(&child, 0x1000, 0x2000, 0, 1), 0);
	assert_ptr_equal(addrspace_all(&child, &n), addrspace_all(&parent, &n));
	assert_int_equal(add(&child, 0x1000, 0x1800, 0, 2), 0);
	assert_range(&child, 0x1000, 0x1000, 0x1800, 0, 2);
	assert_range(&parent, 0x1000, 0x1000, 0x2000, 0, 1);
	assert_int_equal(add(&parent, 0x5000, 0x6000, 0, 3), 0);
	addrspace_release(&parent);
	assert_range(&grandchild, 0x1fff, 0x1000, 0x2000, 0, 1);
	assert_null(addrspace_find(&grandchild, 0x5000));
	addrspace_share(&grandchild, &grandchild);
	assert_range(&grandchild, 0x1fff, 0x1000, 0x2000, 0, 1);
	addrspace_release(&child);
	addrspace_release(&grandchild);
}

enum { PAGES = 64, STEPS = 4000 };

/* Every page of the model names the range that covers it last, and its place in the file. */
static void equals_a_page_by_page_model(void **state)
{
	struct {
		uint32_t dso;
		uint64_t pgoff;
	} model[PAGES] = {0};
	struct addrspace as;
	uint64_t x = 88172645463325252u;

	addrspace_init(&as);
	for (int step = 0; step < STEPS; step++) {
		uint64_t start, n, pgoff;
		const struct addrspace_range *all;
		size_t count;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		start = x % PAGES;
		n = 1 + (x >> 8) % (PAGES - start);
		n = n > 9 ? 9 : n;
		pgoff = (x >> 20) % 1000;
		assert_int_equal(add(&as, start, start + n, pgoff, (uint32_t)step + 1), 0);
		for (uint64_t i = 0; i < n; i++) {
			model[start + i].dso = (uint32_t)step + 1;
			model[start + i].pgoff = pgoff + i;
		}
		for (uint64_t i = 0; i < PAGES; i++) {
			const struct addrspace_range *r = addrspace_find(&as, i);

			assert_int_equal(r ? r->dso : 0, model[i].dso);
			if (r)
				assert_int_equal(r->pgoff + (i - r->start), model[i].pgoff);
		}
		all = addrspace_all(&as, &count);
		for (size_t i = 0; i < count; i++) {
			assert_true(all[i].start < all[i].end);
			assert_true(i == 0 || all[i - 1].end <= all[i].start);
		}
	}
	addrspace_release(&as);
}

static void has_a_limit(void **state)
{
	struct addrspace as;
	uint64_t i;

	addrspace_init(&as);
	for (i = 0; i < ADDRSPACE_MAX_RANGES; i++)
		assert_int_equal(add(&as, 2 * i + 1, 2 * i + 2, 0, 1), 0);
	assert_int_equal(add(&as, 2 * i + 1, 2 * i + 2, 0, 1), -E2BIG);
	/* In place of another one there is room. */
	assert_int_equal(add(&as, 1, 2, 0, 2), 0);
	assert_range(&as, 1, 1, 2, 0, 2);
	assert_null(addrspace_find(&as, 2 * i + 1));
	addrspace_release(&as);
}

static void failed_allocations_change_nothing(void **state)
{
	for (unsigned int n = 1; alloc_fail_next(&n, 100);) {
		struct addrspace as, copy;
		int r;

		addrspace_init(&as);
		addrspace_init(&copy);
		r = add(&as, 0x1000, 0x9000, 0, 1);
		addrspace_share(&copy, &as);
		if (!r)
			r = add(&copy, 0x2000, 0x3000, 0, 2);
		for (uint64_t i = 0; i < 20 && !r; i++)
			r = add(&copy, 0x10000 + i * 2, 0x10001 + i * 2, 0, 3);
		if (addrspace_find(&as, 0x2000))
			assert_range(&as, 0x2000, 0x1000, 0x9000, 0, 1);
		addrspace_release(&as);
		addrspace_release(&copy);
		if (!alloc_fail_end()) {
			assert_int_equal(r, 0);
			return;
		}
		assert_int_equal(r, -ENOMEM);
	}
	fail();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_added),
		cmocka_unit_test(empty_ranges_are_refused),
		cmocka_unit_test(newer_splits_older),
		cmocka_unit_test(anonymous_neighbours_join),
		cmocka_unit_test(shared_until_changed),
		cmocka_unit_test(equals_a_page_by_page_model),
		cmocka_unit_test(has_a_limit),
		cmocka_unit_test(failed_allocations_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
