// SPDX-License-Identifier: Apache-2.0
/*
 * Signals of a recording, each in a process of its own: the first one only asks, the second one
 * ends the process with 128 + signal and removes the temporary file of a sink, and nothing else.
 */
#include "interrupt.h"

#include <cresset/sink.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/fixture.h"

/* Waits until the thread has seen the signals; a lost one ends the wait after ten seconds. */
static bool wait_asked(const struct interrupt *i, int *ret_signal)
{
	for (int tries = 0; tries < 1000; tries++) {
		if (interrupt_asked(i, ret_signal))
			return true;
		usleep(10000);
	}
	return false;
}

static int finish(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void once(int sig)
{
	struct interrupt *i;
	int seen = 0;

	if (interrupt_new(&i) != 0 || interrupt_asked(i, NULL))
		_exit(1);
	kill(getpid(), sig);
	if (!wait_asked(i, &seen) || seen != sig)
		_exit(2);
	interrupt_free(i);
	_exit(0);
}

static void test_first_asks(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

	for (size_t s = 0; s < 3; s++) {
		pid_t pid = fork();

		if (pid == 0)
			once(signals[s]);
		assert_int_equal(finish(pid), 0);
	}
}

static void test_ignored_at_start(void **state)
{
	pid_t pid = fork();

	/* as a shell starts its background jobs */
	if (pid == 0) {
		signal(SIGINT, SIG_IGN);
		once(SIGINT);
	}
	assert_int_equal(finish(pid), 0);
}

static void test_restored(void **state)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct interrupt *i;

		if (interrupt_new(&i) != 0)
			_exit(1);
		interrupt_free(i);
		kill(getpid(), SIGTERM);
		_exit(2);
	}
	assert_int_equal(finish(pid), 1000 + SIGTERM);
}

static void twice(const char *output, const char *other)
{
	struct cresset_sink *sink;
	struct interrupt *i;

	if (interrupt_new(&i) != 0 || cresset_sink_file(output, &sink) != 0 ||
	    open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0)
		_exit(1);
	kill(getpid(), SIGTERM);
	if (!wait_asked(i, NULL))
		_exit(2);
	kill(getpid(), SIGINT);
	for (int s = 0; s < 10; s++)
		sleep(1);
	_exit(3);
}

static void test_second_quits(void **state)
{
	struct fixture f;
	pid_t pid;

	fixture_init(&f);
	pid = fork();
	if (pid == 0)
		twice(fixture_path(&f, "out.svg"), fixture_path(&f, ".mine.tmp"));
	assert_int_equal(finish(pid), 128 + SIGINT);
	fixture_run(&f, "test -e .mine.tmp && test $(ls -A | wc -l) = 1");
	fixture_release(&f);
}

static void test_child_is_ended(void **state)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct interrupt *i;
		pid_t child;

		if (interrupt_new(&i) != 0)
			_exit(1);
		child = fork();
		if (child == 0) {
			interrupt_restore(i);
			alarm(20);
			pause();
			_exit(1);
		}
		interrupt_guard_child(i, child);
		kill(getpid(), SIGTERM);
		_exit(finish(child) == 1000 + SIGTERM ? 0 : 2);
	}
	assert_int_equal(finish(pid), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_asks),     cmocka_unit_test(test_ignored_at_start),
		cmocka_unit_test(test_restored),       cmocka_unit_test(test_second_quits),
		cmocka_unit_test(test_child_is_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
