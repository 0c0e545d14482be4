// SPDX-License-Identifier: Apache-2.0
/*
 * Walks from outside (unwind/remote.h): the kernel's walker in this process on tables that the test
 * writes, its requests for more, and anything for registers, memory and tables. The reader is given
 * this process's own memory to read, which needs no privileges; live_remote has other processes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/alloc_fail.h"
#include "support/tabmem_fake.h"
#include "unwind/remote_reader.h"
#include "unwind/remote_walker.h"

enum {
	PID = 41,
	EXEC_ID = 3,
	DSO = 5,
	PAGE = 2,
	WORDS = 512,
	N_DSOS = 16,
	N_LINES = 16,
	N_PAGES = 8,
};

#define TEXT  UINT64_C(0x555500000000) /* where it runs */
#define VADDR UINT64_C(0x1000)	       /* where the file has it */
#define STACK UINT64_C(0x7ffe00000000)

struct world {
	struct tabmem_fake *mem;
	struct pool pool;
	struct cresset_unwind_block *blocks;
	struct remote_walker *walker;
	volatile uint32_t epoch;
	uint64_t stack[WORDS];
	uint64_t random; /* not 0: memory has anything, or cannot be read */
};

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Something that a walk may take for right. */
static uint64_t any_word(uint64_t *state)
{
	uint64_t r = next_random(state);

	switch (r >> 60) {
	case 0:
		return 0;
	case 1 ... 5:
		return TEXT + (r & 0xfff);
	case 6 ... 11:
		return STACK + (r & 0xff8);
	default:
		return r >> (r & 63);
	}
}

static int read_world(void *arg, void *to, uint32_t size, uint64_t from)
{
	struct world *w = arg;
	uint64_t word;

	if (w->random) {
		if (!(next_random(&w->random) & 15))
			return -EFAULT;
		for (uint32_t i = 0; i < size; i += sizeof(word)) {
			word = any_word(&w->random);
			memcpy((char *)to + i, &word,
			       size - i < sizeof(word) ? size - i : sizeof(word));
		}
		return 0;
	}
	if (from < STACK || size > sizeof(w->stack) || from - STACK > sizeof(w->stack) - size)
		return -EFAULT;
	memcpy(to, (const char *)w->stack + (from - STACK), size);
	return 0;
}

/* Frames of 4 words at VADDR, a function that ends stacks at VADDR + 0x100. */
static void write_tables(struct world *w)
{
	struct cresset_unwind_proc proc = {.exec_id = EXEC_ID, .n_pages = 1, .pages = {PAGE}};
	struct tabmem *m = &w->mem->m;

	m->rules[10] = (struct cresset_unwind_rule){.cfa = CRESSET_CFA_REG,
						    .cfa_reg = CRESSET_REGISTER_SP,
						    .cfa_offset = 32,
						    .ra_offset = -8};
	m->rules[11] = (struct cresset_unwind_rule){.ra = CRESSET_RA_END};
	w->blocks[7] = (struct cresset_unwind_block){
		.next_base = ~0u, .n = 2, .dso = DSO, .rows = {{0, 10}, {0x100, 11}}};
	cresset_block_seal(&w->blocks[7]);
	*tabmem_cell(m, 3) = 7 + 1;
	m->dsos[DSO] = (struct cresset_unwind_dso){
		.text = VADDR, .text_size = 0x200, .dir = 3, .state = CRESSET_DSO_READY};
	m->pages[PAGE] = (struct cresset_unwind_page){.n = 1};
	m->pages[PAGE].ranges[0] = (struct cresset_unwind_range){
		.start = TEXT, .bias = TEXT - VADDR, .pages = 1, .dso = DSO};
	assert_int_equal(m->ops->set_proc(m, PID, &proc), 0);
}

