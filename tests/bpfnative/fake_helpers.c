// SPDX-License-Identifier: Apache-2.0
/*
 * See fake_helpers.h. A hash map is a list of entries that never move; one lock serves all maps. As
 * in the kernel, a value may be changed through the pointer after the look-up, without the lock.
 */
#include "thread.h"
#include "unwind_vma.h"
#include "unwind_walk.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct cresset_targets_map;
struct cresset_samples_map;
struct cresset_stacks_map;
extern struct cresset_samples_map samples_0, samples_1;
extern struct cresset_stacks_map stacks_0, stacks_1;
struct cresset_deep_stacks_map;
struct cresset_pages_map;
struct cresset_dsos_map;
struct cresset_dirs_map;
struct cresset_pools_map;
struct cresset_vma_searches_map;
extern struct cresset_files_map unwind_files;
extern struct cresset_vma_searches_map unwind_vmas;
extern struct cresset_targets_map target_pids, target_tids;
extern struct cresset_deep_stacks_map deep_stacks_0, deep_stacks_1;
extern struct cresset_pages_map unwind_pages;
extern struct cresset_dsos_map unwind_dsos;
extern struct cresset_dirs_map unwind_dirs;
extern struct cresset_pools_map unwind_pools;

enum { MAX_ENTRIES = 4096 };

enum fake_kind { HASH, ARRAY, BORROWED };

struct fake_map {
	enum fake_kind kind;
	size_t key_size;
	size_t value_size;
	size_t limit;
	size_t n;
	long error;
	bool hide;
	char *keys;
	char *values;
};

