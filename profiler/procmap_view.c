// SPDX-License-Identifier: Apache-2.0
/*
 * procmap_view.c - the process map as an unwinder asks for it: not the location of one address, but
 * beforehand what a process has mapped, and when that changes.
 */
#include <errno.h>
#include <string.h>

#include "procmap_inside.h"

/* ---- Ranges. */

static struct image *running_image(const struct procmap *pm, uint32_t pid, uint32_t exec_id)
{
	const struct process *p = proctab_find(&pm->table, pid);

	if (!p || p->newest->ended)
		return NULL;
	if (p->newest->exec_known && p->newest->exec_id != exec_id)
		return NULL;
	return p->newest;
}

/* What the binary's own addresses are less than those of the range. False: it has no code there. */
static bool find_bias(const struct dso *d, const struct addrspace_range *range, uint64_t *ret)
{
	const struct elfhead *elf = dso_elf(d);
	int segment = elfhead_find_code(elf, range->pgoff, range->end - range->start);

	if (segment < 0)
		segment = elfhead_find(elf, range->pgoff);
	if (segment < 0)
		return false;
	*ret = range->start - range->pgoff + elf->loads[segment].offset - elf->loads[segment].vaddr;
	return true;
}

static int view_range(struct procmap *pm, const struct process *p,
		      const struct addrspace_range *range, struct procmap_view *v)
{
	struct dso *d = dso_table_get(&pm->dsos, range->dso);
	struct dso_place place = {
		.pid = p->pid, .ppid = p->ppid, .start = range->start, .end = range->end};
	int r;

	*v = (struct procmap_view){
		.start = range->start, .end = range->end, .kind = PROCMAP_VIEW_CODE};
	if (d->kind == DSO_VDSO) {
		v->kind = PROCMAP_VIEW_VDSO;
		v->bias = range->start;
		v->binary = range->dso;
		d->vdso_bytes = range->end - range->start;
		return 0;
	}
	r = dso_resolve(&pm->dsos, d, &place, pm->table.drain);
	if (r)
		return r;
	if (d->kind == DSO_FILE && d->state == DSO_READY && find_bias(d, range, &v->bias)) {
		v->kind = PROCMAP_VIEW_ELF;
		v->binary = range->dso;
	} else if (d->kind == DSO_FILE && d->state != DSO_NOT_ELF && !dso_is_pseudo(d)) {
		v->kind = PROCMAP_VIEW_UNREADABLE;
	}
	return 0;
}

int procmap_view(struct procmap *pm, uint32_t pid, uint32_t exec_id, procmap_view_fn fn, void *arg)
{
	const struct image *image = running_image(pm, pid, exec_id);
	const struct addrspace_range *ranges;
	struct procmap_view v;
	size_t n;
	int r = 0;

	if (!image)
		return -ESRCH;
	ranges = addrspace_all(&image->space, &n);
	for (size_t i = 0; i < n && !r; i++) {
		r = view_range(pm, proctab_find(&pm->table, pid), &ranges[i], &v);
		if (!r)
			r = fn(arg, &v);
	}
	return r;
}

bool procmap_exec_id(const struct procmap *pm, uint32_t pid, uint32_t *ret_exec_id)
{
	const struct process *p = proctab_find(&pm->table, pid);

	if (!p || p->newest->ended || !p->newest->exec_known)
		return false;
	*ret_exec_id = p->newest->exec_id;
	return true;
}

static bool any_range(const struct image *image, uint64_t start, uint64_t end)
{
	const struct addrspace_range *ranges;
	size_t n, low = 0, high;

	ranges = addrspace_all(&image->space, &n);
	high = n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ranges[middle].end > start)
			high = middle;
		else
			low = middle + 1;
	}
	return low < n && ranges[low].start < end;
}

