// SPDX-License-Identifier: Apache-2.0
/*
 * pool - room for tables: blocks of rows and stretches of directory cells.
 *
 * Blocks come from pools of 4 MiB that are added one by one, up to a budget, and never given back:
 * what is free is used again. Cells must be consecutive for one file; they are found first-fit in a
 * list of free stretches. Whoever gives something back has waited for the walkers (tabmem_wait)
 * before.
 */
#ifndef UNWIND_POOL_H
#define UNWIND_POOL_H

#include <stdbool.h>

#include "core/vec.h"
#include "unwind/tabmem.h"

struct pool {
	struct tabmem *mem;
	struct cresset_unwind_block *pools[CRESSET_MAX_POOLS];
	uint32_t n_pools;
	uint32_t max_blocks; /* the budget */
	uint32_t blocks_made;
	struct vec free_blocks; /* uint32_t, taken from the end */
	struct vec stretches;	/* struct pool_stretch, free ones, sorted, not touching */
	size_t live_stretches;
	uint32_t free_cells;
};

struct pool_stretch {
	uint32_t first;
	uint32_t n;
};

/* max_blocks is cut to what the outer map can name. -ENOMEM. */
int pool_init(struct pool *p, struct tabmem *mem, uint64_t max_blocks);
void pool_release(struct pool *p);
struct cresset_unwind_block *pool_block(const struct pool *p, uint32_t id);
/* Blocks that can be had without taking any from a table. */
uint32_t pool_free_blocks(const struct pool *p);
/* The pool that should be made now, before it is needed; false: there is no hurry. */
bool pool_low(const struct pool *p, uint32_t *ret_index);
/* All or nothing. -ENOSPC: the budget is used up; -ENOMEM and other errors of the kernel's. */
int pool_take_blocks(struct pool *p, uint32_t n, uint32_t *ret_ids);
void pool_give_blocks(struct pool *p, const uint32_t *ids, uint32_t n);
/* -ENOSPC: there is no stretch of n. */
int pool_take_cells(struct pool *p, uint32_t n, uint32_t *ret_first);
void pool_give_cells(struct pool *p, uint32_t first, uint32_t n);

#endif
