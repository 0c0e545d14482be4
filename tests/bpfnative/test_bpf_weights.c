// SPDX-License-Identifier: Apache-2.0
/*
 * What is recorded past the overhead budget stands for what is not: sums of weights have the right
 * expectation, and the error that is stated. Threads wait for 10 µs to 10 s; user space sweeps, not
 * quite on time, and stops sweeping now and then. The truth is the machine's own account.
 */
#include "machine.h"

#include <math.h>
#include <stdio.h>

enum { MS = 1000000, GAP = 250 * MS, SLEEPS = CRESSET_TASK_INTERRUPTIBLE, RUN_NS = 3000 };

/* A law of waits: their logarithms are uniform. */
struct law {
	const char *name;
	double least_ns, most_ns;
	__u64 seconds;
	unsigned int rounds;
};

static const struct law laws[] = {
	{"10 us to 10 s", 1e4, 1e10, 30, 60},
	{"10 us to 20 ms", 1e4, 2e7, 1, 40},
	{"200 ms to 600 ms", 2e8, 6e8, 30, 60},
};

struct estimate {
	__u64 ns[MACHINE_TASKS];
	__u64 n;
};

static __u64 length(const struct law *law)
{
	double u = (double)machine_random(1 << 30) / (1 << 30);

	return (__u64)(law->least_ns * pow(law->most_ns / law->least_ns, u));
}

/* As a drain: what is there is added up, and gone. */
static void take_rows(struct estimate *e)
{
	const struct cresset_sample_key *key;
	const struct cresset_count *count;

	for (size_t i = 0; (count = fake_map_at(FAKE_SAMPLES_0, i, (const void **)&key)); i++) {
		assert_in_range(key->tid, 1, MACHINE_TASKS);
		e->ns[key->tid - 1] += count->blocked_ns;
		e->n += count->n;
	}
	fake_map_clear(FAKE_SAMPLES_0);
	machine->n_reports = 0;
}

static double stated_variance(void)
{
	double sum = 0;

	for (__u32 i = 0; i < MACHINE_CPUS * CRESSET_N_CONTEXTS; i++)
		sum += (double)cresset_slot(i)->blocked_variance;
	return sum * 1e6; /* ns² */
}

/* Half of them are the kernel's own, whose stacks user space cannot read. */
static void make_threads(void)
{
	for (int i = 1; i < MACHINE_TASKS; i += 2) {
		machine->tasks[i].native.task.flags |= CRESSET_PF_KTHREAD;
		machine->tasks[i].native.task.mm = NULL;
	}
}

static void run_once(int cpu, struct machine_task *t)
{
	machine_wake(cpu, t);
	machine_switch(cpu, t, 0, false);
	machine_pass(RUN_NS);
	machine_switch(cpu, NULL, SLEEPS, false);
}

/* One recording: adds the errors of user and kernel threads, and the variances that are stated. */
static void simulate(const struct law *law, __u32 probability, double errors[2],
		     double *ret_variance)
{
	__u64 wakes[MACHINE_TASKS], end, sweep;
	struct estimate e = {.n = 0};

	make_threads();
	machine_begin();
	cresset_sched.probability = probability;
	cresset_sched.sweep_ns = GAP;
	end = machine->now_ns + law->seconds * 1000000000u;
	sweep = machine->now_ns + machine_random(GAP);
	for (int i = 0; i < MACHINE_TASKS; i++)
		wakes[i] = machine->now_ns + length(law);
	for (;;) {
		int first = 0;

		for (int i = 1; i < MACHINE_TASKS; i++)
			first = wakes[i] < wakes[first] ? i : first;
		if ((sweep < wakes[first] ? sweep : wakes[first]) >= end)
			break;
		if (sweep < wakes[first]) {
			machine->now_ns = sweep > machine->now_ns ? sweep : machine->now_ns;
			machine_scan(CRESSET_SCAN_SWEEP);
			take_rows(&e);
			/* A busy machine: late by a little, or by a lot. */
			sweep += GAP + machine_random(40 * MS) + (machine_random(9) ? 0 : 4 * GAP);
			continue;
		}
		machine->now_ns = wakes[first] > machine->now_ns ? wakes[first] : machine->now_ns;
		run_once(first % MACHINE_CPUS, &machine->tasks[first]);
		wakes[first] = machine->now_ns + length(law);
	}
	machine->now_ns = end > machine->now_ns ? end : machine->now_ns;
	machine_stop();
	take_rows(&e);
	machine_close();
	for (int i = 0; i < MACHINE_TASKS; i++)
		errors[i % 2] +=
			(double)e.ns[i] - (double)machine->tasks[i].time_ns[CRESSET_TIME_BLOCKED];
	*ret_variance += stated_variance();
	assert_int_equal(e.n, machine_stat(CRESSET_STAT_counted));
	assert_int_equal(machine_stat(CRESSET_STAT_taken),
			 machine_stat(CRESSET_STAT_counted) + machine_stat(CRESSET_STAT_unsampled));
}

