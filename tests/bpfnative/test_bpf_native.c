// SPDX-License-Identifier: Apache-2.0
/*
 * The native walk over tables and stacks made by hand: each kind of rule, signal frames, each
 * fallback and each way to fail, and random tables and memory, on which it must end and never leave
 * its bounds. What real tables do on real programs is for tests/singlestep.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_tabmem.h"
#include "native.h"
#include "unwind_walk.h"

#define BASE 0x7ffd00001000ull
#define TEXT 0x7f1200000000ull /* the file's first byte in memory; its virtual address is VADDR */
#define JIT  0x7f3300000000ull

enum {
	WORDS = 4096,
	PID = 42,
	EXEC_ID = 7,
	DSO = 5,
	VADDR = 0x1000,
	TEXT_BYTES = 1 << 16,
	CODE_BYTES = 4096,
	FUNCTION = 64, /* each rule has a function of so many bytes */
};

/* Rule ids: a function of the file for each, at TEXT + id * FUNCTION. */
enum {
	R_FRAMELESS = CRESSET_N_NONE, /* CFA sp + 8 */
	R_SP32,			      /* CFA sp + 32, fp saved at CFA - 16 */
	R_FP,			      /* push rbp; mov rbp, rsp */
	R_BIG,			      /* CFA sp + 1 MiB + 8 */
	R_PLT,
	R_DRAP, /* CFA *(fp - 8), fp saved at *fp */
	R_R10,	/* CFA r10 + 0, a DRAP prologue */
	R_END,	/* _start */
	R_SIGNAL,
	R_VFORK,    /* the return address is in rdi */
	R_FP_LOST,  /* CFA sp + 8, fp unknown */
	R_CFA_BACK, /* CFA sp - 64 */
	R_ODD,	    /* CFA sp + 12 */
	R_REG_R15,  /* CFA r15 + 8 */
	R_RA_AT_FP, /* CFA fp + 32, return address at fp + 8 */
	R_RBX,	    /* CFA rbx + 16, followed, not saved: _dl_runtime_resolve */
	R_SAVES,    /* CFA sp + 32, followed, saved at CFA - 24: _dl_fixup */
	R_KEEPS,    /* CFA sp + 8, followed, not saved */
	N_RULES,
};

static const struct cresset_unwind_rule rules[N_RULES] = {
	[CRESSET_NONE_NO_FDE] = {.none = CRESSET_NONE_NO_FDE},
	[CRESSET_NONE_CFA_EXPRESSION] = {.none = CRESSET_NONE_CFA_EXPRESSION},
	[R_FRAMELESS] = {CRESSET_CFA_REG, 7, .cfa_offset = 8, .ra_offset = -8},
	[R_SP32] = {CRESSET_CFA_REG, 7, CRESSET_FP_AT_CFA, .cfa_offset = 32, .fp_offset = -16,
		    .ra_offset = -8},
	[R_FP] = {CRESSET_CFA_REG, 6, CRESSET_FP_AT_CFA, .cfa_offset = 16, .fp_offset = -16,
		  .ra_offset = -8},
	[R_BIG] = {CRESSET_CFA_REG, 7, .cfa_offset = (1 << 14) + 8, .ra_offset = -8},
	[R_PLT] = {CRESSET_CFA_PLT, 7, .cfa_offset = 8, .cfa_add = 11, .ra_offset = -8},
	[R_DRAP] = {CRESSET_CFA_DEREF, 6, CRESSET_FP_AT_FP, .cfa_offset = -8, .ra_offset = -8},
	[R_R10] = {CRESSET_CFA_REG, 10, .ra_offset = -8},
	[R_END] = {.ra = CRESSET_RA_END},
	[R_SIGNAL] = {.flags = CRESSET_RULE_SIGNAL},
	[R_VFORK] = {CRESSET_CFA_REG, 7, .ra = CRESSET_RA_REG, .ra_offset = 5},
	[R_FP_LOST] = {CRESSET_CFA_REG, 7, CRESSET_FP_LOST, .cfa_offset = 8, .ra_offset = -8},
	[R_CFA_BACK] = {CRESSET_CFA_REG, 7, .cfa_offset = -64, .ra_offset = -8},
	[R_ODD] = {CRESSET_CFA_REG, 7, .cfa_offset = 12, .ra_offset = -8},
	[R_REG_R15] = {CRESSET_CFA_REG, 15, .cfa_offset = 8, .ra_offset = -8},
	[R_RA_AT_FP] = {CRESSET_CFA_REG, 6, .ra = CRESSET_RA_AT_FP, .cfa_offset = 32,
			.ra_offset = 8},
	[R_RBX] = {CRESSET_CFA_REG, 3, .saved = 3, .cfa_offset = 16, .ra_offset = -8},
	[R_SAVES] = {CRESSET_CFA_REG, 7, .saved = 3, .saved_at = -3, .cfa_offset = 32,
		     .ra_offset = -8},
	[R_KEEPS] = {CRESSET_CFA_REG, 7, .saved = 3, .cfa_offset = 8, .ra_offset = -8},
};

