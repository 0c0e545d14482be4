// SPDX-License-Identifier: Apache-2.0
/*
 * The native walk by rules: each kind of rule and signal frames, over tables and stacks made by
 * hand; and random tables and memory, on which it must end and never leave its bounds. What real
 * tables do on real programs is for tests/singlestep.
 */
#include "walk_world.h"

static void sp_rules(void **state)
{
	world->stack[0] = in(R_SP32, 16);
	world->stack[3] = 0x1234;
	world->stack[4] = in(R_BIG, 16);
	world->stack[5 + (1 << 11)] = in(R_END, 16);
	check(in(R_FRAMELESS, 3), CRESSET_STOP_WHOLE, frame(in(R_FRAMELESS, 3)),
	      frame(in(R_SP32, 16)), frame(in(R_BIG, 16)), frame(in(R_END, 16)));
	assert_int_equal(native_stat(CRESSET_STAT_frames_table), 3);
	assert_int_equal(native_stat(CRESSET_STAT_frames_fallback), 0);
}

/* A return address is looked up by the byte before it, a leaf by its own. */
static void boundaries(void **state)
{
	world->stack[0] = in(R_SP32, FUNCTION); /* R_FP's first byte, but a call of R_SP32 */
	world->stack[4] = in(R_END, 1);
	check(in(R_FRAMELESS, 0), CRESSET_STOP_WHOLE, frame(in(R_FRAMELESS, 0)),
	      frame(in(R_SP32, FUNCTION)), frame(in(R_END, 1)));
	world->stack[3] = in(R_END, 1);
	check(in(R_SP32, 0), CRESSET_STOP_WHOLE, frame(in(R_SP32, 0)), frame(in(R_END, 1)));
	check(in(R_SP32, FUNCTION - 1), CRESSET_STOP_WHOLE, frame(in(R_SP32, FUNCTION - 1)),
	      frame(in(R_END, 1)));
}

static void fp_rules(void **state)
{
	world->registers.fp = at(10);
	world->stack[10] = at(20);
	world->stack[11] = in(R_FP, 16);
	world->stack[20] = 0;
	world->stack[21] = in(R_END, 16);
	check(in(R_FP, 9), CRESSET_STOP_WHOLE, frame(in(R_FP, 9)), frame(in(R_FP, 16)),
	      frame(in(R_END, 16)));
	world->registers.fp = at(9);
	world->stack[10] = in(R_END, 16);
	check(in(R_RA_AT_FP, 0), CRESSET_STOP_WHOLE, frame(in(R_RA_AT_FP, 0)),
	      frame(in(R_END, 16)));
}

static void plt(void **state)
{
	world->stack[0] = in(R_END, 16);
	world->stack[1] = in(R_END, 17);
	for (unsigned int i = 0; i < 32; i++)
		check(in(R_PLT, i), CRESSET_STOP_WHOLE, frame(in(R_PLT, i)),
		      frame(in(R_END, (i & 15) < 11 ? 16 : 17)));
}

static void stack_realign(void **state)
{
	world->registers.fp = at(10);
	world->stack[9] = at(40); /* the CFA */
	world->stack[10] = at(50);
	world->stack[39] = in(R_FP, 16);
	world->stack[51] = in(R_END, 16);
	check(in(R_DRAP, 1), CRESSET_STOP_WHOLE, frame(in(R_DRAP, 1)), frame(in(R_FP, 16)),
	      frame(in(R_END, 16)));
	world->registers.fp = at(50);
	world->registers.general[10] = at(40);
	check(in(R_R10, 1), CRESSET_STOP_WHOLE, frame(in(R_R10, 1)), frame(in(R_FP, 16)),
	      frame(in(R_END, 16)));
}

/* At the ucontext: gregs as in uapi asm/sigcontext.h. */
static void put_signal_frame(size_t word, __u64 ip, __u64 sp, __u64 fp)
{
	__u64 *gregs = &world->stack[word + 5];

	for (int i = 0; i < 15; i++)
		gregs[i] = 0x100 + (unsigned int)i;
	gregs[2] = at(60); /* r10 */
	gregs[10] = fp;
	gregs[15] = sp;
	gregs[16] = ip;
}

