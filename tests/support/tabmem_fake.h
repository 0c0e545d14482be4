// SPDX-License-Identifier: Apache-2.0
/*
 * tabmem_fake - the walker's memory without a kernel, and the walker's way through it.
 *
 * Ordinary memory stands for the maps. Whatever is unpublished and written again without a wait in
 * between is what the real walker would stumble over, so the fake looks for it: fake_find() may be
 * called at any time, also by a hook in the middle of a change.
 */
#ifndef TESTS_SUPPORT_TABMEM_FAKE_H
#define TESTS_SUPPORT_TABMEM_FAKE_H

#include <stdbool.h>

#include "unwind/tabmem.h"

enum { FAKE_PROCS = 1024, FAKE_FILES = 64 };

struct tabmem_fake {
	struct tabmem m;
	struct cresset_unwind_block *pools[CRESSET_MAX_POOLS];
	uint32_t n_pools;
	uint32_t waits;
	uint32_t pids[FAKE_PROCS];
	struct cresset_unwind_proc procs[FAKE_PROCS];
	uint32_t n_procs;
	uint32_t max_procs; /* -E2BIG beyond */
	struct cresset_unwind_file_key file_keys[FAKE_FILES];
	struct cresset_unwind_file files[FAKE_FILES];
	uint32_t n_files;
	uint32_t prepared; /* pools asked for ahead of their use */
	struct cresset_unwind_miss misses[64];
	size_t n_misses;
	int wait_error; /* what the next waits return */
	int pool_error;
	/* Called in each wait: what was unpublished must still be whole. */
	void (*on_wait)(void *arg);
	void *arg;
};

struct tabmem_fake *fake_new(uint32_t n_dsos, uint32_t n_cell_lines, uint32_t n_pages);
void fake_free(struct tabmem_fake *f);
/* The rule id that the walker finds; -1: no tables (state is not READY), -2: damaged. */
int fake_find(const struct tabmem_fake *f, uint32_t dso, uint64_t vaddr);
/* The range that the walker finds; NULL: none, or another exec id. */
const struct cresset_unwind_range *fake_range(const struct tabmem_fake *f, uint32_t pid,
					      uint32_t exec_id, uint64_t address);
void fake_miss(struct tabmem_fake *f, uint32_t pid, uint32_t exec_id, uint32_t dso,
	       uint64_t address);
/* As the kernel does at a fork. */
void fake_fork(struct tabmem_fake *f, uint32_t parent, uint32_t child);

#endif
