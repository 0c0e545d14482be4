// SPDX-License-Identifier: Apache-2.0
/*
 * See follow.h.
 *
 * The vdso is the same code in all processes of this machine, ours included, so its table is made
 * from our own copy of it.
 */
#include "unwind/follow.h"

#include <errno.h>
#include <link.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

/* What the other thread waits for. */
enum { COLLECTION = 1, NEXT_POOL };

enum {
	JOBS_AT_ONCE = 4, /* each holds a descriptor */
	SOON_MS = 10,
	LATE_MS = 80,
	SLICE_US = 3000, /* of publishing processes that nobody waits for */
	LOOK_MS = 1000,	 /* misses are looked for at least as often as this */
	PAGE_SHIFT = 12,
};

#define MISS_BYTES (UINT64_C(2) << 20)

/* What runs here; another machine's file may be mapped all the same. */
#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#error "unwind/follow.c: no unwind tables for this machine yet"
#endif

struct follow {
	struct tabmem *mem;
	struct procmap *pm;
	struct follow_options options;
	struct tables tables;
	struct procpages pages;
	struct files files;
	struct early *early;
	struct early *own_early; /* if there was none */
	struct loader *loader;	 /* of early */
	struct loader *waiter;	 /* a thread that waits for the kernel */
	uint32_t n_pools_asked;
	struct vec ranges;  /* struct cresset_unwind_range, of the process at hand */
	struct vec changes; /* struct procmap_change */
	struct vec wanted;  /* uint32_t dso ids, in the order of asking, from n_started on */
	size_t n_started;
	struct vec todo; /* struct procmap_change: processes nobody has asked for, from n_done on */
	size_t n_done;
	uint64_t now_ns;
	unsigned int wait_ms;
	bool begun; /* from here on samples are taken */
	bool any;   /* something happened in this serving */
	uint64_t activity, looked_ns;
	uint64_t misses, miss_processes, compile_ns, compiled_rows;
};

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void set_time(struct follow *f, uint64_t now_ns)
{
	f->now_ns = now_ns;
	f->tables.epoch = (uint32_t)(now_ns / 1000000000u);
	*f->options.epoch = f->tables.epoch;
}

void follow_free(struct follow *f)
{
	if (!f)
		return;
	early_free(f->own_early);
	loader_free(f->waiter);
	if (f->tables.mem)
		tables_release(&f->tables);
	if (f->pages.mem)
		procpages_release(&f->pages);
	files_release(&f->files);
	vec_release(&f->ranges);
	vec_release(&f->changes);
	vec_release(&f->wanted);
	vec_release(&f->todo);
	free(f);
}

/* ---- Files. */

/* Puts a file on the list; once, as it is no longer wanted then. */
static int want(struct follow *f, uint32_t dso)
{
	if (!tables_wants(&f->tables, dso, f->now_ns))
		return 0;
	if (!vec_push(&f->wanted, &dso, 1))
		return -ENOMEM;
	tables_begin(&f->tables, dso);
	f->any = true;
	return 0;
}

static void make_key(const struct procmap_binary *b, struct tables_key *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->segments = b->segments;
	if (b->build_id_size && b->build_id_size <= sizeof(ret->build_id)) {
		memcpy(ret->build_id, b->build_id, b->build_id_size);
		return;
	}
	ret->dev = b->dev;
	ret->ino = b->ino;
	ret->size = b->size;
	ret->mtime_ns = b->mtime_ns;
}

/* The dso id of what a view shows; 0: none, which is no failure. */
static int find_dso(struct follow *f, const struct procmap_view *v, uint32_t *ret)
{
	struct procmap_binary binary;
	struct tables_key key;
	bool is_new, is_vdso = true;
	int r;

	*ret = 0;
	memset(&key, 0, sizeof(key));
	if (v->kind == PROCMAP_VIEW_ELF) {
		if (!procmap_get_binary(f->pm, v->binary, &binary))
			return 0;
		make_key(&binary, &key);
		is_vdso = false;
	} else if (v->kind == PROCMAP_VIEW_VDSO) {
		key.size = v->end - v->start;
	} else {
		return 0;
	}
	r = tables_add(&f->tables, &key, v->binary, ret, &is_new);
	if (r == -E2BIG)
		return 0;
	if (r)
		return r;
	if (is_new)
		procmap_pin(f->pm, v->binary);
	return is_vdso ? files_add_vdso(&f->files, *ret) : files_add(&f->files, &binary, *ret);
}

