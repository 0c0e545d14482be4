// SPDX-License-Identifier: Apache-2.0
/* See windows.h. */
#include "agent/windows.h"

#include <string.h>

const char *windows_drop_name(enum windows_drop drop)
{
	static const char *const names[WINDOWS_DROPS] = {[WINDOWS_DROP_QUEUE] = "queue_full",
							 [WINDOWS_DROP_MEMORY] = "memory",
							 [WINDOWS_DROP_STOPPED] = "stopped"};

	return names[drop];
}

void windows_init(struct windows *w, uint64_t max_bytes)
{
	memset(w, 0, sizeof(*w));
	w->max_bytes = max_bytes;
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

/* Why it does not fit; WINDOWS_DROPS: it does. */
static enum windows_drop why_not(const struct windows *w, size_t bytes)
{
	if (w->closed)
		return WINDOWS_DROP_STOPPED;
	if (w->n == WINDOWS_MAX)
		return WINDOWS_DROP_QUEUE;
	if (w->n && w->max_bytes && w->bytes + bytes > w->max_bytes)
		return WINDOWS_DROP_MEMORY;
	return WINDOWS_DROPS;
}

bool windows_push(struct windows *w, const struct window *window)
{
	size_t bytes = cresset_profile_bytes(window->profile);
	enum windows_drop why;

	pthread_mutex_lock(&w->lock);
	why = why_not(w, bytes);
	if (why == WINDOWS_DROPS) {
		w->list[w->n] = *window;
		w->list[w->n++].bytes = bytes;
		w->bytes += bytes;
	} else {
		w->dropped[why]++;
	}
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	if (why != WINDOWS_DROPS)
		cresset_profile_free(window->profile);
	return why == WINDOWS_DROPS;
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
	w->bytes -= w->list[0].bytes;
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

void windows_get_state(struct windows *w, struct windows_state *ret)
{
	pthread_mutex_lock(&w->lock);
	ret->n = w->n;
	ret->bytes = w->bytes;
	memcpy(ret->dropped, w->dropped, sizeof(ret->dropped));
	pthread_mutex_unlock(&w->lock);
}
