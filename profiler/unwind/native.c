// SPDX-License-Identifier: Apache-2.0
/*
 * native.c - stacks by unwind tables, walked in the kernel (bpf/unw_native.bpf.c).
 *
 * This file joins the session to what does the work: sizes of the maps, descriptors, options, and
 * counters. Bringing mappings and tables is in follow.c.
 *
 * Sizes. --max-memory is for everything that is made for unwinding: the pools of blocks, made when
 * they are needed, and beside them fixed maps, for which a system-wide session needs more than one
 * of a few processes. A directory takes 4 bytes for 2 KiB of code, rows 100 to 200 (15 million rows
 * for 1.1 GB of code in all of a Debian system's files), so a directory of a 32nd is enough.
 */
#include <bpf/bpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "session.h"
#include "unwind/follow.h"
#include "unwind/remote.h"

enum {
	FEW_TARGETS = 16,
	DIRECTORY_PART = 32,
	DSOS_FEW = 4096,
	PAGES_FEW = 256,
	PAGES_MANY = 512,
	PAGES_MAX = 1 << 15,
	FILES_FEW = 256,
	FILES_MANY = 4096,
	FILE_BYTES = 120,
	JVMS_FEW = 64,
	JVMS_MANY = 512,
	JVM_BYTES = 448,
	PROC_BYTES = 272, /* of an entry of the hash, about, as the kernel counts it */
	MISSES = 512,
	AWAIT_MS = 15,
};

#define DEFAULT_MEMORY (UINT64_C(128) << 20)
#define POOL_BYTES     (CRESSET_POOL_BLOCKS * sizeof(struct cresset_unwind_block))

struct native {
	struct tabmem *mem;
	struct follow *follow;
	struct remote *remote; /* NULL: not asked for yet */
	struct hotspot *hotspot;
	uint64_t max_blocks;
	uint64_t fixed_bytes;
	struct vec pids; /* uint32_t, of targets */
	struct early *early;
	int first_pool, pools; /* maps; -1: none */
};

struct native_sizes {
	uint32_t dsos;
	uint32_t dir_lines;
	uint32_t pages;
	uint32_t procs;
	uint32_t jvms;
	uint32_t files;
	uint64_t max_blocks;
	uint64_t fixed_bytes;
};

static const char *native_broken(enum cresset_stop stop, size_t n)
{
	if (stop == CRESSET_STOP_NO_USER || stop == CRESSET_STOP_WHOLE ||
	    (stop == CRESSET_STOP_END && n >= 2))
		return NULL;
	return unwind_stop_text(stop);
}

/* ---- Sizes. */

static bool is_everything(const struct cresset_recorder_options *o)
{
	return !o->n_pids && !o->n_tids && !o->cgroup;
}

static uint32_t count_processes(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	uint32_t n = 0;

	while (dir && (e = readdir(dir)))
		n += e->d_name[0] >= '1' && e->d_name[0] <= '9';
	if (dir)
		closedir(dir);
	return n;
}

static int choose_sizes(const struct cresset_recorder_options *o, struct native_sizes *ret,
			struct cresset_error *err)
{
	uint64_t memory = o->max_memory ? o->max_memory : DEFAULT_MEMORY, fixed;
	bool many = is_everything(o) || o->cgroup || o->n_pids + o->n_tids > FEW_TARGETS;
	uint64_t pages = many ? 2 * (uint64_t)count_processes() + PAGES_MANY : PAGES_FEW;

