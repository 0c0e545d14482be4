// SPDX-License-Identifier: Apache-2.0
/* See fake_tabmem.h. Nobody else is walking, so there is nothing to wait for. */
#include "fake_tabmem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_helpers.h"
#include "unwind_walk.h"

extern struct cresset_files_map unwind_files;

enum { MAX_MISSES = 1024 };

struct fake_tabmem {
	struct tabmem m;
	struct cresset_unwind_block *pools[CRESSET_MAX_POOLS];
	struct cresset_unwind_miss misses[MAX_MISSES];
};

static int add_pool(struct tabmem *m, uint32_t index, struct cresset_unwind_block **ret)
{
	struct fake_tabmem *f = (struct fake_tabmem *)m;

	f->pools[index] = calloc(CRESSET_POOL_BLOCKS, sizeof(**ret));
	if (!f->pools[index])
		return -ENOMEM;
	fake_pool_use(index, f->pools[index], CRESSET_POOL_BLOCKS);
	*ret = f->pools[index];
	return 0;
}

static int wait_for_walkers(struct tabmem *m)
{
	return 0;
}

static int set_proc(struct tabmem *m, uint32_t pid, const struct cresset_unwind_proc *proc)
{
	return (int)bpf_map_update_elem(&unwind_procs, &pid, proc, BPF_ANY);
}

static int delete_proc(struct tabmem *m, uint32_t pid)
{
	long r = bpf_map_delete_elem(&unwind_procs, &pid);

	return r == -ENOENT ? 0 : (int)r;
}

static int each_proc(struct tabmem *m, tabmem_proc_fn fn, void *arg)
{
	const void *key, *value;
	uint32_t pid;
	int r = 0;

	for (size_t i = 0; !r && (value = fake_map_at(FAKE_UNWIND_PROCS, i, &key)); i++) {
		memcpy(&pid, key, sizeof(pid));
		r = fn(arg, pid, value);
	}
	return r;
}

static int get_proc(struct tabmem *m, uint32_t pid, struct cresset_unwind_proc *ret)
{
	const struct cresset_unwind_proc *proc = fake_map_find(FAKE_UNWIND_PROCS, &pid);

	if (!proc)
		return -ENOENT;
	*ret = *proc;
	return 0;
}

static int add_miss(struct tabmem *m, const struct cresset_unwind_miss *miss)
{
	uint64_t one = 1;

	return (int)bpf_map_update_elem(&unwind_misses, miss, &one, BPF_NOEXIST);
}

static int set_file(struct tabmem *m, const struct cresset_unwind_file_key *key,
		    const struct cresset_unwind_file *file)
{
	return (int)bpf_map_update_elem(&unwind_files, key, file, BPF_ANY);
}

static int delete_file(struct tabmem *m, const struct cresset_unwind_file_key *key)
{
	return (int)bpf_map_delete_elem(&unwind_files, key);
}

static int take_misses(struct tabmem *m, const struct cresset_unwind_miss **ret, size_t *ret_n)
{
	struct fake_tabmem *f = (struct fake_tabmem *)m;
	const void *key;
	size_t n = 0;

	while (n < MAX_MISSES && fake_map_at(FAKE_UNWIND_MISSES, 0, &key)) {
		memcpy(&f->misses[n], key, sizeof(f->misses[n]));
		bpf_map_delete_elem(&unwind_misses, &f->misses[n]);
		n++;
	}
	*ret = f->misses;
	*ret_n = n;
	return 0;
}

static const struct tabmem_ops ops = {
	.add_pool = add_pool,
	.wait = wait_for_walkers,
	.set_proc = set_proc,
	.delete_proc = delete_proc,
	.each_proc = each_proc,
	.get_proc = get_proc,
	.add_miss = add_miss,
	.set_file = set_file,
	.delete_file = delete_file,
	.take_misses = take_misses,
};

struct tabmem *fake_tabmem_new(void)
{
	struct fake_tabmem *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->m.ops = &ops;
	f->m.rules = calloc(CRESSET_MAX_RULES, sizeof(*f->m.rules));
	f->m.dsos = calloc(CRESSET_MAX_DSOS, sizeof(*f->m.dsos));
	f->m.cells = aligned_alloc(64, FAKE_TABMEM_CELLS * sizeof(uint32_t));
	f->m.pages = calloc(FAKE_TABMEM_PAGES, sizeof(*f->m.pages));
	f->m.n_dsos = CRESSET_MAX_DSOS;
	f->m.n_cells = FAKE_TABMEM_CELLS;
	f->m.n_pages = FAKE_TABMEM_PAGES;
	if (!f->m.rules || !f->m.dsos || !f->m.cells || !f->m.pages) {
		fake_tabmem_free(&f->m);
		return NULL;
	}
	memset(f->m.cells, 0, FAKE_TABMEM_CELLS * sizeof(uint32_t));
	fake_array_use(FAKE_UNWIND_RULES, f->m.rules, CRESSET_MAX_RULES);
	fake_array_use(FAKE_UNWIND_DSOS, f->m.dsos, CRESSET_MAX_DSOS);
	fake_array_use(FAKE_UNWIND_DIRS, f->m.cells, FAKE_TABMEM_CELLS / CRESSET_DIR_LINE);
	fake_array_use(FAKE_UNWIND_PAGES, f->m.pages, FAKE_TABMEM_PAGES);
	return &f->m;
}

void fake_tabmem_free(struct tabmem *m)
{
	struct fake_tabmem *f = (struct fake_tabmem *)m;

	if (!f)
		return;
	for (size_t i = 0; i < CRESSET_MAX_POOLS; i++)
		free(f->pools[i]);
	free(f->m.rules);
	free(f->m.dsos);
	free(f->m.cells);
	free(f->m.pages);
	free(f);
}
