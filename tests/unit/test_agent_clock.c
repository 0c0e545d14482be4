// SPDX-License-Identifier: Apache-2.0
/* A wall clock that is set, and a machine that sleeps: seen once each, and never confused. */
#include "agent/clock_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000000)

struct machine {
	struct clock_watch watch;
	struct clocks now;
};

static struct machine started(void)
{
	struct machine m = {.now = {.real_ns = 1700000000 * SECOND,
				    .boot_ns = 5000 * SECOND,
				    .mono_ns = 4000 * SECOND}};
	struct clock_event event;

	clock_watch_look(&m.watch, &m.now, &event);
	assert_true(event.jump_ns == 0 && event.sleep_ns == 0);
	return m;
}

/* Time goes on, awake and asleep, and the wall clock is set. */
static struct clock_event after(struct machine *m, int64_t awake, int64_t asleep, int64_t set)
{
	struct clock_event event;

	m->now.mono_ns += awake;
	m->now.boot_ns += awake + asleep;
	m->now.real_ns += awake + asleep + set;
	clock_watch_look(&m->watch, &m->now, &event);
	return event;
}

static void test_nothing(void **state)
{
	struct machine m = started();

	for (int i = 0; i < 1000; i++) {
		/* Slewed, for hours. */
		struct clock_event event = after(&m, SECOND / 10, 0, i % 3 ? 50000 : 40000);

		assert_true(event.jump_ns == 0 && event.sleep_ns == 0);
	}
	assert_int_equal(m.watch.forward + m.watch.backward + m.watch.sleeps, 0);
}

static void test_jumps(void **state)
{
	struct machine m = started();
	struct clock_event event = after(&m, SECOND, 0, 3 * 3600 * SECOND);

	assert_true(event.jump_ns == 3 * 3600 * SECOND && event.sleep_ns == 0);
	event = after(&m, SECOND, 0, 0);
	assert_true(event.jump_ns == 0);
	event = after(&m, SECOND, 0, -7 * 3600 * SECOND);
	assert_true(event.jump_ns == -7 * 3600 * SECOND && event.sleep_ns == 0);
	assert_int_equal(m.watch.forward, 1);
	assert_int_equal(m.watch.backward, 1);
	assert_int_equal(m.watch.sleeps, 0);
}

static void test_sleep(void **state)
{
	struct machine m = started();
	struct clock_event event = after(&m, SECOND, 3600 * SECOND, 0);

	assert_true(event.jump_ns == 0 && event.sleep_ns == 3600 * SECOND);
	/* … with a clock that is put right when it wakes up. */
	event = after(&m, SECOND, 60 * SECOND, -2 * SECOND);
	assert_true(event.jump_ns == -2 * SECOND && event.sleep_ns == 60 * SECOND);
	assert_int_equal(m.watch.sleeps, 2);
	assert_int_equal(m.watch.sleep_ns, 3660 * SECOND);
	assert_int_equal(m.watch.backward, 1);
}

/* The machine's own clocks do neither while they are read. */
static void test_real_clocks(void **state)
{
	struct clock_watch w = {.seen = false};
	struct clock_event event;
	struct clocks now;

	for (int i = 0; i < 10000; i++) {
		clocks_now(&now);
		clock_watch_look(&w, &now, &event);
	}
	assert_int_equal(w.forward + w.backward + w.sleeps, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_jumps),
		cmocka_unit_test(test_sleep),
		cmocka_unit_test(test_real_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
