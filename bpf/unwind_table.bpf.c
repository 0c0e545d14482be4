// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * unwind_table.bpf.c - the maps of the native walker, and the searches in them (see unwind.h).
 *
 * Consecutive frames are mostly of one file, so the last range found is kept, with what is needed
 * of its file; then a look-up is the directory cell, the block and one binary search. All of it is
 * array maps, whose look-up the kernel turns into a few instructions.
 *
 * User space changes tables while walks go on. It waits until no walk can be using them before it
 * gives a page, a dso or a block to somebody else, so what was found stays valid for this walk; a
 * block also says whose it is.
 */
#include "unwind_walk.h"

/* One sample asks at most for so much. */
enum { MAX_MISSES = 4 };

struct cresset_procs_map unwind_procs SEC(".maps");
struct cresset_misses_map unwind_misses SEC(".maps");
struct cresset_rules_map unwind_rules SEC(".maps");
CRESSET_SET_ANY_TIME __u32 cresset_unwind_epoch = 0;

struct cresset_pages_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cresset_unwind_page);
} unwind_pages SEC(".maps");

struct cresset_dsos_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cresset_unwind_dso);
} unwind_dsos SEC(".maps");

struct cresset_dirs_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cresset_unwind_cells);
} unwind_dirs SEC(".maps");

struct cresset_pool_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CRESSET_POOL_BLOCKS);
	__type(key, __u32);
	__type(value, struct cresset_unwind_block);
};

/* Never used: without it the compiler leaves the type out, and the inner map has no size. */
static struct cresset_unwind_block block_type __attribute__((used));

struct cresset_pools_map {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, CRESSET_MAX_POOLS);
	__type(key, __u32);
	__array(values, struct cresset_pool_map);
} unwind_pools SEC(".maps");

__noinline int cresset_walk_miss(__u32 slot_id, __u32 dso, __u64 address)
{
	struct cresset_unwind_miss miss = {.dso = dso};
	struct cresset_scratch *s = cresset_scratch(slot_id);
	struct cresset_slot *slot = cresset_slot(slot_id);
	__u64 one = 1, *count;

	if (!s || !slot || s->walk.misses >= MAX_MISSES)
		return 0;
	s->walk.misses++;
	miss.pid = s->key.pid;
	miss.exec_id = s->key.exec_id;
	if (!dso)
		miss.address = address & ~((2ull << 20) - 1);
	count = bpf_map_lookup_elem(&unwind_misses, &miss);
	if (count)
		__sync_fetch_and_add(count, 1);
	else if (bpf_map_update_elem(&unwind_misses, &miss, &one, BPF_NOEXIST) == -CRESSET_E2BIG)
		cresset_count(slot, CRESSET_STAT_misses_full);
	return 0;
}

/* Which of several pages of a process may have the address. */
static __always_inline __u32 page_choose(const struct cresset_unwind_proc *proc, __u64 address)
{
	__u32 page = proc->pages[0], n = proc->n_pages;

	for (__u32 i = 1; i < CRESSET_MAX_PROC_PAGES; i++) {
		if (i >= n || proc->first[i] > address)
			break;
		page = proc->pages[i];
	}
	return page;
}

