// SPDX-License-Identifier: Apache-2.0
/*
 * tables - the unwind tables of files, in the kernel's memory and within a budget.
 *
 * A file gets a small number (a dso id) when a process is seen to have it mapped, and its tables
 * when a walk has missed them: compiled elsewhere, published here. When the budget is used up, the
 * tables that no walk has used for longest go ("evicted": the walker falls back to frame pointers
 * there and says so); what is asked for again is loaded again, but not at once and less and less
 * soon, so that a budget too small for what runs does not turn into compiling all the time. Tables
 * in use now are never evicted for others.
 *
 * Order of writing (bpf/unwind.h): rules, blocks, cells, the dso's place, and its state last.
 * Taking away: the state first, then the wait for walkers, then the memory is free.
 *
 * An id is named by stacks that are not drained yet and is not used again before two sweeps have
 * found it unused.
 */
#ifndef UNWIND_TABLES_H
#define UNWIND_TABLES_H

#include <stdbool.h>

#include "core/hash.h"
#include "unwind/cfi_table.h"
#include "unwind/pool.h"

enum { TABLES_BUILD_ID_BYTES = 64 };

/* What a file is known by; all bytes count. With a build-id the rest but `segments` is zero. */
struct tables_key {
	uint8_t build_id[TABLES_BUILD_ID_BYTES];
	uint64_t segments; /* digest of its segments: another layout is another file */
	uint64_t dev;
	uint64_t ino;
	uint64_t size;
	uint64_t mtime_ns;
};

struct tables_stats {
	uint64_t files;	   /* known now */
	uint64_t loaded;   /* tables published, all in all */
	uint64_t ready;	   /* now */
	uint64_t rows;	   /* of those */
	uint64_t blocks;   /* of those */
	uint64_t pools;	   /* made */
	uint64_t evicted;  /* all in all */
	uint64_t refused;  /* no room even so: everything else is in use, or it is too large */
	uint64_t without;  /* files that have no unwind information, or none that can be read */
	uint64_t ids_full; /* files that got no id */
	uint64_t none[CRESSET_N_NONE]; /* rows without a rule, by reason */
};

struct tables {
	struct tabmem *mem;
	struct pool pool;
	struct cfi_rules *rules;
	size_t rules_written;
	struct vec files; /* struct table_file *; [id], NULL: free */
	struct hash index;
	uint32_t n_files;
	uint32_t first_free;
	uint32_t epoch; /* what the walker writes into a dso that it uses now */
	struct tables_stats stats;
};

int tables_init(struct tables *t, struct tabmem *mem, uint64_t max_blocks);
void tables_release(struct tables *t);
/*
 * The dso id of a file; new ones are WANTED. `owner` is kept for tables_owner(), from the first
 * caller (*ret_new). -ENOMEM, -E2BIG.
 */
int tables_add(struct tables *t, const struct tables_key *key, uint32_t owner, uint32_t *ret_id,
	       bool *ret_new);
/* False: no such file now. */
bool tables_owner(const struct tables *t, uint32_t id, uint32_t *ret_owner);
/* Has no tables, none under way, and may be loaded (again) at this time. */
bool tables_wants(const struct tables *t, uint32_t id, uint64_t now_ns);
/* Somebody is at it: tables_wants() is false until tables_publish() or tables_none(). */
void tables_begin(struct tables *t, uint32_t id);
/*
 * The compiled table, which stays the caller's (its rows are renumbered). -ENOSPC: no room, the
 * walker goes on without; -ENOMEM and errors of the kernel's: likewise, and it may be tried again.
 */
int tables_publish(struct tables *t, uint32_t id, struct cfi_table *table, uint64_t now_ns);
/* It did not come to that; it may be asked for again in a while. */
void tables_later(struct tables *t, uint32_t id, uint64_t now_ns);
/* There is nothing to be had from this file. */
void tables_none(struct tables *t, uint32_t id);
/*
 * Frees ids of files that this sweep and the last one found unused: used[id] says. on_unused gets
 * them already at the first: nobody may get to the file by other ways from then on. on_free gets
 * the owner, in the end.
 */
struct tables_sweeping {
	void (*on_unused)(void *arg, uint32_t id);
	void (*on_free)(void *arg, uint32_t owner);
	void *arg;
};
int tables_sweep(struct tables *t, const bool *used, const struct tables_sweeping *by);
/* Worth it: ids are running out. */
bool tables_crowded(const struct tables *t);
void tables_get_stats(const struct tables *t, struct tables_stats *ret);

#endif
