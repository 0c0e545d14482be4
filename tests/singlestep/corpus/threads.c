// SPDX-License-Identifier: Apache-2.0
/* Threads and processes: pthread, clone, vfork with exec and without, fork. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mark.h"

static volatile int sink;

NOINLINE static int work(int x)
{
	return x ? work(x - 1) + x : sink;
}

static void *thread(void *arg)
{
	sink = work(4);
	return arg;
}

static int cloned(void *arg)
{
	work(3);
	_exit(0);
}

int main(void)
{
	char *stack = malloc(65536);
	pthread_t t;
	pid_t pid;

	MARK();
	pthread_create(&t, NULL, thread, NULL);
	work(5);
	pthread_join(t, NULL);
	pid = vfork();
	if (!pid) {
		work(2);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	pid = fork();
	if (!pid) {
		work(3);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	pid = clone(cloned, stack + 65536, SIGCHLD, NULL);
	waitpid(pid, NULL, 0);
	MARK();
	return 0;
}