void procmap_missed(struct procmap *pm, uint32_t pid, uint32_t exec_id, uint64_t start,
		    uint64_t end)
{
	const struct process *p = proctab_find(&pm->table, pid);
	struct image *image = running_image(pm, pid, exec_id);

	if (image && any_range(image, start, end))
		return;
	/* A sample from before the last exec. */
	if (p && !image && p->newest->exec_known && (int32_t)(exec_id - p->newest->exec_id) <= 0)
		return;
	if (!procmap_rescan(pm, pid, exec_id))
		return;
	image = running_image(pm, pid, exec_id);
	if (image && any_range(image, start, end))
		image->rescan_wait = 0;
}

/* ---- Binaries. */

bool procmap_get_binary(const struct procmap *pm, uint32_t binary, struct procmap_binary *ret)
{
	const struct dso *d = dso_table_get(&pm->dsos, binary);
	const struct elfhead *elf = d ? dso_elf(d) : NULL;
	struct dso_file_id id;

	if (!elf || !dso_file_id(d, &id))
		return false;
	*ret = (struct procmap_binary){
		.build_id = elf->build_id,
		.build_id_size = elf->build_id_size,
		.dev = id.dev,
		.ino = id.ino,
		.size = id.size,
		.mtime_ns = id.mtime_ns,
	};
	ret->mapped_dev = d->ino ? d->dev : id.dev;
	ret->mapped_ino = d->ino ? d->ino : id.ino;
	/* Executable segments come first. */
	if (elf->n_loads && elf->loads[0].executable &&
	    (elf->n_loads == 1 || !elf->loads[1].executable)) {
		ret->code_start = elf->loads[0].offset;
		ret->code_bytes = elf->loads[0].filesz;
		ret->code_shift = elf->loads[0].offset - elf->loads[0].vaddr;
	}
	for (size_t i = 0; i < elf->n_loads; i++) {
		const struct elfhead_load *l = &elf->loads[i];
		uint64_t words[5] = {l->offset, l->filesz, l->vaddr, l->memsz, l->executable};

		ret->segments = hash_bytes(words, sizeof(words), ret->segments);
	}
	return true;
}

bool procmap_is_vdso(const struct procmap *pm, uint32_t binary)
{
	const struct dso *d = dso_table_get(&pm->dsos, binary);

	return d && d->kind == DSO_VDSO;
}

int procmap_open_binary(struct procmap *pm, uint32_t binary)
{
	struct dso *d = dso_table_get(&pm->dsos, binary);

	return d ? dso_open(&pm->dsos, d) : -ENOENT;
}

void procmap_pin(struct procmap *pm, uint32_t binary)
{
	struct dso *d = dso_table_get(&pm->dsos, binary);

	if (d)
		d->pins++;
}

void procmap_unpin(struct procmap *pm, uint32_t binary)
{
	struct dso *d = dso_table_get(&pm->dsos, binary);

	if (d && d->pins)
		d->pins--;
}

/* ---- Changes. */

void procmap_watch(struct procmap *pm)
{
	pm->table.tell_changes = true;
}

static int add_change(struct procmap *pm, uint32_t pid, struct vec *changes)
{
	const struct process *p = proctab_find(&pm->table, pid);
	struct procmap_change c = {.pid = pid, .ended = true};

	if (p) {
		c.ppid = p->ppid;
		c.ended = p->newest->ended;
		c.forked = !p->newest->by_exec;
		c.running = p->running;
	}
	return vec_push(changes, &c, 1) ? 0 : -ENOMEM;
}

int procmap_take_changes(struct procmap *pm, struct vec *changes)
{
	const uint32_t *pids;
	size_t n;
	int r = 0;

	proctab_take_changes(&pm->table, &pids, &n);
	for (size_t i = 0; i < n && !r; i++)
		r = add_change(pm, pids[i], changes);
	return r;
}

int procmap_list(struct procmap *pm, struct vec *changes)
{
	int r = 0;

	for (size_t i = 0; i < pm->table.processes.n && !r; i++) {
		const struct process *p = *(struct process **)vec_at(&pm->table.processes, i);

		if (!p->newest->ended)
			r = add_change(pm, p->pid, changes);
	}
	return r;
}
