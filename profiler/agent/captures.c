// SPDX-License-Identifier: Apache-2.0
/* See captures.h. */
#include "agent/captures.h"

#include "agent/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum capture_state {
	CAPTURE_ASKED,	 /* begins with the next window */
	CAPTURE_RUNNING, /* from window `first` on */
	CAPTURE_ENDING,	 /* … to window `last`, which may still have to be written */
	CAPTURE_DONE,
};

/* The asking thread's; in the list as long as it waits. */
struct capture {
	enum parts_kind kind;
	const struct match *match;
	uint64_t length_ns, end_ns;
	enum capture_state state;
	bool feeding; /* the writing thread is at its profile, without the lock */
	uint64_t first, last;
	uint64_t bytes; /* of the profile, when it was last fed */
	struct cresset_profile *profile;
	int64_t from_ns; /* wall clock; which may be set meanwhile, so that the length is a sum */
	int64_t duration_ns;
	int result;
};

void captures_init(struct captures *c, uint64_t max_bytes)
{
	memset(c, 0, sizeof(*c));
	c->max_bytes = max_bytes;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
}

void captures_release(struct captures *c)
{
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
}

static size_t place_of(const struct captures *c, const struct capture *capture)
{
	size_t i = 0;

	while (i < CAPTURES_MAX && c->list[i] != capture)
		i++;
	return i;
}

/* With the lock held. */
static int wait_for_end(struct captures *c, struct capture *capture)
{
	size_t place = place_of(c, NULL);

	if (c->closed)
		return -ECANCELED;
	if (place == CAPTURES_MAX)
		return -EBUSY;
	c->list[place] = capture;
	if (c->nudge)
		nudge_give(c->nudge);
	while (capture->feeding || (capture->state != CAPTURE_DONE && !c->closed))
		pthread_cond_wait(&c->changed, &c->lock);
	c->list[place] = NULL;
	return capture->state == CAPTURE_DONE ? capture->result : -ECANCELED;
}

int captures_run(struct captures *c, const char *event, unsigned int seconds,
		 const struct match *match, struct cresset_profile **ret, struct cresset_error *err)
{
	struct capture capture = {.match = match,
				  .length_ns = seconds * UINT64_C(1000000000),
				  .kind = strcmp(event, "cpu") ? PARTS_OFF_CPU : PARTS_CPU};
	int r = parts_new(capture.kind, 0, &capture.profile);

	if (r < 0)
		return cresset_error_set(err, r, "cannot make a profile: %s", strerror(-r));
	pthread_mutex_lock(&c->lock);
	r = wait_for_end(c, &capture);
	pthread_mutex_unlock(&c->lock);
	if (r < 0) {
		cresset_profile_free(capture.profile);
		return cresset_error_set(
			err, r,
			r == -EBUSY	  ? "%d captures run already; try again later"
			: r == -ECANCELED ? "the agent ends (of %d captures at most)"
			: r == -E2BIG	  ? "what was captured is too large for the memory "
					    "that %d captures share ([agent] max_memory)"
					  : "out of memory for one of %d captures",
			CAPTURES_MAX);
	}
	cresset_profile_set_time(capture.profile, capture.from_ns, capture.duration_ns);
	*ret = capture.profile;
	return 0;
}

uint64_t captures_next_cut_ns(struct captures *c)
{
	uint64_t next = UINT64_MAX;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < CAPTURES_MAX; i++) {
		const struct capture *capture = c->list[i];

		if (!capture)
			continue;
		if (capture->state == CAPTURE_ASKED)
			next = 0;
		else if (capture->state == CAPTURE_RUNNING && capture->end_ns < next)
			next = capture->end_ns;
	}
	pthread_mutex_unlock(&c->lock);
	return next;
}

void captures_cut(struct captures *c, uint64_t now_ns, uint64_t sequence)
{
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < CAPTURES_MAX; i++) {
		struct capture *capture = c->list[i];

		if (!capture)
			continue;
		if (capture->state == CAPTURE_ASKED) {
			capture->state = CAPTURE_RUNNING;
			capture->first = sequence + 1;
			capture->end_ns = now_ns + capture->length_ns;
		} else if (capture->state == CAPTURE_RUNNING && now_ns >= capture->end_ns) {
			capture->state = CAPTURE_ENDING;
			capture->last = sequence;
		}
	}
	pthread_mutex_unlock(&c->lock);
}

/* Without the lock: the sampling thread must not wait for so long. */
static int take_window(struct capture *capture, const struct parts *parts)
{
	const struct cresset_profile *p = parts->window;

	if (!capture->from_ns) {
		capture->from_ns = cresset_profile_time_ns(p);
		parts_take_period(parts, capture->profile);
	}
	capture->duration_ns += cresset_profile_duration_ns(p);
	return parts_add_matching(parts, capture->kind, capture->match, capture->profile);
}

/* With the lock held. */
static uint64_t all_bytes(const struct captures *c)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < CAPTURES_MAX; i++)
		sum += c->list[i] ? c->list[i]->bytes : 0;
	return sum;
}

/* With the lock held, but for the merging. */
static void feed(struct captures *c, struct capture *capture, uint64_t sequence,
		 const struct parts *parts)
{
	int r;

	if (capture->state == CAPTURE_ASKED || capture->state == CAPTURE_DONE ||
	    sequence < capture->first)
		return;
	if (capture->state == CAPTURE_RUNNING || sequence <= capture->last) {
		capture->feeding = true;
		pthread_mutex_unlock(&c->lock);
		r = take_window(capture, parts);
		pthread_mutex_lock(&c->lock);
		capture->feeding = false;
		capture->bytes = cresset_profile_bytes(capture->profile);
		if (!r && c->max_bytes && all_bytes(c) > c->max_bytes) {
			c->too_large++;
			r = -E2BIG;
		}
		capture->result = r;
	}
	/* A window that was given up never comes: one behind it ends the capture too. */
	if (capture->result < 0 || (capture->state == CAPTURE_ENDING && sequence >= capture->last))
		capture->state = CAPTURE_DONE;
}

void captures_feed(struct captures *c, uint64_t sequence, const struct parts *parts)
{
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < CAPTURES_MAX; i++)
		if (c->list[i])
			feed(c, c->list[i], sequence, parts);
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

static void set_closed(struct captures *c, bool closed)
{
	pthread_mutex_lock(&c->lock);
	c->closed = closed;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

void captures_cancel(struct captures *c)
{
	set_closed(c, true);
}

void captures_open(struct captures *c)
{
	set_closed(c, false);
}

void captures_get_state(struct captures *c, struct captures_state *ret)
{
	*ret = (struct captures_state){.n = 0};
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < CAPTURES_MAX; i++)
		ret->n += c->list[i] != NULL;
	ret->bytes = all_bytes(c);
	ret->too_large = c->too_large;
	pthread_mutex_unlock(&c->lock);
}
