// SPDX-License-Identifier: Apache-2.0
/*
 * From a tick to a row: what goes in the key, which stacks are taken, whom the filters let through,
 * and that each run has exactly one outcome, whatever fails.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "native.h"

#define BASE 0x7ffd00001000ull

static __u64 memory[64];
static struct native_task task;

static int set_up(void **state)
{
	static const struct cresset_config blank;

	fake_reset();
	memcpy((void *)&cresset_config, &blank, sizeof(blank));
	cresset_generation = 0;
	memset(memory, 0, sizeof(memory));
	memory[2] = BASE + 8 * 6;
	memory[3] = CODE + 0x10;
	memory[7] = CODE + 0x20;
	fake_cpu.memory = memory;
	fake_cpu.memory_base = BASE;
	fake_cpu.memory_size = sizeof(memory);
	for (int i = 0; i < FAKE_KERNEL_FRAMES; i++)
		fake_cpu.kernel_frames[i] = 0xffffffff81000000ull + 64 * (__u64)i;
	fake_cpu.kernel_result = 5;
	fake_cpu.cgroup = 4711;
	memcpy(fake_cpu.comm, "worker", 7);
	native_task_init(&task, 100, 5000);
	task.regs.ip = CODE;
	task.regs.sp = BASE;
	task.regs.bp = BASE + 16;
	native_run(&task);
	return 0;
}

static void tick_user(void)
{
	struct bpf_perf_event_data ctx = native_tick(USER_CS, CODE, BASE, BASE + 16);

	assert_int_equal(cresset_cpu(&ctx), 0);
}

static void tick_kernel(void)
{
	struct bpf_perf_event_data ctx =
		native_tick(KERNEL_CS, 0xffffffff81000000ull, 0xffffc90000000000ull, 0);

	assert_int_equal(cresset_cpu(&ctx), 0);
}

static void check_sum(__u64 taken)
{
	__u64 sum = 0;

	assert_int_equal(native_stat(CRESSET_STAT_taken), taken);
#define ADD(name, help) sum += native_stat(CRESSET_STAT_##name);
	CRESSET_LOSSES(ADD)
	sum += native_stat(CRESSET_STAT_counted) + native_stat(CRESSET_STAT_filtered);
	assert_int_equal(sum, taken);
	/* Whatever happened, no generation is left announced. */
	assert_int_equal(cresset_slot(cresset_slot_id(CRESSET_CONTEXT_PERF))->busy, 0);
}

static const struct cresset_sample_key *only_row(__u64 want_count)
{
	const void *key = NULL;
	__u64 *count = fake_map_at(FAKE_SAMPLES_0, 0, &key);

	assert_int_equal(fake_map_count(FAKE_SAMPLES_0), 1);
	assert_int_equal(*count, want_count);
	return key;
}

static void user_tick(void **state)
{
	const struct cresset_sample_key *key;
	const struct cresset_stack *stack;

	tick_user();
	tick_user();
	tick_user();
	key = only_row(3);
	assert_int_equal(key->source, CRESSET_SOURCE_cpu);
	assert_int_equal(key->pid, 100);
	assert_int_equal(key->tid, 100);
	assert_int_equal(key->exec_id, 7);
	assert_int_equal(key->cgroup, 4711);
	assert_string_equal(key->comm, "worker");
	assert_int_equal(key->flags, CRESSET_STOP_END);
	assert_int_equal(key->kernel_stack, 0);
	stack = fake_map_find(FAKE_STACKS_0, &key->user_stack);
	assert_non_null(stack);
	assert_int_equal(stack->n, 3);
	assert_int_equal(stack->frames[0], CODE);
	assert_int_equal(stack->frames[1], CODE + 0x10);
	assert_int_equal(stack->frames[2], CODE + 0x20);
	assert_int_equal(fake_map_count(FAKE_STACKS_0), 1);
	check_sum(3);
}

static void kernel_tick(void **state)
{
	const struct cresset_sample_key *key;
	const struct cresset_stack *stack;

	tick_kernel();
	key = only_row(1);
	assert_int_equal(key->flags, CRESSET_STOP_END);
	stack = fake_map_find(FAKE_STACKS_0, &key->kernel_stack);
	assert_int_equal(stack->n, 5);
	assert_int_equal(stack->frames[4], fake_cpu.kernel_frames[4]);
	stack = fake_map_find(FAKE_STACKS_0, &key->user_stack);
	assert_int_equal(stack->n, 3);
	check_sum(1);
}

static void in_system_call(void **state)
{
	task.regs.orig_ax = 0;
	tick_kernel();
	assert_int_equal(only_row(1)->flags, CRESSET_STOP_END | CRESSET_SAMPLE_LEAF_AFTER);
	check_sum(1);
}

