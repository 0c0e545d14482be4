// SPDX-License-Identifier: Apache-2.0
/*
 * quiet_thread - a thread that gets no signals: those are the business of the program that we are
 * in. So are those of the threads that it starts.
 */
#ifndef PROFILER_QUIET_THREAD_H
#define PROFILER_QUIET_THREAD_H

#include <pthread.h>
#include <signal.h>

/* attr may be NULL. 0 or -errno; the caller joins it. */
static inline int quiet_thread_start(pthread_t *ret, const pthread_attr_t *attr,
				     void *(*run)(void *arg), void *arg)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(ret, attr, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

#endif
