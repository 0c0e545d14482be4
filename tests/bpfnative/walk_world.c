// SPDX-License-Identifier: Apache-2.0
/* walk_world - see walk_world.h. */
#include "walk_world.h"

struct world *world;

const struct cresset_unwind_rule rules[N_RULES] = {
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

__u64 at(size_t word)
{
	return BASE + word * 8;
}

__u64 in(int rule, unsigned int offset)
{
	return TEXT + (unsigned int)rule * FUNCTION + offset;
}

__u64 frame(__u64 address)
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

int tear_down(void **state)
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

void write_tables(void)
{
	struct cresset_unwind_block *block = &world->blocks[7];

	memcpy(world->mem->rules, rules, sizeof(rules));
	*block = (struct cresset_unwind_block){.next_base = ~0u, .dso = DSO};
	for (int i = 0; i < N_RULES; i++)
		block->rows[block->n++] = (struct cresset_unwind_row){i * FUNCTION, i};
	block->rows[block->n++] = (struct cresset_unwind_row){N_RULES * FUNCTION, 0};
	cresset_block_seal(block);
	for (unsigned int i = 0; i < TEXT_BYTES >> CRESSET_DIR_SHIFT; i++)
		*tabmem_cell(world->mem, 16 + i) = 7 + 1;
	publish(world);
}

int set_up(void **state)
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

const struct cresset_stack *walk(__u64 ip, int *ret_stop)
{
	struct cresset_scratch *s = cresset_scratch(0);

	s->key.pid = PID;
	s->key.exec_id = EXEC_ID;
	s->registers = world->registers;
	s->registers.ip = ip;
	*ret_stop = cresset_unwind_native(0);
	return &s->user;
}

void check_frames(__u64 ip, int want, const __u64 *frames, size_t n)
{
	int stop;
	const struct cresset_stack *stack = walk(ip, &stop);

	assert_int_equal(stop, want);
	assert_int_equal(stack->n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(stack->frames[i], frames[i]);
}

size_t misses(struct cresset_unwind_miss *ret_first)
{
	const void *key;

	if (fake_map_at(FAKE_UNWIND_MISSES, 0, &key))
		memcpy(ret_first, key, sizeof(*ret_first));
	return fake_map_count(FAKE_UNWIND_MISSES);
}
