// SPDX-License-Identifier: Apache-2.0
/* See blocks.h. */
#include "unwind/blocks.h"

static const uint32_t NO_MORE = ~0u;

/* The last row says where the described code ends: the directory's size says it too. */
static size_t n_rows(const struct cfi_table *t)
{
	return t->n - 1;
}

static uint32_t offset_of(const struct cfi_table *t, size_t row)
{
	return (uint32_t)(t->rows[row].pc - t->lo);
}

/* One past the last row of the block that begins with this row. */
static size_t block_end(const struct cfi_table *t, size_t first)
{
	uint32_t base = offset_of(t, first);
	size_t n = n_rows(t), end = first + 1;

	while (end < n && end - first < CRESSET_BLOCK_ROWS &&
	       offset_of(t, end) - base < CRESSET_BLOCK_SPAN)
		end++;
	return end;
}

uint32_t blocks_count(const struct cfi_table *table)
{
	uint32_t n = 0;

	for (size_t row = 0; row < n_rows(table); n++)
		row = block_end(table, row);
	return n;
}

uint32_t blocks_cells(const struct cfi_table *table)
{
	return (uint32_t)((table->hi - table->lo - 1) >> CRESSET_DIR_SHIFT) + 1;
}

/* Cells whose first byte lies at or after this block's base and before the next one's. */
static uint32_t fill_cells(const struct cfi_table *t, struct tabmem *mem, uint32_t cells,
			   uint32_t from, uint64_t next_base, uint32_t id)
{
	uint32_t n = blocks_cells(t);

	for (; from < n && (uint64_t)from << CRESSET_DIR_SHIFT < next_base; from++)
		*tabmem_cell(mem, cells + from) = id + 1;
	return from;
}

static void fill_rows(const struct cfi_table *t, struct cresset_unwind_block *b, size_t first,
		      size_t end)
{
	for (size_t i = first; i < end; i++)
		b->rows[i - first] = (struct cresset_unwind_row){
			.pc = (uint16_t)(offset_of(t, i) - b->base),
			.rule = (uint16_t)t->rows[i].rule,
		};
	b->n = (uint16_t)(end - first);
	cresset_block_seal(b);
}

void blocks_write(const struct cfi_table *table, uint32_t dso, const struct pool *pool,
		  const uint32_t *ids, uint32_t cells)
{
	uint32_t filled = 0;
	size_t row = 0;

	for (uint32_t i = 0; row < n_rows(table); i++) {
		struct cresset_unwind_block *b = pool_block(pool, ids[i]);
		size_t end = block_end(table, row);
		bool last = end == n_rows(table);

		b->base = offset_of(table, row);
		b->next_base = last ? NO_MORE : offset_of(table, end);
		b->next = last ? 0 : ids[i + 1];
		b->dso = (uint16_t)dso;
		fill_rows(table, b, row, end);
		filled = fill_cells(table, pool->mem, cells, filled,
				    last ? UINT64_MAX : b->next_base, ids[i]);
		row = end;
	}
}
