// SPDX-License-Identifier: Apache-2.0
/* Windows on their way, files opened by another thread, and sums for metrics. */
#include "agent/opener.h"
#include "agent/tally.h"
#include "agent/windows.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/agent_demo.h"
#include "support/alloc_fail.h"

static struct window window_of(uint64_t sequence)
{
	struct window w = {.sequence = sequence};

	assert_int_equal(cresset_profile_new(&w.profile), 0);
	return w;
}

static bool push(struct windows *w, uint64_t sequence)
{
	struct window window = window_of(sequence);

	return windows_push(w, &window);
}

static void test_queue(void **state)
{
	struct window window;
	struct windows_state now;
	struct windows w;

	windows_init(&w, 0);
	for (uint64_t i = 1; i <= WINDOWS_MAX; i++)
		assert_true(push(&w, i));
	/* The newest are given up, and freed. */
	assert_false(push(&w, WINDOWS_MAX + 1));
	assert_false(push(&w, WINDOWS_MAX + 2));
	windows_get_state(&w, &now);
	assert_int_equal(now.n, WINDOWS_MAX);
	assert_int_equal(now.dropped[WINDOWS_DROP_QUEUE], 2);
	assert_int_equal(now.dropped[WINDOWS_DROP_MEMORY], 0);

	assert_true(windows_next(&w, &window));
	assert_int_equal(window.sequence, 1);
	assert_false(windows_is_done(&w, 1));
	/* It stays until it is written. */
	windows_get_state(&w, &now);
	assert_int_equal(now.n, WINDOWS_MAX);
	windows_pop(&w);
	assert_true(windows_is_done(&w, 1));
	assert_false(windows_is_done(&w, 2));
	assert_true(push(&w, WINDOWS_MAX + 3));

	/* Closed: no more, but those that are there. */
	windows_close(&w);
	assert_false(push(&w, WINDOWS_MAX + 4));
	windows_get_state(&w, &now);
	assert_int_equal(now.dropped[WINDOWS_DROP_STOPPED], 1);
	for (uint64_t i = 2; i <= WINDOWS_MAX; i++) {
		assert_true(windows_next(&w, &window));
		assert_int_equal(window.sequence, i);
		windows_pop(&w);
	}
	/* One that was given up is done with the next. */
	assert_false(windows_is_done(&w, WINDOWS_MAX + 1));
	assert_true(windows_next(&w, &window));
	windows_pop(&w);
	assert_true(windows_is_done(&w, WINDOWS_MAX + 1));
	assert_false(windows_next(&w, &window));
	windows_release(&w);
}

/* A profile of some bytes more than an empty one. */
static struct window large_window(uint64_t sequence, size_t more)
{
	struct window w = window_of(sequence);
	char text[4096];
	uint32_t id;

	memset(text, 'x', sizeof(text));
	for (uint32_t i = 0; i * sizeof(text) <= more; i++) {
		text[snprintf(text, sizeof(text), "%u", i)] = 'x';
		assert_int_equal(cresset_profile_add_string(w.profile, text, sizeof(text), &id), 0);
	}
	return w;
}

/* Bytes are bounded, too; but for a window that comes to an empty queue. */
static void test_bytes(void **state)
{
	struct windows_state before, now;
	struct window window;
	struct windows w;

	windows_init(&w, 4 << 20);
	window = large_window(1, 6 << 20);
	assert_true(cresset_profile_bytes(window.profile) > 6 << 20);
	assert_true(windows_push(&w, &window));
	assert_false(push(&w, 2));
	windows_get_state(&w, &now);
	assert_int_equal(now.dropped[WINDOWS_DROP_MEMORY], 1);
	assert_int_equal(now.dropped[WINDOWS_DROP_QUEUE], 0);
	assert_true(now.bytes > 6 << 20);
	windows_pop(&w);
	windows_get_state(&w, &now);
	assert_int_equal(now.bytes, 0);

	/* Those that fit are taken up to the limit, and what was written makes room. */
	for (uint64_t i = 3; i < 5; i++) {
		window = large_window(i, 300 << 10);
		assert_true(windows_push(&w, &window));
	}
	windows_get_state(&w, &before);
	assert_true(before.bytes <= 4 << 20);
	window = large_window(5, 4 << 20);
	assert_false(windows_push(&w, &window));
	windows_get_state(&w, &now);
	assert_int_equal(now.bytes, before.bytes);
	assert_int_equal(now.dropped[WINDOWS_DROP_MEMORY], 2);
	windows_pop(&w);
	windows_pop(&w);
	assert_true(push(&w, 6));
	assert_string_equal(windows_drop_name(WINDOWS_DROP_MEMORY), "memory");
	windows_release(&w);
}

static void test_left_over(void **state)
{
	struct windows w;

	windows_init(&w, 0);
	assert_true(push(&w, 1));
	assert_true(push(&w, 2));
	windows_release(&w); /* the leak checker looks */
}

struct writing {
	struct windows *windows;
	atomic_ullong n, sum;
};

static void *write_windows(void *arg)
{
	struct writing *writing = arg;
	struct window window;

	while (windows_next(writing->windows, &window)) {
		atomic_fetch_add(&writing->n, 1);
		atomic_fetch_add(&writing->sum, window.sequence);
		windows_pop(writing->windows);
	}
	return NULL;
}

