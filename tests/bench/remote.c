// SPDX-License-Identifier: Apache-2.0
/*
 * remote.c - what it costs to walk the stacks of threads that sleep, from outside.
 *
 *     bench_remote PROGRAM KIND PROGRAMS THREADS [ROUNDS]
 *
 * PROGRAM is tests/workloads/asleep, with THREADS threads of that kind, PROGRAMS times. All
 * threads' registers are taken once, the tables are loaded, and then all threads are walked again
 * and again. A line of NAME=VALUE: of all rounds the least and the median, in microseconds a walk,
 * time and CPU time; of a walk its frames and reads.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "procmap.h"
#include "session.h"
#include "unwind/remote.h"

enum { MAX_PROGRAMS = 2000, MAX_THREADS = 20000, MAX_ROUNDS = 100, LOADING_MS = 3000 };

static struct remote_thread threads[MAX_THREADS];
static size_t n_threads;
static pid_t pids[MAX_PROGRAMS];
static size_t n_programs;

static void end_programs(void)
{
	for (size_t i = 0; i < n_programs; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
}

static void fail(const char *what)
{
	fprintf(stderr, "bench_remote: %s\n", what);
	end_programs();
	exit(1);
}

static double now_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void start(char *program, char *kind, char *n)
{
	char *argv[] = {program, "-n", n, kind, NULL}, c;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		fail("no pipe");
	pids[n_programs] = fork();
	if (!pids[n_programs]) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], STDOUT_FILENO);
		execv(program, argv);
		_exit(127);
	}
	if (pids[n_programs] < 0)
		fail("cannot fork");
	n_programs++;
	close(ends[1]);
	if (read(ends[0], &c, 1) != 1)
		fail("the program does not run");
	close(ends[0]);
}

#ifdef __x86_64__
static void take_registers(struct cresset_registers *r, const struct user_regs_struct *u)
{
	const uint64_t general[CRESSET_N_GENERAL] = {u->rax, u->rdx, u->rcx, u->rbx, u->rsi, u->rdi,
						     0,	     0,	     u->r8,  u->r9,  u->r10, u->r11,
						     u->r12, u->r13, u->r14, u->r15};

	*r = (struct cresset_registers){.ip = u->rip, .sp = u->rsp, .fp = u->rbp};
	memcpy(r->general, general, sizeof(general));
}
#else
static void take_registers(struct cresset_registers *r, const struct user_regs_struct *u)
{
	fail("takes the registers of x86-64");
}
#endif

static void look_at(pid_t pid, pid_t tid)
{
	struct user_regs_struct u;
	int status;

	if (n_threads == MAX_THREADS || ptrace(PTRACE_SEIZE, tid, NULL, NULL) ||
	    ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) || waitpid(tid, &status, __WALL) != tid ||
	    ptrace(PTRACE_GETREGS, tid, NULL, &u) || ptrace(PTRACE_DETACH, tid, NULL, NULL))
		fail("cannot trace a thread");
	threads[n_threads].pid = (uint32_t)pid;
	threads[n_threads].tid = (uint32_t)tid;
	take_registers(&threads[n_threads++].registers, &u);
}

static void look_at_all(pid_t pid)
{
	struct dirent *e;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		fail("a program is gone");
	while ((e = readdir(dir)))
		if (atoi(e->d_name) && atoi(e->d_name) != pid)
			look_at(pid, atoi(e->d_name));
	closedir(dir);
}

static void walk_all(struct remote *r, double *ret_us, double *ret_cpu_us, size_t *ret_whole)
{
	double began = now_us(CLOCK_MONOTONIC), cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
	uint64_t frames[CRESSET_MAX_FRAMES];
	size_t n;

	*ret_whole = 0;
	for (size_t i = 0; i < n_threads; i++)
		*ret_whole += remote_walk(r, &threads[i], frames, &n) == CRESSET_STOP_WHOLE;
	*ret_us = (now_us(CLOCK_MONOTONIC) - began) / (double)n_threads;
	*ret_cpu_us = (now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)n_threads;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void measure(struct session *s, int rounds)
{
	static double us[MAX_ROUNDS], cpu_us[MAX_ROUNDS];
	double loaded = now_us(CLOCK_MONOTONIC) + LOADING_MS * 1e3;
	struct remote_stats before, after;
	struct remote *r;
	size_t whole;

	if (s->unwinder->remote(s, &r))
		fail("no memory");
	for (size_t i = 0; i < n_threads; i++)
		procmap_exec_id(s->procmap, threads[i].pid, &threads[i].exec_id);
	do {
		walk_all(r, us, cpu_us, &whole);
		for (int i = 0; i < 5; i++)
			session_poll(s, 10);
	} while (whole < n_threads && now_us(CLOCK_MONOTONIC) < loaded);
	remote_get_stats(r, &before);
	for (int i = 0; i < rounds; i++)
		walk_all(r, &us[i], &cpu_us[i], &whole);
	remote_get_stats(r, &after);
	qsort(us, (size_t)rounds, sizeof(us[0]), compare);
	qsort(cpu_us, (size_t)rounds, sizeof(cpu_us[0]), compare);
	printf("threads=%zu whole=%zu frames=%.1f reads=%.2f us=%.1f us_median=%.1f cpu_us=%.1f "
	       "cpu_us_median=%.1f\n",
	       n_threads, whole,
	       (double)(after.frames - before.frames) / (double)(after.walks - before.walks) + 1,
	       (double)(after.reads - before.reads) / (double)(after.walks - before.walks), us[0],
	       us[rounds / 2], cpu_us[0], cpu_us[rounds / 2]);
}

int main(int argc, char **argv)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	int n = argc > 3 ? atoi(argv[3]) : 0, rounds = argc > 5 ? atoi(argv[5]) : 9;
	struct cresset_error error;
	struct session *s;

	if (argc < 5 || n < 1 || n > MAX_PROGRAMS || rounds < 1 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: bench_remote PROGRAM KIND PROGRAMS THREADS [ROUNDS]\n");
		return 2;
	}
	for (int i = 0; i < n; i++)
		start(argv[1], argv[2], argv[4]);
	usleep(300000);
	for (int i = 0; i < n; i++)
		look_at_all(pids[i]);
	usleep(300000);
	options.freq_hz = 19;
	if (session_new(&options, NULL, &s, &error) || session_start(s, &error))
		fail(error.text);
	measure(s, rounds);
	session_free(s);
	end_programs();
	return 0;
}
