// SPDX-License-Identifier: Apache-2.0
/*
 * The walk through a Java VM's code: a code heap made by hand, with a method, stubs, an adapter and
 * an interpreter in it, in the process of walk_world.h.
 */
#include "walk_world.h"

enum {
	HEAP_BYTES = 1 << 16,
	SEGMENT = 128,
	SHIFT = 7,
	CODE_AT = 128, /* of a block */
	NAME_AT = 0xf000,
	HEADER = 16,
	INTERPRETER = 0xc000,
	INTERPRETER_BYTES = 0x1000,
	ENTRIES = 0x100,
	ENTRIES_END = 0x300,
	POP = 0x120,
	PUSH = 0x130,
	FRAME_WORDS = 6,
	COMPLETE = 32, /* the prologue's bytes */
};

#define SEGMAP 0x7f4400000000ull

/* Blocks of the heap, each of 4 segments. */
enum { METHOD = 0, CALLER = 4, STUB = 8, ADAPTER = 12, RUNTIME = 16, VTABLE = 20 };

static unsigned char heap[HEAP_BYTES];
static unsigned char segmap[HEAP_BYTES / SEGMENT];
static struct cresset_unwind_jvm jvm;
static long (*read_world)(void *arg, void *to, uint32_t size, uint64_t from);

static long read_user(void *arg, void *to, uint32_t size, uint64_t from)
{
	if (from >= JIT && from - JIT <= sizeof(heap) - size)
		memcpy(to, heap + (from - JIT), size);
	else if (from >= SEGMAP && from - SEGMAP <= sizeof(segmap) - size)
		memcpy(to, segmap + (from - SEGMAP), size);
	else
		return read_world(arg, to, size, from);
	return 0;
}

static __u64 code(int block, unsigned int offset)
{
	return JIT + (__u64)block * SEGMENT + CODE_AT + offset;
}

static void put(int block, unsigned int offset, const char *bytes, size_t n)
{
	memcpy(heap + (code(block, offset) - JIT), bytes, n);
}

#define PUT(block, offset, bytes) put(block, offset, bytes, sizeof(bytes) - 1)

/* call rel32 that ends at this offset. */
static void put_call(int block, unsigned int offset, __u64 target)
{
	__s32 relative = (__s32)(target - code(block, offset));

	PUT(block, offset - 5, "\xe8");
	put(block, offset - 4, (const char *)&relative, 4);
}

static void publish(void)
{
	__u32 pid = PID;

	assert_int_equal(bpf_map_update_elem(&unwind_jvms, &pid, &jvm, BPF_ANY), 0);
}

/* As JDK 17 has it. */
static void add_block(int block, const char *name, __s32 words, __s32 complete)
{
	unsigned char *b = heap + block * SEGMENT;
	__u64 begin = code(block, 0), end = code(block, 3 * SEGMENT - 1);
	__u64 name_at = JIT + NAME_AT + (__u64)block * 32;

	b[8] = 1;
	memcpy(b + HEADER + 20, &complete, 4);
	memcpy(b + HEADER + 28, &words, 4);
	memcpy(b + HEADER + 32, &begin, 8);
	memcpy(b + HEADER + 40, &end, 8);
	memcpy(b + HEADER + 96, &name_at, 8);
	memcpy(heap + (name_at - JIT), name, strlen(name) + 1);
	for (int i = 0; i < 4; i++)
		segmap[block + i] = (unsigned char)i;
}

