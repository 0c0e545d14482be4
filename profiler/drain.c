// SPDX-License-Identifier: Apache-2.0
/*
 * See drain.h. The kernel hands out hash maps bucket by bucket and only whole buckets, so a batch
 * has to have room for the fullest one: -ENOSPC doubles the batch. The end is -ENOENT with the last
 * rows. A row of a stacks map has room for more frames than most stacks have, so only its frames
 * are kept.
 */
#include "drain.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	BATCH_FIRST = 256,
	BATCH_MAX = 1 << 16,
	SWITCH_SPINS = 1000,
	SWITCH_WAITS = 100000, /* of 50 µs each */
};

void drain_init(struct drain *d)
{
	memset(d, 0, sizeof(*d));
	d->samples_fds[0] = d->samples_fds[1] = -1;
	d->stacks_fds[0] = d->stacks_fds[1] = -1;
	d->deep_stacks_fds[0] = d->deep_stacks_fds[1] = -1;
	vec_init(&d->rows, sizeof(struct drain_row));
	vec_init(&d->stacks, sizeof(struct drain_stack));
	vec_init(&d->frames, sizeof(uint64_t));
}

void drain_release(struct drain *d)
{
	vec_release(&d->rows);
	vec_release(&d->stacks);
	vec_release(&d->frames);
	free(d->keys);
	free(d->values);
	drain_init(d);
}

static bool in_use(const struct drain *d, uint32_t generation)
{
	for (size_t i = 0; i < d->n_slots; i++)
		if (__atomic_load_n(&d->slots[i].busy, __ATOMIC_SEQ_CST) ==
		    (uint64_t)generation + 1)
			return true;
	return false;
}

int drain_switch(struct drain *d, uint32_t *ret_old)
{
	const struct timespec wait = {.tv_nsec = 50000};
	uint32_t old = *d->generation & 1;

	*ret_old = old;
	/* A full barrier: the slots must not be looked at before the flip is visible. */
	__atomic_exchange_n(d->generation, old ^ 1, __ATOMIC_SEQ_CST);
	for (int i = 0; in_use(d, old); i++) {
		if (i > SWITCH_WAITS)
			return -ETIMEDOUT;
		if (i > SWITCH_SPINS)
			nanosleep(&wait, NULL);
	}
	return 0;
}

/* Room for `batch` keys and values of either map. */
static int reserve_batch(struct drain *d, size_t batch)
{
	void *p;

	if (batch > BATCH_MAX)
		return -ENOSPC;
	if (batch <= d->batch)
		return 0;
	p = realloc(d->keys, batch * sizeof(struct cresset_sample_key));
	if (!p)
		return -ENOMEM;
	d->keys = p;
	p = realloc(d->values, batch * sizeof(struct cresset_stack));
	if (!p)
		return -ENOMEM;
	d->values = p;
	d->batch = batch;
	return 0;
}

typedef int (*take_fn)(struct drain *d, size_t n);

static int take_rows(struct drain *d, size_t n)
{
	const struct cresset_sample_key *keys = d->keys;
	const struct cresset_count *counts = d->values;
	struct drain_row *rows = vec_push(&d->rows, NULL, n);

	if (n && !rows)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		rows[i].key = keys[i];
		rows[i].count = counts[i];
	}
	return 0;
}

static int take_stack(struct drain *d, uint64_t id, const __u64 *frames, uint32_t n)
{
	struct drain_stack stack = {.id = id, .first = (uint32_t)d->frames.n, .n = n};

	if (!vec_push(&d->stacks, &stack, 1))
		return -ENOMEM;
	if (n && !vec_push(&d->frames, frames, n))
		return -ENOMEM;
	return 0;
}

static uint32_t at_most(uint32_t n, uint32_t limit)
{
	return n < limit ? n : limit;
}

static int take_stacks(struct drain *d, size_t n)
{
	const uint64_t *ids = d->keys;
	const struct cresset_short_stack *stacks = d->values;
	int r = 0;

	for (size_t i = 0; !r && i < n; i++)
		r = take_stack(d, ids[i], stacks[i].frames,
			       at_most(stacks[i].n, CRESSET_SHORT_FRAMES));
	return r;
}

static int take_deep_stacks(struct drain *d, size_t n)
{
	const uint64_t *ids = d->keys;
	const struct cresset_stack *stacks = d->values;
	int r = 0;

	for (size_t i = 0; !r && i < n; i++)
		r = take_stack(d, ids[i], stacks[i].frames,
			       at_most(stacks[i].n, CRESSET_MAX_FRAMES));
	return r;
}

static int empty_map(struct drain *d, int fd, take_fn take)
{
	uint64_t token[2];
	bool first = true;
	int r = reserve_batch(d, BATCH_FIRST);

	while (!r) {
		uint32_t count = (uint32_t)d->batch;
		int err = bpf_map_lookup_and_delete_batch(fd, first ? NULL : &token[0], &token[1],
							  d->keys, d->values, &count, NULL);

		if (err == -ENOSPC) {
			r = reserve_batch(d, d->batch * 2);
			continue;
		}
		if (err == -EINTR || err == -EAGAIN)
			continue;
		if (err && err != -ENOENT)
			return err;
		r = take(d, count);
		if (err)
			return r;
		token[0] = token[1];
		first = false;
	}
	return r;
}

static int compare_ids(const void *a, const void *b)
{
	const struct drain_stack *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

int drain_read(struct drain *d, uint32_t generation)
{
	int r, r2, r3;

	d->rows.n = 0;
	d->stacks.n = 0;
	d->frames.n = 0;
	r = empty_map(d, d->samples_fds[generation & 1], take_rows);
	r2 = empty_map(d, d->stacks_fds[generation & 1], take_stacks);
	r3 = empty_map(d, d->deep_stacks_fds[generation & 1], take_deep_stacks);
	if (d->stacks.n)
		qsort(d->stacks.data, d->stacks.n, sizeof(struct drain_stack), compare_ids);
	return r ? r : r2 ? r2 : r3;
}

const uint64_t *drain_frames(const struct drain *d, uint64_t id, size_t *ret_n)
{
	struct drain_stack key = {.id = id};
	const struct drain_stack *found = NULL;

	if (d->stacks.n)
		found = bsearch(&key, d->stacks.data, d->stacks.n, sizeof(key), compare_ids);
	if (!found)
		return NULL;
	*ret_n = found->n;
	return (const uint64_t *)d->frames.data + found->first;
}
