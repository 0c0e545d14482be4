// SPDX-License-Identifier: Apache-2.0
/*
 * tabmem.c - BPF maps behind a tabmem.
 *
 * Waiting for walkers: BPF programs run in RCU read-side sections, and the kernel ends an update of
 * a map of maps with a wait for all of those that have begun. So an update that changes nothing, of
 * a map made for it, is the wait that user space may ask for.
 */
#include "unwind/tabmem.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cresset/types.h>

enum { N_ARRAYS = 4, PROCS_AT_A_TIME = 256 };

struct mapped {
	void *data;
	size_t size;
};

struct kernel_memory {
	struct tabmem m;
	struct tabmem_maps maps;
	struct mapped arrays[N_ARRAYS];
	struct mapped pools[CRESSET_MAX_POOLS];
	int pool_fds[CRESSET_MAX_POOLS];
	pthread_mutex_t pools_lock; /* n_pools, and making the next one */
	uint32_t n_pools;
	int inner_fd, outer_fd; /* to wait by */
	struct cresset_unwind_miss *misses;
	void *miss_values;
	uint32_t max_misses;
};

static struct kernel_memory *of(struct tabmem *m)
{
	return (struct kernel_memory *)m;
}

static int map_info(int fd, struct bpf_map_info *ret)
{
	__u32 size = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return bpf_obj_get_info_by_fd(fd, ret, &size) ? -errno : 0;
}

static int map_memory(int fd, size_t size, struct mapped *ret)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	ret->size = (size + page - 1) / page * page;
	ret->data = mmap(NULL, ret->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ret->data != MAP_FAILED)
		return 0;
	ret->data = NULL;
	return -errno;
}

/* Maps an array of that element size and says how many there are. */
static int map_array(struct kernel_memory *k, int which, int fd, size_t element, uint32_t *ret_n)
{
	struct bpf_map_info info;
	int r = map_info(fd, &info);

	if (r)
		return r;
	if (info.value_size != element || element % 8)
		return -EINVAL;
	r = map_memory(fd, (size_t)info.max_entries * element, &k->arrays[which]);
	if (!r)
		*ret_n = info.max_entries;
	return r;
}

static int map_arrays(struct kernel_memory *k, const struct tabmem_maps *maps)
{
	struct tabmem *m = &k->m;
	uint32_t n_rules, n_lines;
	int r = map_array(k, 0, maps->rules, sizeof(*m->rules), &n_rules);

	if (!r)
		r = map_array(k, 1, maps->dsos, sizeof(*m->dsos), &m->n_dsos);
	if (!r)
		r = map_array(k, 2, maps->dirs, sizeof(*m->cells), &n_lines);
	if (!r)
		r = map_array(k, 3, maps->pages, sizeof(*m->pages), &m->n_pages);
	if (r)
		return r;
	if (n_rules < CRESSET_MAX_RULES)
		return -EINVAL;
	m->rules = k->arrays[0].data;
	m->dsos = k->arrays[1].data;
	m->cells = k->arrays[2].data;
	m->pages = k->arrays[3].data;
	m->n_cells = n_lines * CRESSET_DIR_LINE;
	return 0;
}

static int make_room_for_misses(struct kernel_memory *k)
{
	struct bpf_map_info info;
	int r = map_info(k->maps.misses, &info);

	if (r)
		return r;
	if (info.key_size != sizeof(struct cresset_unwind_miss))
		return -EINVAL;
	k->max_misses = info.max_entries;
	k->misses = calloc(info.max_entries, sizeof(*k->misses));
	k->miss_values = calloc(info.max_entries, (info.value_size + 7) / 8 * 8);
	return k->misses && k->miss_values ? 0 : -ENOMEM;
}

/*
 * Linux 6.1 takes a map for an inner one only if it is like the model in what BTF says of it too
 * (there, "no timer" of a known type is another thing than of an unknown one). Pools are made
 * without BTF, so the model, which is the first of them, must be; libbpf's would have it.
 */
