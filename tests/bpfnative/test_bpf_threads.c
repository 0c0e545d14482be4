// SPDX-License-Identifier: Apache-2.0
/*
 * Where the time of threads goes: every nanosecond in exactly one interval, whatever comes in which
 * order; and what becomes of waits that are filtered, cut off, lost, or have a ticket.
 */
#include "machine.h"

enum { MS = 1000000, SLEEPS = CRESSET_TASK_INTERRUPTIBLE, DISK = CRESSET_TASK_UNINTERRUPTIBLE };

static struct machine_task *task(int i)
{
	return &machine->tasks[i];
}

/* The truth, thread by thread, and of all; waits that were written, and those that were not. */
static void check_all(void)
{
	__u64 sum[3] = {0};
	struct cresset_count rows = machine_rows();

	machine_close();
	for (int i = 0; i < MACHINE_TASKS; i++) {
		const struct cresset_thread *t = machine_thread(task(i));

		if (!t) {
			assert_false(task(i)->known);
			continue;
		}
		for (int k = 0; k < 3; k++) {
			assert_int_equal(t->totals[k], task(i)->time_ns[k]);
			sum[k] += t->totals[k];
		}
	}
	for (int k = 0; k < 3; k++)
		assert_int_equal(machine_time(k), sum[k]);
	if (cresset_sched.probability == CRESSET_CERTAIN)
		assert_int_equal(rows.blocked_ns + rows.runnable_ns +
					 machine_time(CRESSET_TIME_LOST) +
					 machine_time(CRESSET_TIME_FILTERED),
				 sum[CRESSET_TIME_BLOCKED] + sum[CRESSET_TIME_RUNNABLE]);
	assert_int_equal(machine_stat(CRESSET_STAT_taken),
			 machine_stat(CRESSET_STAT_counted) + machine_stat(CRESSET_STAT_filtered) +
				 machine_stat(CRESSET_STAT_unsampled) +
				 machine_stat(CRESSET_STAT_lost_samples_full) +
				 machine_stat(CRESSET_STAT_lost_stacks_full) +
				 machine_stat(CRESSET_STAT_lost_collision) +
				 machine_stat(CRESSET_STAT_lost_map_busy) +
				 machine_stat(CRESSET_STAT_lost_switch));
	assert_int_equal(machine_stat(CRESSET_STAT_counted), rows.n);
}

/* ---- One thread. */

static void sleep_and_run(void **state)
{
	struct cresset_count rows;

	machine_begin();
	machine_pass(5 * MS);
	machine_wake(1, task(0));
	machine_pass(MS);
	machine_switch(0, task(0), 0, false);
	machine_pass(3 * MS);
	machine_switch(0, NULL, SLEEPS, false);
	machine_pass(20 * MS);
	machine_wake(1, task(0));
	machine_pass(2 * MS);
	machine_switch(1, task(0), 0, false);
	machine_pass(MS);
	rows = machine_rows();
	assert_int_equal(rows.n, 2);
	assert_int_equal(rows.blocked_ns, 25 * MS);
	assert_int_equal(rows.runnable_ns, 3 * MS);
	machine_stop();
	check_all();
	assert_int_equal(task(0)->time_ns[CRESSET_TIME_CPU], 4 * MS);
	/* The others slept through all of it. */
	assert_int_equal(machine_thread(task(1))->totals[CRESSET_TIME_BLOCKED], 32 * MS);
	assert_int_equal(machine_stat(CRESSET_STAT_wakes_missed), 0);
	assert_int_equal(machine_stat(CRESSET_STAT_switches_missed), 0);
}