static struct fake_map maps[FAKE_N_MAPS];
static struct fake_map pools[CRESSET_MAX_POOLS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
_Thread_local struct fake_cpu fake_cpu;

static const struct fake_map shapes[FAKE_N_MAPS] = {
	[FAKE_SLOTS] = {ARRAY, 4, sizeof(struct cresset_slot)},
	[FAKE_SCRATCH] = {ARRAY, 4, sizeof(struct cresset_scratch)},
	[FAKE_SAMPLES_0] = {HASH, sizeof(struct cresset_sample_key), sizeof(struct cresset_count)},
	[FAKE_SAMPLES_1] = {HASH, sizeof(struct cresset_sample_key), sizeof(struct cresset_count)},
	[FAKE_STACKS_0] = {HASH, 8, sizeof(struct cresset_short_stack)},
	[FAKE_STACKS_1] = {HASH, 8, sizeof(struct cresset_short_stack)},
	[FAKE_TARGET_PIDS] = {HASH, 4, sizeof(struct cresset_target)},
	[FAKE_TARGET_TIDS] = {HASH, 4, sizeof(struct cresset_target)},
	[FAKE_DEEP_STACKS_0] = {HASH, 8, sizeof(struct cresset_stack)},
	[FAKE_DEEP_STACKS_1] = {HASH, 8, sizeof(struct cresset_stack)},
	[FAKE_UNWIND_PROCS] = {HASH, 4, sizeof(struct cresset_unwind_proc)},
	[FAKE_UNWIND_MISSES] = {HASH, sizeof(struct cresset_unwind_miss), 8},
	[FAKE_UNWIND_RULES] = {BORROWED, 4, sizeof(struct cresset_unwind_rule)},
	[FAKE_UNWIND_PAGES] = {BORROWED, 4, sizeof(struct cresset_unwind_page)},
	[FAKE_UNWIND_DSOS] = {BORROWED, 4, sizeof(struct cresset_unwind_dso)},
	[FAKE_UNWIND_DIRS] = {BORROWED, 4, sizeof(struct cresset_unwind_cells)},
	[FAKE_UNWIND_POOLS] = {BORROWED, 4, sizeof(struct fake_map)},
	[FAKE_UNWIND_FILES] = {HASH, sizeof(struct cresset_unwind_file_key),
			       sizeof(struct cresset_unwind_file)},
	[FAKE_UNWIND_VMAS] = {ARRAY, 4, sizeof(struct cresset_vma_search)},
	[FAKE_THREADS] = {HASH, sizeof(struct task_struct *), sizeof(struct cresset_thread)},
	[FAKE_UNWIND_JVMS] = {HASH, 4, sizeof(struct cresset_unwind_jvm)},
};

static struct fake_map *map_of(const void *address)
{
	const void *const addresses[FAKE_N_MAPS] = {
		[FAKE_SLOTS] = &slots,
		[FAKE_SCRATCH] = &scratch,
		[FAKE_SAMPLES_0] = &samples_0,
		[FAKE_SAMPLES_1] = &samples_1,
		[FAKE_STACKS_0] = &stacks_0,
		[FAKE_STACKS_1] = &stacks_1,
		[FAKE_TARGET_PIDS] = &target_pids,
		[FAKE_TARGET_TIDS] = &target_tids,
		[FAKE_DEEP_STACKS_0] = &deep_stacks_0,
		[FAKE_DEEP_STACKS_1] = &deep_stacks_1,
		[FAKE_UNWIND_PROCS] = &unwind_procs,
		[FAKE_UNWIND_MISSES] = &unwind_misses,
		[FAKE_UNWIND_RULES] = &unwind_rules,
		[FAKE_UNWIND_PAGES] = &unwind_pages,
		[FAKE_UNWIND_DSOS] = &unwind_dsos,
		[FAKE_UNWIND_DIRS] = &unwind_dirs,
		[FAKE_UNWIND_POOLS] = &unwind_pools,
		[FAKE_UNWIND_FILES] = &unwind_files,
		[FAKE_UNWIND_VMAS] = &unwind_vmas,
		[FAKE_THREADS] = &threads,
		[FAKE_UNWIND_JVMS] = &unwind_jvms,
	};
	uintptr_t pool = ((uintptr_t)address - (uintptr_t)pools) / sizeof(pools[0]);

	/* What a look-up in unwind_pools has given. */
	if (pool < CRESSET_MAX_POOLS)
		return &pools[pool];

	for (int i = 0; i < FAKE_N_MAPS; i++)
		if (addresses[i] == address)
			return &maps[i];
	abort();
}

void fake_reset(void)
{
	for (int i = 0; i < FAKE_N_MAPS; i++) {
		struct fake_map *m = &maps[i];
		size_t n = shapes[i].kind == ARRAY ? FAKE_CPUS * CRESSET_N_CONTEXTS : MAX_ENTRIES;

		free(m->keys);
		if (m->kind != BORROWED)
			free(m->values);
		*m = shapes[i];
		if (m->kind == BORROWED)
			continue;
		m->keys = calloc(n, m->key_size);
		m->values = aligned_alloc(64, (n * m->value_size + 63) / 64 * 64);
		if (!m->keys || !m->values)
			abort();
		memset(m->values, 0, n * m->value_size);
		m->limit = n;
		m->n = m->kind == ARRAY ? n : 0;
	}
	memset(pools, 0, sizeof(pools));
	fake_array_use(FAKE_UNWIND_POOLS, pools, CRESSET_MAX_POOLS);
	memset(&fake_cpu, 0, sizeof(fake_cpu));
}

void fake_array_use(enum fake_map_id map, void *values, size_t n)
{
	maps[map].values = values;
	maps[map].n = n;
}

void fake_pool_use(uint32_t index, void *blocks, size_t n)
{
	struct fake_map pool = {BORROWED, 4, sizeof(struct cresset_unwind_block)};

	pool.values = blocks;
	pool.n = n;
	pools[index] = pool;
}

void fake_map_limit(enum fake_map_id map, size_t max_entries)
{
	maps[map].limit = max_entries < MAX_ENTRIES ? max_entries : MAX_ENTRIES;
}

void fake_map_fail(enum fake_map_id map, long error)
{
	maps[map].error = error;
}

void fake_map_hide_once(enum fake_map_id map)
{
	maps[map].hide = true;
}

size_t fake_map_count(enum fake_map_id map)
{
	size_t n;

	pthread_mutex_lock(&lock);
	n = maps[map].n;
	pthread_mutex_unlock(&lock);
	return n;
}

void fake_map_clear(enum fake_map_id map)
{
	pthread_mutex_lock(&lock);
	maps[map].n = 0;
	pthread_mutex_unlock(&lock);
}

static void *find(const struct fake_map *m, const void *key)
{
	uint32_t index;

	if (m->kind != HASH) {
		memcpy(&index, key, sizeof(index));
		/* An empty place of a map of maps. */
		if (m == &maps[FAKE_UNWIND_POOLS] && index < m->n && !pools[index].values)
			return NULL;
		return index < m->n ? m->values + index * m->value_size : NULL;
	}
	for (size_t i = 0; i < m->n; i++)
		if (!memcmp(m->keys + i * m->key_size, key, m->key_size))
			return m->values + i * m->value_size;
	return NULL;
}

void *fake_map_at(enum fake_map_id map, size_t i, const void **ret_key)
{
	struct fake_map *m = &maps[map];

	if (i >= m->n)
		return NULL;
	if (ret_key)
		*ret_key = m->keys + i * m->key_size;
	return m->values + i * m->value_size;
}

void *fake_map_find(enum fake_map_id map, const void *key)
{
	return find(&maps[map], key);
}

void *bpf_map_lookup_elem(void *map, const void *key)
{
	struct fake_map *m = map_of(map);
	void *value = NULL;

	if (m->kind != HASH)
		return find(m, key);
	pthread_mutex_lock(&lock);
	if (!m->hide)
		value = find(m, key);
	m->hide = false;
	pthread_mutex_unlock(&lock);
	return value;
}

static long update(struct fake_map *m, const void *key, const void *value, uint64_t flags)
{
	void *old = find(m, key);

	if (m->error)
		return m->error;
	if (old && flags == BPF_NOEXIST)
		return -EEXIST;
	if (old) {
		memcpy(old, value, m->value_size);
		return 0;
	}
	if (m->n >= m->limit)
		return -E2BIG;
	memcpy(m->keys + m->n * m->key_size, key, m->key_size);
	memcpy(m->values + m->n * m->value_size, value, m->value_size);
	m->n++;
	return 0;
}

long bpf_map_update_elem(void *map, const void *key, const void *value, uint64_t flags)
{
	long r;

	pthread_mutex_lock(&lock);
	r = update(map_of(map), key, value, flags);
	pthread_mutex_unlock(&lock);
	return r;
}

long bpf_map_delete_elem(void *map, const void *key)
{
	struct fake_map *m = map_of(map);
	char *value;
	size_t i;

	pthread_mutex_lock(&lock);
	value = find(m, key);
	if (value) {
		i = (size_t)(value - m->values) / m->value_size;
		m->n--;
		memmove(value, m->values + m->n * m->value_size, m->value_size);
		memmove(m->keys + i * m->key_size, m->keys + m->n * m->key_size, m->key_size);
	}
	pthread_mutex_unlock(&lock);
	return value ? 0 : -ENOENT;
}

long bpf_probe_read_user(void *to, uint32_t size, const void *from)
{
	uint64_t offset = (uint64_t)(uintptr_t)from - fake_cpu.memory_base;

	fake_cpu.reads++;
	if (fake_cpu.read_user) {
		long r = fake_cpu.read_user(fake_cpu.read_arg, to, size, (uint64_t)(uintptr_t)from);

		if (r)
			memset(to, 0, size);
		return r;
	}
	if (offset >= fake_cpu.memory_size || size > fake_cpu.memory_size - offset) {
		/* As the kernel does. */
		memset(to, 0, size);
		return -EFAULT;
	}
	memcpy(to, (const char *)fake_cpu.memory + offset, size);
	return 0;
}

long bpf_probe_read_kernel(void *to, uint32_t size, const void *from)
{
	uintptr_t offset = (uintptr_t)from - (uintptr_t)fake_cpu.kernel_memory;

	if (offset >= fake_cpu.kernel_size || size > fake_cpu.kernel_size - offset) {
		memset(to, 0, size);
		return -EFAULT;
	}
	memcpy(to, from, size);
	return 0;
}

long bpf_get_stack(void *ctx, void *buffer, uint32_t size, uint64_t flags)
{
	size_t bytes = (size_t)fake_cpu.kernel_result * sizeof(uint64_t);

	if (fake_cpu.kernel_result < 0)
		return fake_cpu.kernel_result;
	if (bytes > size)
		bytes = size;
	memcpy(buffer, fake_cpu.kernel_frames, bytes);
	return (long)bytes;
}

struct task_struct *bpf_get_current_task_btf(void)
{
	return fake_cpu.task;
}

long bpf_task_pt_regs(struct task_struct *task)
{
	return (long)(uintptr_t)(fake_cpu.regs_of ? fake_cpu.regs_of(task) : fake_cpu.pt_regs);
}

long bpf_get_current_comm(void *buffer, uint32_t size)
{
	memcpy(buffer, fake_cpu.comm, size < 16 ? size : 16);
	return 0;
}

uint64_t bpf_get_current_cgroup_id(void)
{
	return fake_cpu.cgroup;
}

long bpf_current_task_under_cgroup(void *map, uint32_t index)
{
	return fake_cpu.under_cgroup;
}

uint32_t bpf_get_smp_processor_id(void)
{
	return fake_cpu.id;
}

uint64_t bpf_ktime_get_ns(void)
{
	void (*after)(void) = fake_cpu.after_clock;
	uint64_t now = fake_cpu.now_ns;

	fake_cpu.after_clock = NULL;
	if (after)
		after();
	return now;
}

uint32_t bpf_get_prandom_u32(void)
{
	uint64_t x = fake_cpu.random ? fake_cpu.random : 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	fake_cpu.random = x;
	return (uint32_t)((x * 0x2545f4914f6cdd1du) >> 32);
}

void *bpf_task_storage_get(void *map, struct task_struct *task, void *value, uint64_t flags)
{
	static const struct cresset_thread blank;
	struct fake_map *m = map_of(map);
	void *found;

	pthread_mutex_lock(&lock);
	found = find(m, &task);
	if (!found && flags & BPF_LOCAL_STORAGE_GET_F_CREATE &&
	    !update(m, &task, value ? value : &blank, BPF_NOEXIST))
		found = find(m, &task);
	pthread_mutex_unlock(&lock);
	return found;
}

void fake_task_gone(struct task_struct *task)
{
	struct fake_map *m = &maps[FAKE_THREADS];
	void *found;

	pthread_mutex_lock(&lock);
	found = find(m, &task);
	/* Entries never move: the key is left to nobody. */
	if (found)
		memset(m->keys + ((char *)found - m->values) / (ptrdiff_t)m->value_size *
					 (ptrdiff_t)m->key_size,
		       0, m->key_size);
	pthread_mutex_unlock(&lock);
}

long bpf_ringbuf_output(void *map, void *data, uint64_t size, uint64_t flags)
{
	return fake_cpu.ring ? fake_cpu.ring(fake_cpu.out_arg, data, size) : 0;
}

long bpf_seq_write(struct seq_file *seq, const void *data, uint32_t size)
{
	return fake_cpu.seq ? fake_cpu.seq(fake_cpu.out_arg, data, size) : 0;
}

/* Of any task: the kernel's frames of this CPU. */
long bpf_get_task_stack(struct task_struct *task, void *buffer, uint32_t size, uint64_t flags)
{
	return bpf_get_stack(NULL, buffer, size, flags);
}

uint32_t fake_preempt_count(void)
{
	return fake_cpu.preempt_count;
}

void fake_test_point(void)
{
	if (fake_cpu.race)
		fake_cpu.race();
}
