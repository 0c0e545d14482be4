// SPDX-License-Identifier: Apache-2.0
/*
 * workers - some threads that run jobs, and a bounded queue before them.
 *
 * What waits and what runs is bounded: a job that finds no place is refused at once, so that a
 * server under load answers "later" instead of piling work up.
 */
#ifndef WEB_WORKERS_H
#define WEB_WORKERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct workers_job {
	void (*run)(struct workers_job *job);
	struct workers_job *next; /* of the pool */
};

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_t *threads;
	size_t n_threads;
	size_t max_waiting;
	size_t waiting, running;
	struct workers_job *first, **last;
	bool stopping;
};

/* Threads get no signals. */
int workers_init(struct workers *p, size_t threads, size_t max_waiting);
/* -EBUSY: all threads run, and as many jobs wait as may; -ECANCELED: the pool is stopping. */
int workers_submit(struct workers *p, struct workers_job *job);
/* Runs what waits to its end (jobs find out for themselves that all ends), and joins. */
void workers_release(struct workers *p);

#endif