struct world {
	struct tabmem *mem;
	struct cresset_unwind_block *blocks;
	__u64 stack[WORDS];
	unsigned char code[CODE_BYTES];
	struct native_task task;
	struct cresset_registers registers; /* to begin with */
};

static struct world *world;

static __u64 at(size_t word)
{
	return BASE + word * 8;
}

/* An address in the function of that rule; `offset` 16 is a return address in the middle. */
static __u64 in(int rule, unsigned int offset)
{
	return TEXT + (unsigned int)rule * FUNCTION + offset;
}

static __u64 frame(__u64 address)
{
	return (address - TEXT + VADDR) | (__u64)DSO << CRESSET_FRAME_DSO_SHIFT;
}

static long read_user(void *arg, void *to, uint32_t size, uint64_t from)
{
	if (from >= BASE && from - BASE <= sizeof(world->stack) - size)
		memcpy(to, (const char *)world->stack + (from - BASE), size);
	else if (from >= TEXT && from - TEXT <= CODE_BYTES - size)
		memcpy(to, world->code + (from - TEXT), size);
	else
		return -EFAULT;
	return 0;
}

static int tear_down(void **state)
{
	if (world) {
		fake_tabmem_free(world->mem);
		free(world);
		world = NULL;
	}
	return 0;
}

static void publish(struct world *w)
{
	struct cresset_unwind_proc proc = {.exec_id = EXEC_ID, .n_pages = 1, .pages = {3}};
	struct cresset_unwind_page *page = &w->mem->pages[3];

	w->mem->dsos[DSO] = (struct cresset_unwind_dso){
		.text = VADDR, .text_size = TEXT_BYTES, .dir = 16, .state = CRESSET_DSO_READY};
	page->n = 2;
	page->ranges[0] = (struct cresset_unwind_range){.start = TEXT,
							.bias = TEXT - VADDR,
							.pages = TEXT_BYTES >> 12,
							.dso = DSO,
							.kind = CRESSET_RANGE_FILE};
	page->ranges[1] = (struct cresset_unwind_range){
		.start = JIT, .bias = 0, .pages = 16, .dso = 0, .kind = CRESSET_RANGE_ANON};
	assert_int_equal(w->mem->ops->set_proc(w->mem, PID, &proc), 0);
}

static void write_tables(void)
{
	struct cresset_unwind_block *block = &world->blocks[7];

	memcpy(world->mem->rules, rules, sizeof(rules));
	*block = (struct cresset_unwind_block){.next_base = ~0u, .dso = DSO};
	for (int i = 0; i < N_RULES; i++)
		block->rows[block->n++] = (struct cresset_unwind_row){i * FUNCTION, i};
	block->rows[block->n++] = (struct cresset_unwind_row){N_RULES * FUNCTION, 0};
	for (unsigned int i = 0; i < TEXT_BYTES >> CRESSET_DIR_SHIFT; i++)
		*tabmem_cell(world->mem, 16 + i) = 7 + 1;
	publish(world);
}