static int set_up_jvm(void **state)
{
	set_up(state);
	memset(heap, 0, sizeof(heap));
	memset(segmap, 0xff, sizeof(segmap));
	jvm = (struct cresset_unwind_jvm){
		.exec_id = EXEC_ID,
		.n_heaps = 1,
		.n_entries = 1,
		.segment_shift = SHIFT,
		.used = 8,
		.blob = HEADER,
		.name = HEADER + 96,
		.code_begin = HEADER + 32,
		.code_end = HEADER + 40,
		.frame_size = HEADER + 28,
		.frame_complete = HEADER + 20,
		.interpreter = JIT + INTERPRETER,
		.interpreter_bytes = INTERPRETER_BYTES,
		.entries_begin = ENTRIES,
		.entries_end = ENTRIES_END,
		.heaps = {{JIT, HEAP_BYTES, SEGMAP}},
		.entries = {{ENTRIES, POP, PUSH, ENTRIES + 0x100}},
	};
	add_block(METHOD, "nmethod", FRAME_WORDS, COMPLETE);
	add_block(CALLER, "nmethod", FRAME_WORDS, COMPLETE);
	add_block(STUB, "StubRoutines (1)", 0, -1);
	add_block(ADAPTER, "I2C/C2I adapters", 0, -1);
	add_block(RUNTIME, "RuntimeStub", 16, -1);
	add_block(VTABLE, "vtable chunks", 0, -1);
	put_call(CALLER, 100, code(METHOD, 0));
	publish();
	read_world = fake_cpu.read_user;
	fake_cpu.read_user = read_user;
	return 0;
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_jvm, tear_down)

/*
 * From `word` on: the caller's frame (its return address goes to the interpreter), then that of the
 * interpreter, then a stub by which native code called it, then the end.
 */
static void put_callers(size_t word)
{
	__u64 *stack = world->stack;

	stack[word + FRAME_WORDS - 2] = at(60); /* rbp of the interpreter's frame */
	stack[word + FRAME_WORDS - 1] = JIT + INTERPRETER + 0x800;
	stack[59] = at(62);
	stack[60] = at(70);
	stack[61] = code(STUB, 90);
	stack[70] = 0;
	stack[71] = in(R_END, 16);
}

#define CALLERS code(CALLER, 100), JIT + INTERPRETER + 0x800, code(STUB, 90), frame(in(R_END, 16))

/* The frame of METHOD with its return address that many words above sp. */
static void put_method(size_t words)
{
	world->stack[words] = code(CALLER, 100);
	put_callers(words + 1);
}

static void check_clean(__u64 ip)
{
	check(ip, CRESSET_STOP_WHOLE, ip, CALLERS);
}

static void frames_with_sizes(void **state)
{
	put_method(FRAME_WORDS - 1);
	check_clean(code(METHOD, 60));
	assert_int_equal(native_stat(CRESSET_STAT_frames_hotspot), 4);
	assert_int_equal(native_stat(CRESSET_STAT_frames_fallback), 0);
	assert_int_equal(native_stat(CRESSET_STAT_frames_jit), 0);
}

/* JDK 23 and later: offsets from the blob, frame_complete of 16 bits. */
static void newer_layout(void **state)
{
	put_method(FRAME_WORDS - 1);
	for (int block = 0; block < 24; block += 4) {
		unsigned char *b = heap + block * SEGMENT;
		__s32 begin = CODE_AT - HEADER, end = 4 * SEGMENT - HEADER;
		__s16 complete;

		memcpy(&complete, b + HEADER + 20, 2);
		memset(b + HEADER + 20, 0xee, 4);
		memcpy(b + HEADER + 22, &complete, 2);
		memcpy(b + HEADER + 36, &begin, 4);
		memcpy(b + HEADER + 40, &end, 4);
	}
	jvm.flags = CRESSET_JVM_CODE_OFFSETS | CRESSET_JVM_COMPLETE_16;
	jvm.code_begin = HEADER + 36;
	jvm.frame_complete = HEADER + 22;
	publish();
	check_clean(code(METHOD, 60));
	PUT(METHOD, 10, "\x55");
	world->stack[0] = code(CALLER, 100);
	put_callers(1);
	check_clean(code(METHOD, 10));
}

