// SPDX-License-Identifier: Apache-2.0
/*
 * The switch of generations, with the switch at the worst moment, and against programs that run at
 * the same time on other CPUs (threads), with the drain's own code for the user side. After
 * drain_switch() the old maps must stand still, and at the end every sample that was counted is in
 * exactly one of the drained generations.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "drain.h"
#include "native.h"

enum { THREADS = 4, ROUNDS = 3000, SWITCHES = 300 };

static struct native_task tasks[THREADS];

static void *run_samples(void *arg)
{
	size_t i = (size_t)arg;
	struct bpf_perf_event_data ctx = native_tick(USER_CS, CODE + 8 * i, 0, 0);

	memset(&fake_cpu, 0, sizeof(fake_cpu));
	fake_cpu.id = (uint32_t)i;
	native_run(&tasks[i]);
	for (int round = 0; round < ROUNDS; round++)
		cresset_cpu(&ctx);
	return NULL;
}

static uint64_t sum_of(enum fake_map_id map)
{
	uint64_t sum = 0, *count;

	for (size_t i = 0; (count = fake_map_at(map, i, NULL)); i++)
		sum += __atomic_load_n(count, __ATOMIC_SEQ_CST);
	return sum;
}

static void nothing_lost(void **state)
{
	static const struct cresset_config blank;
	pthread_t threads[THREADS];
	uint64_t seen[2] = {0, 0}, counted = 0, taken = 0, lost = 0;
	struct drain drain;
	uint32_t old, zero = 0;

	fake_reset();
	memcpy((void *)&cresset_config, &blank, sizeof(blank));
	cresset_generation = 0;
	drain_init(&drain);
	drain.generation = &cresset_generation;
	drain.slots = bpf_map_lookup_elem(&slots, &zero);
	drain.n_slots = FAKE_CPUS * CRESSET_N_CONTEXTS;
	for (size_t i = 0; i < THREADS; i++)
		native_task_init(&tasks[i], (int)i + 1, 1);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_samples, (void *)i), 0);
	for (int i = 0; i < SWITCHES; i++) {
		enum fake_map_id map;
		uint64_t sum;

		assert_int_equal(drain_switch(&drain, &old), 0);
		map = old ? FAKE_SAMPLES_1 : FAKE_SAMPLES_0;
		sum = sum_of(map);
		assert_true(sum >= seen[old]);
		seen[old] = sum;
		for (int again = 0; again < 20; again++)
			assert_int_equal(sum_of(map), sum);
	}
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < THREADS; i++) {
		const struct cresset_slot *slot = cresset_slot((__u32)i * CRESSET_N_CONTEXTS);

		taken += slot->stats[CRESSET_STAT_taken];
		counted += slot->stats[CRESSET_STAT_counted];
		lost += slot->stats[CRESSET_STAT_lost_switch];
		assert_int_equal(slot->busy, 0);
	}
	assert_int_equal(taken, (uint64_t)THREADS * ROUNDS);
	assert_int_equal(counted + lost, taken);
	assert_int_equal(sum_of(FAKE_SAMPLES_0) + sum_of(FAKE_SAMPLES_1), counted);
	drain_release(&drain);
}

/* A CPU that announced the old generation holds the switch up until it lets go. */
static void *let_go(void *arg)
{
	struct cresset_slot *slot = arg;

	for (volatile int i = 0; i < 3000000; i++)
		;
	__atomic_store_n(&slot->stats[CRESSET_STAT_counted], 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&slot->busy, 0, __ATOMIC_SEQ_CST);
	return NULL;
}

static void switch_waits(void **state)
{
	struct cresset_slot slots_of[3];
	volatile uint32_t generation = 1;
	struct drain drain;
	pthread_t thread;
	uint32_t old;

	memset(slots_of, 0, sizeof(slots_of));
	drain_init(&drain);
	drain.generation = &generation;
	drain.slots = slots_of;
	drain.n_slots = 3;
	slots_of[0].busy = 1; /* writes to generation 0: no reason to wait */
	slots_of[2].busy = 2;
	assert_int_equal(pthread_create(&thread, NULL, let_go, &slots_of[2]), 0);
	assert_int_equal(drain_switch(&drain, &old), 0);
	assert_int_equal(slots_of[2].stats[CRESSET_STAT_counted], 1);
	assert_int_equal(old, 1);
	assert_int_equal(generation, 0);
	pthread_join(thread, NULL);
	drain_release(&drain);
}

/* ---- The switch between a CPU's reading the generation and announcing it. */

static struct drain racing;
static int races_left;

static void race(void)
{
	uint32_t old;

	if (races_left-- > 0)
		assert_int_equal(drain_switch(&racing, &old), 0);
}

static void race_set_up(int races)
{
	static const struct cresset_config blank;
	uint32_t zero = 0;

	fake_reset();
	memcpy((void *)&cresset_config, &blank, sizeof(blank));
	cresset_generation = 0;
	drain_init(&racing);
	racing.generation = &cresset_generation;
	racing.slots = bpf_map_lookup_elem(&slots, &zero);
	racing.n_slots = FAKE_CPUS * CRESSET_N_CONTEXTS;
	native_task_init(&tasks[0], 1, 1);
	native_run(&tasks[0]);
	fake_cpu.race = race;
	races_left = races;
}

static void switch_under_a_sample(void **state)
{
	struct bpf_perf_event_data ctx = native_tick(USER_CS, CODE, 0, 0);

	/* The old generation may be drained by now: the sample must be in the new one. */
	for (int races = 0; races < 4; races++) {
		race_set_up(races);
		cresset_cpu(&ctx);
		assert_int_equal(fake_map_count(FAKE_SAMPLES_0), !(races & 1));
		assert_int_equal(fake_map_count(FAKE_STACKS_0), !(races & 1));
		assert_int_equal(fake_map_count(FAKE_SAMPLES_1), races & 1);
		assert_int_equal(fake_map_count(FAKE_STACKS_1), races & 1);
		assert_int_equal(native_stat(CRESSET_STAT_counted), 1);
		assert_int_equal(cresset_slot(0)->busy, 0);
	}
}

static void switches_without_end(void **state)
{
	struct bpf_perf_event_data ctx = native_tick(USER_CS, CODE, 0, 0);

	race_set_up(1000);
	cresset_cpu(&ctx);
	assert_int_equal(fake_map_count(FAKE_SAMPLES_0) + fake_map_count(FAKE_SAMPLES_1), 0);
	assert_int_equal(native_stat(CRESSET_STAT_lost_switch), 1);
	assert_int_equal(native_stat(CRESSET_STAT_taken), 1);
	assert_int_equal(cresset_slot(0)->busy, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(switch_under_a_sample),
		cmocka_unit_test(switches_without_end),
		cmocka_unit_test(nothing_lost),
		cmocka_unit_test(switch_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
