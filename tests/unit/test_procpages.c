// SPDX-License-Identifier: Apache-2.0
/*
 * Pages of processes: the walker finds what was published, forks share without user space, pages
 * that an entry of the kernel's still names are never written again, and when all are in use the
 * oldest processes make room.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/alloc_fail.h"
#include "support/tabmem_fake.h"
#include "unwind/procpages.h"

enum { PAGES = 24 };

struct fixture {
	struct tabmem_fake *mem;
	struct procpages pp;
	struct cresset_unwind_range *ranges;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->mem = fake_new(1, 1, PAGES);
	f->ranges = calloc(2 * PROCPAGES_MAX_RANGES, sizeof(*f->ranges));
	assert_int_equal(procpages_init(&f->pp, &f->mem->m), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	procpages_release(&f->pp);
	fake_free(f->mem);
	free(f->ranges);
	free(f);
	return 0;
}

/* n ranges of 4 pages with as much between them, of dso `dso`. */
static void make_ranges(struct fixture *f, size_t n, uint16_t dso)
{
	memset(f->ranges, 0, n * sizeof(*f->ranges));
	for (size_t i = 0; i < n; i++)
		f->ranges[i] = (struct cresset_unwind_range){
			.start = 0x10000 + i * 0x8000, .pages = 4, .dso = dso};
}

static int publish(struct fixture *f, uint32_t pid, uint32_t exec_id, size_t n, uint16_t dso)
{
	make_ranges(f, n, dso);
	return procpages_publish(&f->pp, pid, exec_id, f->ranges, n, false);
}

static int dso_at(struct fixture *f, uint32_t pid, uint32_t exec_id, uint64_t address)
{
	const struct cresset_unwind_range *r = fake_range(f->mem, pid, exec_id, address);

	return r ? r->dso : -1;
}

static void many_ranges(void **state)
{
	static const size_t sizes[] = {1, 170, 171, 340, 1000, PROCPAGES_MAX_RANGES};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t n = sizes[i];

		assert_int_equal(publish(f, 7, (uint32_t)i, n, 3), 0);
		for (size_t j = 0; j < n; j++) {
			assert_int_equal(dso_at(f, 7, (uint32_t)i, 0x10000 + j * 0x8000), 3);
			assert_int_equal(dso_at(f, 7, (uint32_t)i, 0x13fff + j * 0x8000), 3);
			assert_int_equal(dso_at(f, 7, (uint32_t)i, 0x14000 + j * 0x8000), -1);
		}
		assert_int_equal(dso_at(f, 7, (uint32_t)i, 0xffff), -1);
		assert_int_equal(dso_at(f, 7, (uint32_t)i + 1, 0x10000), -1);
	}
	assert_int_equal(f->pp.stats.ranges_cut, 0);
	assert_int_equal(publish(f, 7, 9, PROCPAGES_MAX_RANGES + 5, 3), 0);
	assert_int_equal(f->pp.stats.ranges_cut, 5);
	assert_int_equal(dso_at(f, 7, 9, 0x10000 + (PROCPAGES_MAX_RANGES - 1) * 0x8000), 3);
	assert_int_equal(dso_at(f, 7, 9, 0x10000 + PROCPAGES_MAX_RANGES * 0x8000), -1);
}

static void only_changes_are_written(void **state)
{
	struct fixture *f = *state;
	uint32_t exec_id;

	assert_int_equal(publish(f, 7, 1, 5, 3), 0);
	assert_int_equal(publish(f, 7, 1, 5, 3), 0);
	assert_int_equal(f->pp.stats.published, 1);
	assert_int_equal(f->pp.stats.unchanged, 1);
	assert_int_equal(publish(f, 7, 2, 5, 3), 0);
	assert_int_equal(publish(f, 7, 2, 5, 4), 0);
	assert_int_equal(f->pp.stats.published, 3);
	make_ranges(f, 5, 4);
	assert_int_equal(procpages_publish(&f->pp, 7, 2, f->ranges, 5, true), 0);
	assert_int_equal(f->pp.stats.published, 4);
	assert_true(procpages_known(&f->pp, 7, &exec_id));
	assert_int_equal(exec_id, 2);
	assert_false(procpages_known(&f->pp, 8, &exec_id));
	assert_false(procpages_known(&f->pp, 0, &exec_id));
}

