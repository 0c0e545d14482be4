// SPDX-License-Identifier: Apache-2.0
/*
 * See fake_helpers.h. A hash map is a list of entries that never move; one lock serves all maps. As
 * in the kernel, a value may be changed through the pointer after the look-up, without the lock.
 */
#include "core.h"

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
extern struct cresset_targets_map target_pids, target_tids;

enum { MAX_ENTRIES = 4096 };

struct fake_map {
	bool array;
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
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
_Thread_local struct fake_cpu fake_cpu;

static const struct fake_map shapes[FAKE_N_MAPS] = {
	[FAKE_SLOTS] = {true, 4, sizeof(struct cresset_slot)},
	[FAKE_SCRATCH] = {true, 4, sizeof(struct cresset_scratch)},
	[FAKE_SAMPLES_0] = {false, sizeof(struct cresset_sample_key), 8},
	[FAKE_SAMPLES_1] = {false, sizeof(struct cresset_sample_key), 8},
	[FAKE_STACKS_0] = {false, 8, sizeof(struct cresset_stack)},
	[FAKE_STACKS_1] = {false, 8, sizeof(struct cresset_stack)},
	[FAKE_TARGET_PIDS] = {false, 4, sizeof(struct cresset_target)},
	[FAKE_TARGET_TIDS] = {false, 4, sizeof(struct cresset_target)},
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
	};

	for (int i = 0; i < FAKE_N_MAPS; i++)
		if (addresses[i] == address)
			return &maps[i];
	abort();
}

void fake_reset(void)
{
	for (int i = 0; i < FAKE_N_MAPS; i++) {
		struct fake_map *m = &maps[i];
		size_t n = shapes[i].array ? FAKE_CPUS * CRESSET_N_CONTEXTS : MAX_ENTRIES;

		free(m->keys);
		free(m->values);
		*m = shapes[i];
		m->keys = calloc(n, m->key_size);
		m->values = aligned_alloc(64, (n * m->value_size + 63) / 64 * 64);
		if (!m->keys || !m->values)
			abort();
		memset(m->values, 0, n * m->value_size);
		m->limit = n;
		m->n = m->array ? n : 0;
	}
	memset(&fake_cpu, 0, sizeof(fake_cpu));
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

static void *find(const struct fake_map *m, const void *key)
{
	uint32_t index;

	if (m->array) {
		memcpy(&index, key, sizeof(index));
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

	if (m->array)
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
	if (offset >= fake_cpu.memory_size || size > fake_cpu.memory_size - offset) {
		/* As the kernel does. */
		memset(to, 0, size);
		return -EFAULT;
	}
	memcpy(to, (const char *)fake_cpu.memory + offset, size);
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
	return (long)(uintptr_t)fake_cpu.pt_regs;
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

void fake_test_point(void)
{
	if (fake_cpu.race)
		fake_cpu.race();
}