/* mov %eax,x(%rsp); push %rbp; sub $n,%rsp; cmpl; and sub; mov %rbp,n(%rsp) */
static void prologues(void **state)
{
	PUT(METHOD, 0,
	    "\x89\x84\x24\x00\xc0\xfe\xff\x55\x48\x83\xec\x20\x41\x81\x7f\x20\x01\0\0\0");
	PUT(METHOD, 20, "\x0f\x85\x01\x02\0\0");
	put_method(0);
	check_clean(code(METHOD, 0));
	check_clean(code(METHOD, 7));
	put_method(1);
	check_clean(code(METHOD, 8));
	put_method(FRAME_WORDS - 1);
	check_clean(code(METHOD, 12));
	check_clean(code(METHOD, 20));
	PUT(METHOD, 0, "\x48\x81\xec\x28\0\0\0\x48\x89\x6c\x24\x20\x90");
	put_method(0);
	check_clean(code(METHOD, 0));
	put_method(FRAME_WORDS - 1);
	world->stack[FRAME_WORDS - 2] = 0x1234; /* not saved there yet */
	check_clean(code(METHOD, 7));
	check_clean(code(METHOD, 12));
	/* With frame pointers. */
	PUT(METHOD, 0,
	    "\x55\x48\x8b\xec\x48\x83\xec\x20\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90");
	put_method(0);
	check_clean(code(METHOD, 0));
	put_method(1);
	check_clean(code(METHOD, 1));
	check_clean(code(METHOD, 4));
	put_method(FRAME_WORDS - 1);
	check_clean(code(METHOD, 8));
}

/* add $n,%rsp; pop %rbp; cmp x(%r15),%rsp; ja; ret */
static void epilogues(void **state)
{
	PUT(METHOD, 64, "\x48\x83\xc4\x20\x5d\x49\x3b\xa7\x48\x03\0\0\x0f\x87\x01\0\0\0\xc3");
	put_method(FRAME_WORDS - 1);
	check_clean(code(METHOD, 64));
	put_method(1);
	check_clean(code(METHOD, 68));
	put_method(0);
	check_clean(code(METHOD, 69));
	check_clean(code(METHOD, 76));
	check_clean(code(METHOD, 82));
	/* The way out for a safepoint: lea x(%rip),%r10; mov %r10,x(%r15); jmp */
	PUT(METHOD, 120, "\x4c\x8d\x15\xee\xff\xff\xff\x4d\x89\x97\x50\x03\0\0\xe9\0\0\0\0");
	check_clean(code(METHOD, 120));
	check_clean(code(METHOD, 127));
	check_clean(code(METHOD, 134));
	/* leave; cmpq $0,8(%r15); jne; ret, of a wrapper of a native method */
	PUT(METHOD, 160, "\xc9\x49\x83\x7f\x08\0\x0f\x85\x01\0\0\0\xc3");
	check_clean(code(METHOD, 161));
	check_clean(code(METHOD, 166));
	check_clean(code(METHOD, 172));
}

/* Code for comparing strings pushes a register; that for searching them keeps the frame's sp. */
static void more_than_the_frame(void **state)
{
	put_method(FRAME_WORDS);
	check_clean(code(METHOD, 60));
	memset(world->stack, 0, sizeof(world->stack));
	world->stack[0] = at(4);
	put_method(4 + FRAME_WORDS - 1);
	/* Left over from an earlier call, and just where a frame would end. */
	world->stack[FRAME_WORDS - 1] = code(CALLER, 180);
	put_call(CALLER, 180, code(STUB, 0));
	check_clean(code(METHOD, 60));
}

/* A word that looks like a saved sp is not believed where the frame is as it should be. */
static void leftovers(void **state)
{
	put_method(FRAME_WORDS - 1);
	world->stack[0] = at(20);
	world->stack[20 + FRAME_WORDS - 1] = code(STUB, 90);
	put_call(STUB, 90, code(CALLER, 0));
	check_clean(code(METHOD, 60));
}

/* Methods are called by generated code only. */
static void no_native_caller(void **state)
{
	world->stack[FRAME_WORDS - 1] = in(R_END, 16);
	check(code(METHOD, 60), CRESSET_STOP_JIT, code(METHOD, 60));
}

/* A guess, and marked; not made where only tables are wanted. */
static void searched(void **state)
{
	put_method(FRAME_WORDS + 9);
	check(code(METHOD, 60), CRESSET_STOP_WHOLE, code(METHOD, 60),
	      code(CALLER, 100) | CRESSET_FRAME_FALLBACK, JIT + INTERPRETER + 0x800, code(STUB, 90),
	      frame(in(R_END, 16)));
	assert_int_equal(native_stat(CRESSET_STAT_frames_fallback), 1);
	cresset_config.tables_only = 1;
	check(code(METHOD, 60), CRESSET_STOP_JIT, code(METHOD, 60));
}