static void world_init(struct world *w, enum cresset_unwinder_id unwinder)
{
	struct remote_options options = {.unwinder = unwinder, .epoch = &w->epoch};
	uint32_t id;

	memset(w, 0, sizeof(*w));
	w->mem = fake_new(N_DSOS, N_LINES, N_PAGES);
	assert_int_equal(pool_init(&w->pool, &w->mem->m, CRESSET_POOL_BLOCKS), 0);
	assert_int_equal(pool_take_blocks(&w->pool, 1, &id), 0);
	w->blocks = w->pool.pools[0];
	write_tables(w);
	w->epoch = 77;
	options.mem = &w->mem->m;
	options.pool = &w->pool;
	assert_int_equal(remote_walker_new(&options, read_world, w, &w->walker), 0);
}

static void world_release(struct world *w)
{
	remote_walker_free(w->walker);
	pool_release(&w->pool);
	fake_free(w->mem);
}

static struct remote_thread thread_at(uint64_t ip, uint64_t sp, uint64_t fp)
{
	return (struct remote_thread){.pid = PID,
				      .tid = PID,
				      .exec_id = EXEC_ID,
				      .registers = {.ip = ip, .sp = sp, .fp = fp}};
}

static uint64_t frame(uint64_t offset)
{
	return (VADDR + offset) | (uint64_t)DSO << CRESSET_FRAME_DSO_SHIFT;
}

static void by_tables(void **state)
{
	const struct remote_thread t = thread_at(TEXT + 0x10, STACK, 0);
	uint64_t frames[CRESSET_MAX_FRAMES];
	struct world w;
	size_t n;

	world_init(&w, CRESSET_UNWINDER_native);
	w.stack[3] = TEXT + 0x20;
	w.stack[7] = TEXT + 0x30;
	w.stack[11] = TEXT + 0x120;
	assert_int_equal(remote_walker_walk(w.walker, &t, frames, &n), CRESSET_STOP_WHOLE);
	assert_int_equal(n, 4);
	assert_int_equal(frames[0], frame(0x10));
	assert_int_equal(frames[1], frame(0x20));
	assert_int_equal(frames[2], frame(0x30));
	assert_int_equal(frames[3], frame(0x120));
	/* Or else they would be evicted before long. */
	assert_int_equal(w.mem->m.dsos[DSO].epoch, 77);
	assert_int_equal(remote_walker_stat(w.walker, CRESSET_STAT_frames_table), 3);
	assert_int_equal(remote_walker_misses(w.walker), 0);
	/* Of 40 more no end is found. */
	for (size_t i = 3; i < WORDS; i += 4)
		w.stack[i] = TEXT + 0x20;
	assert_int_equal(remote_walker_walk(w.walker, &t, frames, &n), CRESSET_STOP_READ_FAULT);
	assert_int_equal(n, 1 + WORDS / 4);
	world_release(&w);
}

