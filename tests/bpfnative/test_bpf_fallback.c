// SPDX-License-Identifier: Apache-2.0
/*
 * The native walk where no rule tells it how to go on: each fallback and what keeps it honest, code
 * and processes that are not known, tables that are missing, many or damaged.
 */
#include "walk_world.h"

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
		cresset_block_seal(&b[k]);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(leaf_fallback),	  TEST(stale_return_address), TEST(fp_fallback),
		TEST(tables_only),	  TEST(generated_code),	      TEST(call_forms),
		TEST(unknown_process),	  TEST(missing_tables),	      TEST(unmapped_code),
		TEST(misses_are_bounded), TEST(many_ranges),	      TEST(many_blocks),
		TEST(damaged_tables),
	};

	return cmocka_run_group_tests_name("bpf_fallback", tests, NULL, NULL);
}
