// SPDX-License-Identifier: Apache-2.0
/*
 * Tables in the kernel's memory: a walker finds the rule that the table has, at every pc; the
 * budget holds; who goes first and who stays; nothing is reused that a walker could still read; and
 * ids come back only when nobody can name them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/alloc_fail.h"
#include "support/tabmem_fake.h"
#include "unwind/tables.h"

enum { DSOS = 64, LINES = 1024, BUDGET = 64, CELL_BYTES = 1 << CRESSET_DIR_SHIFT };
#define SECOND UINT64_C(1000000000)

struct fixture {
	struct tabmem_fake *mem;
	struct tables t;
	unsigned int freed;
	unsigned int unused[DSOS]; /* how often said */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->mem = fake_new(DSOS, LINES, 1);
	assert_int_equal(tables_init(&f->t, &f->mem->m, BUDGET), 0);
	f->t.epoch = 100;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	tables_release(&f->t);
	fake_free(f->mem);
	free(f);
	return 0;
}

static struct tables_key key_of(uint32_t n)
{
	struct tables_key key;

	memset(&key, 0, sizeof(key));
	memcpy(key.build_id, &n, sizeof(n));
	return key;
}

static uint32_t add(struct fixture *f, uint32_t n)
{
	struct tables_key key = key_of(n);
	bool is_new;
	uint32_t id;

	assert_int_equal(tables_add(&f->t, &key, 1000 + n, &id, &is_new), 0);
	return id;
}

/* Rule number i of a table: all different, so that a wrong one shows. */
static struct cresset_unwind_rule rule_of(uint32_t i)
{
	return (struct cresset_unwind_rule){.cfa = CRESSET_CFA_REG,
					    .cfa_reg = 7,
					    .cfa_offset = (int32_t)(8 + i),
					    .ra_offset = -8};
}

/* n rows, step bytes apart, of `variety` rules, from lo on. */
static struct cfi_table *table_new(uint64_t lo, size_t n, uint64_t step, uint32_t variety)
{
	struct cfi_table *t = calloc(1, sizeof(*t));
	uint32_t id;

	assert_int_equal(cfi_rules_new(&t->rules), 0);
	t->rows = calloc(n + 1, sizeof(*t->rows));
	t->n = n + 1;
	t->lo = lo;
	t->hi = lo + n * step;
	for (size_t i = 0; i < n; i++) {
		struct cresset_unwind_rule rule = rule_of((uint32_t)i % variety);

		assert_int_equal(cfi_rules_add(t->rules, &rule, &id), 0);
		t->rows[i] = (struct cfi_row){.pc = lo + i * step, .rule = id};
	}
	t->rows[n] = (struct cfi_row){.pc = t->hi, .rule = 0};
	return t;
}

static int publish_n(struct fixture *f, uint32_t id, size_t rows, uint64_t now)
{
	struct cfi_table *table = table_new(0x1000, rows, 4, 7);
	int r = tables_publish(&f->t, id, table, now);

	cfi_table_free(table);
	return r;
}

/* Every pc in and around the table has the rule that the table says. */
static void check_all(struct fixture *f, uint32_t id, const struct cfi_table *t, uint64_t step)
{
	for (uint64_t pc = t->lo; pc < t->hi; pc += step) {
		int found = fake_find(f->mem, id, pc);

		assert_true(found >= 0);
		assert_int_equal((uint32_t)found, cfi_table_find(t, pc));
	}
	assert_int_equal(fake_find(f->mem, id, t->lo - 1), 0);
	assert_int_equal(fake_find(f->mem, id, t->hi), 0);
	assert_int_equal(fake_find(f->mem, id, UINT64_MAX), 0);
}

