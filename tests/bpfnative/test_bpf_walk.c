// SPDX-License-Identifier: Apache-2.0
/*
 * The frame pointer walk over stacks made by hand: whole ones, each way to be broken, windows that
 * end in the middle, and random memory, on which it must end and never leave its bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "native.h"

#define BASE 0x7ffd00001000ull

enum { WORDS = 16384 };

static __u64 memory[WORDS];

static __u64 at(size_t word)
{
	return BASE + word * 8;
}

static int set_up(void **state)
{
	fake_reset();
	memset(memory, 0, sizeof(memory));
	fake_cpu.memory = memory;
	fake_cpu.memory_base = BASE;
	fake_cpu.memory_size = sizeof(memory);
	return 0;
}

static struct cresset_stack *walk(__u64 sp, __u64 fp, int *ret_stop)
{
	struct cresset_scratch *s = cresset_scratch(0);

	s->registers.ip = CODE;
	s->registers.sp = sp;
	s->registers.fp = fp;
	*ret_stop = cresset_unwind_fp(0);
	return &s->user;
}

/* n frames, `gap` words from one to the next; the last one has a frame pointer of `end`. */
static void chain(size_t first, size_t n, size_t gap, __u64 end)
{
	for (size_t i = 0; i < n; i++) {
		memory[first + i * gap] = i + 1 < n ? at(first + (i + 1) * gap) : end;
		memory[first + i * gap + 1] = CODE + 16 * (i + 1);
	}
}

static void whole_stacks(void **state)
{
	static const size_t gaps[] = {2, 3, 7, 15, 16, 29, 30, 31, 32, 33, 40};

	for (size_t g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++)
		for (size_t n = 1; n <= 100; n += 11) {
			struct cresset_stack *stack;
			int stop;

			chain(4, n, gaps[g], 0);
			stack = walk(at(0), at(4), &stop);
			assert_int_equal(stop, CRESSET_STOP_END);
			assert_int_equal(stack->n, n + 1);
			for (size_t i = 0; i <= n; i++)
				assert_int_equal(stack->frames[i], CODE + 16 * i);
		}
}

static void few_reads(void **state)
{
	int stop;

	chain(4, 64, 4, 0);
	walk(at(0), at(4), &stop);
	/* 64 frames of 32 bytes are 2 KiB; a window has 256 bytes. */
	assert_in_range(fake_cpu.reads, 8, 10);
}

static void depth_limit(void **state)
{
	struct cresset_stack *stack;
	int stop;

	chain(0, 300, 2, 0);
	stack = walk(at(0), at(0), &stop);
	assert_int_equal(stop, CRESSET_STOP_DEPTH);
	assert_int_equal(stack->n, CRESSET_MAX_FRAMES);
	assert_int_equal(stack->frames[CRESSET_MAX_FRAMES - 1],
			 CODE + 16 * (CRESSET_MAX_FRAMES - 1));
	/* The longest chain that fits is whole; one frame more is not. */
	chain(0, CRESSET_MAX_FRAMES - 1, 2, 0);
	stack = walk(at(0), at(0), &stop);
	assert_int_equal(stop, CRESSET_STOP_END);
	assert_int_equal(stack->n, CRESSET_MAX_FRAMES);
	chain(0, CRESSET_MAX_FRAMES, 2, 0);
	stack = walk(at(0), at(0), &stop);
	assert_int_equal(stop, CRESSET_STOP_DEPTH);
	assert_int_equal(stack->n, CRESSET_MAX_FRAMES);
}

/* Every depth limit again with frames so far apart that each needs a window. */
static void depth_limit_of_windows(void **state)
{
	struct cresset_stack *stack;
	int stop;

	chain(0, CRESSET_MAX_FRAMES, 32, 0);
	stack = walk(at(0), at(0), &stop);
	assert_int_equal(stop, CRESSET_STOP_DEPTH);
	assert_int_equal(stack->n, CRESSET_MAX_FRAMES);
	chain(0, CRESSET_MAX_FRAMES - 1, 32, 0);
	stack = walk(at(0), at(0), &stop);
	assert_int_equal(stop, CRESSET_STOP_END);
	assert_int_equal(stack->n, CRESSET_MAX_FRAMES);
}

static void check_stop(__u64 sp, __u64 fp, int want, size_t n)
{
	int stop;
	struct cresset_stack *stack = walk(sp, fp, &stop);

	assert_int_equal(stop, want);
	assert_int_equal(stack->n, n);
}

