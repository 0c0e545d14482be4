// SPDX-License-Identifier: Apache-2.0
/*
 * Room for tables: what is handed out is never handed out twice, all of it comes back, the budget
 * holds, and giving back cannot fail.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/alloc_fail.h"
#include "support/tabmem_fake.h"
#include "unwind/pool.h"

enum { LINES = 64, CELLS = LINES * CRESSET_DIR_LINE };

struct fixture {
	struct tabmem_fake *mem;
	struct pool pool;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->mem = fake_new(1, LINES, 1);
	assert_int_equal(pool_init(&f->pool, &f->mem->m, 2 * CRESSET_POOL_BLOCKS + 100), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	pool_release(&f->pool);
	fake_free(f->mem);
	free(f);
	return 0;
}

static void blocks_are_taken_once(void **state)
{
	enum { N = 2 * CRESSET_POOL_BLOCKS + 100 };
	struct fixture *f = *state;
	uint32_t *ids = calloc(N, sizeof(*ids)), extra;
	bool *seen = calloc(3 * CRESSET_POOL_BLOCKS, sizeof(*seen));

	assert_int_equal(pool_free_blocks(&f->pool), N);
	assert_int_equal(pool_take_blocks(&f->pool, 1, ids), 0);
	assert_int_equal(f->mem->n_pools, 1);
	assert_int_equal(ids[0], 0);
	assert_int_equal(pool_take_blocks(&f->pool, N - 1, ids + 1), 0);
	assert_int_equal(f->mem->n_pools, 3);
	for (size_t i = 0; i < N; i++) {
		assert_true(ids[i] < 3 * CRESSET_POOL_BLOCKS);
		assert_false(seen[ids[i]]);
		seen[ids[i]] = true;
		memset(pool_block(&f->pool, ids[i]), 0xaa, sizeof(struct cresset_unwind_block));
	}
	assert_int_equal(pool_take_blocks(&f->pool, 1, &extra), -ENOSPC);
	pool_give_blocks(&f->pool, ids, N);
	assert_int_equal(pool_free_blocks(&f->pool), N);
	assert_int_equal(pool_take_blocks(&f->pool, N + 1, ids), -ENOSPC);
	assert_int_equal(pool_take_blocks(&f->pool, N, ids), 0);
	free(ids);
	free(seen);
}

static void the_kernel_refuses(void **state)
{
	struct fixture *f = *state;
	uint32_t id;

	f->mem->pool_error = -ENOMEM;
	assert_int_equal(pool_take_blocks(&f->pool, 1, &id), -ENOMEM);
	f->mem->pool_error = 0;
	assert_int_equal(pool_take_blocks(&f->pool, 1, &id), 0);
}

static void budgets_are_cut(void **state)
{
	struct tabmem_fake *mem = fake_new(1, 0, 1);
	struct pool pool;
	uint32_t cell;

	assert_int_equal(pool_init(&pool, &mem->m, UINT64_MAX), 0);
	assert_int_equal(pool.max_blocks, CRESSET_MAX_POOLS * CRESSET_POOL_BLOCKS);
	assert_int_equal(pool_take_cells(&pool, 1, &cell), -ENOSPC);
	pool_release(&pool);
	fake_free(mem);
}

/* Random stretches against a plain map of who has each cell. */
static void cells_are_taken_once(void **state)
{
	enum { OWNERS = 200 };
	struct fixture *f = *state;
	struct pool_stretch owned[OWNERS] = {{0}};
	uint8_t taken[CELLS] = {0};
	unsigned int seed = 7;

	for (int round = 0; round < 20000; round++) {
		struct pool_stretch *s = &owned[rand_r(&seed) % OWNERS];

		if (s->n) {
			for (uint32_t i = 0; i < s->n; i++)
				taken[s->first + i]--;
			pool_give_cells(&f->pool, s->first, s->n);
			s->n = 0;
			continue;
		}
		s->n = 1 + (uint32_t)rand_r(&seed) % 20;
		if (pool_take_cells(&f->pool, s->n, &s->first)) {
			s->n = 0;
			continue;
		}
		for (uint32_t i = 0; i < s->n; i++) {
			assert_true(s->first + i < CELLS);
			assert_int_equal(taken[s->first + i]++, 0);
		}
	}
	for (size_t i = 0; i < OWNERS; i++)
		if (owned[i].n)
			pool_give_cells(&f->pool, owned[i].first, owned[i].n);
	assert_int_equal(f->pool.free_cells, CELLS);
	assert_int_equal(f->pool.stretches.n, 1);
	assert_int_equal(pool_take_cells(&f->pool, CELLS, &owned[0].first), 0);
	assert_int_equal(pool_take_cells(&f->pool, 1, &owned[1].first), -ENOSPC);
}

static void out_of_memory(void **state)
{
	for (unsigned int n = 1; alloc_fail_next(&n, 1000);) {
		void *own = NULL;
		struct fixture *f;
		uint32_t ids[10], first[10], got = 0;
		int r = 0;

		alloc_fail_end();
		set_up(&own);
		f = own;
		alloc_fail_begin(n - 1);
		r = pool_take_blocks(&f->pool, 10, ids);
		if (!r)
			pool_give_blocks(&f->pool, ids, 10);
		for (; got < 10 && !r; got += !r)
			r = pool_take_cells(&f->pool, 3, &first[got]);
		/* From the middle, so that nothing can be joined. */
		for (uint32_t i = 1; i < got; i += 2)
			pool_give_cells(&f->pool, first[i], 3);
		if (!alloc_fail_end()) {
			assert_int_equal(r, 0);
			tear_down(&own);
			return;
		}
		assert_true(r == 0 || r == -ENOMEM);
		tear_down(&own);
	}
	fail();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(blocks_are_taken_once), TEST(the_kernel_refuses),	      TEST(budgets_are_cut),
		TEST(cells_are_taken_once),  cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
