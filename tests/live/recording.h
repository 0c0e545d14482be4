// SPDX-License-Identifier: Apache-2.0
/*
 * recording.h - for live tests of the recorder: something to sample, and recording it with the
 * accounting checked at every step.
 *
 * Counts are compared with each other, never with the clock: the machine may be busy. Children die
 * with the test, or by themselves after CHILD_SECONDS.
 */
#ifndef TESTS_LIVE_RECORDING_H
#define TESTS_LIVE_RECORDING_H

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "session.h"

enum { MAX_POLLS = 2000, CHILD_SECONDS = 60 };

static struct cresset_error error;

/* ---- Something to sample. */

static volatile uint64_t burned;

__attribute__((noinline)) static void burn(unsigned int rounds)
{
	for (unsigned int i = 0; i < rounds; i++)
		burned = burned * 6364136223846793005u + 1;
}

__attribute__((noreturn)) static inline void burn_for_ever(void)
{
	for (;;)
		burn(100000);
}

static inline void *burn_thread(void *arg)
{
	*(volatile pid_t *)arg = (pid_t)syscall(SYS_gettid);
	burn_for_ever();
}

/* A child that runs fn and dies with us, or by itself. */
static inline pid_t child_of(void (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(CHILD_SECONDS);
	fn(arg);
	_exit(0);
}

static inline void spin(void *arg)
{
	burn_for_ever();
}

static inline void spin_with_system_calls(void *arg)
{
	char page[4096];
	int fd = open("/dev/zero", O_RDONLY);

	for (;;)
		if (read(fd, page, sizeof(page)) < 0)
			_exit(1);
}

static inline void reap(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* ---- Recording. */

static inline struct session *begin(const struct cresset_recorder_options *options,
				    const struct session_limits *limits)
{
	struct session *s = NULL;
	int r = session_new(options, limits, &s, &error);

	if (r)
		fail_msg("session_new: %s", error.text);
	r = session_start(s, &error);
	if (r)
		fail_msg("session_start: %s", error.text);
	return s;
}

static inline void check_sums(const struct session *s)
{
	struct cresset_recorder_stats stats;

	session_get_stats(s, &stats);
	assert_int_equal(stats.taken, stats.counted + stats.filtered + stats.lost);
	assert_true(stats.written <= stats.counted);
}

/* Polls until that many samples are counted; checks the sums all the while. */
static inline void record(struct session *s, uint64_t want)
{
	struct cresset_recorder_stats stats;

	for (int i = 0; i < MAX_POLLS; i++) {
		assert_true(session_poll(s, 10) >= 0);
		check_sums(s);
		session_get_stats(s, &stats);
		if (stats.counted >= want)
			return;
	}
	fail_msg("only %" PRIu64 " of %" PRIu64 " samples", stats.counted, want);
}

static inline uint64_t stat_of(const struct cresset_profile *p, const char *name)
{
	for (size_t i = 0; i < cresset_profile_n_stats(p); i++) {
		struct cresset_stat stat = cresset_profile_stat(p, i);

		if (!strcmp(cresset_profile_string(p, stat.name), name))
			return stat.value;
	}
	fail_msg("no stat %s", name);
	return 0;
}

static inline uint64_t sum_of_losses(const struct cresset_profile *p)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < cresset_profile_n_stats(p); i++) {
		struct cresset_stat stat = cresset_profile_stat(p, i);

		if (!strncmp(cresset_profile_string(p, stat.name), "samples.lost.", 13))
			sum += stat.value;
	}
	return sum;
}

/* Stops, checks the accounting of the whole, and frees the session. */
static inline struct cresset_profile *end(struct session *s)
{
	struct cresset_recorder_stats stats;
	struct cresset_profile *p = NULL;

	if (session_stop(s, &p, &error))
		fail_msg("session_stop: %s", error.text);
	session_get_stats(s, &stats);
	assert_int_equal(stats.taken, stats.counted + stats.filtered + stats.lost);
	assert_int_equal(stats.written, stats.counted);
	assert_int_equal(cresset_profile_total(p, 0), stats.written);
	assert_int_equal(cresset_profile_total(p, 1),
			 stats.written * (uint64_t)cresset_profile_period(p));
	assert_int_equal(stat_of(p, "samples.taken"), stats.taken);
	assert_int_equal(stat_of(p, "samples.written"), stats.written);
	assert_int_equal(stat_of(p, "samples.filtered"), stats.filtered);
	assert_int_equal(sum_of_losses(p), stats.lost);
	assert_int_equal(stat_of(p, "samples.lost.drain"), 0);
	session_free(s);
	return p;
}

/* Samples whose label `key` (pid, tid) is `num`. */
static inline uint64_t count_label(const struct cresset_profile *p, const char *key, int64_t num)
{
	uint64_t count = 0;

	for (size_t i = 0; i < cresset_profile_n_samples(p); i++) {
		const struct cresset_sample *sample = cresset_profile_sample(p, i);
		const struct cresset_label *label =
			cresset_profile_find_label(p, sample->labels, key);

		assert_non_null(label);
		if (label->num == num)
			count += (uint64_t)cresset_profile_values(p, i)[0];
	}
	return count;
}

static inline uint64_t total(const struct cresset_profile *p)
{
	return (uint64_t)cresset_profile_total(p, 0);
}

/* Says why and returns true if BPF cannot be used here. */
static inline bool not_allowed(void)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	struct session *s = NULL;
	int r = session_new(&options, NULL, &s, &error);

	if (r == -EPERM || r == -EACCES)
		printf("skipped: %s\n", error.text);
	session_free(s);
	return r == -EPERM || r == -EACCES;
}

#endif
