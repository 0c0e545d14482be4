// SPDX-License-Identifier: Apache-2.0
/*
 * See remote_walker.h. The BPF sources are compiled here once more, as they are, in one unit with
 * the helpers that they call (bpf/native.h): there is one set of rules for walking, with two
 * builds.
 *
 * All that they define is made this file's own: functions by being declared static first, which
 * holds for the definitions that follow (C17 6.2.2), objects by another name, as that does not work
 * for them. The map objects are never read or written: their addresses say which map is meant.
 *
 * A look-up goes to what user space itself writes: tabmem's memory. Only a process's entries
 * are fetched from the kernel, once a walk, as forks and exits are noted there by BPF. Nobody
 * changes tables during a walk, as all is one thread's.
 */
#define cresset_config	     remote_config
#define cresset_unwind_epoch remote_epoch
#define scratch		     remote_scratch_map
#define slots		     remote_slots_map
#define unwind_dirs	     remote_dirs_map
#define unwind_dsos	     remote_dsos_map
#define unwind_jvms	     remote_jvms_map
#define unwind_misses	     remote_misses_map
#define unwind_pages	     remote_pages_map
#define unwind_pools	     remote_pools_map
#define unwind_procs	     remote_procs_map
#define unwind_rules	     remote_rules_map

#if defined(__x86_64__)
#define __TARGET_ARCH_x86
#elif defined(__aarch64__)
#define __TARGET_ARCH_arm64
#endif
#define CRESSET_BPF_NATIVE "unwind/remote_helpers.h"

#include "unwind/remote_walker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int cresset_behind_call(__u64 address, int unread);
static int cresset_behind_other_call(__u64 address, __u64 pc);
static int cresset_fp_window(__u32 slot_id);
static __u32 cresset_page_search(struct cresset_unwind_page *page, __u64 address);
#ifdef __TARGET_ARCH_x86
static int cresset_hotspot_candidate(__u32 slot_id, __u32 i);
static int cresset_hotspot_find(__u32 slot_id, __u64 address);
static int cresset_hotspot_search(__u32 slot_id, __u64 from);
#endif
static int cresset_unwind_fp(__u32 slot_id);
static int cresset_unwind_native(__u32 slot_id);
static int cresset_walk_fallback(__u32 slot_id, int reason);
static int cresset_walk_fill(__u32 slot_id, __u64 address);
static int cresset_walk_hotspot(__u32 slot_id);
static int cresset_walk_locate(__u32 slot_id, __u64 address);
static int cresset_walk_miss(__u32 slot_id, __u32 dso, __u64 address);
static int cresset_walk_rule(__u32 slot_id, __u64 address);
static int cresset_walk_signal(__u32 slot_id);
static int cresset_walk_step(__u32 slot_id);
static int cresset_walk_vma(__u32 slot_id, __u64 address);

#include "bpf/core.h"
#include "bpf/unwind_table.bpf.c"

#include "bpf/unw_fp.bpf.c"
#include "bpf/unw_native.bpf.c"
#include "bpf/unwind_fallback.bpf.c"
#include "bpf/unwind_hotspot.bpf.c"

struct cresset_slots_map slots;
struct cresset_scratch_map scratch;
CRESSET_SET_AT_LOAD struct cresset_config cresset_config;

struct remote_walker {
	struct cresset_scratch state;
	struct cresset_slot slot;
	struct remote_options options;
	remote_read_fn read;
	void *arg;
	struct cresset_unwind_proc proc; /* of the thread at hand */
	bool known;
	struct cresset_unwind_jvm jvm; /* likewise, once it has been asked for */
	int jvm_known;		       /* 1; 0: there is none; -1: not asked for yet */
	uint64_t misses;
};

/* The one that this thread is at. */
static _Thread_local struct remote_walker *walker;

/* ---- The helpers. */

/* A pool is named by its place in the list of pools. */
static void *block_at(const struct pool *pool, const void *place, uint32_t i)
{
	uintptr_t at = (uintptr_t)place - (uintptr_t)pool->pools;
	struct cresset_unwind_block *blocks;

	if (at >= sizeof(pool->pools) || i >= CRESSET_POOL_BLOCKS)
		return NULL;
	blocks = pool->pools[at / sizeof(void *)];
	return blocks ? &blocks[i] : NULL;
}

static void *array_at(void *values, size_t size, uint32_t n, uint32_t i)
{
	return i < n ? (char *)values + size * i : NULL;
}

static struct cresset_unwind_jvm *jvm_of(struct remote_walker *w)
{
	const struct remote_options *o = &w->options;