static void states(void **state)
{
	static const struct {
		unsigned int state;
		bool preempt, iowait;
		enum cresset_state want;
	} cases[] = {
		{0, false, false, CRESSET_STATE_PREEMPTED},
		{SLEEPS, true, false, CRESSET_STATE_PREEMPTED},
		{SLEEPS, false, false, CRESSET_STATE_INTERRUPTIBLE},
		{DISK, false, false, CRESSET_STATE_UNINTERRUPTIBLE},
		{DISK, false, true, CRESSET_STATE_IO},
		{DISK | CRESSET_TASK_NOLOAD, false, false, CRESSET_STATE_IDLE},
		{CRESSET_TASK_STOPPED, false, false, CRESSET_STATE_STOPPED},
		{CRESSET_TASK_TRACED, false, false, CRESSET_STATE_STOPPED},
	};

	machine_begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct machine_task *t = task((int)i);
		const struct cresset_sample_key *key = NULL;
		bool found = false;

		machine_wake(0, t);
		machine_switch(0, t, 0, false);
		machine_pass(MS);
		t->native.task.in_iowait = cases[i].iowait;
		machine_switch(0, NULL, cases[i].state, cases[i].preempt);
		assert_int_equal(machine_thread(t)->state, cases[i].want);
		machine_pass(MS);
		if (cases[i].want < CRESSET_STATE_PREEMPTED)
			machine_wake(0, t);
		machine_switch(0, t, 0, false);
		for (size_t row = 0; row < fake_map_count(FAKE_SAMPLES_0); row++) {
			fake_map_at(FAKE_SAMPLES_0, row, (const void **)&key);
			found |= key->tid == (__u32)t->native.task.pid &&
				 key->state == cases[i].want;
		}
		assert_true(found);
		machine_switch(0, NULL, SLEEPS, false);
	}
	machine_stop();
	check_all();
}

/* Woken before it has left its CPU: the tracepoint says blocked, the task is running again. */
static void early_wake(void **state)
{
	__u64 ctx[4] = {false, (__u64)(uintptr_t)task(0), (__u64)(uintptr_t)&machine->idle, SLEEPS};

	machine_begin();
	machine_wake(0, task(0));
	machine_switch(0, task(0), 0, false);
	machine_pass(MS);
	/* sched_waking comes while it runs still: nothing changes. */
	machine_wake(1, task(0));
	assert_int_equal(mark_state(machine_thread(task(0))->mark), CRESSET_STATE_RUNNING);
	fake_cpu.id = 0;
	fake_cpu.task = &task(0)->native.task;
	fake_cpu.now_ns = machine->now_ns;
	task(0)->native.task.__state = 0;
	cresset_switch(ctx);
	assert_int_equal(mark_state(machine_thread(task(0))->mark), CRESSET_STATE_PREEMPTED);
}

static void missed_wake(void **state)
{
	machine_begin();
	machine_pass(7 * MS);
	machine_switch(0, task(0), 0, false);
	assert_int_equal(machine_stat(CRESSET_STAT_wakes_missed), 1);
	assert_int_equal(machine_rows().blocked_ns, 7 * MS);
	machine_stop();
	check_all();
}

static void switched_out_twice(void **state)
{
	__u64 ctx[4] = {false, (__u64)(uintptr_t)task(0), (__u64)(uintptr_t)&machine->idle, SLEEPS};

	machine_begin();
	machine_wake(0, task(0));
	machine_switch(0, task(0), 0, false);
	machine_pass(MS);
	machine_switch(0, NULL, SLEEPS, false);
	machine_pass(4 * MS);
	/* Its switch-in was not seen. */
	fake_cpu.id = 1;
	fake_cpu.task = &task(0)->native.task;
	fake_cpu.now_ns = machine->now_ns;
	task(0)->native.task.__state = SLEEPS;
	cresset_switch(ctx);
	assert_int_equal(machine_stat(CRESSET_STAT_switches_missed), 1);
	/* But the wait was: it is written, like the one before it. */
	assert_int_equal(machine_rows().n, 2);
	assert_int_equal(machine_rows().blocked_ns, 4 * MS);
	machine_pass(2 * MS);
	machine_wake(0, task(0));
	machine_switch(0, task(0), 0, false);
	/* And in twice. */
	machine_pass(MS);
	machine->runs[1] = &machine->idle;
	ctx[1] = (__u64)(uintptr_t)&machine->idle;
	ctx[2] = (__u64)(uintptr_t)task(0);
	fake_cpu.id = 1;
	fake_cpu.now_ns = machine->now_ns;
	cresset_switch(ctx);
	assert_int_equal(machine_stat(CRESSET_STAT_switches_missed), 2);
	machine_pass(MS);
	machine_stop();
	/* No time is lost or counted twice all the same. */
	machine_close();
	assert_int_equal(machine_thread(task(0))->totals[CRESSET_TIME_CPU] +
				 machine_thread(task(0))->totals[CRESSET_TIME_BLOCKED] +
				 machine_thread(task(0))->totals[CRESSET_TIME_RUNNABLE],
			 machine->now_ns - machine->start_ns);
	assert_int_equal(machine_rows().blocked_ns, machine_time(CRESSET_TIME_BLOCKED));
	assert_int_equal(machine_rows().runnable_ns, machine_time(CRESSET_TIME_RUNNABLE));
}