static void no_user_stack(void **state)
{
	/* A kernel thread, and a task that is exiting. */
	task.task.flags = CRESSET_PF_KTHREAD;
	tick_kernel();
	task.task.flags = 0;
	task.task.mm = NULL;
	tick_kernel();
	assert_int_equal(only_row(2)->user_stack, 0);
	assert_int_equal(only_row(2)->flags, CRESSET_STOP_NO_USER);
	check_sum(2);
}

static void kernel_stack_failed(void **state)
{
	fake_cpu.kernel_result = -EFAULT;
	tick_kernel();
	assert_int_equal(only_row(1)->flags, CRESSET_STOP_END | CRESSET_SAMPLE_KERNEL_FAILED);
	assert_int_equal(only_row(1)->kernel_stack, 0);
	assert_int_not_equal(only_row(1)->user_stack, 0);
	assert_int_equal(native_stat(CRESSET_STAT_kernel_stack_errors), 1);
	check_sum(1);
}

static void deepest_kernel_stack(void **state)
{
	const struct cresset_stack *stack;

	fake_cpu.kernel_result = FAKE_KERNEL_FRAMES;
	tick_kernel();
	stack = fake_map_find(FAKE_DEEP_STACKS_0, &only_row(1)->kernel_stack);
	assert_int_equal(stack->n, CRESSET_MAX_KERNEL_FRAMES);
	check_sum(1);
}

/* Short and deep stacks have maps of their own, and ids that say which. */
static void short_and_deep(void **state)
{
	const struct cresset_stack *stack;
	const __u64 *id;

	fake_cpu.kernel_result = CRESSET_SHORT_FRAMES;
	tick_kernel();
	id = &only_row(1)->kernel_stack;
	assert_int_equal(*id & CRESSET_STACK_DEEP, 0);
	assert_non_null(fake_map_find(FAKE_STACKS_0, id));
	assert_int_equal(fake_map_count(FAKE_DEEP_STACKS_0), 0);
	fake_cpu.kernel_result = CRESSET_SHORT_FRAMES + 1;
	tick_kernel();
	tick_kernel();
	assert_int_equal(fake_map_count(FAKE_DEEP_STACKS_0), 1);
	stack = fake_map_at(FAKE_DEEP_STACKS_0, 0, (const void **)&id);
	assert_int_equal(*id & CRESSET_STACK_DEEP, CRESSET_STACK_DEEP);
	assert_int_equal(stack->n, CRESSET_SHORT_FRAMES + 1);
	assert_int_equal(stack->frames[CRESSET_SHORT_FRAMES],
			 fake_cpu.kernel_frames[CRESSET_SHORT_FRAMES]);
	check_sum(3);
}

static void compat32(void **state)
{
	struct bpf_perf_event_data ctx = native_tick(0x23, 0x8048000, 0xffffd000, 0xffffd010);
	const struct cresset_stack *stack;

	cresset_cpu(&ctx);
	assert_int_equal(only_row(1)->flags, CRESSET_STOP_COMPAT32);
	stack = fake_map_find(FAKE_STACKS_0, &only_row(1)->user_stack);
	assert_int_equal(stack->n, 1);
	assert_int_equal(stack->frames[0], 0x8048000);
	assert_int_equal(fake_cpu.reads, 0);
	check_sum(1);
}

static void user_only(void **state)
{
	cresset_config.user_only = 1;
	tick_user();
	tick_kernel();
	assert_int_equal(only_row(2)->kernel_stack, 0);
	task.task.flags = CRESSET_PF_KTHREAD;
	tick_kernel();
	assert_int_equal(native_stat(CRESSET_STAT_filtered), 1);
	check_sum(3);
}

static void kernel_only(void **state)
{
	cresset_config.kernel_only = 1;
	tick_user();
	assert_int_equal(fake_map_count(FAKE_SAMPLES_0), 0);
	tick_kernel();
	assert_int_equal(only_row(1)->user_stack, 0);
	assert_int_not_equal(only_row(1)->kernel_stack, 0);
	assert_int_equal(native_stat(CRESSET_STAT_filtered), 1);
	check_sum(2);
}

static void rows_by_key(void **state)
{
	tick_user();
	fake_cpu.cgroup++;
	tick_user();
	task.task.self_exec_id++;
	tick_user();
	memcpy(fake_cpu.comm, "WORKER", 7);
	tick_user();
	task.task.pid++;
	tick_user();
	memory[3]++;
	tick_user();
	assert_int_equal(fake_map_count(FAKE_SAMPLES_0), 6);
	assert_int_equal(fake_map_count(FAKE_STACKS_0), 2);
	check_sum(6);
}

