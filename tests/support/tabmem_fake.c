// SPDX-License-Identifier: Apache-2.0
/* See tabmem_fake.h. */
#include "support/tabmem_fake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct tabmem_fake *of(struct tabmem *m)
{
	return (struct tabmem_fake *)m;
}

static int add_pool(struct tabmem *m, uint32_t index, struct cresset_unwind_block **ret)
{
	struct tabmem_fake *f = of(m);

	if (f->pool_error)
		return f->pool_error;
	if (index != f->n_pools || index >= CRESSET_MAX_POOLS)
		return -EINVAL;
	f->pools[index] = calloc(CRESSET_POOL_BLOCKS, sizeof(struct cresset_unwind_block));
	if (!f->pools[index])
		return -ENOMEM;
	*ret = f->pools[f->n_pools++];
	return 0;
}

static int wait_for_walks(struct tabmem *m)
{
	struct tabmem_fake *f = of(m);

	f->waits++;
	if (f->on_wait)
		f->on_wait(f->arg);
	return f->wait_error;
}

static uint32_t proc_index(const struct tabmem_fake *f, uint32_t pid)
{
	uint32_t i = 0;

	while (i < f->n_procs && f->pids[i] != pid)
		i++;
	return i;
}

static int set_proc(struct tabmem *m, uint32_t pid, const struct cresset_unwind_proc *proc)
{
	struct tabmem_fake *f = of(m);
	uint32_t i = proc_index(f, pid);

	if (i == f->n_procs) {
		if (f->n_procs >= f->max_procs)
			return -E2BIG;
		f->n_procs++;
	}
	f->pids[i] = pid;
	f->procs[i] = *proc;
	return 0;
}

static int delete_proc(struct tabmem *m, uint32_t pid)
{
	struct tabmem_fake *f = of(m);
	uint32_t i = proc_index(f, pid);

	if (i == f->n_procs)
		return 0;
	f->n_procs--;
	f->pids[i] = f->pids[f->n_procs];
	f->procs[i] = f->procs[f->n_procs];
	return 0;
}

static int each_proc(struct tabmem *m, tabmem_proc_fn fn, void *arg)
{
	struct tabmem_fake *f = of(m);
	int r = 0;

	for (uint32_t i = 0; i < f->n_procs && !r; i++)
		r = fn(arg, f->pids[i], &f->procs[i]);
	return r;
}

static uint32_t file_index(const struct tabmem_fake *f, const struct cresset_unwind_file_key *key)
{
	uint32_t i = 0;

	while (i < f->n_files && memcmp(&f->file_keys[i], key, sizeof(*key)))
		i++;
	return i;
}

static int set_file(struct tabmem *m, const struct cresset_unwind_file_key *key,
		    const struct cresset_unwind_file *file)
{
	struct tabmem_fake *f = of(m);
	uint32_t i = file_index(f, key);

	if (i == FAKE_FILES)
		return -E2BIG;
	if (i == f->n_files)
		f->n_files++;
	f->file_keys[i] = *key;
	f->files[i] = *file;
	return 0;
}

static int delete_file(struct tabmem *m, const struct cresset_unwind_file_key *key)
{
	struct tabmem_fake *f = of(m);
	uint32_t i = file_index(f, key);

	if (i == f->n_files)
		return 0;
	f->n_files--;
	f->file_keys[i] = f->file_keys[f->n_files];
	f->files[i] = f->files[f->n_files];
	return 0;
}

static int prepare_pool(struct tabmem *m, uint32_t index)
{
	of(m)->prepared = index + 1;
	return 0;
}

static int get_proc(struct tabmem *m, uint32_t pid, struct cresset_unwind_proc *ret)
{
	const struct tabmem_fake *f = of(m);
	uint32_t i = proc_index(f, pid);

	if (i == f->n_procs)
		return -ENOENT;
	*ret = f->procs[i];
	return 0;
}

static int add_miss(struct tabmem *m, const struct cresset_unwind_miss *miss)
{
	struct tabmem_fake *f = of(m);

	for (size_t i = 0; i < f->n_misses; i++)
		if (!memcmp(&f->misses[i], miss, sizeof(*miss)))
			return -EEXIST;
	if (f->n_misses == sizeof(f->misses) / sizeof(f->misses[0]))
		return -E2BIG;
	f->misses[f->n_misses++] = *miss;
	return 0;
}

static int take_misses(struct tabmem *m, const struct cresset_unwind_miss **ret, size_t *ret_n)
{
	*ret = of(m)->misses;
	*ret_n = of(m)->n_misses;
	of(m)->n_misses = 0;
	return 0;
}