/* What is returned to in a method that must not go on: call next; sub $5,(%rsp); jmp. */
static void deoptimized(void **state)
{
	PUT(CALLER, 200, "\xe8\0\0\0\0\x48\x83\x2c\x24\x05\xe9");
	put_method(FRAME_WORDS - 1);
	world->stack[FRAME_WORDS - 1] = code(CALLER, 200);
	check(code(METHOD, 60), CRESSET_STOP_WHOLE, code(METHOD, 60), code(CALLER, 200),
	      JIT + INTERPRETER + 0x800, code(STUB, 90), frame(in(R_END, 16)));
}

/* A stub that C++ was called from, with the stack aligned for that: by rbp. */
static void runtime_stub(void **state)
{
	world->registers.sp = at(1);
	world->registers.fp = at(16);
	world->stack[1] = code(RUNTIME, 70);
	world->stack[16] = at(60);
	world->stack[17] = code(CALLER, 100);
	put_callers(18);
	check(in(R_FRAMELESS, 8), CRESSET_STOP_WHOLE, frame(in(R_FRAMELESS, 8)), code(RUNTIME, 70),
	      CALLERS);
	/* Without: by its size. */
	world->stack[16] = 0;
	world->stack[17] = code(CALLER, 100);
	world->registers.fp = at(3);
	check(in(R_FRAMELESS, 8), CRESSET_STOP_WHOLE, frame(in(R_FRAMELESS, 8)), code(RUNTIME, 70),
	      CALLERS);
	/* A leaf that is still pushing. */
	world->registers.sp = at(10);
	world->registers.fp = at(16);
	check_clean(code(RUNTIME, 70));
}

static void interpreter_entries(void **state)
{
	world->registers.general[13] = at(1);
	world->stack[0] = code(CALLER, 100);
	put_callers(1);
	check_clean(JIT + INTERPRETER + ENTRIES);
	check_clean(JIT + INTERPRETER + POP);
	/* In rax, while room is made for locals. */
	world->stack[0] = 0;
	world->registers.sp = at(0);
	world->registers.general[0] = code(CALLER, 100);
	check_clean(JIT + INTERPRETER + POP + 1);
	check_clean(JIT + INTERPRETER + PUSH);
	world->registers.general[0] = 0;
	world->stack[0] = code(CALLER, 100);
	check_clean(JIT + INTERPRETER + PUSH + 1);
	world->stack[0] = at(60);
	world->stack[1] = code(CALLER, 100);
	world->registers.general[13] = at(4);
	put_callers(4);
	check_clean(JIT + INTERPRETER + PUSH + 2);
	world->registers.fp = at(0);
	check_clean(JIT + INTERPRETER + PUSH + 5);
	/* Then the sender's sp is in the frame. */
	world->registers.fp = at(2);
	world->registers.general[13] = 0x4711;
	world->stack[1] = at(8);
	world->stack[2] = at(60);
	world->stack[3] = code(CALLER, 100);
	put_callers(8);
	check_clean(JIT + INTERPRETER + PUSH + 7);
	/* One that never makes a frame. */
	world->stack[0] = code(CALLER, 100);
	world->registers.general[13] = at(1);
	put_callers(1);
	check_clean(JIT + INTERPRETER + ENTRIES + 0x180);
}

/* leave; pop %r13; mov %rbx,%rsp; jmp *%r13 */
static void interpreter_returns(void **state)
{
	memcpy(heap + INTERPRETER + 0x700, "\xc9\x41\x5d\x48\x8b\xe3\x41\xff\xe5", 9);
	world->registers.general[3] = at(3);
	world->stack[0] = code(CALLER, 100);
	put_callers(3);
	check_clean(JIT + INTERPRETER + 0x701);
	world->registers.general[13] = code(CALLER, 100);
	world->registers.sp = at(1);
	check_clean(JIT + INTERPRETER + 0x703);
	world->registers.sp = at(3);
	check_clean(JIT + INTERPRETER + 0x706);
}

static void adapters(void **state)
{
	world->stack[0] = code(CALLER, 100);
	world->registers.general[13] = at(5);
	put_callers(5);
	check_clean(code(ADAPTER, 40));
	world->registers.general[13] = at(50); /* of something else */
	put_callers(1);
	check_clean(code(VTABLE, 40));
	world->stack[0] = 0;
	world->registers.general[0] = code(CALLER, 100);
	world->registers.general[13] = 0;
	put_callers(0);
	check_clean(code(ADAPTER, 40));
}

