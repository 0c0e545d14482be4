// SPDX-License-Identifier: Apache-2.0
/* See procpages.h. */
#include "unwind/procpages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* Part of the processes that is displaced at once. */
	DISPLACE_PART = 8,
	MIN_GONE = 64,
	COLLECT_PART = 3, /* when fewer pages than this part are free */
	FORCE_WAIT_MS = 20,
	FORCE_WAIT_MAX_MS = 60000,
};

struct procpages_entry {
	uint32_t pid; /* 0: gone */
	uint32_t exec_id;
	uint64_t digest;   /* of the ranges */
	uint64_t stamp;	   /* larger: published later */
	uint64_t force_ns; /* not to be forced before */
	uint32_t force_wait_ms;
};

int procpages_init(struct procpages *pp, struct tabmem *mem)
{
	memset(pp, 0, sizeof(*pp));
	pp->mem = mem;
	vec_init(&pp->free, sizeof(uint32_t));
	vec_init(&pp->entries, sizeof(struct procpages_entry));
	hash_init(&pp->index);
	if (vec_reserve(&pp->free, mem->n_pages))
		return -ENOMEM;
	for (uint32_t i = 0; i < mem->n_pages; i++) {
		uint32_t id = mem->n_pages - 1 - i;

		vec_push(&pp->free, &id, 1);
	}
	return 0;
}

void procpages_release(struct procpages *pp)
{
	vec_release(&pp->free);
	vec_release(&pp->entries);
	hash_release(&pp->index);
	free(pp->collected);
	pp->collected = NULL;
}

/* ---- What we think that the kernel has. */

static struct procpages_entry *entry_at(const struct procpages *pp, size_t i)
{
	return vec_at(&pp->entries, i);
}

static uint64_t pid_hash(uint32_t pid)
{
	return (pid + 1) * 0x9e3779b97f4a7c15u;
}

static bool pid_equal(const void *pages, uint32_t id, const void *key)
{
	return entry_at(pages, id - 1)->pid == *(const uint32_t *)key;
}

static struct procpages_entry *find(const struct procpages *pp, uint32_t pid)
{
	uint32_t id = pid ? hash_find(&pp->index, pid_hash(pid), pid_equal, pp, &pid) : 0;

	return id ? entry_at(pp, id - 1) : NULL;
}

static struct procpages_entry *find_or_add(struct procpages *pp, uint32_t pid)
{
	struct procpages_entry *e = find(pp, pid);

	if (e)
		return e;
	if (!pid || hash_reserve(&pp->index))
		return NULL;
	e = vec_push(&pp->entries, NULL, 1);
	if (!e)
		return NULL;
	e->pid = pid;
	hash_insert(&pp->index, pid_hash(pid), (uint32_t)pp->entries.n);
	return e;
}

/* Entries that are gone keep their place (the hash forgets nothing) until they are half of all. */
static void compact(struct procpages *pp)
{
	size_t kept = 0;

	if (pp->n_gone < MIN_GONE || pp->n_gone < pp->entries.n / 2)
		return;
	memset(pp->index.slots, 0, pp->index.capacity * sizeof(*pp->index.slots));
	pp->index.n = 0;
	for (size_t i = 0; i < pp->entries.n; i++) {
		struct procpages_entry *e = entry_at(pp, i);

		if (!e->pid)
			continue;
		*entry_at(pp, kept++) = *e;
		hash_insert(&pp->index, pid_hash(e->pid), (uint32_t)kept);
	}
	pp->entries.n = kept;
	pp->n_gone = 0;
}

static void forget(struct procpages *pp, struct procpages_entry *e)
{
	e->pid = 0;
	pp->n_gone++;
}

bool procpages_known(const struct procpages *pp, uint32_t pid, uint32_t *ret_exec_id)
{
	const struct procpages_entry *e = find(pp, pid);

	if (e)
		*ret_exec_id = e->exec_id;
	return e;
}

/* ---- Pages. */

struct marking {
	struct procpages *pp;
	bool *used;
	size_t n;
};

static int mark_pages(void *arg, uint32_t pid, const struct cresset_unwind_proc *proc)
{
	struct marking *m = arg;

	for (uint32_t i = 0; i < proc->n_pages && i < CRESSET_MAX_PROC_PAGES; i++)
		if (proc->pages[i] < m->n)
			m->used[proc->pages[i]] = true;
	return 0;
}