/* The handler runs on an alternate stack above the interrupted one. */
static void signal_frames(void **state)
{
	world->registers.sp = at(100);
	world->stack[100] = in(R_SIGNAL, 16);
	put_signal_frame(101, in(R_R10, 0), at(30), at(10));
	/* Interrupted at a function's first byte, with a CFA in r10. */
	world->stack[59] = in(R_FP, 16);
	world->registers.fp = at(90);
	world->stack[10] = 0;
	world->stack[11] = in(R_END, 16);
	check(in(R_FRAMELESS, 3), CRESSET_STOP_BAD_CFA, frame(in(R_FRAMELESS, 3)),
	      frame(in(R_SIGNAL, 16)), frame(in(R_R10, 0)) | CRESSET_FRAME_EXACT,
	      frame(in(R_FP, 16)));
	/* Now with a frame pointer above. */
	put_signal_frame(101, in(R_R10, 0), at(30), at(70));
	world->stack[70] = 0;
	world->stack[71] = in(R_END, 16);
	check(in(R_FRAMELESS, 3), CRESSET_STOP_WHOLE, frame(in(R_FRAMELESS, 3)),
	      frame(in(R_SIGNAL, 16)), frame(in(R_R10, 0)) | CRESSET_FRAME_EXACT,
	      frame(in(R_FP, 16)), frame(in(R_END, 16)));
	/* In the trampoline itself. */
	world->registers.sp = at(101);
	check(in(R_SIGNAL, 0), CRESSET_STOP_WHOLE, frame(in(R_SIGNAL, 0)),
	      frame(in(R_R10, 0)) | CRESSET_FRAME_EXACT, frame(in(R_FP, 16)), frame(in(R_END, 16)));
	world->registers.sp = at(WORDS - 20);
	check(in(R_SIGNAL, 0), CRESSET_STOP_READ_FAULT, frame(in(R_SIGNAL, 0)));
	put_signal_frame(101, 1, at(30), at(70));
	world->registers.sp = at(101);
	check(in(R_SIGNAL, 0), CRESSET_STOP_BAD_RA, frame(in(R_SIGNAL, 0)));
}

/* A signal frame that returns into itself ends at the depth limit. */
static void signal_cycle(void **state)
{
	const struct cresset_stack *stack;
	int stop;

	world->registers.sp = at(101);
	put_signal_frame(101, in(R_SIGNAL, 0), at(101), 0);
	stack = walk(in(R_SIGNAL, 0), &stop);
	assert_int_equal(stop, CRESSET_STOP_DEPTH);
	assert_int_equal(stack->n, CRESSET_MAX_FRAMES);
}

static void unknown_libc_signal(void **state)
{
	static const unsigned char sigreturn[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};

	/* In the function of rule 0, which is "no unwind information". */
	memcpy(world->code + 16, sigreturn, sizeof(sigreturn));
	world->stack[0] = TEXT + 16;
	put_signal_frame(1, in(R_FRAMELESS, 0), at(40), 0);
	world->stack[40] = in(R_END, 16);
	check(in(R_FRAMELESS, 3), CRESSET_STOP_WHOLE, frame(in(R_FRAMELESS, 3)), frame(TEXT + 16),
	      frame(in(R_FRAMELESS, 0)) | CRESSET_FRAME_EXACT, frame(in(R_END, 16)));
	assert_int_equal(native_stat(CRESSET_STAT_frames_fallback), 0);
}

static void register_rules(void **state)
{
	world->registers.general[5] = in(R_END, 16);
	check(in(R_VFORK, 1), CRESSET_STOP_WHOLE, frame(in(R_VFORK, 1)), frame(in(R_END, 16)));
	/* Only the leaf has registers, or an empty frame. */
	world->stack[0] = in(R_VFORK, 16);
	check(in(R_FRAMELESS, 1), CRESSET_STOP_BAD_CFA, frame(in(R_FRAMELESS, 1)),
	      frame(in(R_VFORK, 16)));
	world->registers.general[15] = at(5);
	world->stack[5] = in(R_END, 16);
	check(in(R_REG_R15, 1), CRESSET_STOP_WHOLE, frame(in(R_REG_R15, 1)), frame(in(R_END, 16)));
	world->stack[0] = in(R_REG_R15, 16);
	check(in(R_FRAMELESS, 1), CRESSET_STOP_NO_REGISTER, frame(in(R_FRAMELESS, 1)),
	      frame(in(R_REG_R15, 16)));
}

