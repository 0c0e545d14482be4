// SPDX-License-Identifier: Apache-2.0
/*
 * See pool.h. Giving back cannot fail: room in the two lists is made when something is taken.
 */
#include "unwind/pool.h"

#include <errno.h>
#include <string.h>

int pool_init(struct pool *p, struct tabmem *mem, uint64_t max_blocks)
{
	const uint64_t most = (uint64_t)CRESSET_MAX_POOLS * CRESSET_POOL_BLOCKS;
	struct pool_stretch all = {.first = 0, .n = mem->n_cells};

	memset(p, 0, sizeof(*p));
	vec_init(&p->free_blocks, sizeof(uint32_t));
	vec_init(&p->stretches, sizeof(struct pool_stretch));
	p->mem = mem;
	p->max_blocks = (uint32_t)(max_blocks < most ? max_blocks : most);
	p->free_cells = mem->n_cells;
	return !all.n || vec_push(&p->stretches, &all, 1) ? 0 : -ENOMEM;
}

void pool_release(struct pool *p)
{
	vec_release(&p->free_blocks);
	vec_release(&p->stretches);
}

/* ---- Blocks. */

struct cresset_unwind_block *pool_block(const struct pool *p, uint32_t id)
{
	return &p->pools[id / CRESSET_POOL_BLOCKS][id % CRESSET_POOL_BLOCKS];
}

uint32_t pool_free_blocks(const struct pool *p)
{
	return (uint32_t)p->free_blocks.n + p->max_blocks - p->blocks_made;
}

/* Half a pool is more than the largest files take that are common: compilers, libLLVM. */
bool pool_low(const struct pool *p, uint32_t *ret_index)
{
	if (p->blocks_made >= p->max_blocks || p->free_blocks.n >= CRESSET_POOL_BLOCKS / 2)
		return false;
	*ret_index = p->n_pools;
	return true;
}

static int add_pool(struct pool *p)
{
	uint32_t n = p->max_blocks - p->blocks_made, *ids;
	int r;

	if (n > CRESSET_POOL_BLOCKS)
		n = CRESSET_POOL_BLOCKS;
	/* Enough for all blocks there will be, so that any of them can come back. */
	if (vec_reserve(&p->free_blocks, p->blocks_made + n - p->free_blocks.n))
		return -ENOMEM;
	r = p->mem->ops->add_pool(p->mem, p->n_pools, &p->pools[p->n_pools]);
	if (r)
		return r;
	/* The list is taken from its end: lower numbers first. */
	ids = vec_push(&p->free_blocks, NULL, n);
	for (uint32_t i = 0; i < n; i++)
		ids[i] = p->n_pools * CRESSET_POOL_BLOCKS + n - 1 - i;
	p->n_pools++;
	p->blocks_made += n;
	return 0;
}

int pool_take_blocks(struct pool *p, uint32_t n, uint32_t *ret_ids)
{
	int r;

	if (n > pool_free_blocks(p))
		return -ENOSPC;
	while (p->free_blocks.n < n) {
		r = add_pool(p);
		if (r)
			return r;
	}
	for (uint32_t i = 0; i < n; i++)
		ret_ids[i] = *(uint32_t *)vec_at(&p->free_blocks, --p->free_blocks.n);
	return 0;
}

void pool_give_blocks(struct pool *p, const uint32_t *ids, uint32_t n)
{
	vec_push(&p->free_blocks, ids, n);
}

/* ---- Cells. */

static struct pool_stretch *stretch_at(const struct pool *p, size_t i)
{
	return vec_at(&p->stretches, i);
}

static void remove_stretch(struct pool *p, size_t i)
{
	memmove(stretch_at(p, i), stretch_at(p, i + 1),
		(p->stretches.n - i - 1) * sizeof(struct pool_stretch));
	p->stretches.n--;
}

int pool_take_cells(struct pool *p, uint32_t n, uint32_t *ret_first)
{
	/* Each stretch in use may become one more free stretch. */
	if (vec_reserve(&p->stretches, p->live_stretches + 1))
		return -ENOMEM;
	for (size_t i = 0; i < p->stretches.n; i++) {
		struct pool_stretch *s = stretch_at(p, i);

		if (s->n < n)
			continue;
		*ret_first = s->first;
		s->first += n;
		s->n -= n;
		if (!s->n)
			remove_stretch(p, i);
		p->live_stretches++;
		p->free_cells -= n;
		return 0;
	}
	return -ENOSPC;
}

void pool_give_cells(struct pool *p, uint32_t first, uint32_t n)
{
	struct pool_stretch given = {.first = first, .n = n}, *s;
	size_t i = 0;

	p->live_stretches--;
	p->free_cells += n;
	while (i < p->stretches.n && stretch_at(p, i)->first < first)
		i++;
	if (i > 0) {
		s = stretch_at(p, i - 1);
		if (s->first + s->n == first) {
			given.first = s->first;
			given.n += s->n;
			remove_stretch(p, --i);
		}
	}
	if (i < p->stretches.n && given.first + given.n == stretch_at(p, i)->first) {
		stretch_at(p, i)->first = given.first;
		stretch_at(p, i)->n += given.n;
		return;
	}
	vec_push(&p->stretches, NULL, 1);
	memmove(stretch_at(p, i + 1), stretch_at(p, i),
		(p->stretches.n - 1 - i) * sizeof(struct pool_stretch));
	*stretch_at(p, i) = given;
}
