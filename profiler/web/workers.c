// SPDX-License-Identifier: Apache-2.0
/* workers - see workers.h. */
#include "web/workers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quiet_thread.h"

/* With the lock held. */
static struct workers_job *next_job(struct workers *p)
{
	struct workers_job *job;

	while (!p->first && !p->stopping)
		pthread_cond_wait(&p->work, &p->lock);
	job = p->first;
	if (job) {
		p->running++;
		p->first = job->next;
		if (!p->first)
			p->last = &p->first;
		p->waiting--;
	}
	return job;
}

static void *work(void *arg)
{
	struct workers *p = arg;
	struct workers_job *job;

	pthread_setname_np(pthread_self(), "cresset-http");
	pthread_mutex_lock(&p->lock);
	while ((job = next_job(p))) {
		pthread_mutex_unlock(&p->lock);
		job->run(job);
		pthread_mutex_lock(&p->lock);
		p->running--;
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

int workers_init(struct workers *p, size_t threads, size_t max_waiting)
{
	int r = 0;

	memset(p, 0, sizeof(*p));
	p->last = &p->first;
	p->max_waiting = max_waiting;
	p->threads = calloc(threads, sizeof(*p->threads));
	if (!p->threads)
		return -ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	while (p->n_threads < threads && r == 0) {
		r = quiet_thread_start(&p->threads[p->n_threads], NULL, work, p);
		p->n_threads += r == 0;
	}
	if (r < 0)
		workers_release(p);
	return r;
}

int workers_submit(struct workers *p, struct workers_job *job)
{
	int r = 0;

	job->next = NULL;
	pthread_mutex_lock(&p->lock);
	if (p->stopping) {
		r = -ECANCELED;
	} else if (p->waiting >= p->n_threads - p->running + p->max_waiting) {
		r = -EBUSY;
	} else {
		*p->last = job;
		p->last = &job->next;
		p->waiting++;
		pthread_cond_signal(&p->work);
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}

void workers_release(struct workers *p)
{
	if (!p->threads)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p->threads);
	p->threads = NULL;
}
