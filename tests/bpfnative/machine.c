// SPDX-License-Identifier: Apache-2.0
/* See machine.h. */
#include "machine.h"

struct machine *machine;

static void *regs_of(struct task_struct *task)
{
	return &((struct machine_task *)task)->native.regs;
}

static long take_report(void *arg, const void *data, uint64_t size)
{
	struct cresset_thread_report *r;

	if (machine->n_reports == MACHINE_REPORTS)
		return 0;
	r = &machine->reports[machine->n_reports++];
	memset(r, 0, sizeof(*r));
	assert_true(size <= sizeof(*r));
	memcpy(r, data, size);
	return 0;
}

static long take_event(void *arg, const void *data, uint64_t size)
{
	return machine->ring_full ? -11 : take_report(arg, data, size);
}

static void task_init(struct machine_task *t, int pid)
{
	native_task_init(&t->native, pid, (__u64)pid * 1000);
	t->native.task.cgroups = &machine->set;
	t->native.task.__state = CRESSET_TASK_INTERRUPTIBLE;
	t->native.task.comm[0] = (char)('a' + pid % 26);
	t->native.regs.ip = CODE + (__u64)pid * 16;
	t->cpu = -1;
	t->does = CRESSET_TIME_BLOCKED;
}

int machine_set_up(void **state)
{
	static const struct cresset_config blank;

	machine = calloc(1, sizeof(*machine));
	assert_non_null(machine);
	fake_reset();
	memcpy((void *)&cresset_config, &blank, sizeof(blank));
	memset((void *)&cresset_sched, 0, sizeof(cresset_sched));
	cresset_config.blocked = cresset_config.runnable = 1;
	cresset_config.user_only = 1;
	cresset_sched.probability = CRESSET_CERTAIN;
	cresset_generation = 0;
	machine->node.id = 4711;
	machine->cgroup.kn = &machine->node;
	machine->set.dfl_cgrp = &machine->cgroup;
	for (int i = 0; i < MACHINE_TASKS; i++)
		task_init(&machine->tasks[i], i + 1);
	task_init(&machine->idle, 0);
	for (int cpu = 0; cpu < MACHINE_CPUS; cpu++)
		machine->runs[cpu] = &machine->idle;
	machine->now_ns = 1000000000;
	machine->random = 88172645463325252u;
	fake_cpu.regs_of = regs_of;
	fake_cpu.ring = take_event;
	fake_cpu.seq = take_report;
	fake_cpu.task = &machine->idle.native.task;
	return 0;
}

int machine_tear_down(void **state)
{
	free(machine);
	machine = NULL;
	return 0;
}

static void on_cpu(int cpu)
{
	fake_cpu.id = (uint32_t)cpu;
	fake_cpu.task = &machine->runs[cpu]->native.task;
	fake_cpu.now_ns = machine->now_ns;
}

__u64 machine_random(__u64 limit)
{
	machine->random ^= machine->random << 13;
	machine->random ^= machine->random >> 7;
	machine->random ^= machine->random << 17;
	return (machine->random * 0x2545f4914f6cdd1du >> 16) % limit;
}

void machine_pass(__u64 ns)
{
	machine->now_ns += ns;
}

/* The truth: from now on the thread does something else. */
static void goes_to(struct machine_task *t, enum cresset_time does)
{
	if (t->known && !t->dead)
		t->time_ns[t->does] += machine->now_ns - t->since_ns;
	t->since_ns = machine->now_ns;
	t->does = does;
}

void machine_close(void)
{
	for (int i = 0; i < MACHINE_TASKS; i++)
		goes_to(&machine->tasks[i], machine->tasks[i].does);
}

void machine_begin(void)
{
	machine->start_ns = machine->now_ns;
	cresset_sched.seeding = 1;
	cresset_sched.start_ns = machine->now_ns;
	for (int i = 0; i < MACHINE_TASKS; i++) {
		machine->tasks[i].known = true;
		machine->tasks[i].since_ns = machine->now_ns;
	}
	machine_scan(CRESSET_SCAN_SEED);
	cresset_sched.seeding = 0;
}

/* The scheduler's own count. */
static void count_run(struct machine_task *t)
{
	t->native.task.se.sum_exec_runtime += machine->now_ns - t->ran_since_ns;
	t->ran_since_ns = machine->now_ns;
}