static int set_up(void **state)
{
	tear_down(state);
	fake_reset();
	cresset_config.unwinder = CRESSET_UNWINDER_native;
	cresset_config.tables_only = 0;
	world = calloc(1, sizeof(*world));
	assert_non_null(world);
	world->mem = fake_tabmem_new();
	assert_non_null(world->mem);
	assert_int_equal(world->mem->ops->add_pool(world->mem, 0, &world->blocks), 0);
	write_tables();
	native_task_init(&world->task, PID, 1);
	native_run(&world->task);
	fake_cpu.read_user = read_user;
	/* call rel32 before every return address that tests use. */
	for (int i = 0; i < N_RULES; i++)
		world->code[i * FUNCTION + 11] = 0xe8;
	world->registers.sp = at(0);
	return 0;
}

static const struct cresset_stack *walk(__u64 ip, int *ret_stop)
{
	struct cresset_scratch *s = cresset_scratch(0);

	s->key.pid = PID;
	s->key.exec_id = EXEC_ID;
	s->registers = world->registers;
	s->registers.ip = ip;
	*ret_stop = cresset_unwind_native(0);
	return &s->user;
}

#define check(ip, stop, ...)                                                                       \
	check_frames(ip, stop, (const __u64[]){__VA_ARGS__},                                       \
		     sizeof((const __u64[]){__VA_ARGS__}) / sizeof(__u64))

