// SPDX-License-Identifier: Apache-2.0
/*
 * fake_helpers.h - what BPF programs find around them, for their sources compiled for the host.
 *
 * Included by bpf/native.h. Each thread is a CPU of its own, so programs can be run at the same
 * time as on a machine.
 *
 * A test sets the world up through the fake_* functions below and runs the programs as functions.
 */
#ifndef BPFNATIVE_FAKE_HELPERS_H
#define BPFNATIVE_FAKE_HELPERS_H

#include <stddef.h>
#include <stdint.h>

#define CRESSET_SET_AT_LOAD  volatile
#define CRESSET_SET_ANY_TIME volatile
#define CRESSET_TEST_POINT() fake_test_point()

struct task_struct;

void *bpf_map_lookup_elem(void *map, const void *key);
long bpf_map_update_elem(void *map, const void *key, const void *value, uint64_t flags);
long bpf_map_delete_elem(void *map, const void *key);
long bpf_probe_read_user(void *to, uint32_t size, const void *from);
long bpf_probe_read_kernel(void *to, uint32_t size, const void *from);
long bpf_get_stack(void *ctx, void *buffer, uint32_t size, uint64_t flags);
struct task_struct *bpf_get_current_task_btf(void);
long bpf_task_pt_regs(struct task_struct *task);
long bpf_get_current_comm(void *buffer, uint32_t size);
uint64_t bpf_get_current_cgroup_id(void);
long bpf_current_task_under_cgroup(void *map, uint32_t index);
uint32_t bpf_get_smp_processor_id(void);
uint64_t bpf_ktime_get_ns(void);
uint32_t bpf_get_prandom_u32(void);
void *bpf_task_storage_get(void *map, struct task_struct *task, void *value, uint64_t flags);
long bpf_ringbuf_output(void *map, void *data, uint64_t size, uint64_t flags);
struct seq_file;
long bpf_seq_write(struct seq_file *seq, const void *data, uint32_t size);
long bpf_get_task_stack(struct task_struct *task, void *buffer, uint32_t size, uint64_t flags);
uint32_t fake_preempt_count(void);
/* Kernel memory is the tests' own: a chain of pointers is followed as it stands. */
#define BPF_CORE_READ(from, ...) FAKE_READ_(__VA_ARGS__, FAKE_READ2, FAKE_READ1)(from, __VA_ARGS__)
#define FAKE_READ_(a, b, c, ...) c
#define FAKE_READ1(from, a)	 ((from)->a)
#define FAKE_READ2(from, a, b)	 ((from)->a->b)
void fake_test_point(void);

/* ---- The world of a test. */

enum fake_map_id {
	FAKE_SLOTS,
	FAKE_SCRATCH,
	FAKE_SAMPLES_0,
	FAKE_SAMPLES_1,
	FAKE_STACKS_0,
	FAKE_STACKS_1,
	FAKE_TARGET_PIDS,
	FAKE_TARGET_TIDS,
	FAKE_DEEP_STACKS_0,
	FAKE_DEEP_STACKS_1,
	FAKE_UNWIND_PROCS,
	FAKE_UNWIND_MISSES,
	FAKE_UNWIND_RULES,
	FAKE_UNWIND_PAGES,
	FAKE_UNWIND_DSOS,
	FAKE_UNWIND_DIRS,
	FAKE_UNWIND_POOLS,
	FAKE_UNWIND_FILES,
	FAKE_UNWIND_VMAS,
	FAKE_THREADS,
	FAKE_UNWIND_JVMS,
	FAKE_N_MAPS,
};

enum { FAKE_CPUS = 8, FAKE_KERNEL_FRAMES = 127 };

/* What is true on a thread's CPU. */
struct fake_cpu {
	uint32_t id;
	struct task_struct *task;
	void *pt_regs; /* of the task's entry to the kernel */
	char comm[16];
	uint64_t cgroup;
	long under_cgroup;
	uint64_t kernel_frames[FAKE_KERNEL_FRAMES];
	long kernel_result; /* number of frames, or a negative error */
	/* User memory: bytes [base, base + size) are readable. */
	uint64_t memory_base;
	const void *memory;
	size_t memory_size;
	/* If set, asked instead: 0, or a negative error. */
	long (*read_user)(void *arg, void *to, uint32_t size, uint64_t from);
	void *read_arg;
	unsigned int reads;
	/* Kernel memory: the only bytes that are readable. */
	const void *kernel_memory;
	size_t kernel_size;
	/* The clock, and what is done after it was read (by another CPU, say); it is done once. */
	uint64_t now_ns;
	void (*after_clock)(void);
	uint64_t random; /* state of bpf_get_prandom_u32(); not 0 */
	/* Registers of any task; NULL: pt_regs, of all of them. */
	void *(*regs_of)(struct task_struct *task);
	/* What programs write to the ring buffer and to the iterator's file; NULL: thrown away. */
	long (*ring)(void *arg, const void *data, uint64_t size);
	long (*seq)(void *arg, const void *data, uint64_t size);
	void *out_arg;
	uint32_t preempt_count;
	/* Called at the test point; NULL: nothing happens there. */
	void (*race)(void);
};

extern _Thread_local struct fake_cpu fake_cpu;

/* Empties all maps, gives them their default sizes and this thread a blank CPU. */
void fake_reset(void);
void fake_map_limit(enum fake_map_id map, size_t max_entries);
/* The next updates of this map fail so; 0: no more. */
void fake_map_fail(enum fake_map_id map, long error);
/* The next look-up of this map finds nothing, as if another CPU added the key just after it. */
void fake_map_hide_once(enum fake_map_id map);
size_t fake_map_count(enum fake_map_id map);
void fake_map_clear(enum fake_map_id map);
/* The i-th entry; NULL past the end. */
void *fake_map_at(enum fake_map_id map, size_t i, const void **ret_key);
void *fake_map_find(enum fake_map_id map, const void *key);
/* As when the kernel frees a task. */
void fake_task_gone(struct task_struct *task);
/* The arrays of unwind tables have no entries until they are given the caller's memory. */
void fake_array_use(enum fake_map_id map, void *values, size_t n);
/* The same for one inner map of unwind_pools; NULL: there is none. */
void fake_pool_use(uint32_t index, void *blocks, size_t n);

#endif