/*
 * A kernel whose tracepoint does not fire for switches from some tasks: who runs after them is not
 * seen to begin, and they are not seen to stop. The scheduler's count of what they ran says when.
 */
static void unseen_switches(void **state)
{
	struct cresset_count rows;

	machine->idle_silent = true;
	machine->silent = task(1);
	machine_begin();
	/* Nobody sees task 0 begin; it is known when it stops. */
	machine_wake(1, task(0));
	machine_pass(2 * MS);
	machine_switch(0, task(0), 0, false);
	machine_pass(3 * MS);
	machine_switch(0, NULL, SLEEPS, false);
	assert_int_equal(machine_stat(CRESSET_STAT_switches_missed), 1);
	rows = machine_rows();
	assert_int_equal(rows.n, 1);
	assert_int_equal(rows.runnable_ns, 2 * MS);
	machine->idle_silent = false;
	/* Nobody sees task 1 stop: it is known when it is woken … */
	machine_wake(1, task(1));
	machine_switch(0, task(1), 0, false);
	machine_pass(4 * MS);
	machine_switch(0, task(0), SLEEPS, false);
	machine_pass(5 * MS);
	machine_wake(1, task(1));
	assert_int_equal(mark_state(machine_thread(task(1))->mark), CRESSET_STATE_WOKEN);
	/* … or when all are looked at. */
	machine_switch(1, task(1), 0, false);
	machine_pass(6 * MS);
	machine_switch(1, NULL, SLEEPS, false);
	machine_pass(7 * MS);
	machine_stop();
	check_all();
	assert_int_equal(task(1)->time_ns[CRESSET_TIME_CPU], 10 * MS);
}

/* The clock of the CPU that it comes to is behind: 0, and counted; never a huge time. */
static void clock_back(void **state)
{
	machine_begin();
	machine_wake(0, task(0));
	machine_switch(0, task(0), 0, false);
	machine_pass(5 * MS);
	machine_switch(0, NULL, SLEEPS, false);
	machine->now_ns -= MS;
	machine_wake(1, task(0));
	assert_int_equal(machine_stat(CRESSET_STAT_clock_back), 1);
	assert_int_equal(machine_thread(task(0))->totals[CRESSET_TIME_BLOCKED], 0);
	machine->now_ns -= MS;
	machine_switch(1, task(0), 0, false);
	assert_int_equal(machine_stat(CRESSET_STAT_clock_back), 2);
	machine->now_ns -= MS;
	machine_switch(1, NULL, SLEEPS, false);
	machine->now_ns -= MS;
	machine_switch(1, task(0), 0, false);
	assert_int_equal(machine_stat(CRESSET_STAT_clock_back), 4);
	assert_int_equal(machine_time(CRESSET_TIME_CPU), 5 * MS);
	assert_int_equal(machine_time(CRESSET_TIME_BLOCKED), 0);
	assert_int_equal(machine_time(CRESSET_TIME_RUNNABLE), 0);
	assert_int_equal(machine_rows().blocked_ns + machine_rows().runnable_ns, 0);
}