static void expect_miss(struct world *w, const struct remote_thread *t, int stop, uint32_t dso,
			uint64_t address)
{
	uint64_t frames[CRESSET_MAX_FRAMES], before = remote_walker_misses(w->walker);
	const struct cresset_unwind_miss *misses;
	size_t n;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(remote_walker_walk(w->walker, t, frames, &n), stop);
		assert_int_equal(n, 1);
	}
	/* Asked for once, though missed twice. */
	assert_int_equal(remote_walker_misses(w->walker), before + 1);
	assert_int_equal(w->mem->m.ops->take_misses(&w->mem->m, &misses, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(misses[0].pid, PID);
	assert_int_equal(misses[0].exec_id, t->exec_id);
	assert_int_equal(misses[0].dso, dso);
	assert_int_equal(misses[0].address, address);
}

static void misses(void **state)
{
	const uint64_t huge = ~((UINT64_C(2) << 20) - 1);
	struct remote_thread t = thread_at(TEXT + 0x10, STACK, 0);
	struct cresset_unwind_miss other = {.pid = 1};
	uint64_t frames[CRESSET_MAX_FRAMES];
	struct world w;
	size_t n;

	world_init(&w, CRESSET_UNWINDER_native);
	w.mem->m.dsos[DSO].state = CRESSET_DSO_WANTED;
	expect_miss(&w, &t, CRESSET_STOP_NO_TABLE, DSO, 0);
	w.mem->m.dsos[DSO].state = CRESSET_DSO_EVICTED;
	expect_miss(&w, &t, CRESSET_STOP_EVICTED, DSO, 0);
	/* Another program by now, a new mapping, and a process that nobody knows. */
	t.exec_id++;
	expect_miss(&w, &t, CRESSET_STOP_NOT_KNOWN, 0, TEXT & huge);
	t.exec_id--;
	t.registers.ip = TEXT + 0x2000;
	expect_miss(&w, &t, CRESSET_STOP_NOT_MAPPED, 0, TEXT & huge);
	w.mem->m.ops->delete_proc(&w.mem->m, PID);
	expect_miss(&w, &t, CRESSET_STOP_NOT_KNOWN, 0, TEXT & huge);
	while (!w.mem->m.ops->add_miss(&w.mem->m, &other))
		other.pid++;
	assert_int_equal(remote_walker_walk(w.walker, &t, frames, &n), CRESSET_STOP_NOT_KNOWN);
	assert_int_equal(remote_walker_stat(w.walker, CRESSET_STAT_misses_full), 1);
	world_release(&w);
}

/* Whatever the registers, memory and tables: an end, within bounds. */
static void anything(void **state)
{
	uint64_t frames[CRESSET_MAX_FRAMES], random = 0x9e3779b97f4a7c15, stops = 0;
	const struct cresset_unwind_miss *taken;
	size_t n;

	for (int unwinder = 0; unwinder < CRESSET_N_UNWINDERS; unwinder++) {
		struct world w;

		world_init(&w, (enum cresset_unwinder_id)unwinder);
		for (int i = 0; i < 20000; i++) {
			struct remote_thread t = thread_at(TEXT + (next_random(&random) & 0x1ff),
							   any_word(&random), any_word(&random));
			unsigned char *damaged[] = {(unsigned char *)&w.mem->m.rules[10],
						    (unsigned char *)&w.blocks[7],
						    (unsigned char *)&w.mem->m.dsos[DSO],
						    (unsigned char *)tabmem_cell(&w.mem->m, 3)};
			int stop;

			if (i > 10000) {
				write_tables(&w);
				damaged[random & 3][(random >> 8) % 24] =
					(unsigned char)(random >> 16);
			}
			w.random = next_random(&random) | 1;
			for (int g = 0; g < CRESSET_N_GENERAL; g++)
				t.registers.general[g] = any_word(&random);
			stop = (int)remote_walker_walk(w.walker, &t, frames, &n);
			assert_in_range(stop, 0, CRESSET_N_STOPS - 1);
			assert_in_range(n, 1, CRESSET_MAX_FRAMES);
			stops |= UINT64_C(1) << stop;
			w.mem->m.ops->take_misses(&w.mem->m, &taken, &n);
		}
		world_release(&w);
	}
	/* That it was not always the same. */
	assert_in_range(__builtin_popcountll(stops), 8, CRESSET_N_STOPS);
}

/* ---- With the reader, in our own memory. */

static struct remote *own_memory(void)
{
	const struct remote_options options = {.unwinder = CRESSET_UNWINDER_fp};
	struct remote *r = NULL;

	assert_int_equal(remote_new(&options, &r), 0);
	return r;
}

static int walk_own(struct remote *r, const uint64_t *fp, uint64_t *frames, size_t *n)
{
	struct remote_thread t = thread_at(0x401000, (uintptr_t)fp, (uintptr_t)fp);

	t.pid = t.tid = (uint32_t)getpid();
	return remote_walk(r, &t, frames, n);
}

static void frame_pointers(void **state)
{
	enum { PAGES = 12, N = PAGES * 512, STEP = 22 };
	uint64_t *p = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	uint64_t frames[CRESSET_MAX_FRAMES];
	struct remote *r = own_memory();
	struct remote_stats stats;
	size_t n, i, last;

	assert_true(p != MAP_FAILED);
	for (i = 0; i + STEP + 1 < N; i += STEP) {
		p[i] = (uintptr_t)(p + i + STEP);
		p[i + 1] = 0x401000 + i;
	}
	p[i + 1] = 0x401000 + i;
	last = i / STEP + 2;
	if (last > CRESSET_MAX_FRAMES)
		last = CRESSET_MAX_FRAMES;
	assert_int_equal(walk_own(r, p, frames, &n),
			 last < CRESSET_MAX_FRAMES ? CRESSET_STOP_END : CRESSET_STOP_DEPTH);
	assert_int_equal(n, last);
	assert_int_equal(frames[0], 0x401000);
	for (i = 1; i < n; i++)
		assert_int_equal(frames[i], 0x401000 + (i - 1) * STEP);
	remote_get_stats(r, &stats);
	assert_int_equal(stats.reads, PAGES / REMOTE_RUN_LINES);
	/* Nothing of an earlier walk is believed. */
	p[1] = 0;
	assert_int_equal(walk_own(r, p, frames, &n), CRESSET_STOP_END);
	assert_int_equal(n, 1);
	p[1] = 0x401000;
	/* A hole, found by a frame that reaches over it. */
	munmap(p + 512, 4096);
	assert_int_equal(walk_own(r, p, frames, &n), CRESSET_STOP_READ_FAULT);
	assert_in_range(n, 512 / STEP, 512 / STEP + 2);
	munmap(p, 4096);
	munmap(p + 1024, (PAGES - 2) * 4096);
	assert_int_equal(walk_own(r, p, frames, &n), CRESSET_STOP_READ_FAULT);
	assert_int_equal(n, 1);
	remote_get_stats(r, &stats);
	assert_int_equal(stats.walks, 4);
	assert_true(stats.not_there >= 2);
	assert_int_equal(stats.gone + stats.slow + stats.refused, 0);
	remote_free(r);
}

static void without_a_stack(void **state)
{
	struct remote_thread t = thread_at(0, 0, 0);
	uint64_t frames[CRESSET_MAX_FRAMES];
	struct remote *r = own_memory();
	size_t n = 9;

	/* A kernel thread; 32-bit code; a process that is not there. */
	assert_int_equal(remote_walk(r, &t, frames, &n), CRESSET_STOP_NO_USER);
	assert_int_equal(n, 0);
	t.registers.ip = 0x8048000;
	t.registers.compat32 = 1;
	assert_int_equal(remote_walk(r, &t, frames, &n), CRESSET_STOP_COMPAT32);
	assert_int_equal(n, 1);
	assert_int_equal(frames[0], 0x8048000);
	t.registers = (struct cresset_registers){.ip = 0x401000, .sp = STACK, .fp = STACK};
	t.pid = t.tid = 0x7fffffff;
	assert_int_equal(remote_walk(r, &t, frames, &n), -ESRCH);
	remote_free(r);
	remote_free(NULL);
}

static void out_of_memory(void **state)
{
	const struct remote_options options = {.unwinder = CRESSET_UNWINDER_fp};
	uint64_t stack[2] = {0, 0x401000}, frames[CRESSET_MAX_FRAMES];
	struct remote *r;
	size_t n;
	int error;

	for (unsigned int fail = 1; alloc_fail_next(&fail, 100);) {
		r = NULL;
		error = remote_new(&options, &r);
		if (!error)
			error = walk_own(r, stack, frames, &n);
		if (!alloc_fail_end()) {
			assert_int_equal(error, CRESSET_STOP_END);
			remote_free(r);
			break;
		}
		assert_int_equal(error, -ENOMEM);
		remote_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_tables),	   cmocka_unit_test(misses),
		cmocka_unit_test(anything),	   cmocka_unit_test(frame_pointers),
		cmocka_unit_test(without_a_stack), cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
