// SPDX-License-Identifier: Apache-2.0
/*
 * blocks - a sorted list of rows, cut into the blocks and directory cells of bpf/unwind.h.
 *
 * A block ends when it is full or when the next row is too far from its base for 16 bits. Cells are
 * filled in the same pass.
 */
#ifndef UNWIND_BLOCKS_H
#define UNWIND_BLOCKS_H

#include "unwind/cfi_table.h"
#include "unwind/pool.h"

/* Of an interned table with hi > lo: what blocks_write() will need. */
uint32_t blocks_count(const struct cfi_table *table);
uint32_t blocks_cells(const struct cfi_table *table);
/* Fills blocks_count() blocks with these ids and blocks_cells() cells from `cells` on. */
void blocks_write(const struct cfi_table *table, uint32_t dso, const struct pool *pool,
		  const uint32_t *ids, uint32_t cells);

#endif