/* A preserved register that the file's rules follow from frame to frame. */
static void followed_register(void **state)
{
	world->registers.general[3] = 0x1234; /* the callee's own */
	world->stack[1] = at(50);	      /* where R_SAVES has saved it */
	world->stack[3] = in(R_RBX, 16);
	world->stack[51] = in(R_END, 16);
	check(in(R_SAVES, 3), CRESSET_STOP_WHOLE, frame(in(R_SAVES, 3)), frame(in(R_RBX, 16)),
	      frame(in(R_END, 16)));
	/* Through a leaf that leaves it alone. */
	world->registers.general[3] = at(50);
	world->stack[0] = in(R_RBX, 16);
	check(in(R_KEEPS, 3), CRESSET_STOP_WHOLE, frame(in(R_KEEPS, 3)), frame(in(R_RBX, 16)),
	      frame(in(R_END, 16)));
	/* Through one of another file, which may have changed it: it is lost, even if kept later.
	 */
	world->registers.fp = 1;
	check(in(R_FRAMELESS, 3), CRESSET_STOP_NO_REGISTER, frame(in(R_FRAMELESS, 3)),
	      frame(in(R_RBX, 16)));
	world->stack[0] = in(R_KEEPS, 16);
	world->stack[1] = in(R_RBX, 16);
	check(in(R_FRAMELESS, 3), CRESSET_STOP_NO_REGISTER, frame(in(R_FRAMELESS, 3)),
	      frame(in(R_KEEPS, 16)), frame(in(R_RBX, 16)));
}

/* After its `leave` a realigned frame has restored the frame pointer; its rules do not say so. */
static void realign_epilogue(void **state)
{
	static const struct cresset_unwind_rule rule = {CRESSET_CFA_REG, 7, CRESSET_FP_AT_FP,
							.cfa_offset = 8, .ra_offset = -8};

	world->mem->rules[R_ODD] = rule;
	world->stack[0] = in(R_FP, 16);
	world->registers.fp = at(10);
	world->stack[10] = at(20);
	world->stack[11] = in(R_END, 16);
	check(in(R_ODD, 3), CRESSET_STOP_WHOLE, frame(in(R_ODD, 3)), frame(in(R_FP, 16)),
	      frame(in(R_END, 16)));
}

/* A saved frame pointer that cannot be read matters only to those who need it. */
static void fp_unreadable(void **state)
{
	static const struct cresset_unwind_rule rule = {CRESSET_CFA_REG,      7,
							CRESSET_FP_AT_CFA,    .cfa_offset = 8,
							.fp_offset = 1 << 20, .ra_offset = -8};

	world->mem->rules[R_ODD] = rule;
	world->stack[0] = in(R_END, 16);
	check(in(R_ODD, 3), CRESSET_STOP_WHOLE, frame(in(R_ODD, 3)), frame(in(R_END, 16)));
	world->stack[0] = in(R_FP, 16);
	check(in(R_ODD, 3), CRESSET_STOP_NO_REGISTER, frame(in(R_ODD, 3)), frame(in(R_FP, 16)));
}

static void fp_lost(void **state)
{
	world->registers.fp = at(10);
	world->stack[0] = in(R_FP, 16);
	world->stack[10] = 0;
	world->stack[11] = in(R_END, 16);
	check(in(R_FP_LOST, 0), CRESSET_STOP_NO_REGISTER, frame(in(R_FP_LOST, 0)),
	      frame(in(R_FP, 16)));
	/* It does not matter if nobody needs it. */
	world->stack[0] = in(R_SP32, 16);
	world->stack[4] = in(R_END, 16);
	check(in(R_FP_LOST, 0), CRESSET_STOP_WHOLE, frame(in(R_FP_LOST, 0)), frame(in(R_SP32, 16)),
	      frame(in(R_END, 16)));
}

