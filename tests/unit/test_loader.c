// SPDX-License-Identifier: Apache-2.0
/*
 * The loader's thread: every job gives one result, in order; bad files give errors; descriptors are
 * closed whatever happens; and it can be ended with work left.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "unwind/loader.h"

static int open_self(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* The next free descriptor: the same again if none was lost. */
static int next_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static struct loader_result wait_for_one(struct loader *l)
{
	struct pollfd p = {.fd = loader_fd(l), .events = POLLIN};
	struct loader_result result;

	for (int i = 0; i < 600; i++) {
		if (loader_take(l, &result))
			return result;
		poll(&p, 1, 100);
	}
	fail_msg("no result in a minute");
	return result;
}

static void results_in_order(void **state)
{
	int before = next_fd();
	struct loader *l;

	assert_int_equal(loader_new(&l), 0);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(loader_submit_fd(l, 100 + i, open_self()), 0);
	assert_int_equal(loader_pending(l), 20);
	for (uint32_t i = 0; i < 20; i++) {
		struct loader_result r = wait_for_one(l);

		assert_int_equal(r.id, 100 + i);
		assert_int_equal(r.error, 0);
		assert_true(r.table->n > 100);
		assert_true(r.cpu_ns > 0);
		cfi_table_free(r.table);
	}
	assert_int_equal(loader_pending(l), 0);
	loader_free(l);
	assert_int_equal(next_fd(), before);
}

static int answer(void *arg)
{
	return *(int *)arg;
}

static void calls(void **state)
{
	struct loader_result r;
	struct loader *l;
	int value = -42;

	assert_int_equal(loader_new(&l), 0);
	assert_int_equal(loader_submit_call(l, 7, answer, &value), 0);
	r = wait_for_one(l);
	assert_int_equal(r.id, 7);
	assert_int_equal(r.error, -42);
	assert_null(r.table);
	loader_free(l);
}

static void bad_files(void **state)
{
	static const char *const paths[] = {"/dev/null", "/proc/self/status", "/"};
	struct loader_result r;
	struct loader *l;

	assert_int_equal(loader_new(&l), 0);
	assert_false(loader_take(l, &r));
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(loader_submit_fd(l, i, open(paths[i], O_RDONLY | O_CLOEXEC)), 0);
	assert_int_equal(loader_submit_memory(l, 3, "not an ELF file", 15), 0);
	for (uint32_t i = 0; i < 4; i++) {
		r = wait_for_one(l);
		assert_int_equal(r.id, i);
		assert_true(r.error < 0);
		assert_null(r.table);
	}
	loader_free(l);
}

/* Readable as long as, and only if, there is something to take. */
static void readable_while_there_is_something(void **state)
{
	struct loader_result r;
	struct loader *l;

	assert_int_equal(loader_new(&l), 0);
	for (int round = 0; round < 50; round++) {
		struct pollfd p = {.fd = loader_fd(l), .events = POLLIN};

		assert_int_equal(poll(&p, 1, 0), 0);
		assert_int_equal(loader_submit_memory(l, 1, "x", 1), 0);
		assert_int_equal(loader_submit_memory(l, 2, "x", 1), 0);
		assert_int_equal(poll(&p, 1, 60000), 1);
		r = wait_for_one(l);
		assert_int_equal(r.id, 1);
		r = wait_for_one(l);
		assert_int_equal(r.id, 2);
	}
	loader_free(l);
}

static void ended_in_the_middle(void **state)
{
	int before = next_fd();

	for (int round = 0; round < 20; round++) {
		struct loader *l;

		assert_int_equal(loader_new(&l), 0);
		for (uint32_t i = 0; i < 8; i++)
			assert_int_equal(loader_submit_fd(l, i, open_self()), 0);
		loader_free(l);
	}
	loader_free(NULL);
	assert_int_equal(next_fd(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_in_order),
		cmocka_unit_test(calls),
		cmocka_unit_test(bad_files),
		cmocka_unit_test(readable_while_there_is_something),
		cmocka_unit_test(ended_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