static void dies(void **state)
{
	const struct cresset_thread_report *report;

	machine_begin();
	machine_wake(0, task(0));
	machine_pass(2 * MS);
	machine_switch(0, task(0), 0, false);
	machine_pass(3 * MS);
	machine_switch(0, NULL, CRESSET_TASK_DEAD, false);
	report = machine_report(CRESSET_REPORT_END);
	assert_non_null(report);
	assert_int_equal(report->tid, 1);
	assert_int_equal(report->totals[CRESSET_TIME_CPU], 3 * MS);
	assert_int_equal(report->totals[CRESSET_TIME_RUNNABLE], 2 * MS);
	assert_int_equal(report->born_ns, machine->start_ns);
	machine_pass(MS);
	machine_stop();
	assert_int_equal(machine_thread(task(0))->totals[CRESSET_TIME_CPU], 3 * MS);
	/* The buffer is full: what its end said is lost, and that is counted. */
	cresset_sched.stop_ns = 0;
	machine_wake(0, task(1));
	machine_switch(0, task(1), 0, false);
	machine->ring_full = true;
	machine_pass(MS);
	machine_switch(0, NULL, CRESSET_TASK_DEAD, false);
	assert_int_equal(machine_stat(CRESSET_STAT_events_lost), 1);
}

static void born(void **state)
{
	task(3)->known = false;
	machine_begin();
	fake_task_gone(&task(3)->native.task);
	task(3)->known = false;
	machine_pass(5 * MS);
	machine_fork(2, task(3));
	memset(task(3)->time_ns, 0, sizeof(task(3)->time_ns));
	machine_pass(MS);
	machine_switch(1, task(3), 0, false);
	assert_int_equal(machine_rows().runnable_ns, MS);
	assert_int_equal(machine_thread(task(3))->born_ns, machine->start_ns + 5 * MS);
	machine_pass(MS);
	machine_stop();
	check_all();
}

/* ---- What is not written. */

static void too_short_too_long(void **state)
{
	static const __u64 lengths[] = {MS, 5 * MS, 20 * MS};

	cresset_config.min_wait_ns = 2 * MS;
	cresset_config.max_wait_ns = 10 * MS;
	machine_begin();
	machine_wake(0, task(0));
	machine_switch(0, task(0), 0, false);
	for (int i = 0; i < 3; i++) {
		machine_switch(0, NULL, SLEEPS, false);
		machine_pass(lengths[i]);
		machine_wake(0, task(0));
		machine_switch(0, task(0), 0, false);
	}
	assert_int_equal(machine_rows().blocked_ns, 5 * MS);
	assert_int_equal(machine_time(CRESSET_TIME_FILTERED), 21 * MS);
	assert_int_equal(machine_stat(CRESSET_STAT_filtered), 3); /* with the one of the start */
	machine_stop();
	check_all();
}

static void one_state_only(void **state)
{
	for (int runnable = 0; runnable < 2; runnable++) {
		machine_tear_down(NULL);
		machine_set_up(NULL);
		cresset_config.blocked = !runnable;
		cresset_config.runnable = (__u8)runnable;
		machine_begin();
		machine_pass(3 * MS);
		machine_wake(0, task(0));
		machine_pass(2 * MS);
		machine_switch(0, task(0), 0, false);
		machine_switch(0, NULL, 0, true);
		machine_pass(4 * MS);
		machine_switch(0, task(0), 0, false);
		assert_int_equal(machine_rows().blocked_ns, runnable ? 0 : 3 * MS);
		assert_int_equal(machine_rows().runnable_ns, runnable ? 6 * MS : 0);
		/* The account of the thread is whole all the same. */
		machine_pass(MS);
		machine_switch(0, NULL, SLEEPS, false);
		machine_close();
		for (int k = 0; k < 3; k++)
			assert_int_equal(machine_thread(task(0))->totals[k], task(0)->time_ns[k]);
	}
}

static void maps_full(void **state)
{
	fake_map_limit(FAKE_SAMPLES_0, 1);
	machine_begin();
	for (int i = 0; i < 3; i++) {
		machine_pass(MS);
		machine_wake(0, task(i));
		machine_switch(0, task(i), 0, false);
		machine_switch(0, NULL, SLEEPS, false);
	}
	assert_int_equal(machine_stat(CRESSET_STAT_lost_samples_full), 2);
	assert_int_equal(machine_time(CRESSET_TIME_LOST), 5 * MS);
	/* The stack of a wait that begins finds no room: its time is lost when it is known. */
	fake_map_limit(FAKE_SAMPLES_0, 100);
	fake_map_limit(FAKE_STACKS_0, fake_map_count(FAKE_STACKS_0));
	task(2)->native.regs.ip = CODE + 0x5000;
	machine_wake(0, task(2));
	machine_switch(0, task(2), 0, false);
	machine_switch(0, NULL, SLEEPS, false);
	machine_pass(4 * MS);
	machine_wake(0, task(2));
	machine_switch(0, task(2), 0, false);
	assert_int_equal(machine_stat(CRESSET_STAT_lost_stacks_full), 1);
	assert_int_equal(machine_time(CRESSET_TIME_LOST), 9 * MS);
	machine_stop();
	check_all();
}