/* The size of our own vdso, by its segments; 0: there is none. */
static size_t vdso_size(const void *image)
{
	const ElfW(Ehdr) *header = image;
	const ElfW(Phdr) * segments;
	size_t size = 0;

	if (!image)
		return 0;
	segments = (const void *)((const char *)image + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++)
		if (segments[i].p_type == PT_LOAD &&
		    segments[i].p_offset + segments[i].p_filesz > size)
			size = segments[i].p_offset + segments[i].p_filesz;
	/* Section headers and notes behind the segment are in its last page. */
	return (size + ((size_t)1 << PAGE_SHIFT) - 1) >> PAGE_SHIFT << PAGE_SHIFT;
}

static int load_vdso(struct follow *f, uint32_t dso)
{
	const void *image = (const void *)getauxval(AT_SYSINFO_EHDR);
	size_t size = vdso_size(image);

	if (!size)
		return -ENOENT;
	return loader_submit_memory(f->loader, dso, image, size);
}

static int load_file(struct follow *f, uint32_t binary, uint32_t dso)
{
	int fd = procmap_open_binary(f->pm, binary);

	return fd < 0 ? fd : loader_submit_fd(f->loader, dso, fd);
}

/* Hands wanted files to the loader, as many as it should have. */
static int start_jobs(struct follow *f)
{
	uint32_t dso, binary;
	int r;

	while (f->n_started < f->wanted.n && loader_pending(f->loader) < JOBS_AT_ONCE) {
		dso = *(uint32_t *)vec_at(&f->wanted, f->n_started++);
		if (!tables_owner(&f->tables, dso, &binary))
			continue;
		if (procmap_is_vdso(f->pm, binary))
			r = load_vdso(f, dso);
		else
			r = load_file(f, binary, dso);
		if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
			tables_later(&f->tables, dso, f->now_ns);
		else if (r)
			tables_none(&f->tables, dso);
		if (r == -ENOMEM)
			return r;
	}
	if (f->n_started == f->wanted.n)
		f->wanted.n = f->n_started = 0;
	return 0;
}

/* Publishes a compiled table, which it takes. */
static int take_table(struct follow *f, uint32_t dso, struct loader_result *result)
{
	int r;

	f->compile_ns += result->cpu_ns;
	if (!result->table || result->table->machine != MACHINE) {
		cfi_table_free(result->table);
		if (result->error == -ENOMEM)
			tables_later(&f->tables, dso, f->now_ns);
		else
			tables_none(&f->tables, dso);
		return 0;
	}
	f->compiled_rows += result->table->n_rows_raw;
	r = tables_publish(&f->tables, dso, result->table, f->now_ns);
	cfi_table_free(result->table);
	/* No room is no failure of ours: it is counted. */
	return r == -ENOSPC ? 0 : r;
}

static int take_results(struct follow *f)
{
	struct loader_result result;
	int failed = 0, r;

	while (loader_take(f->loader, &result)) {
		struct early_file *file = early_find(f->early, result.id);
		uint32_t dso = file ? file->dso : result.id;

		f->any = true;
		if (file && !file->done) {
			file->done = true;
			f->early->n_done++;
		}
		if (!dso) {
			cfi_table_free(result.table);
			failed = result.error && !file ? result.error : failed;
			continue;
		}
		r = take_table(f, dso, &result);
		failed = r ? r : failed;
	}
	return failed;
}

/*
 * What has been begun early becomes files like all others. Two of them may be one file, known by
 * two names; the second table is then not needed.
 */
