// SPDX-License-Identifier: Apache-2.0
/* Captures: which windows are in one, whatever the three threads do when. */
#include "agent/captures.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/agent_demo.h"

#define SECOND UINT64_C(1000000000)

struct asking {
	struct captures *captures;
	const char *event;
	unsigned int seconds;
	pthread_t thread;
	struct cresset_profile *profile;
	struct cresset_error err;
	int result;
};

static size_t count(struct captures *c)
{
	struct captures_state state;

	captures_get_state(c, &state);
	return state.n;
}

static void *run(void *arg)
{
	struct asking *a = arg;

	a->result = captures_run(a->captures, a->event, a->seconds, NULL, &a->profile, &a->err);
	return NULL;
}

static void start(struct captures *c, struct asking *a, const char *event, unsigned int seconds)
{
	size_t n = count(c);

	*a = (struct asking){.captures = c, .event = event, .seconds = seconds, .result = 1};
	assert_int_equal(pthread_create(&a->thread, NULL, run, a), 0);
	while (count(c) == n)
		usleep(1000);
}

static void end(struct asking *a, int result)
{
	pthread_join(a->thread, NULL);
	if (a->result != result)
		fail_msg("%d: %s", a->result, a->err.text);
}

static struct fixture fixture;
static struct agent_labels *labels;

/* A window of this sequence; values times scale. */
static void feed(struct captures *c, uint64_t sequence, int64_t scale)
{
	struct cresset_profile *p = NULL;
	struct parts parts;

	assert_int_equal(agent_demo_window(scale, &p), 0);
	cresset_profile_set_time(p, AGENT_DEMO_TIME + (int64_t)sequence * AGENT_DEMO_LENGTH,
				 AGENT_DEMO_LENGTH);
	assert_int_equal(parts_init(&parts, p, labels), 0);
	captures_feed(c, sequence, &parts);
	parts_release(&parts);
	cresset_profile_free(p);
}

static void test_windows_of_one(void **state)
{
	struct captures c;
	struct asking a;

	captures_init(&c, 0);
	assert_false(captures_next_cut_ns(&c) <= 0);
	start(&c, &a, "cpu", 15);
	assert_true(captures_next_cut_ns(&c) <= 100 * SECOND);
	/* Window 7 ends when it begins: 8 to 10 are its own, and 11 is not. */
	captures_cut(&c, 100 * SECOND, 7);
	assert_false(captures_next_cut_ns(&c) <= 114 * SECOND);
	feed(&c, 7, 1000);
	captures_cut(&c, 105 * SECOND, 8);
	feed(&c, 8, 1);
	captures_cut(&c, 110 * SECOND, 9);
	assert_true(captures_next_cut_ns(&c) <= 115 * SECOND);
	captures_cut(&c, 115 * SECOND, 10);
	assert_false(captures_next_cut_ns(&c) <= 116 * SECOND);
	feed(&c, 9, 2);
	assert_int_equal(a.result, 1); /* it still waits */
	feed(&c, 10, 3);
	end(&a, 0);
	feed(&c, 11, 1000);
	assert_int_equal(cresset_profile_total(a.profile, 0), 6 * 460);
	assert_int_equal(cresset_profile_time_ns(a.profile),
			 AGENT_DEMO_TIME + 8 * AGENT_DEMO_LENGTH);
	assert_int_equal(cresset_profile_duration_ns(a.profile), 3 * AGENT_DEMO_LENGTH);
	assert_int_equal(cresset_profile_period(a.profile), AGENT_DEMO_PERIOD);
	cresset_profile_free(a.profile);
	assert_int_equal(count(&c), 0);
	captures_release(&c);
}

/* Its last window was given up: one behind it ends the capture. */
static void test_a_window_that_never_comes(void **state)
{
	struct captures c;
	struct asking a;

	captures_init(&c, 0);
	start(&c, &a, "off-cpu", 1);
	captures_cut(&c, SECOND, 1);
	captures_cut(&c, 2 * SECOND, 2);
	captures_cut(&c, 3 * SECOND, 3);
	feed(&c, 3, 1000);
	end(&a, 0);
	assert_int_equal(cresset_profile_n_samples(a.profile), 0);
	cresset_profile_free(a.profile);
	captures_release(&c);
}