static void every_pc_has_its_rule(void **state)
{
	static const struct {
		size_t rows;
		uint64_t step;
	} shapes[] = {{1, 1},
		      {1, 100000},
		      {CRESSET_BLOCK_ROWS, 4},
		      {CRESSET_BLOCK_ROWS + 1, 4},
		      {1024, 1},
		      {5000, 1},
		      {300, 1000},
		      {20, 65535},
		      {20, 65536},
		      {20, 300000}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct cfi_table *t =
			table_new(0x400123, shapes[i].rows, shapes[i].step, 1 + (uint32_t)i * 5);
		uint32_t id = add(f, (uint32_t)i);

		f->t.epoch += 10;
		assert_int_equal(tables_publish(&f->t, id, t, (1 + i) * 100 * SECOND), 0);
		check_all(f, id, t, shapes[i].step > 1000 ? 511 : 1);
		cfi_table_free(t);
	}
}

static void rules_are_uploaded(void **state)
{
	struct fixture *f = *state;
	struct cfi_table *t = table_new(0, 40, 4, 40);
	uint32_t id = add(f, 1);

	assert_int_equal(tables_publish(&f->t, id, t, 0), 0);
	for (uint32_t i = 0; i < 40; i++) {
		struct cresset_unwind_rule want = rule_of(i);
		int found = fake_find(f->mem, id, i * 4);

		assert_memory_equal(&f->mem->m.rules[found], &want, sizeof(want));
	}
	for (int i = 0; i < CRESSET_N_NONE; i++) {
		assert_int_equal(f->mem->m.rules[i].cfa, CRESSET_CFA_NONE);
		assert_int_equal(f->mem->m.rules[i].none, i);
	}
	cfi_table_free(t);
}

static void same_key_same_file(void **state)
{
	struct fixture *f = *state;
	struct tables_key key = key_of(5);
	uint32_t a = add(f, 5), b, owner;
	bool is_new;

	assert_int_equal(tables_add(&f->t, &key, 77, &b, &is_new), 0);
	assert_int_equal(a, b);
	assert_false(is_new);
	assert_true(tables_owner(&f->t, a, &owner));
	assert_int_equal(owner, 1005);
	key.segments = 1;
	assert_int_equal(tables_add(&f->t, &key, 78, &b, &is_new), 0);
	assert_int_not_equal(a, b);
	assert_true(is_new);
	assert_false(tables_owner(&f->t, 0, &owner));
	assert_false(tables_owner(&f->t, DSOS + 5, &owner));
}

static void states(void **state)
{
	struct fixture *f = *state;
	uint32_t id = add(f, 1);

	assert_int_equal(f->mem->m.dsos[id].state, CRESSET_DSO_WANTED);
	assert_true(tables_wants(&f->t, id, 0));
	tables_begin(&f->t, id);
	assert_false(tables_wants(&f->t, id, 0));
	assert_int_equal(publish_n(f, id, 10, 0), 0);
	assert_int_equal(f->mem->m.dsos[id].state, CRESSET_DSO_READY);
	assert_false(tables_wants(&f->t, id, 99 * SECOND));
	/* Once more, as two processes had asked: nothing changes. */
	assert_int_equal(publish_n(f, id, 20, 0), 0);
	assert_int_equal(fake_find(f->mem, id, 0x1000 + 10 * 4), 0);
	tables_none(&f->t, id);
	assert_int_equal(f->mem->m.dsos[id].state, CRESSET_DSO_READY);
	id = add(f, 2);
	tables_none(&f->t, id);
	assert_int_equal(f->mem->m.dsos[id].state, CRESSET_DSO_NONE);
	assert_false(tables_wants(&f->t, id, 99 * SECOND));
	id = add(f, 3);
	tables_begin(&f->t, id);
	tables_later(&f->t, id, 10 * SECOND);
	assert_false(tables_wants(&f->t, id, 10 * SECOND));
	assert_true(tables_wants(&f->t, id, 11 * SECOND));
	assert_int_equal(tables_publish(&f->t, DSOS + 1, NULL, 0), -ENOENT);
}

static void impossible_tables(void **state)
{
	struct fixture *f = *state;
	struct cfi_table t = {.n = 1, .lo = 0x1000, .hi = 0x1000};
	uint32_t id = add(f, 1);

	assert_int_equal(tables_publish(&f->t, id, &t, 0), 0);
	assert_int_equal(f->mem->m.dsos[id].state, CRESSET_DSO_NONE);
	assert_int_equal(f->t.stats.without, 1);
}