static void no_memory_for_threads(void **state)
{
	fake_map_limit(FAKE_THREADS, 3);
	machine_begin();
	assert_int_equal(machine_stat(CRESSET_STAT_threads_lost), MACHINE_TASKS - 3);
	machine_pass(MS);
	/* Of those nothing is known, which is said again at each chance. */
	machine_wake(0, task(5));
	machine_switch(0, task(5), 0, false);
	machine_switch(0, NULL, SLEEPS, false);
	assert_true(machine_stat(CRESSET_STAT_threads_lost) > MACHINE_TASKS - 3);
	assert_int_equal(machine_rows().n, 0);
}

static void other_targets(void **state)
{
	struct cresset_target target = {0};
	__u32 pid = 3;

	cresset_config.by_pid = 1;
	bpf_map_update_elem(&target_pids, &pid, &target, BPF_ANY);
	machine_begin();
	assert_int_equal(fake_map_count(FAKE_THREADS), 1);
	machine_pass(MS);
	for (int i = 0; i < 5; i++) {
		machine_wake(0, task(i));
		machine_switch(0, task(i), 0, false);
	}
	assert_int_equal(machine_rows().n, 1);
	assert_int_equal(fake_map_count(FAKE_THREADS), 1);
	assert_int_equal(machine_time(CRESSET_TIME_BLOCKED), MS);
}

/* ---- Tickets. */

static void ticket_of_a_sleeper(void **state)
{
	const struct cresset_thread_report *report;
	const struct cresset_sample_key *key = NULL;
	__u64 ticket;

	task(0)->native.regs.orig_ax = 35;
	task(0)->native.regs.sp = 0x7ffd00001000;
	machine_begin();
	assert_int_equal(machine->n_reports, MACHINE_TASKS);
	report = &machine->reports[0];
	assert_int_equal(report->kind, CRESSET_REPORT_TICKET);
	assert_int_equal(report->tid, 1);
	assert_int_equal(report->ip, CODE + 16);
	assert_int_equal(report->sp, 0x7ffd00001000);
	assert_true(report->in_syscall);
	ticket = report->user_stack;
	assert_true(ticket != 0);
	/* Each has its own. */
	for (int i = 1; i < MACHINE_TASKS; i++)
		assert_true(machine->reports[i].user_stack != ticket);
	machine_pass(9 * MS);
	machine_wake(0, task(0));
	machine_switch(0, task(0), 0, false);
	fake_map_at(FAKE_SAMPLES_0, 0, (const void **)&key);
	assert_non_null(key);
	assert_true(key->flags & CRESSET_SAMPLE_TICKET);
	assert_int_equal(key->user_stack, ticket);
	report = machine_report(CRESSET_REPORT_USED);
	assert_non_null(report);
	assert_int_equal(report->user_stack, ticket);
	assert_int_equal(report->at_ns, machine->now_ns);
	/* The next wait has a stack of its own. */
	machine_switch(0, NULL, SLEEPS, false);
	assert_false(has_ticket(machine_thread(task(0)), &task(0)->native.task));
}

/* A scan that is read twice (its buffer was too small) changes nothing. */
static void scanned_twice(void **state)
{
	struct cresset_count rows;
	__u64 ticket;

	machine_begin();
	ticket = machine->reports[0].user_stack;
	machine_scan(CRESSET_SCAN_SEED);
	assert_int_equal(machine->reports[MACHINE_TASKS].user_stack, ticket);
	machine_pass(5 * MS);
	machine_scan(CRESSET_SCAN_FLUSH);
	rows = machine_rows();
	assert_int_equal(rows.blocked_ns, MACHINE_TASKS * 5ull * MS);
	machine_scan(CRESSET_SCAN_FLUSH);
	assert_int_equal(machine_rows().blocked_ns, rows.blocked_ns);
	assert_int_equal(machine_rows().n, rows.n);
	machine_pass(3 * MS);
	machine_stop();
	machine_scan(CRESSET_SCAN_STOP);
	assert_int_equal(machine_rows().blocked_ns, MACHINE_TASKS * 8ull * MS);
	check_all();
}

