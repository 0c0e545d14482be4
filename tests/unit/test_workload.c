// SPDX-License-Identifier: Apache-2.0
/*
 * A held command: it does nothing before it is released, its exit status and its failure to start
 * come back, and it does not outlive a recorder that never came.
 */
#include "interrupt.h"
#include "workload.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/fixture.h"

static struct workload started(const struct interrupt *i, const char *a, const char *b,
			       const char *c)
{
	char *argv[] = {(char *)(uintptr_t)a, (char *)(uintptr_t)b, (char *)(uintptr_t)c, NULL};
	struct workload w;

	assert_int_equal(workload_start(&w, argv, i), 0);
	assert_true(w.pid > 0);
	return w;
}

static int setup(void **state)
{
	struct interrupt *i;
	int r = interrupt_new(&i);

	*state = i;
	return r;
}

static int teardown(void **state)
{
	interrupt_free(*state);
	return 0;
}

static void test_held(void **state)
{
	struct workload w;
	struct fixture f;
	char command[128];

	fixture_init(&f);
	snprintf(command, sizeof(command), "touch '%s'; exit 3", fixture_path(&f, "ran"));
	w = started(*state, "sh", "-c", command);
	assert_false(workload_ended(&w));
	assert_int_not_equal(access(fixture_path(&f, "ran"), F_OK), 0);
	assert_int_equal(workload_release(&w), 0);
	workload_wait(&w);
	assert_true(workload_ended(&w));
	assert_int_equal(workload_exit_code(&w), 3);
	assert_int_equal(access(fixture_path(&f, "ran"), F_OK), 0);
	workload_release_fds(&w);
	fixture_release(&f);
}

static void test_killed(void **state)
{
	struct workload w = started(*state, "sh", "-c", "kill -KILL $$");

	assert_int_equal(workload_release(&w), 0);
	workload_wait(&w);
	assert_int_equal(workload_exit_code(&w), 128 + SIGKILL);
}

static void test_not_executable(void **state)
{
	struct workload w = started(*state, "/no/such/program", NULL, NULL);

	assert_int_equal(workload_release(&w), -ENOENT);
	assert_true(workload_ended(&w));
	w = started(*state, "/etc/passwd", NULL, NULL);
	assert_int_equal(workload_release(&w), -EACCES);
	assert_true(workload_ended(&w));
}

static void test_never_released(void **state)
{
	struct fixture f;
	struct workload w;

	fixture_init(&f);
	w = started(*state, "touch", fixture_path(&f, "ran"), NULL);
	workload_release_fds(&w);
	assert_true(workload_ended(&w));
	assert_int_not_equal(access(fixture_path(&f, "ran"), F_OK), 0);
	fixture_release(&f);
}

/* The program's own signal settings are not the command's. */
static void test_signals_restored(void **state)
{
	struct workload w = started(*state, "sh", "-c",
				    "test $(($(grep SigBlk /proc/self/status | sed 's/.*\t/0x/') & "
				    "0x5003)) = 0 && test $(($(grep SigIgn /proc/self/status | sed "
				    "'s/.*\t/0x/') & 0x1000)) = 0");

	assert_int_equal(workload_release(&w), 0);
	workload_wait(&w);
	assert_int_equal(workload_exit_code(&w), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_not_executable),
		cmocka_unit_test(test_never_released),
		cmocka_unit_test(test_signals_restored),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