static int claim_early(struct follow *f)
{
	int r = 0;

	for (size_t i = 0; i < f->early->files.n && !r; i++) {
		struct early_file *file = vec_at(&f->early->files, i);
		struct procmap_view v = {.kind = PROCMAP_VIEW_ELF, .binary = file->binary};

		if (file->ignored)
			continue;
		r = find_dso(f, &v, &file->dso);
		if (r || !file->dso)
			continue;
		if (tables_wants(&f->tables, file->dso, f->now_ns))
			tables_begin(&f->tables, file->dso);
		else
			file->dso = 0;
	}
	return r;
}

int follow_new(struct tabmem *mem, struct procmap *pm, const struct follow_options *options,
	       struct follow **ret)
{
	struct follow *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->mem = mem;
	f->pm = pm;
	f->options = *options;
	f->wait_ms = SOON_MS;
	vec_init(&f->ranges, sizeof(struct cresset_unwind_range));
	vec_init(&f->changes, sizeof(struct procmap_change));
	vec_init(&f->wanted, sizeof(uint32_t));
	vec_init(&f->todo, sizeof(struct procmap_change));
	files_init(&f->files, mem);
	set_time(f, clock_ns());
	r = tables_init(&f->tables, mem, options->max_blocks);
	if (!r)
		r = procpages_init(&f->pages, mem);
	if (!r)
		r = loader_new(&f->waiter);
	f->early = options->early;
	if (!r && !f->early)
		r = early_new(&f->own_early);
	if (!f->early)
		f->early = f->own_early;
	if (r) {
		follow_free(f);
		return r;
	}
	f->loader = f->early->loader;
	procmap_watch(pm);
	r = claim_early(f);
	if (r) {
		follow_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

/* ---- Processes. */

static int wait_for_walkers(void *mem)
{
	struct tabmem *m = mem;

	return m->ops->wait(m);
}

static int make_next_pool(void *follow)
{
	struct follow *f = follow;
	uint32_t asked = __atomic_load_n(&f->n_pools_asked, __ATOMIC_RELAXED);

	return f->mem->ops->prepare_pool(f->mem, asked - 1);
}

/* What takes longer than a sample is done on another thread, before it is needed. */
static int collect_pages(struct follow *f)
{
	struct loader_result result;
	int r = 0;

	while (loader_take(f->waiter, &result))
		if (result.id == COLLECTION)
			r = procpages_collected(&f->pages, result.error);
	if (r || !procpages_few(&f->pages))
		return r;
	r = procpages_collect(&f->pages);
	if (r)
		return r;
	r = loader_submit_call(f->waiter, COLLECTION, wait_for_walkers, f->mem);
	return r ? procpages_collected(&f->pages, r) : 0;
}

/* A failure is met again when the pool is needed. */
static int make_pools(struct follow *f)
{
	uint32_t index;

	if (!f->mem->ops->prepare_pool || !pool_low(&f->tables.pool, &index) ||
	    index < f->n_pools_asked)
		return 0;
	__atomic_store_n(&f->n_pools_asked, index + 1, __ATOMIC_RELAXED);
	return loader_submit_call(f->waiter, NEXT_POOL, make_next_pool, f);
}

static bool can_join(const struct cresset_unwind_range *a, const struct cresset_unwind_range *b)
{
	return a->start + ((uint64_t)a->pages << PAGE_SHIFT) == b->start && a->dso == b->dso &&
	       a->kind == b->kind && a->bias == b->bias &&
	       (uint64_t)a->pages + b->pages <= UINT32_MAX;
}

static int add_range(struct follow *f, const struct cresset_unwind_range *range)
{
	struct cresset_unwind_range *last;

	if (f->ranges.n) {
		last = vec_at(&f->ranges, f->ranges.n - 1);
		if (can_join(last, range)) {
			last->pages += range->pages;
			return 0;
		}
	}
	return vec_push(&f->ranges, range, 1) ? 0 : -ENOMEM;
}

static int take_view(void *arg, const struct procmap_view *v)
{
	struct follow *f = arg;
	uint64_t pages = (v->end - v->start) >> PAGE_SHIFT;
	struct cresset_unwind_range range;
	uint32_t dso;
	int r = find_dso(f, v, &dso);

	if (r)
		return r;
	memset(&range, 0, sizeof(range));
	range.start = v->start;
	range.bias = dso ? v->bias : 0;
	range.pages = pages < UINT32_MAX ? (uint32_t)pages : UINT32_MAX;
	range.dso = (uint16_t)dso;
	range.kind = CRESSET_RANGE_FILE;
	if (v->kind == PROCMAP_VIEW_VDSO)
		range.kind = CRESSET_RANGE_VDSO;
	else if (v->kind == PROCMAP_VIEW_CODE)
		range.kind = CRESSET_RANGE_ANON;
	r = add_range(f, &range);
	if (!r)
		r = hotspot_view(f->options.hotspot, v);
	if (!r && dso && !f->options.everything &&
	    (f->begun || !early_ignores(f->early, v->binary)))
		r = want(f, dso);
	return r;
}

static int publish(struct follow *f, uint32_t pid, uint32_t exec_id, bool force)
{
	int r;

	f->ranges.n = 0;
	hotspot_begin(f->options.hotspot);
	r = procmap_view(f->pm, pid, exec_id, take_view, f);
	if (r == -ESRCH)
		return 0;
	if (!r)
		r = hotspot_end(f->options.hotspot, f->pm, pid, exec_id);
	if (r)
		return r;
	/* Kernel threads, and programs that are only just being started. */
	if (!f->ranges.n)
		return 0;
	force = force && procpages_may_force(&f->pages, pid, f->now_ns);
	r = procpages_publish(&f->pages, pid, exec_id, f->ranges.data, f->ranges.n, force);
	return r == -ENOSPC || r == -E2BIG ? 0 : r;
}

static int publish_change(struct follow *f, const struct procmap_change *c)
{
	uint32_t exec_id, known;
	int r;

	if (c->ended) {
		procpages_remove(&f->pages, c->pid);
		hotspot_remove(f->options.hotspot, c->pid);
		return 0;
	}
	if (!procmap_exec_id(f->pm, c->pid, &exec_id))
		return 0;
	if (!procpages_known(&f->pages, c->pid, &known)) {
		if (procpages_known(&f->pages, c->ppid, &known)) {
			r = procpages_fork(&f->pages, c->pid, c->ppid);
			if (r)
				return r;
		} else if (!f->options.everything) {
			return 0;
		}
	}
	return publish(f, c->pid, exec_id, false);
}

int follow_process(struct follow *f, uint32_t pid)
{
	uint32_t exec_id;

	if (!procmap_exec_id(f->pm, pid, &exec_id))
		return 0;
	return publish(f, pid, exec_id, false);
}

int follow_all(struct follow *f)
{
	return f->options.everything ? procmap_list(f->pm, &f->todo) : 0;
}

static int take_changes(struct follow *f)
{
	int r = procmap_take_changes(f->pm, &f->changes), r2;

	for (size_t i = 0; i < f->changes.n; i++) {
		r2 = publish_change(f, vec_at(&f->changes, i));
		r = r ? r : r2;
		f->any = true;
	}
	f->changes.n = 0;
	return r;
}

static int take_miss(struct follow *f, const struct cresset_unwind_miss *miss)
{
	f->misses++;
	if (miss->dso)
		return want(f, miss->dso);
	f->miss_processes++;
	procmap_missed(f->pm, miss->pid, miss->exec_id, miss->address, miss->address + MISS_BYTES);
	return publish(f, miss->pid, miss->exec_id, true);
}

static bool may_have_misses(struct follow *f)
{
	uint64_t activity = f->options.activity ? f->options.activity(f->options.arg) : 0;

	if (f->options.activity && activity == f->activity &&
	    f->now_ns - f->looked_ns < LOOK_MS * UINT64_C(1000000))
		return false;
	f->activity = activity;
	f->looked_ns = f->now_ns;
	return true;
}

static int take_misses(struct follow *f)
{
	const struct cresset_unwind_miss *misses;
	size_t n;
	int r, r2;

	if (!may_have_misses(f))
		return 0;
	r = f->mem->ops->take_misses(f->mem, &misses, &n);
	if (r)
		return r;
	for (size_t i = 0; i < n; i++) {
		r2 = take_miss(f, &misses[i]);
		r = r ? r : r2;
		f->any = true;
	}
	return r;
}

/* Some of those that wait from the start; no longer than a slice. */
static int do_todo(struct follow *f)
{
	uint64_t end_ns = clock_ns() + SLICE_US * UINT64_C(1000);
	int r = 0;

	while (!r && f->n_done < f->todo.n && clock_ns() < end_ns)
		r = publish_change(f, vec_at(&f->todo, f->n_done++));
	if (f->n_done < f->todo.n) {
		f->any = true;
		return r;
	}
	f->todo.n = f->n_done = 0;
	return r;
}

int follow_serve(struct follow *f, uint64_t now_ns, unsigned int *ret_ms)
{
	int (*const steps[])(struct follow *) = {take_results, take_changes, take_misses,  do_todo,
						 start_jobs,   make_pools,   collect_pages};
	int r, r2;

	f->any = false;
	set_time(f, now_ns);
	r = procmap_poll(f->pm);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		r2 = steps[i](f);
		r = r ? r : r2;
	}
	if (f->any)
		f->wait_ms = SOON_MS;
	else if (f->wait_ms < LATE_MS)
		f->wait_ms *= 2;
	*ret_ms = f->wait_ms;
	return r;
}

static uint64_t ms_to(uint64_t end_ns)
{
	uint64_t now = clock_ns();

	return now >= end_ns ? 0 : (end_ns - now + 999999) / 1000000;
}

int follow_await(struct follow *f, unsigned int max_ms)
{
	uint64_t end_ns = clock_ns() + max_ms * UINT64_C(1000000);
	struct pollfd fd = {.fd = loader_fd(f->loader), .events = POLLIN};
	int r = make_pools(f);

	f->begun = true;
	if (!r)
		r = start_jobs(f);
	while (!r && loader_pending(f->loader) && ms_to(end_ns)) {
		if (poll(&fd, 1, (int)ms_to(end_ns)) < 0)
			break;
		r = take_results(f);
		if (!r)
			r = start_jobs(f);
	}
	return r;
}

int follow_fd(const struct follow *f)
{
	return loader_fd(f->loader);
}

bool follow_busy(const struct follow *f)
{
	return f->n_started < f->wanted.n || loader_pending(f->loader) ||
	       loader_pending(f->waiter) || f->n_done < f->todo.n;
}

const struct pool *follow_pool(const struct follow *f)
{
	return &f->tables.pool;
}

/* ---- After drains. */

static void forget_file(void *arg, uint32_t dso)
{
	struct follow *f = arg;

	files_forget(&f->files, dso);
}

static void unpin(void *arg, uint32_t binary)
{
	struct follow *f = arg;

	procmap_unpin(f->pm, binary);
}

int follow_drained(struct follow *f)
{
	const struct tables_sweeping by = {.on_unused = forget_file, .on_free = unpin, .arg = f};
	bool *used;
	int r;

	if (!tables_crowded(&f->tables))
		return 0;
	used = calloc(CRESSET_MAX_DSOS, sizeof(*used));
	if (!used)
		return -ENOMEM;
	r = procpages_mark(&f->pages, used, CRESSET_MAX_DSOS);
	if (!r)
		r = tables_sweep(&f->tables, used, &by);
	free(used);
	return r;
}

int follow_location(struct follow *f, struct cresset_profile *p, uint32_t dso, uint64_t address,
		    uint32_t flags, uint32_t *ret_location)
{
	uint32_t binary = 0;

	/* Binary 0 does not exist: the location then says "[unknown]". */
	tables_owner(&f->tables, dso, &binary);
	return procmap_binary_location(f->pm, p, binary, address, flags, ret_location);
}

void follow_get_stats(const struct follow *f, struct follow_stats *ret)
{
	memset(ret, 0, sizeof(*ret));
	tables_get_stats(&f->tables, &ret->tables);
	procpages_get_stats(&f->pages, &ret->pages);
	ret->pending = f->wanted.n - f->n_started + loader_pending(f->loader);
	ret->misses = f->misses;
	ret->miss_processes = f->miss_processes;
	ret->compile_ns = f->compile_ns;
	ret->compiled_rows = f->compiled_rows;
}
