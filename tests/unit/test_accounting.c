// SPDX-License-Identifier: Apache-2.0
/*
 * The counters: their names, their sums, and snapshots while another thread counts as BPF does.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accounting.h"

static void causes(void **state)
{
	int losses = 0;

	assert_null(accounting_cause(CRESSET_STAT_taken));
	assert_null(accounting_cause(CRESSET_STAT_counted));
	assert_null(accounting_cause(CRESSET_STAT_filtered));
	assert_null(accounting_cause(CRESSET_STAT_kernel_stack_errors));
	assert_null(accounting_cause(CRESSET_N_STATS));
	assert_string_equal(accounting_cause(CRESSET_STAT_lost_samples_full), "samples_full");
	assert_string_equal(accounting_cause(CRESSET_STAT_lost_collision), "collision");
	for (int i = 0; i < CRESSET_N_STATS; i++) {
		losses += accounting_cause(i) != NULL;
		assert_true(strlen(accounting_help(i)) > 0);
	}
	/* The list of losses and the names of the counters must agree. */
#define ONE(name, help) losses--;
	CRESSET_LOSSES(ONE)
	assert_int_equal(losses, 0);
}

static void sums(void **state)
{
	struct cresset_slot slots[3];
	struct accounting a;

	memset(slots, 0, sizeof(slots));
	slots[0].stats[CRESSET_STAT_taken] = 10;
	slots[0].stats[CRESSET_STAT_counted] = 7;
	slots[0].stats[CRESSET_STAT_filtered] = 1;
	slots[0].stats[CRESSET_STAT_lost_samples_full] = 2;
	slots[2].stats[CRESSET_STAT_taken] = 5;
	slots[2].stats[CRESSET_STAT_lost_switch] = 5;
	slots[2].stats[CRESSET_STAT_kernel_stack_errors] = 3;
	accounting_read(slots, 3, &a);
	assert_int_equal(a.stats[CRESSET_STAT_taken], 15);
	assert_int_equal(a.stats[CRESSET_STAT_counted], 7);
	assert_int_equal(a.stats[CRESSET_STAT_kernel_stack_errors], 3);
	assert_int_equal(a.lost, 7);
	/* Counters that do not add up are shown as they are. */
	slots[1].stats[CRESSET_STAT_taken] = 1;
	accounting_read(slots, 3, &a);
	assert_int_equal(a.stats[CRESSET_STAT_taken], 16);
	assert_int_equal(a.stats[CRESSET_STAT_counted] + a.stats[CRESSET_STAT_filtered] + a.lost,
			 15);
}

static volatile bool stop;

static void *count(void *arg)
{
	struct cresset_slot *slot = arg;
	unsigned int i = 0;

	while (!stop) {
		int outcome = i++ % 3 ? CRESSET_STAT_counted : CRESSET_STAT_lost_stacks_full;

		__atomic_fetch_add(&slot->stats[CRESSET_STAT_taken], 1, __ATOMIC_SEQ_CST);
		for (volatile int wait = 0; wait < 50; wait++)
			;
		__atomic_fetch_add(&slot->stats[outcome], 1, __ATOMIC_SEQ_CST);
		for (volatile int wait = 0; wait < 500; wait++)
			;
	}
	return NULL;
}

static void snapshots_add_up(void **state)
{
	struct cresset_slot slots[2];
	struct accounting a;
	pthread_t thread;

	memset(slots, 0, sizeof(slots));
	stop = false;
	assert_int_equal(pthread_create(&thread, NULL, count, &slots[1]), 0);
	for (int i = 0; i < 5000; i++) {
		accounting_read(slots, 2, &a);
		assert_int_equal(a.stats[CRESSET_STAT_taken],
				 a.stats[CRESSET_STAT_counted] + a.lost);
	}
	stop = true;
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(causes),
		cmocka_unit_test(sums),
		cmocka_unit_test(snapshots_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
