// SPDX-License-Identifier: Apache-2.0
/*
 * tabmem - the kernel's memory that the native walker walks by, as user space writes it.
 *
 * Rules, files, directories and pages are BPF arrays mapped into this process (bpf/unwind.h), so
 * writing them is writing memory: no system call, no copy. What is no array is reached by the few
 * operations below; tests put ordinary memory and arrays behind them.
 *
 * A walker on another CPU may be in the middle of what is taken away. Nothing that it could still
 * be reading may be written again before tabmem_wait() has returned since it was unpublished.
 */
#ifndef UNWIND_TABMEM_H
#define UNWIND_TABMEM_H

#include <stddef.h>
#include <stdint.h>

#include <cresset/types.h>

#include "bpf/unwind.h"

struct tabmem;

/* Stops when it returns non-zero. */
typedef int (*tabmem_proc_fn)(void *arg, uint32_t pid, const struct cresset_unwind_proc *proc);

struct tabmem_ops {
	/* Makes pool `index`, all zero; the memory lasts as long as the tabmem. */
	int (*add_pool)(struct tabmem *m, uint32_t index, struct cresset_unwind_block **ret);
	/*
	 * Makes pool `index` if it is the next one, so that add_pool() need not wait for that; any
	 * thread may call it. NULL: cannot be done.
	 */
	int (*prepare_pool)(struct tabmem *m, uint32_t index);
	/* Until every walk that has begun by now is over (about 10 ms). Any thread may call it. */
	int (*wait)(struct tabmem *m);
	/* -E2BIG: the map is full. */
	int (*set_proc)(struct tabmem *m, uint32_t pid, const struct cresset_unwind_proc *proc);
	/* 0 also if there is none. */
	int (*delete_proc)(struct tabmem *m, uint32_t pid);
	int (*each_proc)(struct tabmem *m, tabmem_proc_fn fn, void *arg);
	/* -ENOENT: there is none. */
	int (*get_proc)(struct tabmem *m, uint32_t pid, struct cresset_unwind_proc *ret);
	/* As walks in the kernel do; -EEXIST: it is noted already, -E2BIG: too many are. */
	int (*add_miss)(struct tabmem *m, const struct cresset_unwind_miss *miss);
	/* -E2BIG: the map is full. */
	int (*set_file)(struct tabmem *m, const struct cresset_unwind_file_key *key,
			const struct cresset_unwind_file *file);
	int (*delete_file)(struct tabmem *m, const struct cresset_unwind_file_key *key);
	/* Takes all misses out. The array is the tabmem's, valid until the next call. */
	int (*take_misses)(struct tabmem *m, const struct cresset_unwind_miss **ret, size_t *ret_n);
};

struct tabmem {
	const struct tabmem_ops *ops;
	struct cresset_unwind_rule *rules; /* CRESSET_MAX_RULES */
	struct cresset_unwind_dso *dsos;
	uint32_t n_dsos;
	struct cresset_unwind_cells *cells;
	uint32_t n_cells; /* cells, not lines */
	struct cresset_unwind_page *pages;
	uint32_t n_pages;
	uint32_t n_pools; /* made, also ahead of their use; 0: not kept */
};

/* Descriptors of the maps; they stay the caller's and must outlive the tabmem. */
struct tabmem_maps {
	int rules;
	int dsos;
	int dirs;
	int pages;
	int pools;
	int procs;
	int files;
	int misses;
	/*
	 * Made by tabmem_make_pool() and put in the first place of `pools`, or on its way there;
	 * -1: none.
	 */
	int first_pool;
};

/* A map of one pool, and the map of all of them with room for that sort. Descriptors or -errno. */
int tabmem_make_pool(void);
int tabmem_make_pools(int pool);
/*
 * Puts a pool in its place. The kernel then waits until no BPF program can be seeing what was there
 * before, which takes 10 ms and more.
 */
int tabmem_put_pool(int pools, uint32_t index, int pool);

/* The real one, on loaded maps. */
int tabmem_open(const struct tabmem_maps *maps, struct tabmem **ret, struct cresset_error *err);
void tabmem_free(struct tabmem *m);

static inline uint32_t *tabmem_cell(const struct tabmem *m, uint32_t i)
{
	return &m->cells[i / CRESSET_DIR_LINE].cell[i % CRESSET_DIR_LINE];
}

#endif