static void check_frames(__u64 ip, int want, const __u64 *frames, size_t n)
{
	int stop;
	const struct cresset_stack *stack = walk(ip, &stop);

	assert_int_equal(stop, want);
	assert_int_equal(stack->n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(stack->frames[i], frames[i]);
}

static size_t misses(struct cresset_unwind_miss *ret_first)
{
	const void *key;

	if (fake_map_at(FAKE_UNWIND_MISSES, 0, &key))
		memcpy(ret_first, key, sizeof(*ret_first));
	return fake_map_count(FAKE_UNWIND_MISSES);
}

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

/* Where nothing describes the code, a leaf's caller is on top of the stack if a call ends there. */
static void leaf_fallback(void **state)
{
	world->stack[0] = in(R_FRAMELESS, 16);
	world->stack[1] = in(R_END, 16);
	check(TEXT + 9, CRESSET_STOP_WHOLE, frame(TEXT + 9),
	      frame(in(R_FRAMELESS, 16)) | CRESSET_FRAME_FALLBACK, frame(in(R_END, 16)));
	assert_int_equal(native_stat(CRESSET_STAT_frames_fallback), 1);
	assert_int_equal(native_stat(CRESSET_STAT_frames_table), 1);
	assert_int_equal(native_stat(CRESSET_STAT_stacks_fallback), 1);
	/* No call before it. */
	world->stack[0] = in(R_FRAMELESS, 17);
	world->registers.fp = 8;
	check(TEXT + 9, CRESSET_STOP_NO_INFO, frame(TEXT + 9));
}

/* What an earlier call has left on top of the stack is told by where that call went. */
static void stale_return_address(void **state)
{
	const __u64 ra = in(R_FRAMELESS, 16);
	__s32 to_leaf = (__s32)(TEXT - ra);

	world->stack[0] = ra;
	world->stack[1] = in(R_END, 16);
	world->registers.fp = at(10);
	world->stack[10] = at(20);
	world->stack[11] = in(R_END, 16);
	check(TEXT + 9, CRESSET_STOP_WHOLE, frame(TEXT + 9),
	      frame(in(R_END, 16)) | CRESSET_FRAME_FALLBACK);
	/* A jump may have come between, so without a frame pointer it is taken. */
	world->registers.fp = 8;
	check(TEXT + 9, CRESSET_STOP_WHOLE, frame(TEXT + 9), frame(ra) | CRESSET_FRAME_FALLBACK,
	      frame(in(R_END, 16)));
	/* A call of this very code. */
	world->registers.fp = at(10);
	memcpy(&world->code[ra - TEXT - 4], &to_leaf, sizeof(to_leaf));
	check(TEXT + 9, CRESSET_STOP_WHOLE, frame(TEXT + 9), frame(ra) | CRESSET_FRAME_FALLBACK,
	      frame(in(R_END, 16)));
	/* Of an unknown process only what can be read and is a call. */
	world->registers.fp = 8;
	world->stack[0] = TEXT + (1ull << 30);
	assert_int_equal(world->mem->ops->delete_proc(world->mem, PID), 0);
	check(TEXT + 9, CRESSET_STOP_NOT_KNOWN, TEXT + 9);
}

static void fp_fallback(void **state)
{
	world->registers.fp = at(10);
	world->stack[10] = at(20);
	world->stack[11] = TEXT + 16; /* again without unwind information */
	world->code[11] = 0xe8;
	world->stack[20] = at(30);
	world->stack[21] = in(R_SP32, 16);
	world->stack[25] = in(R_END, 16);
	check(TEXT + 9, CRESSET_STOP_WHOLE, frame(TEXT + 9),
	      frame(TEXT + 16) | CRESSET_FRAME_FALLBACK,
	      frame(in(R_SP32, 16)) | CRESSET_FRAME_FALLBACK, frame(in(R_END, 16)));
	/* Entry code without unwind information has cleared the frame pointer. */
	world->stack[20] = 0;
	world->stack[21] = TEXT + 16;
	check(TEXT + 9, CRESSET_STOP_END, frame(TEXT + 9),
	      frame(TEXT + 16) | CRESSET_FRAME_FALLBACK, frame(TEXT + 16) | CRESSET_FRAME_FALLBACK);
	/* At once, it says nothing. */
	world->registers.fp = 0;
	check(TEXT + 9, CRESSET_STOP_NO_INFO, frame(TEXT + 9));
	/* Below sp, far above it, not readable, not behind a call, not in code. */
	world->registers.sp = at(50);
	world->registers.fp = at(10);
	check(TEXT + 9, CRESSET_STOP_NO_INFO, frame(TEXT + 9));
	world->registers.fp = at(50) + (9ull << 20);
	check(TEXT + 9, CRESSET_STOP_NO_INFO, frame(TEXT + 9));
	world->registers.fp = at(WORDS);
	check(TEXT + 9, CRESSET_STOP_NO_INFO, frame(TEXT + 9));
	world->registers.fp = at(60);
	world->stack[61] = in(R_END, 17);
	check(TEXT + 9, CRESSET_STOP_NO_INFO, frame(TEXT + 9));
	world->stack[61] = at(3);
	check(TEXT + 9, CRESSET_STOP_NO_INFO, frame(TEXT + 9));
}

/* --unwind dwarf: nothing is guessed, but what is certain without tables still is. */
static void tables_only(void **state)
{
	cresset_config.tables_only = 1;
	world->registers.fp = at(10);
	world->stack[10] = at(20);
	world->stack[11] = in(R_END, 16);
	check(TEXT + 9, CRESSET_STOP_NO_INFO, frame(TEXT + 9));
	check(JIT + 9, CRESSET_STOP_JIT, JIT + 9);
	world->stack[0] = in(R_END, 16);
	check(in(R_FRAMELESS, 9), CRESSET_STOP_WHOLE, frame(in(R_FRAMELESS, 9)),
	      frame(in(R_END, 16)));
}

/* Generated code: by frame pointer, and not a fallback that anybody has to worry about. */
static void generated_code(void **state)
{
	world->registers.fp = at(10);
	world->stack[10] = at(20);
	world->stack[11] = JIT + 0x100;
	world->stack[21] = in(R_END, 16);
	check(JIT + 9, CRESSET_STOP_WHOLE, JIT + 9, (JIT + 0x100) | CRESSET_FRAME_FALLBACK,
	      frame(in(R_END, 16)) | CRESSET_FRAME_FALLBACK);
	assert_int_equal(native_stat(CRESSET_STAT_frames_jit), 2);
	assert_int_equal(native_stat(CRESSET_STAT_stacks_fallback), 0);
	world->stack[20] = 0;
	world->stack[21] = 0;
	check(JIT + 9, CRESSET_STOP_JIT, JIT + 9, (JIT + 0x100) | CRESSET_FRAME_FALLBACK);
}

static void call_forms(void **state)
{
	static const struct {
		unsigned int n;
		unsigned char bytes[7];
		bool call;
	} forms[] = {
		{5, {0xe8, 1, 2, 3, 4}, true},
		{2, {0xff, 0xd0}, true},		   /* *%rax */
		{3, {0x41, 0xff, 0xd7}, true},		   /* *%r15 */
		{2, {0xff, 0x10}, true},		   /* *(%rax) */
		{3, {0xff, 0x14, 0x24}, true},		   /* *(%rsp) */
		{3, {0xff, 0x50, 8}, true},		   /* *8(%rax) */
		{4, {0xff, 0x54, 0x24, 8}, true},	   /* *8(%rsp) */
		{6, {0xff, 0x15, 1, 2, 3, 4}, true},	   /* *x(%rip) */
		{6, {0xff, 0x90, 1, 2, 3, 4}, true},	   /* *x(%rax) */
		{7, {0xff, 0x94, 0x24, 1, 2, 3, 4}, true}, /* *x(%rsp) */
		{2, {0xff, 0xe0}, false},		   /* jmp *%rax */
		{5, {0xe9, 1, 2, 3, 4}, false},
		{2, {0xff, 0xc0}, false}, /* inc %eax */
		{1, {0x90}, true},	  /* nop */
		{1, {0xcc}, false},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		memset(world->code + R_END * FUNCTION, 0xcc, 16);
		memcpy(world->code + R_END * FUNCTION + 16 - forms[i].n, forms[i].bytes,
		       forms[i].n);
		world->stack[0] = in(R_END, 16);
		if (forms[i].call)
			check(TEXT + 9, CRESSET_STOP_WHOLE, frame(TEXT + 9),
			      frame(in(R_END, 16)) | CRESSET_FRAME_FALLBACK);
		else
			check(TEXT + 9, CRESSET_STOP_NO_INFO, frame(TEXT + 9));
	}
}

static void unknown_process(void **state)
{
	struct cresset_unwind_proc proc = {.exec_id = EXEC_ID + 1, .n_pages = 1, .pages = {3}};
	struct cresset_unwind_miss miss;

	world->registers.fp = at(10);
	world->stack[10] = 0;
	world->stack[11] = in(R_END, 16);
	for (int other_image = 0; other_image < 2; other_image++) {
		assert_int_equal(world->mem->ops->delete_proc(world->mem, PID), 0);
		if (other_image)
			assert_int_equal(world->mem->ops->set_proc(world->mem, PID, &proc), 0);
		check(in(R_FP, 9), CRESSET_STOP_NOT_KNOWN, in(R_FP, 9),
		      in(R_END, 16) | CRESSET_FRAME_FALLBACK);
		assert_int_equal(misses(&miss), 1);
		assert_int_equal(miss.dso, 0);
		assert_int_equal(miss.pid, PID);
		assert_int_equal(miss.exec_id, EXEC_ID);
		assert_int_equal(miss.address, TEXT & ~((2ull << 20) - 1));
	}
}

static void missing_tables(void **state)
{
	static const struct {
		enum cresset_dso_state state;
		int stop;
		bool wanted;
	} cases[] = {
		{CRESSET_DSO_WANTED, CRESSET_STOP_NO_TABLE, true},
		{CRESSET_DSO_FREE, CRESSET_STOP_NO_TABLE, true},
		{CRESSET_DSO_EVICTED, CRESSET_STOP_EVICTED, true},
		{CRESSET_DSO_NONE, CRESSET_STOP_NO_INFO, false},
	};
	struct cresset_unwind_miss miss;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_up(state);
		world->mem->dsos[DSO].state = cases[i].state;
		world->registers.fp = at(10);
		world->stack[10] = 8;
		world->stack[11] = in(R_END, 16);
		check(in(R_FP, 9), cases[i].stop, frame(in(R_FP, 9)),
		      frame(in(R_END, 16)) | CRESSET_FRAME_FALLBACK);
		assert_int_equal(misses(&miss), cases[i].wanted);
		if (!cases[i].wanted)
			continue;
		assert_int_equal(miss.dso, DSO);
		assert_int_equal(miss.pid, PID);
		assert_int_equal(miss.exec_id, EXEC_ID);
		assert_int_equal(miss.address, 0);
	}
}