	if (pages > PAGES_MAX)
		pages = PAGES_MAX;
	ret->pages = (uint32_t)pages;
	/* Half as many again: some have more than one page, but more are forks that share them. */
	ret->procs = ret->pages + ret->pages / 2;
	ret->files = many ? FILES_MANY : FILES_FEW;
	ret->jvms = many ? JVMS_MANY : JVMS_FEW;
	ret->dsos = many ? CRESSET_MAX_DSOS : DSOS_FEW;
	ret->dir_lines = (uint32_t)(memory / DIRECTORY_PART / sizeof(struct cresset_unwind_cells));
	if (!many)
		ret->dir_lines /= 4;
	fixed = CRESSET_MAX_RULES * sizeof(struct cresset_unwind_rule) +
		ret->dsos * sizeof(struct cresset_unwind_dso) +
		(uint64_t)ret->dir_lines * sizeof(struct cresset_unwind_cells) +
		ret->files * FILE_BYTES + ret->pages * sizeof(struct cresset_unwind_page) +
		(uint64_t)ret->procs * PROC_BYTES + (uint64_t)ret->jvms * JVM_BYTES;
	if (memory < fixed + POOL_BYTES)
		return cresset_error_set(err, -EINVAL,
					 "%llu MiB are too few for unwind tables here (give "
					 "--max-memory at least %lluM, or --unwind fp)",
					 (unsigned long long)(memory >> 20),
					 (unsigned long long)((fixed + POOL_BYTES) >> 20) + 1);
	ret->fixed_bytes = fixed;
	ret->max_blocks =
		(memory - fixed) / POOL_BYTES * POOL_BYTES / sizeof(struct cresset_unwind_block);
	return 0;
}

/* The process of a thread; 0: it is gone. */
static uint32_t process_of(uint32_t tid)
{
	char path[32], line[128];
	uint32_t pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/status", tid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (!pid && fgets(line, sizeof(line), f))
		if (sscanf(line, "Tgid: %u", &pid) != 1)
			pid = 0;
	fclose(f);
	return pid;
}

