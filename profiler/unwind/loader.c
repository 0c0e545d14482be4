// SPDX-License-Identifier: Apache-2.0
/*
 * See loader.h. A job is allocated when it is submitted and becomes its own result, so that nothing
 * can fail on the way back.
 */
#include "unwind/loader.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "quiet_thread.h"

enum { NICE = -10 };

struct job {
	struct job *next;
	int fd;
	const void *image;
	size_t size;
	int (*fn)(void *arg);
	void *arg;
	struct loader_result result;
};

struct queue {
	struct job *first;
	struct job *last;
};

struct loader {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct queue todo, done; /* under the lock */
	bool stop;		 /* likewise */
	int event;
	size_t pending; /* of the submitting thread */
};

static void push(struct queue *q, struct job *job)
{
	job->next = NULL;
	if (q->last)
		q->last->next = job;
	else
		q->first = job;
	q->last = job;
}

static struct job *pop(struct queue *q)
{
	struct job *job = q->first;

	if (!job)
		return NULL;
	q->first = job->next;
	if (!q->first)
		q->last = NULL;
	return job;
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void do_job(struct job *job)
{
	struct loader_result *r = &job->result;
	uint64_t start = cpu_ns();

	if (job->fn)
		r->error = job->fn(job->arg);
	else if (job->image)
		r->error = cfi_table_compile_memory(job->image, job->size, &r->table);
	else
		r->error = cfi_table_compile_fd(job->fd, &r->table);
	if (job->fd >= 0)
		close(job->fd);
	job->fd = -1;
	r->cpu_ns = cpu_ns() - start;
	if (r->table)
		r->cpu_ns += r->table->others_cpu_ns;
}

static void wake(int event)
{
	uint64_t one = 1;

	if (write(event, &one, sizeof(one)) < 0)
		return; /* only full counters refuse, and those are readable */
}

static void *work(void *arg)
{
	struct loader *l = arg;
	struct job *job;

	/* Of this thread alone, and of those that it starts. Whoever may not goes on as he is. */
	setpriority(PRIO_PROCESS, 0, NICE);
	pthread_mutex_lock(&l->lock);
	while (!l->stop) {
		job = pop(&l->todo);
		if (!job) {
			pthread_cond_wait(&l->changed, &l->lock);
			continue;
		}
		pthread_mutex_unlock(&l->lock);
		do_job(job);
		pthread_mutex_lock(&l->lock);
		push(&l->done, job);
		wake(l->event);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

int loader_new(struct loader **ret)
{
	struct loader *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->event < 0) {
		r = -errno;
		free(l);
		return r;
	}
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->changed, NULL);
	r = quiet_thread_start(&l->thread, NULL, work, l);
	if (r) {
		close(l->event);
		free(l);
		return r;
	}
	*ret = l;
	return 0;
}

static void free_jobs(struct queue *q)
{
	for (struct job *job; (job = pop(q)); free(job)) {
		if (job->fd >= 0)
			close(job->fd);
		cfi_table_free(job->result.table);
	}
}

void loader_free(struct loader *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_signal(&l->changed);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	free_jobs(&l->todo);
	free_jobs(&l->done);
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
	close(l->event);
	free(l);
}

static int submit(struct loader *l, struct job job)
{
	struct job *own = malloc(sizeof(*own));

	if (!own) {
		if (job.fd >= 0)
			close(job.fd);
		return -ENOMEM;
	}
	*own = job;
	pthread_mutex_lock(&l->lock);
	push(&l->todo, own);
	pthread_cond_signal(&l->changed);
	pthread_mutex_unlock(&l->lock);
	l->pending++;
	return 0;
}

int loader_submit_fd(struct loader *l, uint32_t id, int fd)
{
	return submit(l, (struct job){.fd = fd, .result = {.id = id}});
}

int loader_submit_memory(struct loader *l, uint32_t id, const void *image, size_t size)
{
	return submit(l,
		      (struct job){.fd = -1, .image = image, .size = size, .result = {.id = id}});
}

int loader_submit_call(struct loader *l, uint32_t id, int (*fn)(void *arg), void *arg)
{
	return submit(l, (struct job){.fd = -1, .fn = fn, .arg = arg, .result = {.id = id}});
}

int loader_fd(const struct loader *l)
{
	return l->event;
}

bool loader_take(struct loader *l, struct loader_result *ret)
{
	uint64_t count;
	struct job *job;

	pthread_mutex_lock(&l->lock);
	job = pop(&l->done);
	if (!l->done.first && read(l->event, &count, sizeof(count)) < 0)
		count = 0; /* it was not set */
	pthread_mutex_unlock(&l->lock);
	if (!job)
		return false;
	*ret = job->result;
	free(job);
	l->pending--;
	return true;
}

size_t loader_pending(const struct loader *l)
{
	return l->pending;
}
