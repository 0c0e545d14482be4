// SPDX-License-Identifier: Apache-2.0
/* second - see second.h. */
#include "core/second.h"

#include <sched.h>
#include <signal.h>

bool second_start(pthread_t *ret, void *(*run)(void *arg), void *arg)
{
	sigset_t all, before;
	cpu_set_t cpus;
	int r;

	/* More CPUs than fit there: then there are two. */
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0 && CPU_COUNT(&cpus) < 2)
		return false;
	/* Signals are the business of the program that we are in. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(ret, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r == 0;
}