/*
 * Over all rounds the sum of errors is that of a fair game: within four of the standard errors that
 * were stated, for threads with and without a user stack; and each round's is about as stated, not
 * much more and not much less.
 */
static void fair(void **state)
{
	static const __u32 probabilities[] = {CRESSET_CERTAIN / 2, CRESSET_CERTAIN / 20,
					      CRESSET_CERTAIN / 300};

	for (size_t l = 0; l < sizeof(laws) / sizeof(laws[0]); l++)
		for (size_t k = 0; k < sizeof(probabilities) / sizeof(probabilities[0]); k++) {
			double errors[2] = {0}, variance = 0, squares = 0, z[2], ratio;

			for (unsigned int i = 0; i < laws[l].rounds; i++) {
				double before = errors[0] + errors[1], error;

				machine_tear_down(NULL);
				machine_set_up(NULL);
				machine->random += i * 7919 + k * 104729;
				fake_cpu.random = machine->random * 31 + 1;
				simulate(&laws[l], probabilities[k], errors, &variance);
				error = errors[0] + errors[1] - before;
				squares += error * error;
			}
			z[0] = errors[0] / sqrt(variance / 2);
			z[1] = errors[1] / sqrt(variance / 2);
			ratio = squares / variance;
			printf("%s, 1 in %d: %.2f and %.2f standard errors off, squares %.2f of "
			       "those stated\n",
			       laws[l].name, CRESSET_CERTAIN / probabilities[k], z[0], z[1], ratio);
			assert_true(fabs(z[0]) < 4 && fabs(z[1]) < 4);
			assert_true(ratio > 0.4 && ratio < 2.5);
		}
}

/* A wait of a second and more is found by a sweep: it is recorded, and stands for itself alone. */
static void long_waits_are_kept(void **state)
{
	const struct cresset_thread_report *report;

	make_threads();
	machine_begin();
	cresset_sched.probability = 1;
	cresset_sched.sweep_ns = GAP;
	for (int i = 0; i < 2; i++)
		run_once(0, &machine->tasks[i]);
	fake_map_clear(FAKE_SAMPLES_0);
	machine_pass(GAP + 1);
	machine->n_reports = 0;
	machine_scan(CRESSET_SCAN_SWEEP);
	/* One ticket: there is nothing to read of a kernel thread. Read twice, it is the same one.
	 */
	assert_int_equal(machine->n_reports, 1);
	report = machine_report(CRESSET_REPORT_TICKET);
	assert_non_null(report);
	assert_int_equal(report->tid, 1);
	machine_scan(CRESSET_SCAN_SWEEP);
	assert_int_equal(machine->n_reports, 2);
	assert_int_equal(machine->reports[1].user_stack, report->user_stack);
	/* The next sweep has nothing new to say. */
	machine_pass(GAP);
	machine_scan(CRESSET_SCAN_SWEEP);
	assert_int_equal(machine->n_reports, 2);
	for (int i = 0; i < 2; i++)
		run_once(0, &machine->tasks[i]);
	assert_int_equal(machine_rows().n, 2);
	assert_in_range(machine_rows().blocked_ns, 4 * (__u64)GAP, 4 * (__u64)GAP + 100000);
	assert_int_equal(stated_variance(), 0);
}

/* What is open at the end: blocked threads are all recorded; a runnable one only if the coin said
 * so. */
static void open_at_the_end(void **state)
{
	__u64 recorded = 0, truth = 0;

	for (int round = 0; round < 100; round++) {
		machine_tear_down(NULL);
		machine_set_up(NULL);
		fake_cpu.random = (__u64)round * 0x9e3779b97f4a7c15u + 1;
		machine_begin();
		cresset_sched.probability = CRESSET_CERTAIN / 8;
		for (int i = 0; i < MACHINE_TASKS; i++) {
			machine_wake(0, &machine->tasks[i]);
			machine_switch(0, &machine->tasks[i], 0, false);
			machine_switch(0, NULL, 0, true);
		}
		fake_map_clear(FAKE_SAMPLES_0);
		machine_pass(5 * MS);
		machine_stop();
		recorded += machine_rows().runnable_ns;
		truth += MACHINE_TASKS * 5 * MS;
	}
	/* Four times the standard error of 5.4 %. */
	assert_in_range(recorded, truth * 78 / 100, truth * 122 / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fair),
		TEST(long_waits_are_kept),
		TEST(open_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