/* A copy of ourselves: most likely the child that will be the command. */
static bool is_own_copy(uint32_t pid)
{
	struct stat own, other;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	return pid != (uint32_t)getpid() && !stat("/proc/self/exe", &own) && !stat(path, &other) &&
	       own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

/* The lists of the options are gone when the recording begins. */
static int keep_targets(struct native *n, const struct cresset_recorder_options *o)
{
	if (o->n_pids && !vec_push(&n->pids, o->pids, o->n_pids))
		return -ENOMEM;
	for (size_t i = 0; i < o->n_tids; i++) {
		uint32_t pid = process_of(o->tids[i]);

		if (!vec_push(&n->pids, &pid, 1))
			return -ENOMEM;
	}
	return 0;
}

static int set_sizes(struct session *s, const struct native_sizes *sizes)
{
	int r = 0;

	r |= bpf_map__set_max_entries(s->bpf->maps.unwind_rules, CRESSET_MAX_RULES);
	r |= bpf_map__set_max_entries(s->bpf->maps.unwind_dsos, sizes->dsos);
	r |= bpf_map__set_max_entries(s->bpf->maps.unwind_dirs, sizes->dir_lines);
	r |= bpf_map__set_max_entries(s->bpf->maps.unwind_pages, sizes->pages);
	r |= bpf_map__set_max_entries(s->bpf->maps.unwind_procs, sizes->procs);
	r |= bpf_map__set_max_entries(s->bpf->maps.unwind_files, sizes->files);
	r |= bpf_map__set_max_entries(s->bpf->maps.unwind_vmas,
				      (uint32_t)(s->n_cpus * CRESSET_N_CONTEXTS));
	r |= bpf_map__set_max_entries(s->bpf->maps.unwind_misses, MISSES);
	r |= bpf_map__set_max_entries(s->bpf->maps.unwind_jvms, sizes->jvms);
	return r;
}

/* Pools, made beforehand: pool_put() runs while the programs are being loaded. */
static int pool_put(void *native)
{
	const struct native *n = native;

	return tabmem_put_pool(n->pools, 0, n->first_pool);
}

/* Where maps may not be made at all, loading will say so. */
static int make_first_pool(struct native *n)
{
	n->first_pool = tabmem_make_pool();
	if (n->first_pool >= 0)
		n->pools = tabmem_make_pools(n->first_pool);
	return n->pools >= 0 ? loader_submit_call(n->early->loader, 0, pool_put, n) : 0;
}

static int native_begin(struct session *s)
{
	struct native *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	s->unwind = n;
	n->first_pool = n->pools = -1;
	vec_init(&n->pids, sizeof(uint32_t));
	r = early_new(&n->early);
	if (!r)
		r = keep_targets(n, &s->options);
	return r ? r : make_first_pool(n);
}

/* On another thread than native_configure(), so of the native only `early` is touched. */
static int native_scanned(struct session *s)
{
	struct native *n = s->unwind;
	int r = 0;

	for (size_t i = 0; i < n->pids.n && !r; i++) {
		uint32_t pid = *(uint32_t *)vec_at(&n->pids, i);

		if (is_own_copy(pid))
			r = early_ignore(n->early, s->procmap, (uint32_t)getpid());
		if (!r)
			r = early_add(n->early, s->procmap, pid);
	}
	return !r && is_everything(&s->options) ? early_add_running(n->early, s->procmap) : r;
}

static int native_configure(struct session *s, struct cresset_error *err)
{
	struct native_sizes sizes = {0};
	struct native *n = s->unwind;
	int r = choose_sizes(&s->options, &sizes, err);

	if (r)
		return r;
	n->max_blocks = sizes.max_blocks;
	n->fixed_bytes = sizes.fixed_bytes;
	if (set_sizes(s, &sizes))
		return cresset_error_set(err, -EINVAL, "cannot set the sizes of unwind tables");
	if (n->pools >= 0 && bpf_map__reuse_fd(s->bpf->maps.unwind_pools, n->pools))
		return cresset_error_set(err, -errno, "cannot use the map of unwind tables: %s",
					 strerror(errno));
	s->bpf->rodata->cresset_config.tables_only = s->options.unwind == CRESSET_UNWIND_DWARF;
	bpf_program__set_autoload(s->bpf->progs.cresset_unwind_fork, true);
	bpf_program__set_autoload(s->bpf->progs.cresset_unwind_free, true);
	return 0;
}

/* ---- Lifetime. */

/* Every miss leads to a fallback, or to a walk that ends early. */
static uint64_t activity(void *session)
{
	const struct session *s = session;
	const struct native *n = s->unwind;
	struct remote_stats remote = {.misses = 0};
	struct accounting a;
	uint64_t sum;

	accounting_read(s->slots, s->drain.n_slots, &a);
	if (n->remote)
		remote_get_stats(n->remote, &remote);
	sum = a.stats[CRESSET_STAT_frames_fallback] + a.stats[CRESSET_STAT_frames_jit] +
	      remote.misses;
	for (int i = 0; i < CRESSET_N_STOPS; i++)
		if (i != CRESSET_STOP_NO_USER && i != CRESSET_STOP_WHOLE && i != CRESSET_STOP_END)
			sum += a.stops[i];
	return sum;
}

/* Of a Java VM, for the walker. */
static int set_jvm(void *session, uint32_t pid, const struct cresset_unwind_jvm *jvm)
{
	const struct session *s = session;
	int fd = bpf_map__fd(s->bpf->maps.unwind_jvms);
	int r = jvm ? bpf_map_update_elem(fd, &pid, jvm, BPF_ANY) : bpf_map_delete_elem(fd, &pid);

	return r && errno != ENOENT ? -errno : 0;
}

static int native_open(struct session *s, struct cresset_error *err)
{
	const struct hotspot_options hotspot = {.set = set_jvm, .arg = s};
	struct native *n = s->unwind;
	const struct tabmem_maps maps = {
		.rules = bpf_map__fd(s->bpf->maps.unwind_rules),
		.dsos = bpf_map__fd(s->bpf->maps.unwind_dsos),
		.dirs = bpf_map__fd(s->bpf->maps.unwind_dirs),
		.pages = bpf_map__fd(s->bpf->maps.unwind_pages),
		.pools = bpf_map__fd(s->bpf->maps.unwind_pools),
		.procs = bpf_map__fd(s->bpf->maps.unwind_procs),
		.files = bpf_map__fd(s->bpf->maps.unwind_files),
		.misses = bpf_map__fd(s->bpf->maps.unwind_misses),
		.first_pool = n->pools >= 0 ? n->first_pool : -1,
	};
	struct follow_options options = {
		.everything = is_everything(&s->options),
		.max_blocks = n->max_blocks,
		.early = n->early,
		.epoch = &s->bpf->bss->cresset_unwind_epoch,
		.activity = activity,
		.arg = s,
	};
	int r = tabmem_open(&maps, &n->mem, err);

	if (r)
		return r;
	r = hotspot_new(&hotspot, &n->hotspot);
	options.hotspot = n->hotspot;
	if (!r)
		r = follow_new(n->mem, s->procmap, &options, &n->follow);
	return r ? cresset_error_set(err, r, "cannot unwind: %s", strerror(-r)) : 0;
}

static void native_release(struct session *s)
{
	struct native *n = s->unwind;

	if (!n)
		return;
	early_free(n->early);
	remote_free(n->remote);
	follow_free(n->follow);
	hotspot_free(n->hotspot);
	tabmem_free(n->mem);
	if (n->first_pool >= 0)
		close(n->first_pool);
	if (n->pools >= 0)
		close(n->pools);
	vec_release(&n->pids);
	free(n);
	s->unwind = NULL;
}

/* A fork gives the child its parent's mappings; the last breath takes them away. */
static int native_attach(struct session *s, struct cresset_error *err)
{
	s->bpf->links.cresset_unwind_fork = bpf_program__attach(s->bpf->progs.cresset_unwind_fork);
	if (s->bpf->links.cresset_unwind_fork)
		s->bpf->links.cresset_unwind_free =
			bpf_program__attach(s->bpf->progs.cresset_unwind_free);
	if (!s->bpf->links.cresset_unwind_free)
		return cresset_error_set(err, -errno,
					 "cannot follow processes: %s (try --unwind fp)",
					 strerror(errno));
	return 0;
}

static int native_start(struct session *s)
{
	struct native *n = s->unwind;
	int r = 0;

	for (size_t i = 0; !r && i < n->pids.n; i++)
		r = follow_process(n->follow, *(uint32_t *)vec_at(&n->pids, i));
	if (!r)
		r = follow_all(n->follow);
	return r ? r : follow_await(n->follow, AWAIT_MS);
}

static int native_serve(struct session *s, unsigned int *ret_ms)
{
	struct native *n = s->unwind;

	return follow_serve(n->follow, session_now_ns(), ret_ms);
}

static int native_fd(const struct session *s)
{
	return follow_fd(((const struct native *)s->unwind)->follow);
}

static int native_drained(struct session *s)
{
	return follow_drained(((struct native *)s->unwind)->follow);
}

static int native_location(const struct session *s, struct cresset_profile *p, uint64_t frame,
			   uint64_t address, uint32_t flags, uint32_t *ret_location)
{
	return follow_location(((struct native *)s->unwind)->follow, p, CRESSET_FRAME_DSO(frame),
			       address, flags, ret_location);
}

static int get_jvm(void *session, uint32_t pid, struct cresset_unwind_jvm *ret)
{
	const struct session *s = session;

	return bpf_map_lookup_elem(bpf_map__fd(s->bpf->maps.unwind_jvms), &pid, ret) ? -errno : 0;
}

static int native_remote(struct session *s, struct remote **ret)
{
	struct native *n = s->unwind;
	const struct remote_options options = {
		.unwinder = CRESSET_UNWINDER_native,
		.tables_only = s->options.unwind == CRESSET_UNWIND_DWARF,
		.mem = n->mem,
		.pool = follow_pool(n->follow),
		.epoch = &s->bpf->bss->cresset_unwind_epoch,
		.get_jvm = get_jvm,
		.arg = s,
	};
	int r = n->remote ? 0 : remote_new(&options, &n->remote);

	if (!r)
		*ret = n->remote;
	return r;
}

/* ---- Counters. */

/* Also ahead of their use. */
static uint64_t pools_made(const struct native *n)
{
	return __atomic_load_n(&n->mem->n_pools, __ATOMIC_RELAXED);
}

static void native_get_stats(const struct session *s, struct cresset_recorder_stats *ret)
{
	const struct native *n = s->unwind;
	struct follow_stats stats;
	struct accounting a;

	if (!n || !n->follow)
		return;
	follow_get_stats(n->follow, &stats);
	accounting_read(s->slots, s->drain.n_slots, &a);
	ret->kernel_memory_bytes += pools_made(n) * POOL_BYTES;
	ret->table_memory_bytes = n->fixed_bytes + pools_made(n) * POOL_BYTES;
	ret->table_rows = stats.tables.rows;
	ret->tables_ready = stats.tables.ready;
	ret->tables_pending = stats.pending;
	ret->tables_loaded = stats.tables.loaded;
	ret->tables_evicted = stats.tables.evicted;
	ret->tables_refused = stats.tables.refused;
	ret->compile_ns = stats.compile_ns;
	ret->compiled_rows = stats.compiled_rows;
	ret->frames_table =
		a.stats[CRESSET_STAT_frames_table] + a.stats[CRESSET_STAT_frames_hotspot];
	ret->frames_jit = a.stats[CRESSET_STAT_frames_jit];
	ret->frames_fallback = a.stats[CRESSET_STAT_frames_fallback];
	ret->stacks_fallback = a.stats[CRESSET_STAT_stacks_fallback];
}

#define STOP_NAME(name, text) [CRESSET_STOP_##name] = #name,
static const char *const stop_names[] = {CRESSET_STOPS(STOP_NAME)};

/* unwind.stops.not_known and so on: how walks ended, those that ended so at least once. */
static int set_stops(struct session *s, const struct accounting *a)
{
	char name[64];
	int r = 0;

	for (int i = 0; !r && i < CRESSET_N_STOPS; i++) {
		size_t at = (size_t)snprintf(name, sizeof(name), "unwind.stops.");

		if (!a->stops[i])
			continue;
		for (const char *c = stop_names[i]; *c && at < sizeof(name) - 1; c++)
			name[at++] = (char)tolower((unsigned char)*c);
		name[at] = '\0';
		r = cresset_profile_set_stat(s->profile, name, a->stops[i]);
	}
	return r;
}

static int native_finish(struct session *s)
{
	const struct native *n = s->unwind;
	struct hotspot_stats jvms;
	struct follow_stats stats;
	struct accounting a;

	follow_get_stats(n->follow, &stats);
	hotspot_get_stats(n->hotspot, &jvms);
	session_accounting(s, &a);
	const struct {
		const char *name;
		uint64_t value;
	} values[] = {
		{"unwind.frames.table", a.stats[CRESSET_STAT_frames_table]},
		{"unwind.frames.jit", a.stats[CRESSET_STAT_frames_jit]},
		{"unwind.frames.hotspot", a.stats[CRESSET_STAT_frames_hotspot]},
		{"unwind.frames.fallback", a.stats[CRESSET_STAT_frames_fallback]},
		{"unwind.stacks.fallback", a.stats[CRESSET_STAT_stacks_fallback]},
		{"unwind.misses", stats.misses},
		{"unwind.misses_lost", a.stats[CRESSET_STAT_misses_full]},
		{"unwind.tables.files", stats.tables.files},
		{"unwind.tables.loaded", stats.tables.loaded},
		{"unwind.tables.ready", stats.tables.ready},
		{"unwind.tables.rows", stats.tables.rows},
		{"unwind.tables.evicted", stats.tables.evicted},
		{"unwind.tables.refused", stats.tables.refused},
		{"unwind.tables.without", stats.tables.without},
		{"unwind.tables.ids_full", stats.tables.ids_full},
		{"unwind.processes.published", stats.pages.published},
		{"unwind.processes.displaced", stats.pages.displaced},
		{"unwind.processes.failed", stats.pages.failed},
		{"unwind.processes.ranges_cut", stats.pages.ranges_cut},
		{"unwind.jvms", jvms.vms},
		{"unwind.jvms.failed", jvms.failed},
		{"unwind.bytes", n->fixed_bytes + pools_made(n) * POOL_BYTES},
	};
	int r = set_stops(s, &a);

	for (size_t i = 0; !r && i < sizeof(values) / sizeof(values[0]); i++)
		if (values[i].value)
			r = cresset_profile_set_stat(s->profile, values[i].name, values[i].value);
	return r;
}

const struct unwinder unwinder_native = {
	.name = "native",
	.help = "unwind tables (.eh_frame), walked in the kernel",
	.broken = native_broken,
	.begin = native_begin,
	.scanned = native_scanned,
	.configure = native_configure,
	.open = native_open,
	.attach = native_attach,
	.start = native_start,
	.serve = native_serve,
	.fd = native_fd,
	.drained = native_drained,
	.location = native_location,
	.remote = native_remote,
	.finish = native_finish,
	.get_stats = native_get_stats,
	.release = native_release,
};