static void generations(void **state)
{
	tick_user();
	cresset_generation = 1;
	tick_user();
	tick_user();
	assert_int_equal(*(__u64 *)fake_map_at(FAKE_SAMPLES_0, 0, NULL), 1);
	assert_int_equal(*(__u64 *)fake_map_at(FAKE_SAMPLES_1, 0, NULL), 2);
	assert_int_equal(fake_map_count(FAKE_STACKS_0), 1);
	assert_int_equal(fake_map_count(FAKE_STACKS_1), 1);
	check_sum(3);
}

static void full_maps(void **state)
{
	fake_map_limit(FAKE_STACKS_0, 1);
	tick_user();
	tick_kernel(); /* its kernel stack has no room */
	assert_int_equal(native_stat(CRESSET_STAT_lost_stacks_full), 1);
	tick_user(); /* known: needs no room */
	fake_map_limit(FAKE_SAMPLES_0, 1);
	fake_cpu.cgroup++;
	tick_user();
	assert_int_equal(native_stat(CRESSET_STAT_lost_samples_full), 1);
	fake_cpu.cgroup--;
	tick_user();
	assert_int_equal(only_row(3)->pid, 100);
	check_sum(5);
}

static void refused_updates(void **state)
{
	fake_map_fail(FAKE_STACKS_0, -EBUSY);
	tick_user();
	fake_map_fail(FAKE_STACKS_0, 0);
	fake_map_fail(FAKE_SAMPLES_0, -ENOMEM);
	tick_user();
	fake_map_fail(FAKE_SAMPLES_0, 0);
	tick_user();
	assert_int_equal(native_stat(CRESSET_STAT_lost_map_busy), 2);
	assert_int_equal(native_stat(CRESSET_STAT_counted), 1);
	check_sum(3);
}

/* Two CPUs insert the same row or stack: the slower one must join the other's. */
static void insert_races(void **state)
{
	tick_user();
	fake_map_hide_once(FAKE_STACKS_0);
	tick_user();
	fake_map_hide_once(FAKE_SAMPLES_0);
	tick_user();
	assert_int_equal(only_row(3)->pid, 100);
	assert_int_equal(fake_map_count(FAKE_STACKS_0), 1);
	check_sum(3);
}

static void collision(void **state)
{
	struct cresset_stack *stack;

	tick_user();
	/* As if another stack had come first under this id. */
	stack = fake_map_at(FAKE_STACKS_0, 0, NULL);
	stack->check ^= 1;
	tick_user();
	stack->check ^= 1;
	stack->n++;
	tick_user();
	stack->n--;
	tick_user();
	assert_int_equal(native_stat(CRESSET_STAT_lost_collision), 2);
	assert_int_equal(native_stat(CRESSET_STAT_counted), 2);
	check_sum(4);
}

/* Ids must tell stacks apart that differ in one bit, one frame, or order; and depend on the seed.
 */
static void stack_ids(void **state)
{
	struct cresset_scratch *s = cresset_scratch(0);
	__u64 ids[512], seeded;
	size_t n = 0;

	memset(&s->user, 0, sizeof(s->user));
	for (int bit = 0; bit < 64; bit++) {
		s->user.n = 2;
		s->user.frames[0] = CODE ^ 1ull << bit;
		s->user.frames[1] = CODE;
		assert_int_equal(cresset_intern(0, 1, 0), -1);
		ids[n++] = s->key.user_stack;
		s->user.frames[1] = CODE ^ 1ull << bit;
		s->user.frames[0] = CODE;
		assert_int_equal(cresset_intern(0, 1, 0), -1);
		ids[n++] = s->key.user_stack;
	}
	memset(s->user.frames, 0, sizeof(s->user.frames));
	for (__u32 depth = 0; depth <= CRESSET_MAX_FRAMES; depth++) {
		s->user.n = depth;
		assert_int_equal(cresset_intern(0, 1, 0), -1);
		ids[n++] = s->key.user_stack;
	}
	for (size_t i = 0; i < n; i++) {
		assert_int_not_equal(ids[i], 0);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(ids[i], ids[j]);
	}
	seeded = s->key.user_stack;
	cresset_config.hash_seed = 1;
	assert_int_equal(cresset_intern(0, 1, 0), -1);
	assert_int_not_equal(s->key.user_stack, seeded);
}

static void add_target(enum fake_map_id map, __u32 id, __u64 start_ns)
{
	extern struct cresset_targets_map target_pids, target_tids;
	struct cresset_target target = {.start_ns = start_ns};

	bpf_map_update_elem(map == FAKE_TARGET_PIDS ? (void *)&target_pids : (void *)&target_tids,
			    &id, &target, BPF_ANY);
}