/* Which pages entries name now; the caller's to free. */
static int find_used(struct procpages *pp, bool **ret)
{
	struct marking m = {.pp = pp, .n = pp->mem->n_pages};
	int r;

	m.used = calloc(m.n ? m.n : 1, sizeof(bool));
	if (!m.used)
		return -ENOMEM;
	r = pp->mem->ops->each_proc(pp->mem, mark_pages, &m);
	if (r)
		free(m.used);
	else
		*ret = m.used;
	return r;
}

/* Finds the pages that no entry names, while the caller waits. */
static int reclaim(struct procpages *pp)
{
	bool *used;
	int r = pp->mem->ops->wait(pp->mem);

	pp->stats.reclaims++;
	if (!r)
		r = find_used(pp, &used);
	if (r)
		return r;
	free(pp->collected);
	pp->collected = NULL;
	pp->free.n = 0;
	for (uint32_t i = 0; i < pp->mem->n_pages; i++)
		if (!used[i])
			vec_push(&pp->free, &i, 1);
	free(used);
	return 0;
}

bool procpages_few(const struct procpages *pp)
{
	return !pp->collected && pp->free.n < pp->mem->n_pages / COLLECT_PART;
}

int procpages_collect(struct procpages *pp)
{
	bool *used;
	int r = find_used(pp, &used);

	if (r)
		return r;
	for (uint32_t i = 0; i < pp->mem->n_pages; i++)
		used[i] = !used[i];
	/* What is free may be given out meanwhile. */
	for (size_t i = 0; i < pp->free.n; i++)
		used[*(uint32_t *)vec_at(&pp->free, i)] = false;
	pp->collected = used;
	return 0;
}

int procpages_collected(struct procpages *pp, int waited)
{
	bool *collected = pp->collected, *used;
	int r = waited;

	if (!collected)
		return 0; /* it has been done while somebody waited */
	pp->collected = NULL;
	/* Forks that were at it may have copied an entry that has been replaced since. */
	if (!r)
		r = find_used(pp, &used);
	for (uint32_t i = 0; !r && i < pp->mem->n_pages; i++)
		if (collected[i] && !used[i])
			vec_push(&pp->free, &i, 1);
	if (!r)
		free(used);
	free(collected);
	return r;
}