/* A window's end cuts a wait: counted up to there, and not again later. */
static void cut_in_two(void **state)
{
	machine_begin();
	machine_wake(0, task(0));
	machine_switch(0, task(0), 0, false);
	machine_pass(MS);
	machine_switch(0, NULL, DISK, false);
	machine_pass(10 * MS);
	machine_scan(CRESSET_SCAN_FLUSH);
	machine_pass(5 * MS);
	machine_wake(1, task(0));
	machine_pass(2 * MS);
	machine_scan(CRESSET_SCAN_FLUSH);
	machine_pass(MS);
	machine_switch(1, task(0), 0, false);
	machine_pass(MS);
	machine_scan(CRESSET_SCAN_FLUSH);
	machine_pass(MS);
	machine_stop();
	check_all();
	assert_int_equal(machine_thread(task(0))->totals[CRESSET_TIME_BLOCKED], 15 * MS);
	assert_int_equal(machine_thread(task(0))->totals[CRESSET_TIME_RUNNABLE], 3 * MS);
	assert_int_equal(machine_thread(task(0))->totals[CRESSET_TIME_CPU], 3 * MS);
}

/* A wait that is shorter than --min-block so far may yet become long enough. */
static void cut_too_short(void **state)
{
	cresset_config.min_wait_ns = 8 * MS;
	machine_begin();
	machine_wake(0, task(0));
	machine_switch(0, task(0), 0, false);
	machine_switch(0, NULL, SLEEPS, false);
	machine_pass(5 * MS);
	machine_scan(CRESSET_SCAN_FLUSH);
	assert_int_equal(machine_rows().n, 0);
	machine_pass(5 * MS);
	machine_wake(0, task(0));
	machine_switch(0, task(0), 0, false);
	assert_int_equal(machine_rows().blocked_ns, 10 * MS);
}

static void nothing_after_the_end(void **state)
{
	machine_begin();
	machine_pass(MS);
	machine_stop();
	machine_pass(MS);
	machine_wake(0, task(0));
	machine_switch(0, task(0), 0, false);
	machine_pass(MS);
	machine_switch(0, NULL, SLEEPS, false);
	assert_int_equal(machine_time(CRESSET_TIME_BLOCKED), MACHINE_TASKS * (__u64)MS);
	assert_int_equal(machine_time(CRESSET_TIME_CPU), 0);
	assert_int_equal(machine_rows().blocked_ns, MACHINE_TASKS * (__u64)MS);
}

/* ---- Two CPUs at once. */

static void (*meanwhile)(void);

static void other_cpu(void)
{
	struct fake_cpu saved = fake_cpu;

	meanwhile();
	fake_cpu = saved;
}

static void wake_now(void)
{
	__u64 ctx[1] = {(__u64)(uintptr_t)task(0)};

	fake_cpu.id = 3;
	fake_cpu.task = &machine->idle.native.task;
	fake_cpu.now_ns += 10;
	cresset_waking(ctx);
}

static void flush_now(void)
{
	struct bpf_iter_meta meta = {NULL};
	struct bpf_iter__task ctx = {.meta = &meta, .task = &task(0)->native.task};

	fake_cpu.id = 3;
	cresset_sched.scan_mode = CRESSET_SCAN_FLUSH;
	cresset_sched.now_ns = fake_cpu.now_ns + 10;
	cresset_scan(&ctx);
}

/*
 * Another CPU acts between a program's look at the clock and its exchange of the mark. The sum is
 * the wall time, but for the nanoseconds by which the one looked before the other, and each such
 * case is counted.
 */