static void unmapped_code(void **state)
{
	struct cresset_unwind_miss miss;
	__u64 stray = 0x7f9912345678ull;

	world->stack[0] = stray;
	check(in(R_FRAMELESS, 0), CRESSET_STOP_NOT_MAPPED, frame(in(R_FRAMELESS, 0)), stray);
	assert_int_equal(misses(&miss), 1);
	assert_int_equal(miss.dso, 0);
	assert_int_equal(miss.address, 0x7f9912200000ull);
	/* The legacy vsyscall page: only 48 bits of its address fit. */
	world->stack[0] = in(R_END, 16);
	check(0xffffffffff600000ull, CRESSET_STOP_WHOLE, 0xffffff600000ull,
	      frame(in(R_END, 16)) | CRESSET_FRAME_FALLBACK);
}

static void misses_are_bounded(void **state)
{
	fake_map_limit(FAKE_UNWIND_MISSES, 1);
	world->registers.fp = 8;
	for (unsigned int i = 0; i < 4; i++)
		check(0x7f9900000000ull + ((__u64)i << 21), CRESSET_STOP_NOT_MAPPED,
		      0x7f9900000000ull + ((__u64)i << 21));
	assert_int_equal(fake_map_count(FAKE_UNWIND_MISSES), 1);
	assert_int_equal(native_stat(CRESSET_STAT_misses_full), 3);
}

