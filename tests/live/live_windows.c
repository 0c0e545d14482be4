// SPDX-License-Identifier: Apache-2.0
/*
 * Windows of one recording: each is a profile of its own whose accounting adds up, and together
 * they are the whole: no sample and no nanosecond of a thread is in two of them or in none.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

#include "recording.h"

enum { WINDOWS = 6, NS_OF_MS = 1000000 };

static void add_stats(const struct cresset_profile *p, uint64_t sums[4])
{
	sums[0] += stat_of(p, "samples.taken");
	sums[1] += stat_of(p, "samples.written");
	sums[2] += stat_of(p, "samples.filtered");
	sums[3] += sum_of_losses(p);
}

/* A window's own sum: what was taken is written, left out or lost. */
static void check_window(const struct cresset_profile *p, bool switches)
{
	uint64_t unsampled = switches ? stat_of(p, "samples.unsampled") : 0;

	assert_int_equal(stat_of(p, "samples.taken"), stat_of(p, "samples.written") +
							      stat_of(p, "samples.filtered") +
							      unsampled + sum_of_losses(p));
	assert_int_equal(stat_of(p, "samples.lost.drain"), 0);
	assert_true(cresset_profile_duration_ns(p) > 0);
}

static struct cresset_profile *take(struct session *s)
{
	struct cresset_profile *p = NULL;

	if (session_take(s, &p, &error))
		fail_msg("session_take: %s", error.text);
	assert_non_null(p);
	return p;
}

static void poll_for(struct session *s, unsigned int ms)
{
	uint64_t end = session_now_ns() + (uint64_t)ms * NS_OF_MS;

	while (session_now_ns() < end)
		assert_true(session_poll(s, 20) >= 0);
}

static void samples_are_in_one_window(void **state)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	pid_t a = child_of(spin, NULL), b = child_of(spin_with_system_calls, NULL);
	uint32_t pids[2] = {(uint32_t)a, (uint32_t)b};
	struct cresset_recorder_stats stats;
	uint64_t sums[4] = {0};
	int64_t end_ns = 0;
	struct cresset_profile *p;
	struct session *s;

	options.freq_hz = 1999;
	options.pids = pids;
	options.n_pids = 2;
	s = begin(&options, NULL);
	for (int i = 0; i <= WINDOWS; i++) {
		poll_for(s, 150);
		if (i < WINDOWS)
			p = take(s);
		else if (session_stop(s, &p, &error))
			fail_msg("session_stop: %s", error.text);
		check_window(p, false);
		assert_int_equal(cresset_profile_total(p, 0), stat_of(p, "samples.written"));
		add_stats(p, sums);
		/* One begins where the other ended; the clocks drift by microseconds at most. */
		if (i)
			assert_true(llabs(cresset_profile_time_ns(p) - end_ns) < 10 * NS_OF_MS);
		end_ns = cresset_profile_time_ns(p) + cresset_profile_duration_ns(p);
		cresset_profile_free(p);
	}
	session_get_stats(s, &stats);
	assert_int_equal(sums[0], stats.taken);
	assert_int_equal(sums[1], stats.counted);
	assert_int_equal(sums[1], stats.written);
	assert_int_equal(sums[2], stats.filtered);
	assert_int_equal(sums[3], stats.lost);
	assert_true(sums[1] > 0);
	session_free(s);
	reap(a);
	reap(b);
}

/* ---- Wall time of threads. */

__attribute__((noreturn)) static void *sleep_for_ever(void *arg)
{
	*(volatile pid_t *)arg = (pid_t)syscall(SYS_gettid);
	for (;;)
		pause();
}

__attribute__((noreturn)) static void *sleep_often(void *arg)
{
	const struct timespec ms = {.tv_nsec = NS_OF_MS};

	*(volatile pid_t *)arg = (pid_t)syscall(SYS_gettid);
	for (;;)
		nanosleep(&ms, NULL);
}

/* Thread 0 sleeps all the time, 1 again and again, 2 spins; the first one waits. */
static void three_threads(void *arg)
{
	void *(*const runs[3])(void *arg) = {sleep_for_ever, sleep_often, burn_thread};
	pthread_t thread;

	for (int i = 0; i < 3; i++)
		if (pthread_create(&thread, NULL, runs[i], (pid_t *)arg + i))
			_exit(1);
	for (;;)
		pause();
}

static int64_t wall_of(const struct cresset_profile *p, pid_t tid, int value)
{
	int64_t sum = 0;

	for (size_t i = 0; i < cresset_profile_n_samples(p); i++) {
		const struct cresset_label *label = cresset_profile_find_label(
			p, cresset_profile_sample(p, i)->labels, CRESSET_LABEL_TID);

		if (label && label->num == tid)
			sum += cresset_profile_values(p, i)[value];
	}
	return sum;
}