int tabmem_make_pool(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "unwind_pool", sizeof(__u32),
			      sizeof(struct cresset_unwind_block), CRESSET_POOL_BLOCKS, &opts);
}

int tabmem_make_pools(int pool)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .inner_map_fd = (__u32)pool);

	return bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "unwind_pools", sizeof(__u32),
			      sizeof(__u32), CRESSET_MAX_POOLS, &opts);
}

int tabmem_put_pool(int pools, uint32_t index, int pool)
{
	return bpf_map_update_elem(pools, &index, &pool, BPF_ANY) ? -errno : 0;
}

static int make_pool(struct kernel_memory *k, uint32_t index)
{
	bool is_made = !index && k->maps.first_pool >= 0;
	struct mapped memory;
	int fd, r;

	fd = is_made ? dup(k->maps.first_pool) : tabmem_make_pool();
	if (fd < 0)
		return is_made ? -errno : fd;
	r = map_memory(fd, CRESSET_POOL_BLOCKS * sizeof(struct cresset_unwind_block), &memory);
	if (!r && !is_made) {
		r = tabmem_put_pool(k->maps.pools, index, fd);
		if (r)
			munmap(memory.data, memory.size);
	}
	if (r) {
		close(fd);
		return r;
	}
	k->pools[index] = memory;
	k->pool_fds[index] = fd;
	k->n_pools++;
	__atomic_store_n(&k->m.n_pools, k->n_pools, __ATOMIC_RELAXED);
	return 0;
}

static int prepare_pool(struct tabmem *m, uint32_t index)
{
	struct kernel_memory *k = of(m);
	int r = 0;

	pthread_mutex_lock(&k->pools_lock);
	if (index == k->n_pools && index < CRESSET_MAX_POOLS)
		r = make_pool(k, index);
	pthread_mutex_unlock(&k->pools_lock);
	return r;
}

static int add_pool(struct tabmem *m, uint32_t index, struct cresset_unwind_block **ret)
{
	struct kernel_memory *k = of(m);
	int r = prepare_pool(m, index);

	if (r)
		return r;
	if (index >= CRESSET_MAX_POOLS || !k->pools[index].data)
		return -EINVAL;
	*ret = k->pools[index].data;
	return 0;
}

static int wait_for_walks(struct tabmem *m)
{
	struct kernel_memory *k = of(m);
	uint32_t zero = 0;

	return bpf_map_update_elem(k->outer_fd, &zero, &k->inner_fd, BPF_ANY) ? -errno : 0;
}

static int make_wait_maps(struct kernel_memory *k)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);

	k->inner_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "unwind_wait", sizeof(__u32),
				     sizeof(__u64), 1, NULL);
	if (k->inner_fd < 0)
		return k->inner_fd;
	opts.inner_map_fd = (__u32)k->inner_fd;
	k->outer_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "unwind_waits", sizeof(__u32),
				     sizeof(__u32), 1, &opts);
	return k->outer_fd < 0 ? k->outer_fd : 0;
}

static int set_proc(struct tabmem *m, uint32_t pid, const struct cresset_unwind_proc *proc)
{
	return bpf_map_update_elem(of(m)->maps.procs, &pid, proc, BPF_ANY) ? -errno : 0;
}

static int delete_proc(struct tabmem *m, uint32_t pid)
{
	return bpf_map_delete_elem(of(m)->maps.procs, &pid) && errno != ENOENT ? -errno : 0;
}