static void use(struct fixture *f, uint32_t id, uint32_t epoch)
{
	f->mem->m.dsos[id].epoch = epoch;
}

static struct fixture *watching;
static uint32_t must_stand;

/* While walkers are waited for, what they may be in is as it was. */
static void look(void *arg)
{
	struct cresset_unwind_dso *dso = &watching->mem->m.dsos[must_stand];
	uint32_t state = dso->state;

	assert_int_equal(state, CRESSET_DSO_EVICTED);
	dso->state = CRESSET_DSO_READY;
	for (uint64_t pc = 0x1000; pc < 0x1000 + 20 * CRESSET_BLOCK_ROWS * 4; pc += 4)
		assert_true(fake_find(watching->mem, must_stand, pc) > 0);
	dso->state = state;
}

static void the_least_used_goes(void **state)
{
	struct fixture *f = *state;
	uint32_t a = add(f, 1), b = add(f, 2), c = add(f, 3), d = add(f, 4);

	/* 20 blocks each, of 64. */
	assert_int_equal(publish_n(f, a, 20 * CRESSET_BLOCK_ROWS, SECOND), 0);
	assert_int_equal(publish_n(f, b, 20 * CRESSET_BLOCK_ROWS, SECOND), 0);
	assert_int_equal(publish_n(f, c, 20 * CRESSET_BLOCK_ROWS, SECOND), 0);
	f->t.epoch = 110;
	use(f, a, 109);
	use(f, b, 101);
	use(f, c, 110);
	watching = f;
	must_stand = b;
	f->mem->on_wait = look;
	assert_int_equal(publish_n(f, d, 20 * CRESSET_BLOCK_ROWS, 10 * SECOND), 0);
	assert_int_equal(f->mem->waits, 1);
	assert_int_equal(f->mem->m.dsos[b].state, CRESSET_DSO_EVICTED);
	assert_int_equal(f->mem->m.dsos[a].state, CRESSET_DSO_READY);
	assert_int_equal(f->mem->m.dsos[c].state, CRESSET_DSO_READY);
	assert_int_equal(f->t.stats.evicted, 1);
	assert_int_equal(f->t.stats.ready, 3);
	/* It may come back, but not at once. */
	assert_false(tables_wants(&f->t, b, 10 * SECOND));
	assert_true(tables_wants(&f->t, b, 12 * SECOND));
}

static void what_is_in_use_stays(void **state)
{
	struct fixture *f = *state;
	uint32_t a = add(f, 1), b = add(f, 2), c = add(f, 3);

	assert_int_equal(publish_n(f, a, 30 * CRESSET_BLOCK_ROWS, SECOND), 0);
	assert_int_equal(publish_n(f, b, 30 * CRESSET_BLOCK_ROWS, SECOND), 0);
	f->t.epoch = 101;
	assert_int_equal(publish_n(f, c, 30 * CRESSET_BLOCK_ROWS, 2 * SECOND), -ENOSPC);
	assert_int_equal(f->t.stats.refused, 1);
	assert_int_equal(f->t.stats.evicted, 0);
	assert_int_equal(f->mem->m.dsos[a].state, CRESSET_DSO_READY);
	assert_int_equal(f->mem->m.dsos[c].state, CRESSET_DSO_WANTED);
	/* Each refusal doubles the wait. */
	assert_false(tables_wants(&f->t, c, 2 * SECOND));
	assert_true(tables_wants(&f->t, c, 3 * SECOND));
	assert_int_equal(publish_n(f, c, 30 * CRESSET_BLOCK_ROWS, 3 * SECOND), -ENOSPC);
	assert_false(tables_wants(&f->t, c, 4 * SECOND));
	assert_true(tables_wants(&f->t, c, 5 * SECOND));
	/* Larger than all there is: nobody else has to go for it. */
	f->t.epoch = 200;
	assert_int_equal(publish_n(f, c, 100 * CRESSET_BLOCK_ROWS, 9 * SECOND), -ENOSPC);
	assert_int_equal(f->t.stats.evicted, 0);
}