/* The index of the last range that begins at or before the address; ~0: there is none. */
__noinline __u32 cresset_page_search(struct cresset_unwind_page *page, __u64 address)
{
	__u32 low = 0, high;

	if (!page)
		return ~0u;
	high = page->n;
	for (int i = 0; i < 8; i++) {
		__u32 middle = (low + high) >> 1;

		if (low >= high)
			break;
		barrier_var(middle);
		if (middle >= CRESSET_PAGE_RANGES)
			break;
		if (page->ranges[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

static __always_inline void dso_take(struct cresset_walk *w, __u32 id)
{
	struct cresset_unwind_dso *dso;
	__u32 now;

	w->dso = id;
	w->state = CRESSET_DSO_NONE;
	w->text_size = 0;
	dso = id ? bpf_map_lookup_elem(&unwind_dsos, &id) : NULL;
	if (!dso)
		return;
	w->state = dso->state;
	w->text = dso->text;
	w->text_size = dso->text_size;
	w->dir = dso->dir;
	now = cresset_unwind_epoch;
	if (dso->epoch != now)
		dso->epoch = now;
}

/* By the pages that user space has published. */
static __always_inline bool locate_in_pages(struct cresset_scratch *s, __u64 address)
{
	struct cresset_walk *w = &s->walk;
	struct cresset_unwind_range *range;
	struct cresset_unwind_proc *proc;
	struct cresset_unwind_page *page;
	__u32 id, at;

	if (!w->n_pages)
		return false;
	id = w->page;
	if (w->n_pages > 1) {
		proc = bpf_map_lookup_elem(&unwind_procs, &s->key.pid);
		if (!proc)
			return false;
		id = page_choose(proc, address);
	}
	page = bpf_map_lookup_elem(&unwind_pages, &id);
	if (!page)
		return false;
	at = cresset_page_search(page, address);
	barrier_var(at);
	if (at >= CRESSET_PAGE_RANGES)
		return false;
	range = &page->ranges[at];
	if (address - range->start >= (__u64)range->pages << 12)
		return false;
	w->start = range->start;
	w->bytes = (__u64)range->pages << 12;
	w->bias = range->bias;
	w->kind = range->kind;
	dso_take(w, range->dso);
	return true;
}

__noinline int cresset_walk_locate(__u32 slot_id, __u64 address)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	struct cresset_walk *w;
	int dso;

	if (!s)
		return -1;
	w = &s->walk;
	if (address - w->start < w->bytes || locate_in_pages(s, address))
		return 0;
	/* Wild addresses cost a search each, and are requests of which a sample has only so many.
	 */
	if (w->misses >= MAX_MISSES)
		return -1;
	dso = cresset_walk_vma(slot_id, address);
	if (dso < 0)
		return -1;
	dso_take(w, dso);
	/* User space will hear of it by itself, mostly. */
	if (!w->misses)
		cresset_walk_miss(slot_id, 0, address);
	return 0;
}

/* The rule of the last row at or before `at`. Were the line known to the verifier, it would follow
 * the search in it for each of the lines. */
static __always_inline int block_search(const struct cresset_unwind_block *block, __u32 at,
					__u32 zero)
{
	const struct cresset_unwind_row *rows;
	__u32 line = 0, row = 0;

	if (at < block->base)
		return CRESSET_NONE_NO_FDE;
	at -= block->base;
	for (__u32 half = CRESSET_LINE_ROWS / 2; half; half /= 2) {
		if (block->pivots[(line + half - 1) & (CRESSET_LINE_ROWS - 1)] <= at)
			line += half;
	}
	line += zero;
	/* There is no line behind the last one. */
	if (line >= CRESSET_BLOCK_LINES)
		line = CRESSET_BLOCK_LINES - 1;
	rows = block->rows + line * CRESSET_LINE_ROWS;
	for (__u32 half = CRESSET_LINE_ROWS / 2; half; half /= 2) {
		if (rows[(row + half) & (CRESSET_LINE_ROWS - 1)].pc <= at)
			row += half;
	}
	return rows[row & (CRESSET_LINE_ROWS - 1)].rule;
}

static __always_inline struct cresset_unwind_block *block_find(__u32 id)
{
	__u32 pool_id = id / CRESSET_POOL_BLOCKS, at = id % CRESSET_POOL_BLOCKS;
	void *pool = bpf_map_lookup_elem(&unwind_pools, &pool_id);

	return pool ? bpf_map_lookup_elem(pool, &at) : NULL;
}

__noinline int cresset_walk_rule(__u32 slot_id, __u64 address)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	struct cresset_unwind_block *block;
	struct cresset_unwind_cells *cells;
	struct cresset_walk *w;
	__u32 at, cell, id;

	if (!s)
		return -CRESSET_STOP_BAD_TABLE;
	w = &s->walk;
	address -= w->bias + w->text;
	if (address >= w->text_size)
		return CRESSET_NONE_NO_FDE;
	at = address;
	cell = w->dir + (at >> CRESSET_DIR_SHIFT);
	id = cell / CRESSET_DIR_LINE;
	cells = bpf_map_lookup_elem(&unwind_dirs, &id);
	if (!cells)
		return -CRESSET_STOP_BAD_TABLE;
	id = cells->cell[cell % CRESSET_DIR_LINE];
	if (!id)
		return CRESSET_NONE_NO_FDE;
	id--;
	for (int hops = 0; hops <= CRESSET_MAX_HOPS; hops++) {
		block = block_find(id);
		if (!block || block->dso != w->dso)
			return -CRESSET_STOP_BAD_TABLE;
		if (at < block->next_base)
			return block_search(block, at, w->zero);
		id = block->next;
	}
	return -CRESSET_STOP_BAD_TABLE;
}

__noinline int cresset_walk_fill(__u32 slot_id, __u64 address)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	struct cresset_window *window;

	if (!s)
		return CRESSET_STOP_READ_FAULT;
	if (address & 7)
		return CRESSET_STOP_MISALIGNED;
	window = &s->window;
	window->start = address;
	window->bytes = sizeof(window->words);
	if (!bpf_probe_read_user(window->words, sizeof(window->words), (const void *)address))
		return 0;
	/* Near the end of the stack, or of what is resident of it. */
	window->bytes = sizeof(__u64);
	if (!bpf_probe_read_user(window->words, sizeof(__u64), (const void *)address))
		return 0;
	window->bytes = 0;
	return CRESSET_STOP_READ_FAULT;
}