static void test_many(void **state)
{
	struct asking a[CAPTURES_MAX], more = {.event = "cpu", .seconds = 1};
	struct captures c;

	captures_init(&c, 0);
	more.captures = &c;
	for (int i = 0; i < CAPTURES_MAX; i++)
		start(&c, &a[i], "cpu", 1);
	run(&more);
	assert_int_equal(more.result, -EBUSY);
	captures_cut(&c, SECOND, 1);
	captures_cut(&c, 2 * SECOND, 2);
	feed(&c, 2, 1);
	for (int i = 0; i < CAPTURES_MAX; i++) {
		end(&a[i], 0);
		assert_int_equal(cresset_profile_total(a[i].profile, 0), 460);
		cresset_profile_free(a[i].profile);
	}
	captures_release(&c);
}

static void test_cancel(void **state)
{
	struct captures c;
	struct asking a, b;

	captures_init(&c, 0);
	start(&c, &a, "cpu", 100);
	captures_cut(&c, SECOND, 1);
	start(&c, &b, "cpu", 100);
	feed(&c, 2, 1);
	captures_cancel(&c);
	end(&a, -ECANCELED);
	end(&b, -ECANCELED);
	run(&a);
	assert_int_equal(a.result, -ECANCELED);
	/* Served again after a new configuration. */
	captures_open(&c);
	start(&c, &a, "cpu", 1);
	captures_cut(&c, 10 * SECOND, 10);
	captures_cut(&c, 11 * SECOND, 11);
	feed(&c, 11, 1);
	end(&a, 0);
	cresset_profile_free(a.profile);
	captures_release(&c);
}

/* All of them share a bound of memory; the one that is past it ends, and is counted. */
static void test_memory_is_bounded(void **state)
{
	struct captures_state now;
	struct captures c;
	struct asking a;

	captures_init(&c, 1000);
	start(&c, &a, "cpu", 100);
	captures_cut(&c, SECOND, 1);
	feed(&c, 2, 1);
	end(&a, -E2BIG);
	assert_non_null(strstr(a.err.text, "max_memory"));
	captures_get_state(&c, &now);
	assert_int_equal(now.n, 0);
	assert_int_equal(now.bytes, 0);
	assert_int_equal(now.too_large, 1);
	captures_release(&c);

	captures_init(&c, 1 << 20);
	start(&c, &a, "cpu", 1);
	captures_cut(&c, SECOND, 1);
	captures_cut(&c, 2 * SECOND, 2);
	feed(&c, 2, 1);
	end(&a, 0);
	cresset_profile_free(a.profile);
	captures_get_state(&c, &now);
	assert_int_equal(now.too_large, 0);
	captures_release(&c);
}

/* Cancelled at any moment of feeding: no profile is freed that is being added to. */
static void *cancel_soon(void *arg)
{
	usleep(500);
	captures_cancel(arg);
	return NULL;
}

static void test_cancel_while_fed(void **state)
{
	for (int i = 0; i < 20; i++) {
		struct captures c;
		struct asking a;
		pthread_t thread;

		captures_init(&c, 0);
		start(&c, &a, "cpu", 1000);
		captures_cut(&c, SECOND, 1);
		assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &c), 0);
		for (uint64_t k = 2; k < 8; k++)
			feed(&c, k, 1);
		pthread_join(thread, NULL);
		end(&a, -ECANCELED);
		captures_release(&c);
	}
}

static int setup(void **state)
{
	fixture_init(&fixture);
	return agent_demo_labels(&fixture, &labels);
}

static int teardown(void **state)
{
	agent_labels_free(labels);
	fixture_release(&fixture);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_windows_of_one),
		cmocka_unit_test(test_a_window_that_never_comes),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_cancel_while_fed),
		cmocka_unit_test(test_memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
