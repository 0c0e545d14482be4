// SPDX-License-Identifier: Apache-2.0
/* conns - see conns.h. */
#include "web/conns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "quiet_thread.h"

struct conn {
	struct conn *next, *previous;
	int fd;
	enum conns_phase phase;
	bool shut;
	time_t due; /* CLOCK_MONOTONIC; without meaning while working */
};

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void shut_late(struct conns *c)
{
	time_t t = now();

	for (struct conn *k = c->first; k; k = k->next) {
		if (k->phase == CONNS_WORKING || k->shut || k->due > t)
			continue;
		shutdown(k->fd, SHUT_RDWR);
		k->shut = true;
		c->late += k->phase != CONNS_IDLE;
	}
}

static void *watch(void *arg)
{
	struct conns *c = arg;

	pthread_setname_np(pthread_self(), "cresset-http");
	pthread_mutex_lock(&c->lock);
	while (!c->stopping) {
		struct timespec end;

		if (!c->first) {
			pthread_cond_wait(&c->change, &c->lock);
			continue;
		}
		clock_gettime(CLOCK_MONOTONIC, &end);
		end.tv_sec++;
		while (!c->stopping &&
		       pthread_cond_timedwait(&c->change, &c->lock, &end) != ETIMEDOUT)
			;
		shut_late(c);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

int conns_init(struct conns *c, unsigned int read_s, unsigned int send_s)
{
	pthread_condattr_t attr;
	int r;

	memset(c, 0, sizeof(*c));
	c->read_s = read_s;
	c->send_s = send_s;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->change, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&c->lock, NULL);
	r = quiet_thread_start(&c->thread, NULL, watch, c);
	c->running = r == 0;
	return r;
}

void conns_release(struct conns *c)
{
	if (!c->running)
		return;
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_cond_signal(&c->change);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	while (c->first)
		conns_remove(c, c->first);
	pthread_cond_destroy(&c->change);
	pthread_mutex_destroy(&c->lock);
	c->running = false;
}

struct conn *conns_add(struct conns *c, int fd)
{
	struct conn *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->fd = fd;
	k->due = now() + c->read_s;
	pthread_mutex_lock(&c->lock);
	k->next = c->first;
	if (k->next)
		k->next->previous = k;
	c->first = k;
	c->open++;
	if (c->open == 1)
		pthread_cond_signal(&c->change);
	pthread_mutex_unlock(&c->lock);
	return k;
}

void conns_set(struct conns *c, struct conn *k, enum conns_phase phase)
{
	if (!k)
		return;
	pthread_mutex_lock(&c->lock);
	k->phase = phase;
	k->due = now() + (phase == CONNS_SENDING ? c->send_s : c->read_s);
	pthread_mutex_unlock(&c->lock);
}

void conns_remove(struct conns *c, struct conn *k)
{
	if (!k)
		return;
	pthread_mutex_lock(&c->lock);
	if (k->next)
		k->next->previous = k->previous;
	if (k->previous)
		k->previous->next = k->next;
	else
		c->first = k->next;
	c->open--;
	pthread_mutex_unlock(&c->lock);
	free(k);
}

void conns_count(struct conns *c, uint64_t *ret_open, uint64_t *ret_late)
{
	pthread_mutex_lock(&c->lock);
	*ret_open = c->open;
	*ret_late = c->late;
	pthread_mutex_unlock(&c->lock);
}