/* Many ranges, and several pages of them: each is found at both its ends, the gaps are not. */
static void many_ranges(void **state)
{
	struct cresset_unwind_proc proc = {.exec_id = EXEC_ID, .n_pages = CRESSET_MAX_PROC_PAGES};
	struct cresset_scratch *s = cresset_scratch(0);
	__u64 start = 0x100000;

	for (unsigned int p = 0; p < proc.n_pages; p++) {
		struct cresset_unwind_page *page = &world->mem->pages[p];

		proc.pages[p] = p;
		proc.first[p] = start;
		page->n = p ? CRESSET_PAGE_RANGES : 1;
		for (unsigned int i = 0; i < page->n; i++, start += 3 << 12)
			page->ranges[i] = (struct cresset_unwind_range){
				.start = start, .pages = 2, .kind = CRESSET_RANGE_ANON};
	}
	assert_int_equal(world->mem->ops->set_proc(world->mem, PID, &proc), 0);
	walk(in(R_END, 0), &(int){0});
	for (__u64 a = 0x100000; a < start; a += 3 << 12) {
		assert_int_equal(cresset_walk_locate(0, a), 0);
		assert_int_equal(s->walk.start, a);
		assert_int_equal(cresset_walk_locate(0, a + (2 << 12) - 1), 0);
		assert_int_equal(cresset_walk_locate(0, a + (2 << 12)), -1);
	}
	assert_int_equal(cresset_walk_locate(0, 0xfffff), -1);
	assert_int_equal(cresset_walk_locate(0, ~0ull), -1);
}