static bool is_silent(const struct machine_task *prev, bool runnable)
{
	return prev == &machine->idle ? machine->idle_silent : prev == machine->silent && !runnable;
}

void machine_switch(int cpu, struct machine_task *next, unsigned int state, bool preempt)
{
	struct machine_task *prev = machine->runs[cpu];
	__u64 ctx[4] = {preempt, (__u64)(uintptr_t)prev, 0, state};
	bool runnable = !state || preempt, dies = state & CRESSET_TASK_DEAD;

	next = next ? next : &machine->idle;
	ctx[2] = (__u64)(uintptr_t)next;
	on_cpu(cpu);
	prev->native.task.__state = state;
	count_run(prev);
	if (!is_silent(prev, runnable || dies))
		cresset_switch(ctx);
	if (prev != &machine->idle) {
		goes_to(prev, runnable ? CRESSET_TIME_RUNNABLE : CRESSET_TIME_BLOCKED);
		prev->dead = !preempt && state & CRESSET_TASK_DEAD;
		prev->cpu = -1;
		prev->native.task.on_cpu = 0;
	}
	if (next != &machine->idle) {
		goes_to(next, CRESSET_TIME_CPU);
		next->cpu = cpu;
		next->ran_since_ns = machine->now_ns;
		next->native.task.on_cpu = 1;
		next->native.task.__state = 0;
	}
	machine->runs[cpu] = next;
}

void machine_wake(int cpu, struct machine_task *t)
{
	__u64 ctx[1] = {(__u64)(uintptr_t)t};

	on_cpu(cpu);
	cresset_waking(ctx);
	if (t->does == CRESSET_TIME_BLOCKED)
		goes_to(t, CRESSET_TIME_RUNNABLE);
	/* The kernel sets TASK_WAKING after the tracepoint, and 0 when it is on a queue. */
	t->native.task.__state = 0;
}

void machine_fork(int cpu, struct machine_task *t)
{
	__u64 ctx[1] = {(__u64)(uintptr_t)t};

	t->known = true;
	t->dead = false;
	t->since_ns = machine->now_ns;
	t->does = CRESSET_TIME_RUNNABLE;
	t->native.task.__state = 0;
	on_cpu(cpu);
	cresset_wakeup_new(ctx);
}

void machine_scan(enum cresset_scan_mode mode)
{
	struct bpf_iter_meta meta = {NULL};
	struct bpf_iter__task ctx = {.meta = &meta};

	on_cpu(0);
	cresset_sched.scan_mode = mode;
	cresset_sched.now_ns = machine->now_ns;
	for (int i = 0; i < MACHINE_TASKS; i++) {
		ctx.task = &machine->tasks[i].native.task;
		if (ctx.task->on_cpu)
			count_run(&machine->tasks[i]);
		/* The kernel's iterator has no threads that are gone. */
		if (!machine->tasks[i].dead)
			cresset_scan(&ctx);
	}
}

void machine_stop(void)
{
	cresset_sched.stop_ns = machine->now_ns;
	machine_scan(CRESSET_SCAN_STOP);
}

struct cresset_thread *machine_thread(struct machine_task *t)
{
	struct task_struct *task = &t->native.task;

	return fake_map_find(FAKE_THREADS, &task);
}

__u64 machine_time(enum cresset_time time)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < MACHINE_CPUS * CRESSET_N_CONTEXTS; i++)
		sum += cresset_slot(i)->time[time];
	return sum;
}

__u64 machine_stat(enum cresset_stat_id stat)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < MACHINE_CPUS * CRESSET_N_CONTEXTS; i++)
		sum += cresset_slot(i)->stats[stat];
	return sum;
}

struct cresset_count machine_rows(void)
{
	struct cresset_count sum = {0};

	for (int generation = 0; generation < 2; generation++) {
		enum fake_map_id map = generation ? FAKE_SAMPLES_1 : FAKE_SAMPLES_0;

		for (size_t i = 0; i < fake_map_count(map); i++) {
			const struct cresset_count *count = fake_map_at(map, i, NULL);

			sum.n += count->n;
			sum.blocked_ns += count->blocked_ns;
			sum.runnable_ns += count->runnable_ns;
		}
	}
	return sum;
}

const struct cresset_thread_report *machine_report(enum cresset_thread_report_kind kind)
{
	for (size_t i = machine->n_reports; i > 0; i--)
		if (machine->reports[i - 1].kind == kind)
			return &machine->reports[i - 1];
	return NULL;
}
