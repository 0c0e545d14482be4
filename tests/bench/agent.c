// SPDX-License-Identifier: Apache-2.0
/*
 * agent.c - loads for scripts/bench agent.
 *
 *     bench_agent crowd PROCESSES SECONDS    processes that wake up some times a second
 *     bench_agent work SECONDS               busy on each CPU, with switches between two threads;
 *                                            prints rounds for each second of CPU time
 *
 * A round is half a millisecond of arithmetic and one byte to and fro through pipes. It is counted
 * against CPU time, not wall time: so other programs on the machine hardly matter, and what the
 * agent's BPF programs take of a thread's time does.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SPIN_ROUNDS = 300000, CROWD_SPIN = 20000 };

static volatile uint64_t burned;

static double now_s(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

__attribute__((noinline)) static void spin(unsigned int rounds)
{
	uint64_t x = burned;

	for (unsigned int i = 0; i < rounds; i++)
		x = x * 6364136223846793005u + 1;
	burned = x;
}

static int crowd(int n, double seconds)
{
	double end = now_s(CLOCK_MONOTONIC) + seconds;

	for (int i = 0; i < n; i++) {
		if (fork())
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		srand((unsigned int)i);
		while (now_s(CLOCK_MONOTONIC) < end) {
			usleep(100000 + (unsigned int)rand() % 800000);
			spin(CROWD_SPIN);
		}
		_exit(0);
	}
	while (wait(NULL) > 0 || errno == EINTR)
		;
	return 0;
}

struct partner {
	int in, out;
};

static void *answer(void *arg)
{
	struct partner *p = arg;
	char c;

	while (read(p->in, &c, 1) == 1 && write(p->out, &c, 1) == 1)
		;
	return NULL;
}

/* One CPU's worker; prints when all is over. */
static void work_on(int cpu, double seconds, FILE *out)
{
	double end = now_s(CLOCK_MONOTONIC) + seconds;
	int to[2], from[2];
	struct partner p;
	uint64_t rounds = 0;
	pthread_t thread;
	cpu_set_t set;
	char c = 'x';

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	if (pipe(to) || pipe(from))
		_exit(1);
	p = (struct partner){to[0], from[1]};
	if (pthread_create(&thread, NULL, answer, &p))
		_exit(1);
	while (now_s(CLOCK_MONOTONIC) < end) {
		spin(SPIN_ROUNDS);
		if (write(to[1], &c, 1) != 1 || read(from[0], &c, 1) != 1)
			_exit(1);
		rounds++;
	}
	fprintf(out, "%.3f\n", (double)rounds / now_s(CLOCK_PROCESS_CPUTIME_ID));
	fflush(out);
	_exit(0);
}

static int work(double seconds)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	for (int cpu = 0; cpu < n; cpu++) {
		if (fork())
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		work_on(cpu, seconds, stdout);
	}
	while (wait(NULL) > 0 || errno == EINTR)
		;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "crowd"))
		return crowd(atoi(argv[2]), atof(argv[3]));
	if (argc == 3 && !strcmp(argv[1], "work"))
		return work(atof(argv[2]));
	fprintf(stderr, "usage: bench_agent crowd PROCESSES SECONDS | work SECONDS\n");
	return 2;
}