static void test_threads(void **state)
{
	uint64_t accepted = 0, sum = 0;
	struct windows_state now;
	struct windows w;
	struct writing writing = {.windows = &w};
	pthread_t thread;

	windows_init(&w, 0);
	assert_int_equal(pthread_create(&thread, NULL, write_windows, &writing), 0);
	for (uint64_t i = 1; i <= 500; i++) {
		if (push(&w, i)) {
			accepted++;
			sum += i;
		}
		if (i % 16 == 0)
			usleep(100);
	}
	windows_close(&w);
	pthread_join(thread, NULL);
	windows_get_state(&w, &now);
	assert_int_equal(atomic_load(&writing.n), accepted);
	assert_int_equal(atomic_load(&writing.sum), sum);
	assert_int_equal(accepted + now.dropped[WINDOWS_DROP_QUEUE], 500);
	windows_release(&w);
}

/* ---- The opener. */

struct asking {
	struct opener *opener;
	unsigned int n;
	atomic_uint answered, canceled;
};

static void *ask(void *arg)
{
	struct asking *a = arg;

	for (unsigned int i = 0; i < a->n; i++) {
		int r = opener_ask(a->opener, NULL, i, CRESSET_OPEN_BINARY);

		atomic_fetch_add(r == -ECANCELED ? &a->canceled : &a->answered, 1);
	}
	return NULL;
}

/* Nobody serves: whoever asks goes on when it is closed, and is not answered later either. */
static void test_opener_closes(void **state)
{
	struct opener o;
	struct asking a = {.opener = &o, .n = 3};
	pthread_t thread;

	opener_init(&o);
	assert_false(opener_serve(&o)); /* nothing is asked: returns at once */
	assert_int_equal(pthread_create(&thread, NULL, ask, &a), 0);
	usleep(20000);
	opener_close(&o);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&a.canceled), 3);
	assert_int_equal(opener_ask(&o, NULL, 1, CRESSET_OPEN_BINARY), -ECANCELED);
	assert_false(opener_serve(&o));
	opener_release(&o);
}

static unsigned int n_opened;

static int open_nothing(void *recorder, const struct cresset_profile *p, uint32_t mapping,
			enum cresset_open_what what)
{
	assert_int_equal(mapping, n_opened);
	n_opened++;
	return -ENOENT;
}

/* Each question is heard of by the descriptor, and none is lost. */
static void test_opener_nudges(void **state)
{
	struct nudge nudge = {.fd = -1};
	struct opener o;
	struct asking a = {.opener = &o, .n = 200};
	struct pollfd fd;
	pthread_t thread;

	nudge_give(&nudge);
	nudge_take(&nudge);
	nudge_release(&nudge);
	assert_int_equal(nudge_init(&nudge), 0);
	opener_init(&o);
	o.nudge = &nudge;
	o.open = open_nothing;
	fd = (struct pollfd){.fd = nudge.fd, .events = POLLIN};
	assert_int_equal(poll(&fd, 1, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, ask, &a), 0);
	while (n_opened < a.n) {
		/* Without one, the test runs into its timeout. */
		assert_int_equal(poll(&fd, 1, 600000), 1);
		nudge_take(&nudge);
		opener_serve(&o);
	}
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&a.answered), a.n);
	opener_release(&o);
	nudge_release(&nudge);
}

/* ---- Sums. */

static void test_tally(void **state)
{
	struct cresset_profile *p = NULL;
	struct tally t;

	assert_int_equal(tally_init(&t), 0);
	assert_int_equal(agent_demo_window(1, &p), 0);
	tally_window(&t, p);
	tally_window(&t, p);
	tally_lock(&t);
	assert_int_equal(tally_sum(&t, "samples.taken"), 24);
	assert_int_equal(tally_sum(&t, "samples.lost.stacks_full"), 6);
	assert_int_equal(tally_sum(&t, "samples.lost"), 0);
	assert_int_equal(t.windows, 2);
	assert_int_equal(t.last_window_ns, AGENT_DEMO_TIME + AGENT_DEMO_LENGTH);
	tally_unlock(&t);
	cresset_profile_free(p);
	tally_release(&t);
}

/* Names without end (there are none, but for a bug) are bounded, and known ones go on. */
static void test_tally_is_bounded(void **state)
{
	struct cresset_profile *p = NULL;
	struct tally t;
	char name[32];

	assert_int_equal(tally_init(&t), 0);
	assert_int_equal(cresset_profile_new(&p), 0);
	for (int i = 0; i < 3 * TALLY_NAMES_MAX; i++) {
		snprintf(name, sizeof(name), "stat.%d", i);
		assert_int_equal(cresset_profile_set_stat(p, name, 1), 0);
	}
	tally_window(&t, p);
	tally_window(&t, p);
	assert_true(t.sums.n <= TALLY_NAMES_MAX + 1);
	assert_int_equal(tally_sum(&t, "stat.0"), 2);
	cresset_profile_free(p);
	tally_release(&t);
}

static void test_tally_memory_out(void **state)
{
	struct cresset_profile *p = NULL;
	bool refused = true;

	assert_int_equal(agent_demo_window(1, &p), 0);
	for (unsigned int n = 1; refused && alloc_fail_next(&n, 1000);) {
		struct tally t;
		int r = tally_init(&t);

		if (!r)
			tally_window(&t, p);
		refused = alloc_fail_end();
		assert_true(r == 0 || r == -ENOMEM);
		if (!r && !refused)
			assert_int_equal(tally_sum(&t, "samples.taken"), 12);
		tally_release(&t);
	}
	assert_false(refused);
	cresset_profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_left_over),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_opener_closes),
		cmocka_unit_test(test_opener_nudges),
		cmocka_unit_test(test_tally),
		cmocka_unit_test(test_tally_is_bounded),
		cmocka_unit_test(test_tally_memory_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