static void scattered_cells(void **state)
{
	struct fixture *f = *state;
	uint32_t ids[4], big;
	struct cfi_table *t;

	/* A quarter of the directory each; the second and fourth are in use. */
	for (uint32_t i = 0; i < 4; i++) {
		t = table_new(0, 8, LINES * CRESSET_DIR_LINE / 4 * CELL_BYTES / 8, 3);
		ids[i] = add(f, i);
		assert_int_equal(tables_publish(&f->t, ids[i], t, SECOND), 0);
		cfi_table_free(t);
	}
	assert_int_equal(f->t.pool.free_cells, 0);
	f->t.epoch = 120;
	use(f, ids[1], 118);
	use(f, ids[2], 112);
	use(f, ids[3], 118);
	/* Half of it: the first and third would do by number, but lie apart. */
	big = add(f, 9);
	t = table_new(0, 8, LINES * CRESSET_DIR_LINE / 2 * CELL_BYTES / 8, 3);
	assert_int_equal(tables_publish(&f->t, big, t, 20 * SECOND), -ENOSPC);
	use(f, ids[1], 113);
	assert_int_equal(tables_publish(&f->t, big, t, 40 * SECOND), 0);
	assert_int_equal(f->mem->m.dsos[ids[3]].state, CRESSET_DSO_READY);
	check_all(f, big, t, 4099);
	cfi_table_free(t);
}

static void walkers_that_do_not_end(void **state)
{
	struct fixture *f = *state;
	uint32_t a = add(f, 1), b = add(f, 2);

	assert_int_equal(publish_n(f, a, 50 * CRESSET_BLOCK_ROWS, SECOND), 0);
	f->t.epoch = 200;
	f->mem->wait_error = -ENOMEM;
	assert_int_equal(publish_n(f, b, 50 * CRESSET_BLOCK_ROWS, SECOND), -ENOMEM);
	assert_int_equal(f->mem->m.dsos[a].state, CRESSET_DSO_READY);
	assert_true(fake_find(f->mem, a, 0x1000) > 0);
}

/* Coming and going at random: what is READY is whole, and sums hold. */
static void churn(void **state)
{
	struct fixture *f = *state;
	struct tables_stats stats;
	unsigned int seed = 3;
	size_t rows[40];
	uint32_t ids[40];

	for (uint32_t i = 0; i < 40; i++)
		ids[i] = add(f, i);
	for (uint64_t round = 0; round < 2000; round++) {
		uint32_t i = (uint32_t)rand_r(&seed) % 40;
		uint64_t blocks = 0, now = round * SECOND;

		f->t.epoch = (uint32_t)round + 100;
		if (f->mem->m.dsos[ids[i]].state == CRESSET_DSO_READY) {
			use(f, ids[i], f->t.epoch);
		} else if (tables_wants(&f->t, ids[i], now)) {
			rows[i] = 1 + (size_t)rand_r(&seed) % (12 * CRESSET_BLOCK_ROWS);
			assert_in_range(-publish_n(f, ids[i], rows[i], now), 0, ENOSPC);
		}
		for (uint32_t j = 0; j < 40; j++) {
			if (f->mem->m.dsos[ids[j]].state != CRESSET_DSO_READY)
				continue;
			blocks += (rows[j] + CRESSET_BLOCK_ROWS - 1) / CRESSET_BLOCK_ROWS;
			assert_true(fake_find(f->mem, ids[j], 0x1000 + rows[j] * 4 - 1) > 0);
			assert_true(fake_find(f->mem, ids[j], 0x1000 + rows[j] * 2) > 0);
			assert_true(fake_find(f->mem, ids[j], 0x1000) > 0);
		}
		tables_get_stats(&f->t, &stats);
		assert_int_equal(stats.blocks, blocks);
		assert_true(blocks <= BUDGET);
	}
	assert_true(f->t.stats.evicted > 50);
}