static void forcing_gets_rarer(void **state)
{
	struct fixture *f = *state;
	const uint64_t ms = 1000000;

	assert_true(procpages_may_force(&f->pp, 7, 0));
	assert_int_equal(publish(f, 7, 1, 5, 3), 0);
	assert_true(procpages_may_force(&f->pp, 7, 1000 * ms));
	assert_false(procpages_may_force(&f->pp, 7, 1019 * ms));
	assert_true(procpages_may_force(&f->pp, 7, 1020 * ms));
	assert_false(procpages_may_force(&f->pp, 7, 1059 * ms));
	assert_true(procpages_may_force(&f->pp, 7, 1060 * ms));
}

static void a_child_shares(void **state)
{
	struct fixture *f = *state;
	uint32_t exec_id;

	assert_int_equal(publish(f, 7, 1, 5, 3), 0);
	fake_fork(f->mem, 7, 8);
	assert_int_equal(procpages_fork(&f->pp, 8, 7), 0);
	assert_int_equal(procpages_fork(&f->pp, 9, 70), 0);
	assert_false(procpages_known(&f->pp, 9, &exec_id));
	assert_int_equal(dso_at(f, 8, 1, 0x10000), 3);
	assert_int_equal(publish(f, 8, 1, 5, 3), 0);
	assert_int_equal(f->pp.stats.unchanged, 1);
	/* The parent ends, its memory is asked for by others; the child still has it. */
	procpages_remove(&f->pp, 7);
	for (uint32_t i = 0; i < 3 * PAGES; i++) {
		assert_int_equal(publish(f, 100 + i % 4, i, 5, 9), 0);
		assert_int_equal(dso_at(f, 8, 1, 0x10000), 3);
	}
	assert_true(f->pp.stats.reclaims > 0);
	assert_int_equal(f->pp.stats.displaced, 0);
	assert_int_equal(f->mem->waits, f->pp.stats.reclaims);
}

/* Collecting while life goes on: what was forked or published meanwhile keeps its pages. */
static void collecting(void **state)
{
	struct fixture *f = *state;
	uint32_t round = 0, free_before;

	assert_int_equal(procpages_collected(&f->pp, 0), 0);
	assert_int_equal(publish(f, 7, 1, 5, 3), 0);
	for (; !procpages_few(&f->pp); round++)
		assert_int_equal(publish(f, 8, round, 5, 4), 0);
	free_before = (uint32_t)f->pp.free.n;
	assert_int_equal(procpages_collect(&f->pp), 0);
	assert_false(procpages_few(&f->pp));
	fake_fork(f->mem, 7, 9);
	procpages_remove(&f->pp, 7);
	assert_int_equal(publish(f, 10, 1, 5, 6), 0);
	assert_int_equal(procpages_collected(&f->pp, 0), 0);
	assert_int_equal(f->mem->waits, 0);
	/* All but those of 8, 9 and 10 and of what 8 had when it began. */
	assert_int_equal(f->pp.free.n, PAGES - 3);
	assert_true(free_before < f->pp.free.n);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(publish(f, 8, round + i, 5, 4), 0);
		assert_int_equal(dso_at(f, 9, 1, 0x10000), 3);
		assert_int_equal(dso_at(f, 10, 1, 0x10000), 6);
		if (procpages_few(&f->pp)) {
			assert_int_equal(procpages_collect(&f->pp), 0);
			assert_int_equal(procpages_collected(&f->pp, i % 3 ? 0 : -ENOMEM),
					 i % 3 ? 0 : -ENOMEM);
		}
	}
}

static void the_oldest_make_room(void **state)
{
	struct fixture *f = *state;
	uint32_t exec_id;

	for (uint32_t pid = 1; pid <= PAGES; pid++)
		assert_int_equal(publish(f, pid, 1, 5, (uint16_t)pid), 0);
	assert_int_equal(f->pp.free.n, 0);
	/* The first one is new again. */
	procpages_remove(&f->pp, 1);
	assert_int_equal(publish(f, 1, 1, 5, 1), 0);
	assert_int_equal(publish(f, 1000, 1, 200, 77), 0);
	assert_int_equal(dso_at(f, 1000, 1, 0x10000), 77);
	assert_int_equal(dso_at(f, 1, 1, 0x10000), 1);
	assert_true(f->pp.stats.displaced >= 2);
	assert_false(procpages_known(&f->pp, 2, &exec_id));
	assert_false(procpages_known(&f->pp, 3, &exec_id));
	for (uint32_t pid = 1; pid <= PAGES; pid++)
		if (procpages_known(&f->pp, pid, &exec_id))
			assert_int_equal(dso_at(f, pid, 1, 0x10000), pid);
		else
			assert_int_equal(dso_at(f, pid, 1, 0x10000), -1);
}