	if (w->jvm_known < 0)
		w->jvm_known = o->get_jvm && !o->get_jvm(o->arg, w->state.key.pid, &w->jvm);
	return w->jvm_known ? &w->jvm : NULL;
}

static void *bpf_map_lookup_elem(const void *map, const void *key)
{
	struct remote_walker *w = walker;
	const struct tabmem *m = w->options.mem;
	const struct pool *pool = w->options.pool;
	uint32_t i;

	if (map == &scratch)
		return &w->state;
	if (map == &slots)
		return &w->slot;
	if (map == &unwind_procs)
		return w->known ? &w->proc : NULL;
	if (map == &unwind_jvms)
		return jvm_of(w);
	if (map == &unwind_misses)
		return NULL;
	memcpy(&i, key, sizeof(i));
	if (map == &unwind_rules)
		return array_at(m->rules, sizeof(*m->rules), CRESSET_MAX_RULES, i);
	if (map == &unwind_dsos)
		return array_at(m->dsos, sizeof(*m->dsos), m->n_dsos, i);
	if (map == &unwind_pages)
		return array_at(m->pages, sizeof(*m->pages), m->n_pages, i);
	if (map == &unwind_dirs)
		return array_at(m->cells, sizeof(*m->cells), m->n_cells / CRESSET_DIR_LINE, i);
	if (map == &unwind_pools)
		return i < pool->n_pools ? (void *)&pool->pools[i] : NULL;
	return block_at(pool, map, i);
}

/* Only misses are ever added to; one that is known already counts no more. */
static long bpf_map_update_elem(const void *map, const void *key, const void *value, uint64_t flags)
{
	struct tabmem *m = walker->options.mem;
	int r;

	if (map != &unwind_misses)
		return -EINVAL;
	r = m->ops->add_miss(m, key);
	walker->misses += !r;
	return r;
}

static long bpf_probe_read_user(void *to, uint32_t size, const void *from)
{
	if (!walker->read(walker->arg, to, size, (uint64_t)(uintptr_t)from))
		return 0;
	/* As the kernel does. */
	memset(to, 0, size);
	return -EFAULT;
}

static uint32_t bpf_get_smp_processor_id(void)
{
	return 0;
}

/* The kernel's mappings are out of reach, and whoever asks from here can wait for user space's. */
static int cresset_walk_vma(__u32 slot_id, __u64 address)
{
	return -1;
}

/* ---- A walk. */

int remote_walker_new(const struct remote_options *options, remote_read_fn read, void *arg,
		      struct remote_walker **ret)
{
	size_t size = (sizeof(struct remote_walker) + 63) / 64 * 64;
	struct remote_walker *w = aligned_alloc(64, size);

	if (!w)
		return -ENOMEM;
	memset(w, 0, size);
	w->options = *options;
	w->read = read;
	w->arg = arg;
	*ret = w;
	return 0;
}

void remote_walker_free(struct remote_walker *w)
{
	free(w);
}

static int unwind(const struct remote_walker *w)
{
#define UNWIND_BY(name)                                                                            \
	if (w->options.unwinder == CRESSET_UNWINDER_##name)                                        \
		return cresset_unwind_##name(cresset_slot_id(CRESSET_CONTEXT_PERF));
	CRESSET_UNWINDERS(UNWIND_BY)
	return CRESSET_STOP_NO_USER;
}

enum cresset_stop remote_walker_walk(struct remote_walker *w, const struct remote_thread *thread,
				     uint64_t *ret_frames, size_t *ret_n)
{
	struct tabmem *m = w->options.mem;
	int stop;

	walker = w;
	cresset_config.unwinder = w->options.unwinder;
	cresset_config.tables_only = w->options.tables_only;
	cresset_unwind_epoch = w->options.epoch ? *w->options.epoch : 0;
	w->jvm_known = -1;
	w->known = m && !m->ops->get_proc(m, thread->pid, &w->proc);
	w->state.key.pid = thread->pid;
	w->state.key.exec_id = thread->exec_id;
	w->state.registers = thread->registers;
	w->state.user.n = 0;
	stop = unwind(w);
	memcpy(ret_frames, w->state.user.frames, w->state.user.n * sizeof(*ret_frames));
	*ret_n = w->state.user.n;
	walker = NULL;
	return (enum cresset_stop)stop;
}

uint64_t remote_walker_stat(const struct remote_walker *w, enum cresset_stat_id id)
{
	return w->slot.stats[id];
}

uint64_t remote_walker_misses(const struct remote_walker *w)
{
	return w->misses;
}
