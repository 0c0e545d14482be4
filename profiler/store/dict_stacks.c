// SPDX-License-Identifier: Apache-2.0
/* dict_stacks - see dict_stacks.h. Batches stand in a ring, which the second thread fills. */
#include "store/dict_stacks.h"

#include <errno.h>
#include <stdlib.h>

#include "store/second.h"

enum {
	RING = 16,
	MANY = 2048, /* stacks that are worth a second thread */
};

struct dict_stacks {
	uint32_t count;
	const uint32_t *ids;
	size_t n;

	/* Of whoever unpacks. */
	size_t at; /* the position of the next stack to be unpacked */
	struct dict_chunks chunks;
	struct dict_code code;
	struct dict_batch ring[RING];

	bool has_second;
	pthread_t second;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	size_t filled, taken; /* batches so far; the one that was taken last is in use */
	bool stop;
};

/* One more stack of the batch. */
static int push_stack(struct dict_batch *b, const struct dict_entry *e, size_t same)
{
	struct dict_stack stack = {.same = (uint32_t)same, .n = (uint32_t)e->n};

	/* Pushing nothing onto nothing gives NULL, and a stack may be empty. */
	if (vec_reserve(&b->frames, 1) < 0 || !vec_push(&b->stacks, &stack, 1) ||
	    !vec_push(&b->frames, e->frames ? e->frames + same : NULL, e->n - same))
		return -ENOMEM;
	return 0;
}

/* Those of the chunk's stacks, from `next` on, that are asked for; one that is damaged ends it. */
static int decode(struct dict_stacks *s, uint32_t next, struct dict_batch *b)
{
	struct bytes_in in = bytes_in(s->chunks.plain.data, s->chunks.plain.n);
	struct dict_entry e = {.n = 0};
	size_t same = 0;
	int r = 0;

	dict_code_begin(&s->code);
	for (size_t i = 0; i < b->n && r == 0; i++) {
		for (; next <= s->ids[b->first + i] && r == 0; next++) {
			r = dict_decode(&s->code, &in, &e);
			same = e.shared < same ? e.shared : same;
		}
		r = r ?: push_stack(b, &e, same);
		same = e.n;
	}
	return r == -EBADMSG ? -ENOENT : r;
}

/* False: there is nothing left. */
static bool fill(struct dict_stacks *s, struct dict_batch *b)
{
	struct dict_range ids = {.n = 1};
	int r = -ENOENT;

	if (s->at == s->n)
		return false;
	b->stacks.n = b->frames.n = 0;
	b->first = s->at;
	ids.first = s->ids[s->at];
	if (ids.first && ids.first <= s->count)
		r = dict_chunks_open(&s->chunks, DICT_STACK, ids.first, &ids);
	while (s->at < s->n && s->ids[s->at] - ids.first < ids.n)
		s->at++;
	b->n = s->at - b->first;
	r = r ?: decode(s, ids.first, b);
	b->result = r == -ENOENT ? 0 : r;
	return true;
}

/* The second thread. */
static void *fill_ahead(void *arg)
{
	struct dict_stacks *s = arg;
	bool more = true;

	pthread_mutex_lock(&s->lock);
	while (more && !s->stop) {
		while (s->filled - s->taken == RING - 1 && !s->stop)
			pthread_cond_wait(&s->changed, &s->lock);
		pthread_mutex_unlock(&s->lock);
		more = fill(s, &s->ring[s->filled % RING]);
		pthread_mutex_lock(&s->lock);
		if (more)
			s->filled++;
		else
			s->stop = true;
		/* The other one waits if there was none. */
		if (s->filled - s->taken <= 1)
			pthread_cond_signal(&s->changed);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int dict_stacks_new(const struct dict_chunks *like, uint32_t count, const uint32_t *ids, size_t n,
		    struct dict_stacks **ret)
{
	struct dict_stacks *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->count = count;
	s->ids = ids;
	s->n = n;
	dict_code_init(&s->code, DICT_STACK);
	for (size_t i = 0; i < RING; i++) {
		vec_init(&s->ring[i].stacks, sizeof(struct dict_stack));
		vec_init(&s->ring[i].frames, sizeof(uint32_t));
	}
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	if (dict_chunks_init(&s->chunks, like->catalog, like->lock, like->dict) < 0) {
		dict_stacks_free(s);
		return -ENOMEM;
	}
	s->has_second = n >= MANY && second_start(&s->second, fill_ahead, s);
	*ret = s;
	return 0;
}

void dict_stacks_free(struct dict_stacks *s)
{
	if (!s)
		return;
	if (s->has_second) {
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		pthread_cond_signal(&s->changed);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->second, NULL);
	}
	for (size_t i = 0; i < RING; i++) {
		vec_release(&s->ring[i].stacks);
		vec_release(&s->ring[i].frames);
	}
	dict_chunks_release(&s->chunks);
	dict_code_release(&s->code);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	free(s);
}

const struct dict_batch *dict_stacks_next(struct dict_stacks *s)
{
	struct dict_batch *b = &s->ring[s->taken % RING];

	if (!s->has_second)
		return fill(s, b) ? b : NULL;
	pthread_mutex_lock(&s->lock);
	while (s->filled == s->taken && !s->stop)
		pthread_cond_wait(&s->changed, &s->lock);
	if (s->filled == s->taken) {
		b = NULL;
	} else {
		s->taken++;
		/* To be woken for each batch costs the other thread more than to fill it. */
		if (s->filled - s->taken == RING / 2)
			pthread_cond_signal(&s->changed);
	}
	pthread_mutex_unlock(&s->lock);
	return b;
}