static void by_pid(void **state)
{
	struct native_task other, again;

	native_task_init(&other, 101, 6000);
	cresset_config.by_pid = 1;
	add_target(FAKE_TARGET_PIDS, 100, 0);
	native_run(&other);
	tick_user();
	assert_int_equal(native_stat(CRESSET_STAT_filtered), 1);
	native_run(&task);
	tick_user();
	assert_int_equal(native_stat(CRESSET_STAT_counted), 1);
	/* Another process that got the pid later. */
	native_task_init(&again, 100, 7000);
	native_run(&again);
	tick_user();
	assert_int_equal(native_stat(CRESSET_STAT_filtered), 2);
	/* All threads of the process. */
	again.task.pid = 103;
	again.task.tgid = 100;
	again.task.group_leader = &task.task;
	tick_user();
	assert_int_equal(native_stat(CRESSET_STAT_counted), 2);
	check_sum(4);
}

static void by_tid(void **state)
{
	struct native_task thread;

	native_task_init(&thread, 103, 6000);
	thread.task.tgid = 100;
	thread.task.group_leader = &task.task;
	cresset_config.by_tid = 1;
	add_target(FAKE_TARGET_TIDS, 103, 0);
	tick_user();
	assert_int_equal(native_stat(CRESSET_STAT_filtered), 1);
	native_run(&thread);
	tick_user();
	assert_int_equal(native_stat(CRESSET_STAT_counted), 1);
	thread.task.start_boottime++;
	tick_user();
	assert_int_equal(native_stat(CRESSET_STAT_filtered), 2);
	check_sum(3);
}

static void by_cgroup(void **state)
{
	cresset_config.by_cgroup = 1;
	tick_user();
	fake_cpu.under_cgroup = -EAGAIN;
	tick_user();
	fake_cpu.under_cgroup = 1;
	tick_user();
	assert_int_equal(native_stat(CRESSET_STAT_filtered), 2);
	assert_int_equal(native_stat(CRESSET_STAT_counted), 1);
	/* Any target will do. */
	fake_cpu.under_cgroup = 0;
	cresset_config.by_pid = 1;
	add_target(FAKE_TARGET_PIDS, 100, 0);
	tick_user();
	assert_int_equal(native_stat(CRESSET_STAT_counted), 2);
	check_sum(4);
}

static void fork_of(struct native_task *parent, struct native_task *child)
{
	__u64 ctx[2] = {(uintptr_t)&parent->task, (uintptr_t)&child->task};

	cresset_fork(ctx);
}

static void free_of(struct native_task *t)
{
	__u64 ctx[1] = {(uintptr_t)&t->task};

	cresset_free(ctx);
}

static void children(void **state)
{
	struct native_task child, thread, stranger, of_stranger;

	native_task_init(&child, 200, 8000);
	native_task_init(&thread, 201, 8001);
	thread.task.tgid = 100;
	thread.task.group_leader = &task.task;
	native_task_init(&stranger, 300, 8002);
	native_task_init(&of_stranger, 301, 8003);
	cresset_config.by_pid = 1;
	add_target(FAKE_TARGET_PIDS, 100, 0);
	fork_of(&task, &thread);
	assert_int_equal(fake_map_count(FAKE_TARGET_PIDS), 1);
	fork_of(&stranger, &of_stranger);
	assert_int_equal(fake_map_count(FAKE_TARGET_PIDS), 1);
	fork_of(&thread, &child);
	assert_int_equal(fake_map_count(FAKE_TARGET_PIDS), 2);
	native_run(&child);
	tick_user();
	assert_int_equal(native_stat(CRESSET_STAT_counted), 1);
	/* A thread that ends takes nothing along; the process does. */
	thread.task.pid = 200;
	thread.task.tgid = 100;
	free_of(&thread);
	assert_int_equal(fake_map_count(FAKE_TARGET_PIDS), 2);
	child.task.start_boottime++; /* not the one that was followed */
	free_of(&child);
	assert_int_equal(fake_map_count(FAKE_TARGET_PIDS), 2);
	child.task.start_boottime--;
	free_of(&child);
	assert_int_equal(fake_map_count(FAKE_TARGET_PIDS), 1);
	tick_user();
	assert_int_equal(native_stat(CRESSET_STAT_filtered), 1);
	/* No room for a child is counted. */
	fake_map_limit(FAKE_TARGET_PIDS, 1);
	fork_of(&task, &child);
	assert_int_equal(native_stat(CRESSET_STAT_children_missed), 1);
	check_sum(2);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(user_tick),
		TEST(kernel_tick),
		TEST(in_system_call),
		TEST(no_user_stack),
		TEST(kernel_stack_failed),
		TEST(deepest_kernel_stack),
		TEST(short_and_deep),
		TEST(compat32),
		TEST(user_only),
		TEST(kernel_only),
		TEST(rows_by_key),
		TEST(generations),
		TEST(full_maps),
		TEST(refused_updates),
		TEST(insert_races),
		TEST(collision),
		TEST(stack_ids),
		TEST(by_pid),
		TEST(by_tid),
		TEST(by_cgroup),
		TEST(children),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
