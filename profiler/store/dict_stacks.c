// SPDX-License-Identifier: Apache-2.0
/* dict_stacks - see dict_stacks.h. Batches stand in a ring, which the second thread fills. */
#include "store/dict_stacks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "core/second.h"

enum {
	MAX_ID = 1 << 22, /* far more than a writer puts into one dictionary */
	RING = 16,
	MANY = 2048, /* stacks that are worth a second thread */
};

struct dict_stacks {
	struct catalog *catalog;
	pthread_mutex_t *catalog_lock;
	uint32_t dict, count;
	const uint32_t *ids;
	size_t n;

	/* Of whoever unpacks. */
	size_t at; /* the position of the next stack to be unpacked */
	ZSTD_DCtx *zstd;
	struct dict_code code;
	struct vec packed, plain;
	struct dict_batch ring[RING];

	bool has_second;
	pthread_t second;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	size_t filled, taken; /* batches so far; the one that was taken last is in use */
	bool stop;
};

bool dict_chunk_is_sound(const struct catalog_chunk *c)
{
	return c->first && c->first < MAX_ID && c->n && c->n <= DICT_CHUNK_ENTRIES;
}

/* The chunk that has id, unpacked; *ret says which ids those are. -ENOENT: it is not, or damaged.
 */
static int open_chunk(struct dict_stacks *s, uint32_t id, struct catalog_chunk *ret)
{
	int r;

	*ret = (struct catalog_chunk){.first = id, .n = 1};
	if (!id || id > s->count)
		return -ENOENT;
	s->packed.n = 0;
	pthread_mutex_lock(s->catalog_lock);
	r = catalog_chunk(s->catalog, s->dict, DICT_STACK, id, ret, NULL);
	if (r == 0 && ret->size && !vec_push(&s->packed, ret->data, ret->size))
		r = -ENOMEM;
	pthread_mutex_unlock(s->catalog_lock);
	if (r == 0 && (!dict_chunk_is_sound(ret) || id - ret->first >= ret->n))
		r = -ENOENT;
	if (r < 0)
		*ret = (struct catalog_chunk){.first = id, .n = 1};
	r = r ?: dict_unpack(s->zstd, s->packed.data, s->packed.n, &s->plain);
	return r == -EBADMSG ? -ENOENT : r;
}

/* One more stack of the batch. */
static int push_stack(struct dict_batch *b, const struct dict_entry *e, size_t same)
{
	struct dict_stack stack = {.same = (uint32_t)same, .n = (uint32_t)e->n};

	if (!vec_push(&b->stacks, &stack, 1) ||
	    !vec_push(&b->frames, e->frames ? e->frames + same : NULL, e->n - same))
		return -ENOMEM;
	return 0;
}

/* Those of its stacks that are asked for; one that is damaged ends it. */
static int decode(struct dict_stacks *s, const struct catalog_chunk *c, struct dict_batch *b)
{
	struct bytes_in in = bytes_in(s->plain.data, s->plain.n);
	struct dict_entry e = {.n = 0};
	uint32_t next = c->first;
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
	struct catalog_chunk c;
	int r;

	if (s->at == s->n)
		return false;
	b->stacks.n = b->frames.n = 0;
	b->first = s->at;
	r = open_chunk(s, s->ids[s->at], &c);
	while (s->at < s->n && s->ids[s->at] - c.first < c.n)
		s->at++;
	b->n = s->at - b->first;
	r = r ?: decode(s, &c, b);
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

int dict_stacks_new(struct catalog *c, pthread_mutex_t *lock, uint32_t dict, uint32_t count,
		    const uint32_t *ids, size_t n, struct dict_stacks **ret)
{
	struct dict_stacks *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->catalog = c;
	s->catalog_lock = lock;
	s->dict = dict;
	s->count = count;
	s->ids = ids;
	s->n = n;
	dict_code_init(&s->code, DICT_STACK);
	vec_init(&s->packed, 1);
	vec_init(&s->plain, 1);
	for (size_t i = 0; i < RING; i++) {
		vec_init(&s->ring[i].stacks, sizeof(struct dict_stack));
		vec_init(&s->ring[i].frames, sizeof(uint32_t));
	}
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	s->zstd = ZSTD_createDCtx();
	if (!s->zstd) {
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
	ZSTD_freeDCtx(s->zstd);
	dict_code_release(&s->code);
	vec_release(&s->packed);
	vec_release(&s->plain);
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
