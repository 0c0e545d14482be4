// SPDX-License-Identifier: Apache-2.0
/*
 * forker.c - a parent that works, and children and grandchildren that it forks later.
 *
 *     forker SECONDS [BEFORE]     parent: parent_work; forked after BEFORE seconds (0.5): child_work,
 *                                 and from that a grandchild that executes itself anew:
 *                                 grandchild_work; each for SECONDS
 */
#include "work.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static NOINLINE void parent_work(void)
{
	WORK_SPIN(100);
}

static NOINLINE void child_work(void)
{
	WORK_SPIN(100);
}

static NOINLINE void grandchild_work(void)
{
	WORK_SPIN(100);
}

static void loop(double seconds, void (*work)(void))
{
	uint64_t end = work_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);

	while (work_clock_ns(CLOCK_MONOTONIC) < end)
		work();
}

static int child(char **argv, double seconds)
{
	char *args[] = {argv[0], argv[1], "grandchild", NULL};
	pid_t pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pid = fork();
	if (pid == 0) {
		execv("/proc/self/exe", args);
		_exit(127);
	}
	loop(seconds, child_work);
	return waitpid(pid, NULL, 0) < 0;
}

int main(int argc, char **argv)
{
	double seconds = work_seconds(argc, argv, 1);
	pid_t pid;

	if (argc > 2 && !strcmp(argv[2], "grandchild")) {
		loop(seconds, grandchild_work);
		return 0;
	}
	if (argc < 2)
		return 1;
	loop(argc > 2 ? strtod(argv[2], NULL) : 0.5, parent_work);
	pid = fork();
	if (pid == 0)
		_exit(child(argv, seconds));
	loop(seconds, parent_work);
	return waitpid(pid, NULL, 0) < 0;
}
