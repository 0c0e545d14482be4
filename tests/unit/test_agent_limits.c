// SPDX-License-Identifier: Apache-2.0
/* The agent's limits on itself, with machines of all sorts simulated. */
#include "agent/limits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#define WINDOW UINT64_C(10000000000)

/* What a machine costs in a window: in 1/1000 of the budget, for each CPU. */
struct machine {
	double fixed, per_hz;
	double start; /* more in the first windows */
};

struct outcome {
	unsigned int least, last;
	size_t broken; /* windows above the budget, after the start */
	double mean;   /* cost of the last 100 windows */
};

static struct outcome run(struct governor *g, const struct machine *m, size_t n)
{
	struct outcome o = {.least = 1000000};

	for (size_t i = 0; i < n; i++) {
		double cost = m->fixed + m->per_hz * g->hz + (i < 4 ? m->start : 0);

		o.broken += i >= 4 && cost > 1000;
		o.mean += i + 100 >= n ? cost / 100 : 0;
		governor_window(g, (uint64_t)(cost / 1000 * g->budget * (double)WINDOW * g->n_cpus),
				WINDOW);
		o.least = g->hz < o.least ? g->hz : o.least;
	}
	o.last = g->hz;
	return o;
}

static void test_steps(void **state)
{
	assert_int_equal(governor_step_down(19), 11);
	assert_int_equal(governor_step_down(11), 7);
	assert_int_equal(governor_step_down(25), 19);
	assert_int_equal(governor_step_down(1), 1);
	assert_int_equal(governor_step_up(7, 19), 11);
	assert_int_equal(governor_step_up(19, 25), 25);
	assert_int_equal(governor_step_up(19, 19), 19);
	assert_int_equal(governor_step_up(997, 1000), 1000);
	for (unsigned int hz = 1000; hz > 1;) {
		unsigned int lower = governor_step_down(hz);

		assert_true(lower < hz && lower > 0);
		assert_true(governor_step_up(lower, hz) > lower);
		hz = lower;
	}
}

static void test_cheap(void **state)
{
	const struct machine m = {.fixed = 300, .per_hz = 10};
	struct outcome o;
	struct governor g;

	governor_init(&g, 0.005, 2, 19);
	o = run(&g, &m, 1000);
	assert_int_equal(o.least, 19);
	assert_int_equal(g.lowered + g.raised, 0);
	assert_false(g.over);
	assert_true(g.cost > 0.0024 && g.cost < 0.0025);
}

/* The start is expensive and no reason to sample less. */
static void test_start(void **state)
{
	const struct machine m = {.fixed = 200, .per_hz = 10, .start = 20000};
	struct governor g;

	governor_init(&g, 0.005, 2, 19);
	assert_int_equal(run(&g, &m, 1000).least, 19);
}

/* Too expensive at first: a frequency is found that holds, and it does not swing. */
static void test_expensive(void **state)
{
	const struct machine m = {.fixed = 100, .per_hz = 100}; /* 2000 at 19 Hz, 800 at 7 */
	struct outcome o;
	struct governor g;

	governor_init(&g, 0.005, 8, 19);
	o = run(&g, &m, 5000);
	assert_int_equal(o.last, 7);
	assert_true(o.mean < 1000);
	assert_true(o.broken < 10);
	assert_true(g.lowered >= 2 && g.lowered < 10);
}

/* In the middle of two steps: tries to go up become rare, and few windows are above the budget. */
static void test_between(void **state)
{
	const struct machine m = {.fixed = 520, .per_hz = 27}; /* 1033 at 19, 817 at 11, 709 at 7 */
	const struct machine flat = {.fixed = 400, .per_hz = 33}; /* 1027 at 19, 763 … 499 at 3 */
	struct outcome o;
	struct governor g;

	governor_init(&g, 0.005, 2, 19);
	o = run(&g, &m, 10000);
	assert_true(o.broken < 100);
	assert_true(o.last < 19);
	governor_init(&g, 0.005, 2, 19);
	o = run(&g, &flat, 10000);
	assert_true(o.broken < 100);
	assert_true(o.last < 19);
}

/* A load that goes away: back to what was asked for, step by step. */
static void test_recovers(void **state)
{
	const struct machine busy = {.fixed = 700, .per_hz = 40},
			     calm = {.fixed = 100, .per_hz = 5};
	struct governor g;

	governor_init(&g, 0.01, 4, 49);
	assert_true(run(&g, &busy, 200).last <= 3);
	assert_int_equal(run(&g, &calm, 400).last, 49);
	assert_true(g.raised >= 5);
	/* And down again at once when it comes back. */
	assert_true(run(&g, &busy, 20).last <= 19);
}

static void test_hopeless(void **state)
{
	const struct machine m = {.fixed = 5000, .per_hz = 1};
	struct governor g;

	governor_init(&g, 0.005, 2, 19);
	assert_int_equal(run(&g, &m, 100).last, 1);
	assert_true(g.over);
	assert_int_equal(governor_window(&g, 1, 0), 1);
}

static void test_memory(void **state)
{
	static const uint64_t budgets[] = {64 << 20, 256 << 20, UINT64_C(1) << 40};

	for (size_t i = 0; i < 3; i++) {
		for (size_t uploads = 0; uploads < 40; uploads++) {
			struct query_limits q;
			struct memory_split s;
			uint64_t sum;

			memory_split(budgets[i], uploads, &s);
			sum = s.tables + s.symbols + s.windows + s.captures + s.store + s.queries +
			      s.labels + s.queue * uploads;
			assert_true(sum <= budgets[i]);
			assert_true(s.tables && s.symbols && s.windows && s.captures && s.store &&
				    s.queries && s.labels && s.queue);
			assert_true(memory_filling(&s) && memory_waiting(&s));
			assert_true(memory_filling(&s) + memory_waiting(&s) < s.windows);
			memory_queries(&s, &q);
			assert_true(q.at_once && q.answer_bytes && q.query_bytes);
			assert_true(q.at_once * (q.answer_bytes + q.query_bytes) <= s.queries);
			assert_true(uploads == 0 || sum > budgets[i] / 10 * 9);
		}
	}
}

static void test_files(void **state)
{
	struct file_limits l = {0};
	struct rlimit limit;

	assert_int_equal(file_limits_split(100, 2, 0, &l), -EMFILE);
	assert_int_equal(file_limits_split(1024, 2, 3, &l), 0);
	assert_true(l.connections >= 8 && l.symbols >= 8 && l.recorder >= 5);
	assert_true(160 + 16 + 24 + l.connections + l.symbols + 3 * l.recorder <= 1024);
	assert_int_equal(file_limits_split(1000000, 2, 3, &l), 0);
	assert_true(l.connections <= 64 && l.symbols <= 384 && l.recorder <= 256);
	for (unsigned int n = 200; n < 2000; n++)
		if (file_limits_split(n, 4, 1, &l) == 0)
			assert_true(160 + 32 + 8 + l.connections + l.symbols + 3 * l.recorder <= n);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 300;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(file_limits_raise(2, 1, &l, NULL), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(limit.rlim_cur, limit.rlim_max < 4112 ? limit.rlim_max : 4112);
	assert_true(l.allowed <= 4112);
	limit.rlim_cur = limit.rlim_max = 50;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(file_limits_raise(2, 1, &l, NULL), -EMFILE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),	 cmocka_unit_test(test_cheap),
		cmocka_unit_test(test_start),	 cmocka_unit_test(test_expensive),
		cmocka_unit_test(test_between),	 cmocka_unit_test(test_recovers),
		cmocka_unit_test(test_hopeless), cmocka_unit_test(test_memory),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
