/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine.h - threads on CPUs, for the programs that follow context switches: what happens is
 * said by calls like machine_switch(), which run the programs as the kernel would, on that CPU, and
 * keep their own account of what each thread did. That account is the truth that tests compare
 * with.
 */
#ifndef TESTS_MACHINE_H
#define TESTS_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "native.h"
#include "thread.h"

int cresset_switch(__u64 *ctx);
int cresset_waking(__u64 *ctx);
int cresset_wakeup_new(__u64 *ctx);
int cresset_scan(struct bpf_iter__task *ctx);

enum { MACHINE_TASKS = 24, MACHINE_CPUS = FAKE_CPUS, MACHINE_REPORTS = 512 };

struct machine_task {
	struct native_task native; /* first: a task is its machine_task */
	bool dead, known;
	__u64 since_ns; /* what it does, it has done since then … */
	enum cresset_time does;
	int cpu; /* that it runs on; -1: none */
	__u64 ran_since_ns;
	__u64 time_ns[3]; /* the truth, of closed intervals */
};

struct machine {
	__u64 now_ns, start_ns;
	struct machine_task idle, tasks[MACHINE_TASKS];
	struct machine_task *runs[MACHINE_CPUS]; /* &idle: nobody */
	struct cresset_thread_report reports[MACHINE_REPORTS];
	size_t n_reports;
	bool ring_full;
	/* The tracepoint does not fire for switches from idle, nor for this thread's when it
	 * blocks. */
	bool idle_silent;
	struct machine_task *silent;
	struct cgroup cgroup;
	struct kernfs_node node;
	struct css_set set;
	__u64 random;
};

extern struct machine *machine;

/* Threads 1 … are asleep, all CPUs idle, the clock at a second; everything is followed. */
int machine_set_up(void **state);
int machine_tear_down(void **state);
/* As user space does at the start: threads of before are followed from now on. */
void machine_begin(void);

__u64 machine_random(__u64 limit);
void machine_pass(__u64 ns);

/* `next` (NULL: idle) replaces whoever runs on the CPU, who goes to `state` of task_struct.__state.
 */
void machine_switch(int cpu, struct machine_task *next, unsigned int state, bool preempt);
/* Blocked becomes runnable; by the thread on that CPU. */
void machine_wake(int cpu, struct machine_task *t);
void machine_fork(int cpu, struct machine_task *t);
/* The iterator over all threads. */
void machine_scan(enum cresset_scan_mode mode);
void machine_stop(void);

/* Closes the truth's intervals at the present. */
void machine_close(void);
struct cresset_thread *machine_thread(struct machine_task *t);
__u64 machine_time(enum cresset_time time);
__u64 machine_stat(enum cresset_stat_id stat);
/* Sums over the rows of both generations. */
struct cresset_count machine_rows(void);
/* The last report of a kind; NULL: none. */
const struct cresset_thread_report *machine_report(enum cresset_thread_report_kind kind);

#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_set_up, machine_tear_down)

#endif