static int oldest_first(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Takes the entries away that were published longest ago. */
static int displace(struct procpages *pp)
{
	size_t n = pp->entries.n - pp->n_gone, k = 0;
	uint64_t *stamps, limit;

	if (!n)
		return -ENOSPC;
	stamps = calloc(n, sizeof(*stamps));
	if (!stamps)
		return -ENOMEM;
	for (size_t i = 0; i < pp->entries.n; i++)
		if (entry_at(pp, i)->pid)
			stamps[k++] = entry_at(pp, i)->stamp;
	qsort(stamps, n, sizeof(*stamps), oldest_first);
	limit = stamps[n / DISPLACE_PART];
	free(stamps);
	for (size_t i = 0; i < pp->entries.n; i++) {
		struct procpages_entry *e = entry_at(pp, i);

		if (!e->pid || e->stamp > limit)
			continue;
		pp->mem->ops->delete_proc(pp->mem, e->pid);
		forget(pp, e);
		pp->stats.displaced++;
	}
	return 0;
}

static int make_room(struct procpages *pp, size_t n)
{
	int r;

	if (pp->free.n >= n)
		return 0;
	if (n > pp->mem->n_pages)
		return -ENOSPC;
	r = reclaim(pp);
	while (!r && pp->free.n < n) {
		r = displace(pp);
		if (!r)
			r = reclaim(pp);
	}
	return r;
}

static void fill_pages(struct procpages *pp, const struct cresset_unwind_range *ranges, size_t n,
		       struct cresset_unwind_proc *ret)
{
	for (size_t at = 0; at < n; at += CRESSET_PAGE_RANGES) {
		uint32_t id = *(uint32_t *)vec_at(&pp->free, --pp->free.n);
		struct cresset_unwind_page *page = &pp->mem->pages[id];

		page->n = n - at < CRESSET_PAGE_RANGES ? (uint32_t)(n - at) : CRESSET_PAGE_RANGES;
		memcpy(page->ranges, ranges + at, page->n * sizeof(*ranges));
		ret->pages[ret->n_pages] = id;
		ret->first[ret->n_pages] = ranges[at].start;
		ret->n_pages++;
	}
}

int procpages_publish(struct procpages *pp, uint32_t pid, uint32_t exec_id,
		      const struct cresset_unwind_range *ranges, size_t n, bool force)
{
	struct cresset_unwind_proc proc = {.exec_id = exec_id};
	struct procpages_entry *e = find(pp, pid);
	uint64_t digest;
	int r;

	if (n > PROCPAGES_MAX_RANGES) {
		pp->stats.ranges_cut += n - PROCPAGES_MAX_RANGES;
		n = PROCPAGES_MAX_RANGES;
	}
	digest = hash_bytes(ranges, n * sizeof(*ranges), n);
	if (!force && e && e->digest == digest && e->exec_id == exec_id) {
		pp->stats.unchanged++;
		return 0;
	}
	r = make_room(pp, (n + CRESSET_PAGE_RANGES - 1) / CRESSET_PAGE_RANGES);
	/* Making room may have moved or displaced it. */
	e = r ? NULL : find_or_add(pp, pid);
	if (!e) {
		pp->stats.failed++;
		return r ? r : -ENOMEM;
	}
	fill_pages(pp, ranges, n, &proc);
	r = pp->mem->ops->set_proc(pp->mem, pid, &proc);
	if (r) {
		/* The pages are found again by the next reclaim. */
		pp->stats.failed++;
		if (!e->stamp)
			forget(pp, e);
		return r;
	}
	e->exec_id = exec_id;
	e->digest = digest;
	e->stamp = ++pp->clock;
	pp->stats.published++;
	return 0;
}

int procpages_fork(struct procpages *pp, uint32_t pid, uint32_t ppid)
{
	const struct procpages_entry *parent = find(pp, ppid);
	struct procpages_entry copy, *e;

	if (!parent)
		return 0;
	copy = *parent;
	e = find_or_add(pp, pid);
	if (!e)
		return -ENOMEM;
	copy.pid = pid;
	copy.stamp = ++pp->clock;
	copy.force_ns = copy.force_wait_ms = 0;
	*e = copy;
	return 0;
}

void procpages_remove(struct procpages *pp, uint32_t pid)
{
	struct procpages_entry *e = find(pp, pid);

	if (!e)
		return;
	pp->mem->ops->delete_proc(pp->mem, pid);
	forget(pp, e);
	compact(pp);
}

bool procpages_may_force(struct procpages *pp, uint32_t pid, uint64_t now_ns)
{
	struct procpages_entry *e = find(pp, pid);

	if (!e)
		return true;
	if (now_ns < e->force_ns)
		return false;
	e->force_wait_ms = e->force_wait_ms ? e->force_wait_ms * 2 : FORCE_WAIT_MS;
	if (e->force_wait_ms > FORCE_WAIT_MAX_MS)
		e->force_wait_ms = FORCE_WAIT_MAX_MS;
	e->force_ns = now_ns + e->force_wait_ms * UINT64_C(1000000);
	return true;
}

/* ---- Questions. */

static int mark_dsos(void *arg, uint32_t pid, const struct cresset_unwind_proc *proc)
{
	struct marking *m = arg;

	for (uint32_t i = 0; i < proc->n_pages && i < CRESSET_MAX_PROC_PAGES; i++) {
		const struct cresset_unwind_page *page;

		if (proc->pages[i] >= m->pp->mem->n_pages)
			continue;
		page = &m->pp->mem->pages[proc->pages[i]];
		for (uint32_t j = 0; j < page->n && j < CRESSET_PAGE_RANGES; j++)
			if (page->ranges[j].dso < m->n)
				m->used[page->ranges[j].dso] = true;
	}
	return 0;
}

int procpages_mark(struct procpages *pp, bool *used, size_t n)
{
	struct marking m = {.pp = pp, .used = used, .n = n};

	return pp->mem->ops->each_proc(pp->mem, mark_dsos, &m);
}

void procpages_get_stats(const struct procpages *pp, struct procpages_stats *ret)
{
	*ret = pp->stats;
	ret->processes = pp->entries.n - pp->n_gone;
	ret->pages = pp->mem->n_pages - pp->free.n;
}