static void bad_cfa(void **state)
{
	world->stack[0] = in(R_CFA_BACK, 16);
	world->registers.fp = 1;
	check(in(R_FRAMELESS, 0), CRESSET_STOP_BAD_CFA, frame(in(R_FRAMELESS, 0)),
	      frame(in(R_CFA_BACK, 16)));
	world->stack[0] = in(R_ODD, 16);
	check(in(R_FRAMELESS, 0), CRESSET_STOP_BAD_CFA, frame(in(R_FRAMELESS, 0)),
	      frame(in(R_ODD, 16)));
	world->stack[0] = 0;
	check(in(R_FRAMELESS, 0), CRESSET_STOP_END, frame(in(R_FRAMELESS, 0)));
	world->stack[0] = 5;
	check(in(R_FRAMELESS, 0), CRESSET_STOP_BAD_RA, frame(in(R_FRAMELESS, 0)));
	world->registers.sp = at(WORDS);
	check(in(R_FRAMELESS, 0), CRESSET_STOP_READ_FAULT, frame(in(R_FRAMELESS, 0)));
	check(CRESSET_NONE_CFA_EXPRESSION * FUNCTION + TEXT, CRESSET_STOP_UNSUPPORTED,
	      frame(TEXT + CRESSET_NONE_CFA_EXPRESSION * FUNCTION));
}

static void depth(void **state)
{
	const struct cresset_stack *stack;
	int stop;

	for (size_t i = 0; i < 300; i++)
		world->stack[i] = in(R_FRAMELESS, 16);
	world->stack[CRESSET_MAX_FRAMES - 2] = in(R_END, 16);
	stack = walk(in(R_FRAMELESS, 0), &stop);
	assert_int_equal(stop, CRESSET_STOP_WHOLE);
	assert_int_equal(stack->n, CRESSET_MAX_FRAMES);
	assert_int_equal(stack->frames[CRESSET_MAX_FRAMES - 1], frame(in(R_END, 16)));
	world->stack[CRESSET_MAX_FRAMES - 2] = in(R_FRAMELESS, 16);
	stack = walk(in(R_FRAMELESS, 0), &stop);
	assert_int_equal(stop, CRESSET_STOP_DEPTH);
	assert_int_equal(stack->n, CRESSET_MAX_FRAMES);
}

static __u64 random_word(void)
{
	switch (random() % 8) {
	case 0:
		return (__u64)random() << 33 ^ (__u64)random();
	case 1:
	case 2:
		return at((size_t)random() % 600);
	case 3:
		return JIT + (__u64)random() % 65536;
	default:
		return TEXT + (__u64)random() % (N_RULES * FUNCTION + 64);
	}
}

static void random_world(void **state)
{
	srandom(1);
	for (int round = 0; round < 10000; round++) {
		const struct cresset_stack *stack;
		int stop;

		for (size_t i = 0; i < 512; i++)
			world->stack[i] = random_word();
		for (size_t i = 0; i < CRESSET_N_GENERAL; i++)
			world->registers.general[i] = random_word();
		world->registers.sp = at((size_t)random() % 64);
		world->registers.fp = random_word();
		if (round % 4 == 3) {
			__u8 *bytes = (__u8 *)world->mem->rules;

			bytes[(size_t)random() % sizeof(rules)] = (__u8)random();
			bytes = (__u8 *)&world->blocks[7];
			bytes[(size_t)random() % sizeof(world->blocks[7])] = (__u8)random();
			bytes = (__u8 *)&world->mem->pages[3];
			bytes[(size_t)random() % 64] = (__u8)random();
			bytes = (__u8 *)tabmem_cell(world->mem, 16);
			bytes[(size_t)random() % 256] = (__u8)random();
		} else if (round % 4 == 0) {
			write_tables();
		}
		stack = walk(random_word(), &stop);
		assert_in_range(stop, CRESSET_STOP_END, CRESSET_N_STOPS - 1);
		assert_in_range(stack->n, 1, CRESSET_MAX_FRAMES);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sp_rules),
		TEST(boundaries),
		TEST(fp_rules),
		TEST(plt),
		TEST(stack_realign),
		TEST(signal_frames),
		TEST(signal_cycle),
		TEST(unknown_libc_signal),
		TEST(register_rules),
		TEST(followed_register),
		TEST(realign_epilogue),
		TEST(fp_unreadable),
		TEST(fp_lost),
		TEST(bad_cfa),
		TEST(depth),
		TEST(random_world),
	};

	return cmocka_run_group_tests_name("bpf_native", tests, NULL, NULL);
}
