// SPDX-License-Identifier: Apache-2.0
/* See opener.h. */
#include "agent/opener.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum { LINGER_NS = 1000000, SERVE_MAX = 64 };

void opener_init(struct opener *o)
{
	pthread_condattr_t attr;

	memset(o, 0, sizeof(*o));
	o->open = cresset_recorder_open;
	pthread_mutex_init(&o->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&o->changed, &attr);
	pthread_condattr_destroy(&attr);
}

void opener_release(struct opener *o)
{
	pthread_cond_destroy(&o->changed);
	pthread_mutex_destroy(&o->lock);
}

int opener_ask(void *arg, const struct cresset_profile *p, uint32_t mapping,
	       enum cresset_open_what what)
{
	struct opener *o = arg;
	int r = -ECANCELED;

	pthread_mutex_lock(&o->lock);
	if (!o->closed) {
		o->profile = p;
		o->mapping = mapping;
		o->what = what;
		o->asked = true;
		pthread_cond_broadcast(&o->changed);
		/* While it serves it waits for more. */
		if (o->nudge && !o->serving)
			nudge_give(o->nudge);
		while (o->asked && !o->closed)
			pthread_cond_wait(&o->changed, &o->lock);
		if (!o->asked)
			r = o->answer;
		o->asked = false;
	}
	pthread_mutex_unlock(&o->lock);
	return r;
}

/* With the lock held. */
static bool wait_for_question(struct opener *o)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LINGER_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	while (!o->asked && !o->closed)
		if (pthread_cond_timedwait(&o->changed, &o->lock, &until))
			break;
	return o->asked;
}

bool opener_serve(struct opener *o)
{
	bool any = false;

	pthread_mutex_lock(&o->lock);
	o->serving = true;
	for (int i = 0; i < SERVE_MAX && (o->asked || (any && wait_for_question(o))); i++) {
		/* The asking thread sleeps, and so the profile stands still. */
		o->answer = o->open(o->recorder, o->profile, o->mapping, o->what);
		o->asked = false;
		any = true;
		pthread_cond_broadcast(&o->changed);
	}
	o->serving = false;
	pthread_mutex_unlock(&o->lock);
	return any;
}

void opener_close(struct opener *o)
{
	pthread_mutex_lock(&o->lock);
	o->closed = true;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->lock);
}
