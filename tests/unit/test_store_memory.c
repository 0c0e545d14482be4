// SPDX-License-Identifier: Apache-2.0
/* A store with a bound of memory: the dictionary begins anew, nothing is lost, and a query that
 * would be larger is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/store.h"
#include "support/store_must.h"

enum { WINDOWS = 12 };

static const struct store_type three[] = {
	{"cpu", "nanoseconds"}, {"runnable", "nanoseconds"}, {"blocked", "nanoseconds"}};
static const char *const labels[] = {"service", "comm"};

static const struct store_fill fill = {.start_ns = INT64_C(1700000000000000000),
				       .step_ns = INT64_C(10000000000),
				       .services = 3,
				       .series_each = 2,
				       .stacks_each = 60,
				       .functions = 400,
				       .depth = 10};

static struct store *open_store(const char *folder, bool read_only, uint64_t max_memory)
{
	struct store_options o = {.read_only = read_only, .max_memory = max_memory};
	struct cresset_error err = {.text = ""};
	struct store *s = NULL;

	if (store_open(folder, &o, &s, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static int ask(struct store *s, struct cresset_profile **ret, struct cresset_error *err)
{
	const struct store_query q = {
		.types = three, .n_types = 3, .keep_labels = labels, .n_keep_labels = 2};

	return store_query(s, &q, ret, NULL, err);
}

static void test_bounded(void **state)
{
	struct cresset_error err = {.text = ""};
	char *folder = store_fill_folder(), *have, *want;
	struct store *s = open_store(folder, false, 64 << 10);
	struct cresset_profile *p = NULL;
	struct store_stats stats;

	store_must_append(s, &fill, 0, WINDOWS);
	assert_int_equal(store_stats(s, &stats, &err), 0);
	assert_int_equal(stats.appended, WINDOWS);
	assert_true(stats.dicts_cut > 0);
	assert_true(stats.memory_bytes > 0);
	assert_int_equal(ask(s, &p, &err), -E2BIG);
	assert_non_null(strstr(err.text, "too large for memory"));
	store_close(s);

	/* All of it is there for who has the memory. */
	s = open_store(folder, true, 0);
	assert_int_equal(ask(s, &p, &err), 0);
	have = store_fill_text(p, labels, 2);
	want = store_fill_expected(&fill, 0, WINDOWS, labels, 2);
	assert_string_equal(have, want);
	free(have);
	free(want);
	cresset_profile_free(p);
	store_close(s);
	store_fill_remove(folder);
}

static void test_enough(void **state)
{
	struct cresset_error err = {.text = ""};
	char *folder = store_fill_folder();
	struct store *s = open_store(folder, false, 64 << 20);
	struct cresset_profile *p = NULL;
	struct store_stats stats;

	store_must_append(s, &fill, 0, WINDOWS);
	assert_int_equal(store_stats(s, &stats, &err), 0);
	assert_int_equal(stats.dicts_cut, 0);
	assert_int_equal(ask(s, &p, &err), 0);
	cresset_profile_free(p);
	store_close(s);
	store_fill_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