static void on_free(void *arg, uint32_t owner)
{
	struct fixture *f = arg;

	f->freed++;
	assert_int_equal(owner, 1002);
}

static void on_unused(void *arg, uint32_t id)
{
	struct fixture *f = arg;

	f->unused[id]++;
}

static void ids_come_back(void **state)
{
	struct fixture *f = *state;
	const struct tables_sweeping by = {on_unused, on_free, f};
	uint32_t a = add(f, 1), b = add(f, 2);
	bool used[DSOS] = {false};

	assert_int_equal(publish_n(f, a, 300, 0), 0);
	assert_int_equal(publish_n(f, b, 300, 0), 0);
	used[a] = true;
	assert_int_equal(tables_sweep(&f->t, used, &by), 0);
	assert_int_equal(f->freed, 0);
	assert_int_equal(f->unused[b], 1);
	assert_int_equal(f->unused[a], 0);
	assert_int_equal(f->mem->m.dsos[b].state, CRESSET_DSO_READY);
	/* In between it was used. */
	used[b] = true;
	assert_int_equal(tables_sweep(&f->t, used, &by), 0);
	used[b] = false;
	assert_int_equal(tables_sweep(&f->t, used, &by), 0);
	assert_int_equal(f->freed, 0);
	assert_int_equal(tables_sweep(&f->t, used, &by), 0);
	assert_int_equal(f->freed, 1);
	assert_int_equal(f->mem->waits, 1);
	assert_int_equal(f->mem->m.dsos[b].state, CRESSET_DSO_FREE);
	assert_int_equal(f->t.stats.ready, 1);
	assert_int_equal(add(f, 3), b);
	assert_int_equal(add(f, 1), a);
	assert_int_equal(f->mem->m.dsos[b].state, CRESSET_DSO_WANTED);
}

static void ids_run_out(void **state)
{
	struct fixture *f = *state;
	struct tables_key key = key_of(DSOS + 1);
	bool is_new;
	uint32_t id;

	assert_false(tables_crowded(&f->t));
	for (uint32_t i = 1; i < DSOS; i++)
		assert_int_equal(add(f, i), i);
	assert_true(tables_crowded(&f->t));
	assert_int_equal(tables_add(&f->t, &key, 0, &id, &is_new), -E2BIG);
	assert_int_equal(f->t.stats.ids_full, 1);
}

static void out_of_memory(void **state)
{
	for (unsigned int n = 1; alloc_fail_next(&n, 1000);) {
		struct tables_key key = key_of(1);
		struct tabmem_fake *mem;
		struct cfi_table *table;
		struct tables t;
		bool is_new;
		uint32_t id;
		int r;

		alloc_fail_end();
		table = table_new(0x1000, 600, 4, 50);
		mem = fake_new(DSOS, LINES, 1);
		alloc_fail_begin(n - 1);
		r = tables_init(&t, &mem->m, BUDGET);
		if (!r) {
			r = tables_add(&t, &key, 1, &id, &is_new);
			if (!r)
				r = tables_publish(&t, id, table, 0);
			if (r && t.n_files) {
				assert_int_equal(mem->m.dsos[id].state, CRESSET_DSO_WANTED);
				/* And again, with memory. */
				alloc_fail_end();
				assert_int_equal(tables_publish(&t, id, table, 0), 0);
				r = -ENOMEM;
			}
			tables_release(&t);
		}
		cfi_table_free(table);
		fake_free(mem);
		if (!alloc_fail_end() && !r)
			return;
		assert_int_equal(r, -ENOMEM);
	}
	fail();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_pc_has_its_rule),
		TEST(rules_are_uploaded),
		TEST(same_key_same_file),
		TEST(states),
		TEST(impossible_tables),
		TEST(the_least_used_goes),
		TEST(what_is_in_use_stays),
		TEST(scattered_cells),
		TEST(walkers_that_do_not_end),
		TEST(churn),
		TEST(ids_come_back),
		TEST(ids_run_out),
		cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
