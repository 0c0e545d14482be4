// SPDX-License-Identifier: Apache-2.0
/* See windows.h. */
#include "agent/windows.h"

#include <string.h>

void windows_init(struct windows *w)
{
	memset(w, 0, sizeof(*w));
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
}

void windows_release(struct windows *w)
{
	for (size_t i = 0; i < w->n; i++)
		cresset_profile_free(w->list[i].profile);
	w->n = 0;
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
}

bool windows_push(struct windows *w, const struct window *window)
{
	bool room;

	pthread_mutex_lock(&w->lock);
	room = w->n < WINDOWS_MAX && !w->closed;
	if (room)
		w->list[w->n++] = *window;
	else
		w->dropped++;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	if (!room)
		cresset_profile_free(window->profile);
	return room;
}

void windows_close(struct windows *w)
{
	pthread_mutex_lock(&w->lock);
	w->closed = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

bool windows_next(struct windows *w, struct window *ret)
{
	bool found;

	pthread_mutex_lock(&w->lock);
	while (!w->n && !w->closed)
		pthread_cond_wait(&w->changed, &w->lock);
	found = w->n > 0;
	if (found)
		*ret = w->list[0];
	pthread_mutex_unlock(&w->lock);
	return found;
}

void windows_pop(struct windows *w)
{
	struct cresset_profile *profile;

	pthread_mutex_lock(&w->lock);
	profile = w->list[0].profile;
	w->done = w->list[0].sequence;
	w->n--;
	memmove(&w->list[0], &w->list[1], w->n * sizeof(w->list[0]));
	pthread_mutex_unlock(&w->lock);
	cresset_profile_free(profile);
}

bool windows_is_done(struct windows *w, uint64_t sequence)
{
	bool done;

	pthread_mutex_lock(&w->lock);
	done = w->done >= sequence;
	pthread_mutex_unlock(&w->lock);
	return done;
}

size_t windows_count(struct windows *w, uint64_t *ret_dropped)
{
	size_t n;

	pthread_mutex_lock(&w->lock);
	n = w->n;
	*ret_dropped = w->dropped;
	pthread_mutex_unlock(&w->lock);
	return n;
}