static int each_proc(struct tabmem *m, tabmem_proc_fn fn, void *arg)
{
	int fd = of(m)->maps.procs, r = 0;
	uint32_t token[2], pids[PROCS_AT_A_TIME], n;
	struct cresset_unwind_proc *procs = calloc(PROCS_AT_A_TIME, sizeof(*procs));
	bool first = true;

	if (!procs)
		return -ENOMEM;
	for (bool more = true; more && !r; first = false, token[0] = token[1]) {
		n = PROCS_AT_A_TIME;
		r = bpf_map_lookup_batch(fd, first ? NULL : &token[0], &token[1], pids, procs, &n,
					 NULL);
		if (r && r != -ENOENT)
			break;
		more = !r;
		r = 0;
		for (uint32_t i = 0; i < n && !r; i++)
			r = fn(arg, pids[i], &procs[i]);
	}
	free(procs);
	return r;
}

static int get_proc(struct tabmem *m, uint32_t pid, struct cresset_unwind_proc *ret)
{
	return bpf_map_lookup_elem(of(m)->maps.procs, &pid, ret) ? -errno : 0;
}

static int add_miss(struct tabmem *m, const struct cresset_unwind_miss *miss)
{
	uint64_t one = 1;

	return bpf_map_update_elem(of(m)->maps.misses, miss, &one, BPF_NOEXIST) ? -errno : 0;
}

static int set_file(struct tabmem *m, const struct cresset_unwind_file_key *key,
		    const struct cresset_unwind_file *file)
{
	return bpf_map_update_elem(of(m)->maps.files, key, file, BPF_ANY) ? -errno : 0;
}

static int delete_file(struct tabmem *m, const struct cresset_unwind_file_key *key)
{
	return bpf_map_delete_elem(of(m)->maps.files, key) && errno != ENOENT ? -errno : 0;
}

static int take_misses(struct tabmem *m, const struct cresset_unwind_miss **ret, size_t *ret_n)
{
	struct kernel_memory *k = of(m);
	uint32_t token = 0, n = k->max_misses;
	int r;

	/* There is room for all of the map, so one batch takes everything. */
	r = bpf_map_lookup_and_delete_batch(k->maps.misses, NULL, &token, k->misses, k->miss_values,
					    &n, NULL);
	if (r && r != -ENOENT)
		return r;
	*ret = k->misses;
	*ret_n = n;
	return 0;
}

static const struct tabmem_ops kernel_ops = {
	.add_pool = add_pool,
	.prepare_pool = prepare_pool,
	.wait = wait_for_walks,
	.set_proc = set_proc,
	.delete_proc = delete_proc,
	.each_proc = each_proc,
	.get_proc = get_proc,
	.add_miss = add_miss,
	.set_file = set_file,
	.delete_file = delete_file,
	.take_misses = take_misses,
};

int tabmem_open(const struct tabmem_maps *maps, struct tabmem **ret, struct cresset_error *err)
{
	struct kernel_memory *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return cresset_error_set(err, -ENOMEM, "out of memory");
	k->m.ops = &kernel_ops;
	k->maps = *maps;
	k->inner_fd = k->outer_fd = -1;
	pthread_mutex_init(&k->pools_lock, NULL);
	r = map_arrays(k, maps);
	if (!r)
		r = make_wait_maps(k);
	if (!r)
		r = make_room_for_misses(k);
	if (r) {
		tabmem_free(&k->m);
		return cresset_error_set(err, r, "cannot map the unwind tables: %s", strerror(-r));
	}
	*ret = &k->m;
	return 0;
}

void tabmem_free(struct tabmem *m)
{
	struct kernel_memory *k = m ? of(m) : NULL;

	if (!k)
		return;
	for (int i = 0; i < N_ARRAYS; i++)
		if (k->arrays[i].data)
			munmap(k->arrays[i].data, k->arrays[i].size);
	for (uint32_t i = 0; i < k->n_pools; i++) {
		munmap(k->pools[i].data, k->pools[i].size);
		close(k->pool_fds[i]);
	}
	if (k->inner_fd >= 0)
		close(k->inner_fd);
	if (k->outer_fd >= 0)
		close(k->outer_fd);
	pthread_mutex_destroy(&k->pools_lock);
	free(k->misses);
	free(k->miss_values);
	free(k);
}