/*
 * Within half a percent, or a millisecond. A thread that switches while its window is being cut has
 * all before the switch in the old one: on a busy machine that is as long as the cut took.
 */
static void check_wall(const char *what, int64_t ns, int64_t want, uint64_t cut_ns)
{
	int64_t off = llabs(ns - want), allowed = want / 200;

	if (allowed < NS_OF_MS)
		allowed = NS_OF_MS;
	if (off > allowed + (int64_t)cut_ns)
		fail_msg("%s: %" PRId64 " ns of %" PRId64 " (cut in %" PRIu64 ")", what, ns, want,
			 cut_ns);
}

static struct session *begin_wall(pid_t pid, uint32_t *pids)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;

	pids[0] = (uint32_t)pid;
	options.event = "wall";
	options.freq_hz = 99;
	options.pids = pids;
	options.n_pids = 1;
	options.overhead_budget = -1;
	return begin(&options, NULL);
}

static void threads_have_their_wall_time(void **state)
{
	volatile pid_t *tids =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = child_of(three_threads, (void *)tids);
	int64_t total_ns = 0, sums[3] = {0};
	uint64_t cut_ns[2] = {0};
	struct cresset_profile *p;
	struct session *s;
	uint32_t pids[1];

	for (int i = 0; i < 3; i++)
		while (!tids[i])
			usleep(1000);
	s = begin_wall(pid, pids);
	for (int i = 0; i <= WINDOWS; i++) {
		poll_for(s, 300);
		cut_ns[0] = cut_ns[1];
		cut_ns[1] = session_now_ns();
		if (i < WINDOWS)
			p = take(s);
		else if (session_stop(s, &p, &error))
			fail_msg("session_stop: %s", error.text);
		cut_ns[1] = session_now_ns() - cut_ns[1];
		check_window(p, true);
		total_ns += cresset_profile_duration_ns(p);
		for (int k = 0; k < 3; k++) {
			int64_t wall = wall_of(p, tids[k], 3);

			check_wall("a window", wall, cresset_profile_duration_ns(p),
				   cut_ns[0] + cut_ns[1]);
			sums[k] += wall;
		}
		/* It sleeps, and is in each window with all of it. */
		assert_int_equal(wall_of(p, tids[0], 3), wall_of(p, tids[0], 2));
		assert_int_equal(stat_of(p, "threads.followed"), 4);
		cresset_profile_free(p);
	}
	for (int k = 0; k < 3; k++)
		check_wall("all windows", sums[k], total_ns, 0);
	session_free(s);
	reap(pid);
}

static uint64_t cpu_ns(pid_t pid)
{
	unsigned long long ns = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%llu", &ns), 1);
	fclose(f);
	return ns;
}

/* Samples stand for the time the child ran, whatever their frequency; give or take late ticks. */
static void check_period(const struct cresset_profile *p, int64_t period, uint64_t ran_ns)
{
	int64_t ns = cresset_profile_total(p, 1), allowed = (int64_t)ran_ns / 3 + 8 * period;

	assert_int_equal(cresset_profile_period(p), period);
	assert_int_equal(ns, (int64_t)total(p) * period);
	if (llabs(ns - (int64_t)ran_ns) > allowed)
		fail_msg("%" PRId64 " ns sampled of %" PRIu64, ns, ran_ns);
}

/* Another frequency in the middle: counts change, time does not. */
static void frequency_changes(void **state)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	pid_t pid = child_of(spin, NULL);
	uint32_t pids[1] = {(uint32_t)pid};
	struct cresset_profile *fast, *slow;
	struct session *s;
	uint64_t ran[3];

	options.freq_hz = 1000;
	options.pids = pids;
	options.n_pids = 1;
	s = begin(&options, NULL);
	ran[0] = cpu_ns(pid);
	poll_for(s, 400);
	fast = take(s);
	ran[1] = cpu_ns(pid);
	assert_int_equal(session_set_freq(s, 0, &error), -EINVAL);
	assert_int_equal(session_set_freq(s, 100, &error), 0);
	poll_for(s, 600);
	if (session_stop(s, &slow, &error))
		fail_msg("session_stop: %s", error.text);
	ran[2] = cpu_ns(pid);
	check_period(fast, 1000000, ran[1] - ran[0]);
	check_period(slow, 10000000, ran[2] - ran[1]);
	cresset_profile_free(fast);
	cresset_profile_free(slow);
	session_free(s);
	reap(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_are_in_one_window),
		cmocka_unit_test(threads_have_their_wall_time),
		cmocka_unit_test(frequency_changes),
	};

	if (not_allowed())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