static void no_room_at_all(void **state)
{
	struct tabmem_fake *mem = fake_new(1, 1, 2);
	struct cresset_unwind_range ranges[3 * CRESSET_PAGE_RANGES];
	struct procpages pp;
	uint32_t exec_id;

	memset(ranges, 0, sizeof(ranges));
	assert_int_equal(procpages_init(&pp, &mem->m), 0);
	assert_int_equal(procpages_publish(&pp, 1, 1, ranges, 3 * CRESSET_PAGE_RANGES, false),
			 -ENOSPC);
	assert_int_equal(pp.stats.failed, 1);
	mem->max_procs = 0;
	assert_int_equal(procpages_publish(&pp, 1, 1, ranges, 1, false), -E2BIG);
	assert_false(procpages_known(&pp, 1, &exec_id));
	mem->max_procs = 9;
	assert_int_equal(procpages_publish(&pp, 1, 1, ranges, CRESSET_PAGE_RANGES * 2, false), 0);
	/* Another one's wait fails: nothing was changed. */
	mem->wait_error = -ENOMEM;
	assert_int_equal(procpages_publish(&pp, 2, 1, ranges, 1, false), -ENOMEM);
	assert_true(procpages_known(&pp, 1, &exec_id));
	procpages_release(&pp);
	fake_free(mem);
}

static void dsos_in_use(void **state)
{
	struct fixture *f = *state;
	bool used[8] = {false};

	assert_int_equal(publish(f, 7, 1, 5, 3), 0);
	assert_int_equal(publish(f, 8, 1, 5, 5), 0);
	assert_int_equal(publish(f, 9, 1, 5, 700), 0);
	procpages_remove(&f->pp, 8);
	assert_int_equal(procpages_mark(&f->pp, used, 8), 0);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(used[i], i == 3);
}

/* Random lives against a model: what should be known is found, and only that. */
static void lives(void **state)
{
	enum { PIDS = 12 };
	struct fixture *f = *state;
	unsigned int seed = 11;
	struct {
		uint32_t exec_id;
		uint16_t dso;
		bool alive;
	} model[PIDS + 1] = {{0}};

	for (uint32_t round = 1; round < 20000; round++) {
		uint32_t pid = 1 + (uint32_t)rand_r(&seed) % PIDS;
		uint32_t other = 1 + (uint32_t)rand_r(&seed) % PIDS;

		switch (rand_r(&seed) % 4) {
		case 0:
			procpages_remove(&f->pp, pid);
			model[pid].alive = false;
			break;
		case 1:
			if (pid == other || !model[other].alive)
				break;
			fake_fork(f->mem, other, pid);
			assert_int_equal(procpages_fork(&f->pp, pid, other), 0);
			model[pid] = model[other];
			break;
		default:
			assert_int_equal(publish(f, pid, round, 1 + round % 200, (uint16_t)round),
					 0);
			model[pid].exec_id = round;
			model[pid].dso = (uint16_t)round;
			model[pid].alive = true;
		}
		for (uint32_t i = 1; i <= PIDS; i++)
			assert_int_equal(dso_at(f, i, model[i].exec_id, 0x10000),
					 model[i].alive ? model[i].dso : -1);
	}
	assert_int_equal(f->pp.stats.displaced, 0);
	assert_true(f->pp.stats.reclaims > 100);
}

static void out_of_memory(void **state)
{
	for (unsigned int n = 1; alloc_fail_next(&n, 1000);) {
		struct tabmem_fake *mem;
		struct cresset_unwind_range range;
		struct procpages pp;
		int r;

		alloc_fail_end();
		memset(&range, 0, sizeof(range));
		mem = fake_new(1, 1, 4);
		alloc_fail_begin(n - 1);
		r = procpages_init(&pp, &mem->m);
		for (uint32_t pid = 1; pid < 9 && !r; pid++)
			r = procpages_publish(&pp, pid, 1, &range, 1, false);
		if (!r)
			r = procpages_fork(&pp, 100, 8);
		procpages_release(&pp);
		fake_free(mem);
		if (!alloc_fail_end()) {
			assert_int_equal(r, 0);
			return;
		}
		assert_int_equal(r, -ENOMEM);
	}
	fail();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(many_ranges),
		TEST(only_changes_are_written),
		TEST(forcing_gets_rarer),
		TEST(a_child_shares),
		TEST(collecting),
		TEST(the_oldest_make_room),
		TEST(no_room_at_all),
		TEST(dsos_in_use),
		TEST(lives),
		cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