static const struct tabmem_ops ops = {
	.add_pool = add_pool,
	.wait = wait_for_walks,
	.set_proc = set_proc,
	.delete_proc = delete_proc,
	.each_proc = each_proc,
	.get_proc = get_proc,
	.add_miss = add_miss,
	.set_file = set_file,
	.delete_file = delete_file,
	.prepare_pool = prepare_pool,
	.take_misses = take_misses,
};

struct tabmem_fake *fake_new(uint32_t n_dsos, uint32_t n_cell_lines, uint32_t n_pages)
{
	struct tabmem_fake *f = calloc(1, sizeof(*f));

	if (!f)
		abort();
	f->max_procs = FAKE_PROCS;
	f->m = (struct tabmem){
		.ops = &ops,
		.rules = calloc(CRESSET_MAX_RULES, sizeof(*f->m.rules)),
		.dsos = calloc(n_dsos, sizeof(*f->m.dsos)),
		.n_dsos = n_dsos,
		.cells = calloc(n_cell_lines, sizeof(*f->m.cells)),
		.n_cells = n_cell_lines * CRESSET_DIR_LINE,
		.pages = calloc(n_pages, sizeof(*f->m.pages)),
		.n_pages = n_pages,
	};
	if (!f->m.rules || !f->m.dsos || !f->m.cells || !f->m.pages)
		abort();
	return f;
}

void fake_free(struct tabmem_fake *f)
{
	for (uint32_t i = 0; i < f->n_pools; i++)
		free(f->pools[i]);
	free(f->m.rules);
	free(f->m.dsos);
	free(f->m.cells);
	free(f->m.pages);
	free(f);
}

static const struct cresset_unwind_block *block_of(const struct tabmem_fake *f, uint32_t id)
{
	uint32_t pool = id / CRESSET_POOL_BLOCKS;

	return pool < f->n_pools ? &f->pools[pool][id % CRESSET_POOL_BLOCKS] : NULL;
}

int fake_find(const struct tabmem_fake *f, uint32_t dso, uint64_t vaddr)
{
	const struct cresset_unwind_dso *d = &f->m.dsos[dso];
	const struct cresset_unwind_block *b;
	uint64_t at = vaddr - d->text;
	uint32_t cell;
	int rule = 0;

	if (d->state != CRESSET_DSO_READY)
		return -1;
	if (at >= d->text_size)
		return 0;
	cell = *tabmem_cell(&f->m, d->dir + (uint32_t)(at >> CRESSET_DIR_SHIFT));
	if (!cell)
		return -2;
	b = block_of(f, cell - 1);
	for (int hops = 0; b && b->dso == dso && at >= b->next_base; hops++) {
		if (hops == CRESSET_MAX_HOPS)
			return -2;
		b = block_of(f, b->next);
	}
	if (!b || b->dso != dso || b->n > CRESSET_BLOCK_ROWS || at < b->base)
		return -2;
	for (uint32_t i = 0; i < b->n && b->rows[i].pc <= at - b->base; i++)
		rule = b->rows[i].rule;
	return rule;
}

const struct cresset_unwind_range *fake_range(const struct tabmem_fake *f, uint32_t pid,
					      uint32_t exec_id, uint64_t address)
{
	uint32_t i = proc_index(f, pid), chosen = 0;
	const struct cresset_unwind_proc *p = &f->procs[i];
	const struct cresset_unwind_page *page;

	if (i == f->n_procs || p->exec_id != exec_id || !p->n_pages)
		return NULL;
	for (uint32_t j = 1; j < p->n_pages && p->first[j] <= address; j++)
		chosen = j;
	page = &f->m.pages[p->pages[chosen]];
	for (uint32_t j = 0; j < page->n; j++) {
		const struct cresset_unwind_range *r = &page->ranges[j];

		if (address - r->start < (uint64_t)r->pages << 12)
			return r;
	}
	return NULL;
}

void fake_miss(struct tabmem_fake *f, uint32_t pid, uint32_t exec_id, uint32_t dso,
	       uint64_t address)
{
	if (f->n_misses == sizeof(f->misses) / sizeof(f->misses[0]))
		abort();
	f->misses[f->n_misses++] = (struct cresset_unwind_miss){
		.pid = pid,
		.exec_id = exec_id,
		.dso = dso,
		.address = dso ? 0 : address & ~((UINT64_C(2) << 20) - 1)};
}

void fake_fork(struct tabmem_fake *f, uint32_t parent, uint32_t child)
{
	uint32_t i = proc_index(f, parent);
	struct cresset_unwind_proc copy;

	if (i == f->n_procs)
		return;
	copy = f->procs[i];
	set_proc(&f->m, child, &copy);
}