static void stubs(void **state)
{
	/* Without a frame, called directly. */
	put_call(CALLER, 100, code(STUB, 0));
	world->stack[0] = code(CALLER, 100);
	put_callers(1);
	world->registers.fp = at(60);
	check_clean(code(STUB, 60));
	/* By rbp. */
	world->registers.fp = at(4);
	world->stack[0] = 0;
	world->stack[4] = at(60);
	world->stack[5] = code(CALLER, 100);
	put_callers(6);
	check_clean(code(STUB, 60));
	/* push %rbp; mov %rsp,%rbp */
	PUT(STUB, 120, "\x55\x48\x8b\xec");
	world->registers.sp = at(4);
	check_clean(code(STUB, 121));
	world->registers.sp = at(5);
	check_clean(code(STUB, 120));
	/* A guard: a word of its own below the return address. */
	world->registers.sp = at(1);
	world->stack[1] = code(STUB, 200);
	world->stack[5] = ~0ull;
	world->stack[6] = code(CALLER, 100);
	put_callers(7);
	check(in(R_FRAMELESS, 8), CRESSET_STOP_WHOLE, frame(in(R_FRAMELESS, 8)), code(STUB, 200),
	      CALLERS);
}

/* With nothing that can be believed: by frame pointers, marked. */
static void check_by_fp(void)
{
	world->registers.fp = at(8);
	world->stack[8] = 0;
	world->stack[9] = in(R_END, 16);
	check(code(METHOD, 60), CRESSET_STOP_WHOLE, code(METHOD, 60),
	      frame(in(R_END, 16)) | CRESSET_FRAME_FALLBACK);
}

static void damaged_heap(void **state)
{
	__s32 words = 1 << 30;
	__u64 far = 1;

	put_method(FRAME_WORDS - 1);
	segmap[2] = 0xff;
	segmap[1] = 0xff;
	check_by_fp();
	segmap[1] = 7; /* before the heap */
	check_by_fp();
	segmap[1] = 1;
	heap[8] = 0;
	check_by_fp();
	heap[8] = 1;
	memcpy(heap + HEADER + 28, &words, 4);
	check_by_fp();
	words = FRAME_WORDS;
	memcpy(heap + HEADER + 28, &words, 4);
	memcpy(heap + HEADER + 40, &far, 8);
	check_by_fp();
	jvm.heaps[0].segmap = 0x1000;
	publish();
	check_by_fp();
	jvm.heaps[0].segmap = SEGMAP;
	jvm.exec_id++;
	publish();
	check_by_fp();
}

/* A chain through the map of segments that takes too long. */
static void endless_segments(void **state)
{
	memset(segmap, 1, sizeof(segmap));
	segmap[0] = 0;
	world->registers.fp = at(8);
	world->stack[9] = in(R_END, 16);
	check(code(100, 60), CRESSET_STOP_WHOLE, code(100, 60),
	      frame(in(R_END, 16)) | CRESSET_FRAME_FALLBACK);
}

/* A VM that is being started is looked at again. */
static void incomplete(void **state)
{
	struct cresset_unwind_miss miss;

	put_method(FRAME_WORDS - 1);
	check_clean(code(METHOD, 60));
	assert_int_equal(misses(&miss), 0);
	jvm.flags = CRESSET_JVM_INCOMPLETE;
	jvm.n_heaps = 0;
	memset(jvm.heaps, 0, sizeof(jvm.heaps));
	publish();
	check_by_fp();
	assert_int_equal(misses(&miss), 1);
	assert_int_equal(miss.pid, PID);
	assert_int_equal(miss.dso, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_with_sizes),
		TEST(newer_layout),
		TEST(prologues),
		TEST(epilogues),
		TEST(more_than_the_frame),
		TEST(leftovers),
		TEST(no_native_caller),
		TEST(searched),
		TEST(deoptimized),
		TEST(runtime_stub),
		TEST(interpreter_entries),
		TEST(interpreter_returns),
		TEST(adapters),
		TEST(stubs),
		TEST(damaged_heap),
		TEST(endless_segments),
		TEST(incomplete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