/* Every address of a table of many blocks gives what a plain scan of its rows does. */
static void many_blocks(void **state)
{
	struct cresset_unwind_block *b = world->blocks;
	unsigned int pc = 100, first = 20, n = 12;
	int want = 0;

	srandom(3);
	for (unsigned int k = first; k < first + n; k++) {
		b[k] = (struct cresset_unwind_block){
			.base = pc, .next = k + 1, .dso = DSO, .n = CRESSET_BLOCK_ROWS};
		for (unsigned int i = 0; i < b[k].n; i++) {
			b[k].rows[i] = (struct cresset_unwind_row){(__u16)(pc - b[k].base),
								   (__u16)(1 + random() % 1000)};
			pc += k < first + 6 ? 1 : 1 + (unsigned int)random() % 9;
		}
		b[k].next_base = k + 1 < first + n ? pc : ~0u;
	}
	for (unsigned int kib = 0; kib < TEXT_BYTES >> CRESSET_DIR_SHIFT; kib++) {
		unsigned int k = first;

		while (b[k].next_base <= kib << CRESSET_DIR_SHIFT)
			k++;
		*tabmem_cell(world->mem, 16 + kib) = k + 1;
	}
	walk(TEXT + 5, &(int){0});
	for (unsigned int a = 0, k = first, i = 0; a < pc + 500; a++) {
		while (k < first + n && b[k].base + b[k].rows[i].pc <= a) {
			want = b[k].rows[i].rule;
			if (++i == b[k].n) {
				i = 0;
				k++;
			}
		}
		assert_int_equal(cresset_walk_rule(0, TEXT + a), want);
	}
	assert_int_equal(cresset_walk_rule(0, TEXT + TEXT_BYTES), 0);
}

static void damaged_tables(void **state)
{
	int stop = -CRESSET_STOP_BAD_TABLE;

	walk(in(R_END, 0), &(int){0});
	world->blocks[7].dso = DSO + 1;
	assert_int_equal(cresset_walk_rule(0, TEXT), stop);
	world->blocks[7].dso = DSO;
	/* A chain without end, one that leaves the pools, a cell that does. */
	world->blocks[7].next_base = 0;
	world->blocks[7].next = 7;
	assert_int_equal(cresset_walk_rule(0, TEXT), stop);
	world->blocks[7].next = ~0u;
	assert_int_equal(cresset_walk_rule(0, TEXT), stop);
	*tabmem_cell(world->mem, 16) = ~0u;
	assert_int_equal(cresset_walk_rule(0, TEXT), stop);
	world->blocks[7].next_base = ~0u;
	*tabmem_cell(world->mem, 16) = 0;
	assert_int_equal(cresset_walk_rule(0, TEXT), 0);
	world->mem->dsos[DSO].dir = ~0u;
	cresset_scratch(0)->walk.bytes = 0;
	assert_int_equal(cresset_walk_locate(0, TEXT), 0);
	assert_int_equal(cresset_walk_rule(0, TEXT), stop);
	world->registers.fp = 8;
	check(TEXT, CRESSET_STOP_BAD_TABLE, frame(TEXT));
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
		TEST(fp_lost),
		TEST(followed_register),
		TEST(realign_epilogue),
		TEST(fp_unreadable),
		TEST(tables_only),
		TEST(bad_cfa),
		TEST(depth),
		TEST(leaf_fallback),
		TEST(stale_return_address),
		TEST(fp_fallback),
		TEST(generated_code),
		TEST(call_forms),
		TEST(unknown_process),
		TEST(missing_tables),
		TEST(unmapped_code),
		TEST(misses_are_bounded),
		TEST(many_ranges),
		TEST(many_blocks),
		TEST(damaged_tables),
		TEST(random_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