static void between_clock_and_exchange(void **state)
{
	static void (*const acts[])(void) = {wake_now, flush_now};

	for (int act = 0; act < 2; act++) {
		for (int moment = 0; moment < 3; moment++) {
			const struct cresset_thread *t;
			__u64 sum;

			machine_tear_down(NULL);
			machine_set_up(NULL);
			machine_begin();
			meanwhile = acts[act];
			machine_pass(MS);
			fake_cpu.after_clock = moment == 0 ? other_cpu : NULL;
			machine_wake(1, task(0));
			machine_pass(MS);
			fake_cpu.after_clock = moment == 1 ? other_cpu : NULL;
			machine_switch(0, task(0), 0, false);
			machine_pass(MS);
			fake_cpu.after_clock = moment == 2 ? other_cpu : NULL;
			machine_switch(0, NULL, SLEEPS, false);
			machine_pass(MS);
			fake_cpu.after_clock = NULL;
			machine_stop();
			t = machine_thread(task(0));
			sum = t->totals[0] + t->totals[1] + t->totals[2];
			assert_in_range(sum, 4 * MS,
					4 * MS + 10 * machine_stat(CRESSET_STAT_clock_back));
			assert_true(machine_stat(CRESSET_STAT_clock_back) <= 1);
			assert_int_equal(machine_stat(CRESSET_STAT_switches_missed), 0);
		}
	}
}

/* ---- Many threads on many CPUs, in any order. */

static struct machine_task *any(enum cresset_time does)
{
	int first = (int)machine_random(MACHINE_TASKS);

	for (int i = 0; i < MACHINE_TASKS; i++) {
		struct machine_task *t = task((first + i) % MACHINE_TASKS);

		if (!t->dead && t->does == does && t->cpu < 0)
			return t;
	}
	return NULL;
}

static void random_step(void)
{
	static const unsigned int states[] = {0, 0, SLEEPS, SLEEPS, DISK, CRESSET_TASK_STOPPED};
	int cpu = (int)machine_random(MACHINE_CPUS);
	struct machine_task *t;

	machine_pass(machine_random(3) * machine_random(1000000));
	switch (machine_random(12)) {
	case 0:
		machine_scan(CRESSET_SCAN_FLUSH);
		return;
	case 1: /* without having been seen to be woken */
		t = any(CRESSET_TIME_BLOCKED);
		if (t && t == machine->silent)
			return;
		break;
	case 2:
	case 3:
	case 4:
	case 5:
		t = any(CRESSET_TIME_BLOCKED);
		if (t)
			machine_wake(cpu, t);
		return;
	case 6:
		t = NULL;
		break;
	case 7:
		cresset_generation ^= 1;
		/* fall through */
	default:
		t = any(CRESSET_TIME_RUNNABLE);
	}
	if (t == machine->runs[cpu])
		return;
	if (machine_random(400))
		machine_switch(cpu, t, states[machine_random(6)], machine_random(8) == 0);
	else
		machine_switch(cpu, t, CRESSET_TASK_DEAD, false);
	machine->n_reports = 0;
}

static void in_any_order(void **state)
{
	for (int round = 0; round < 40; round++) {
		machine_tear_down(NULL);
		machine_set_up(NULL);
		machine->random += (__u64)round * 7919;
		cresset_config.min_wait_ns = round % 4 == 3 ? 300000 : 0;
		/* Not both: of a thread that is seen neither to begin nor to stop nothing is known.
		 */
		machine->idle_silent = round % 5 == 3;
		machine->silent = round % 5 == 4 ? task(5) : NULL;
		machine_begin();
		for (int i = 0; i < 600; i++)
			random_step();
		/* What comes at the very end does not count any more. */
		machine_pass(1);
		machine_stop();
		check_all();
		assert_int_equal(machine_stat(CRESSET_STAT_clock_back), 0);
		if (round % 5 < 3)
			assert_int_equal(machine_stat(CRESSET_STAT_switches_missed), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sleep_and_run),
		TEST(states),
		TEST(early_wake),
		TEST(missed_wake),
		TEST(switched_out_twice),
		TEST(unseen_switches),
		TEST(clock_back),
		TEST(dies),
		TEST(born),
		TEST(too_short_too_long),
		TEST(one_state_only),
		TEST(maps_full),
		TEST(no_memory_for_threads),
		TEST(other_targets),
		TEST(ticket_of_a_sleeper),
		TEST(scanned_twice),
		TEST(cut_in_two),
		TEST(cut_too_short),
		TEST(nothing_after_the_end),
		TEST(between_clock_and_exchange),
		TEST(in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