static void broken_at_once(void **state)
{
	chain(8, 3, 4, 0);
	check_stop(at(0), 0, CRESSET_STOP_END, 1);
	check_stop(at(0), at(8) + 4, CRESSET_STOP_MISALIGNED, 1);
	check_stop(at(9), at(8), CRESSET_STOP_OUTSIDE, 1);
	check_stop(at(8), at(8), CRESSET_STOP_END, 4);
	check_stop(at(0), at(0) + (9ull << 20), CRESSET_STOP_OUTSIDE, 1);
	check_stop(at(0), at(WORDS), CRESSET_STOP_READ_FAULT, 1);
	check_stop(at(0), ~7ull, CRESSET_STOP_OUTSIDE, 1);
	check_stop(~0ull, ~7ull, CRESSET_STOP_OUTSIDE, 1);
	/* The last word can be read, but no frame fits there. */
	check_stop(at(0), at(WORDS - 1), CRESSET_STOP_READ_FAULT, 1);
}

static void broken_later(void **state)
{
	/* Each is tried near (in one window) and far (across windows). */
	for (size_t gap = 4; gap <= 64; gap *= 4) {
		chain(8, 5, gap, 0);
		memory[8 + 2 * gap] = at(8);
		check_stop(at(0), at(8), CRESSET_STOP_NOT_GROWING, 4);
		memory[8 + 2 * gap] = at(8 + 2 * gap);
		check_stop(at(0), at(8), CRESSET_STOP_NOT_GROWING, 4);
		memory[8 + 2 * gap] = at(8 + 2 * gap + 1);
		check_stop(at(0), at(8), CRESSET_STOP_NOT_GROWING, 4);
		memory[8 + 2 * gap] = at(8 + 3 * gap) + 1;
		check_stop(at(0), at(8), CRESSET_STOP_MISALIGNED, 4);
		memory[8 + 2 * gap] = at(WORDS + 100);
		check_stop(at(0), at(8), CRESSET_STOP_READ_FAULT, 4);
		memory[8 + 2 * gap] = at(0) + (16ull << 20);
		check_stop(at(0), at(8), CRESSET_STOP_OUTSIDE, 4);
		chain(8, 5, gap, 0);
		memory[8 + 2 * gap + 1] = 0;
		check_stop(at(0), at(8), CRESSET_STOP_END, 3);
		memory[8 + 2 * gap + 1] = 1;
		check_stop(at(0), at(8), CRESSET_STOP_BAD_RA, 3);
		memory[8 + 2 * gap + 1] = 0xffffffff81000000ull;
		check_stop(at(0), at(8), CRESSET_STOP_BAD_RA, 3);
		memory[8 + 2 * gap + 1] = 1ull << 47;
		check_stop(at(0), at(8), CRESSET_STOP_BAD_RA, 3);
	}
}

/* The stack ends right after the last frame: a whole window cannot be read there. */
static void end_of_memory(void **state)
{
	struct cresset_stack *stack;
	int stop;

	for (size_t n = 1; n < 40; n++) {
		chain(WORDS - 2 * n, n, 2, 0);
		stack = walk(at(WORDS - 2 * n), at(WORDS - 2 * n), &stop);
		assert_int_equal(stop, CRESSET_STOP_END);
		assert_int_equal(stack->n, n + 1);
	}
}

static void random_memory(void **state)
{
	srandom(1);
	for (int round = 0; round < 20000; round++) {
		struct cresset_stack *stack;
		int stop;

		for (size_t i = 0; i < 512; i++)
			switch (random() % 6) {
			case 0:
				memory[i] = (__u64)random() << 33 ^ (__u64)random();
				break;
			case 1:
			case 2:
				memory[i] = at((size_t)random() % 600);
				break;
			case 3:
				memory[i] = at(i + (size_t)random() % 40);
				break;
			default:
				memory[i] = CODE + (__u64)random() % 4096;
				break;
			}
		stack = walk(at((size_t)random() % 64), at((size_t)random() % 128), &stop);
		assert_in_range(stop, CRESSET_STOP_END, CRESSET_N_STOPS - 1);
		assert_in_range(stack->n, 1, CRESSET_MAX_FRAMES);
		for (size_t i = 0; i < stack->n; i++)
			assert_in_range(stack->frames[i], 4096, CRESSET_USER_LIMIT - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(whole_stacks, set_up),
		cmocka_unit_test_setup(few_reads, set_up),
		cmocka_unit_test_setup(depth_limit, set_up),
		cmocka_unit_test_setup(depth_limit_of_windows, set_up),
		cmocka_unit_test_setup(broken_at_once, set_up),
		cmocka_unit_test_setup(broken_later, set_up),
		cmocka_unit_test_setup(end_of_memory, set_up),
		cmocka_unit_test_setup(random_memory, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
