// SPDX-License-Identifier: Apache-2.0
/* The containers of core/: arena, vec, hash, strtab, stacktab, table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/stacktab.h"
#include "core/strtab.h"
#include "core/table.h"

static void arena_gives_aligned_memory_that_stays(void **state)
{
	struct arena a;
	char *first;

	arena_init(&a);
	first = arena_strndup(&a, "first", 5);
	assert_non_null(first);
	for (size_t size = 1; size < 100000; size = size * 3 + 1) {
		unsigned char *p = arena_alloc(&a, size, 16);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		memset(p, 0xff, size);
	}
	assert_string_equal(first, "first");
	assert_null(arena_alloc(&a, SIZE_MAX - 8, 1));
	assert_null(arena_strndup(&a, "x", SIZE_MAX));
	arena_release(&a);
	assert_int_equal(a.total, 0);
}

static void vec_keeps_what_was_pushed(void **state)
{
	struct vec v;

	vec_init(&v, sizeof(uint64_t));
	for (uint64_t i = 0; i < 1000; i++)
		assert_non_null(vec_push(&v, &i, 1));
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(*(uint64_t *)vec_at(&v, i), i);
	assert_int_equal(*(uint64_t *)vec_push(&v, NULL, 3), 0);
	assert_int_equal(v.n, 1003);
	assert_true(vec_reserve(&v, SIZE_MAX / 4) < 0);
	assert_null(vec_push(&v, NULL, SIZE_MAX));
	assert_int_equal(v.n, 1003);
	vec_release(&v);
}

static void strtab_interns_and_cuts_at_nul(void **state)
{
	struct strtab t;
	uint32_t a, b, c, empty;
	char name[32];

	assert_int_equal(strtab_init(&t), 0);
	assert_int_equal(strtab_add(&t, "main", 4, &a), 0);
	assert_int_equal(strtab_add(&t, "main\0more", 9, &b), 0);
	assert_int_equal(strtab_add(&t, "main2", 5, &c), 0);
	assert_int_equal(strtab_add(&t, "\0x", 2, &empty), 0);
	assert_int_equal(a, 1);
	assert_int_equal(a, b);
	assert_int_not_equal(a, c);
	assert_int_equal(empty, 0);
	for (uint32_t i = 0; i < 5000; i++)
		assert_int_equal(
			strtab_add(&t, name, (size_t)snprintf(name, sizeof(name), "f%u", i), &a),
			0);
	assert_int_equal(strtab_count(&t), 5002);
	assert_string_equal(strtab_get(&t, 3), "f0");
	assert_string_equal(strtab_get(&t, 5002), "f4999");
	assert_string_equal(strtab_get(&t, 5003), "");
	assert_string_equal(strtab_get(&t, UINT32_MAX), "");
	strtab_release(&t);
}

static void stacktab_interns_sequences(void **state)
{
	const uint32_t one[] = {1, 2, 3}, two[] = {1, 2}, three[] = {3, 2, 1};
	struct stacktab t;
	uint32_t a, b, c, again, none;
	const uint32_t *words;
	size_t n;

	assert_int_equal(stacktab_init(&t), 0);
	assert_int_equal(stacktab_add(&t, one, 3, &a), 0);
	assert_int_equal(stacktab_add(&t, two, 2, &b), 0);
	assert_int_equal(stacktab_add(&t, three, 3, &c), 0);
	assert_int_equal(stacktab_add(&t, one, 3, &again), 0);
	assert_int_equal(stacktab_add(&t, NULL, 0, &none), 0);
	assert_int_equal(a, again);
	assert_int_equal(none, 0);
	assert_true(a != b && b != c && a != c);
	words = stacktab_get(&t, c, &n);
	assert_int_equal(n, 3);
	assert_memory_equal(words, three, sizeof(three));
	stacktab_cut(&t, c, 2);
	words = stacktab_get(&t, c, &n);
	assert_int_equal(n, 2);
	assert_memory_equal(words, three, 2 * sizeof(*three));
	stacktab_cut(&t, c, 0);
	stacktab_cut(&t, c, 1);
	words = stacktab_get(&t, c, &n);
	assert_int_equal(n, 1);
	assert_int_equal(words[0], three[1]);
	assert_null(stacktab_get(&t, 1000, &n));
	assert_int_equal(n, 0);
	stacktab_cut(&t, 1000, 0);
	assert_int_equal(stacktab_count(&t), 3);
	stacktab_release(&t);
}

static void table_interns_by_key_only(void **state)
{
	struct entry {
		uint32_t key, value;
	};
	struct table t;
	uint32_t id;
	bool is_new;

	assert_int_equal(table_init(&t, sizeof(struct entry), sizeof(uint32_t)), 0);
	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 10000; i++) {
			struct entry e = {.key = i, .value = round};

			assert_int_equal(table_add(&t, &e, &id, &is_new), 0);
			assert_int_equal(id, i + 1);
			assert_int_equal(is_new, round == 0);
			assert_int_equal(((struct entry *)table_get(&t, id))->value, 0);
		}
	assert_int_equal(table_count(&t), 10000);
	assert_int_equal(((struct entry *)table_get(&t, 20000))->key, 0);
	table_release(&t);
}

static void append_text(struct strtab *t, uint32_t number, uint32_t id)
{
	char text[16];
	uint32_t have;
	int n = snprintf(text, sizeof(text), "text %u", number);

	assert_int_equal(strtab_append(t, text, (size_t)n, &have), 0);
	assert_int_equal(have, id);
}

static void add_text(struct strtab *t, uint32_t number, uint32_t id)
{
	char text[16];
	uint32_t have;
	int n = snprintf(text, sizeof(text), "text %u", number);

	assert_int_equal(strtab_add(t, text, (size_t)n, &have), 0);
	assert_int_equal(have, id);
}

/* What was appended is found by those that look, however the two take turns. */
static void appended_entries_are_found(void **state)
{
	struct stacktab stacks;
	struct strtab texts;
	struct table t;
	uint32_t id;
	bool is_new;

	assert_int_equal(strtab_init(&texts), 0);
	assert_int_equal(table_init(&t, sizeof(uint32_t), sizeof(uint32_t)), 0);
	assert_int_equal(stacktab_init(&stacks), 0);
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 300; i++) {
			uint32_t words[2] = {round * 1000 + i, i};

			assert_int_equal(table_append(&t, words, &id), 0);
			assert_int_equal(id, t.entries.n - 1);
			assert_int_equal(stacktab_append(&stacks, words, 2, &id), 0);
			assert_int_equal(id, stacktab_count(&stacks));
			append_text(&texts, round * 1000 + i, round * 301 + i + 1);
			if (round)
				append_text(&texts, i, i + 1); /* which was added */
		}
		assert_int_equal(stacktab_append(&stacks, NULL, 0, &id), 0);
		assert_int_equal(id, 0);
		for (uint32_t i = 0; i < 301; i++) {
			uint32_t words[2] = {round * 1000 + i, i};

			assert_int_equal(table_add(&t, words, &id, &is_new), 0);
			assert_int_equal(id, round * 301 + i + 1);
			assert_int_equal(is_new, i == 300);
			assert_int_equal(stacktab_add(&stacks, words, 2, &id), 0);
			assert_int_equal(id, round * 301 + i + 1);
			add_text(&texts, round * 1000 + i, round * 301 + i + 1);
		}
	}
	assert_int_equal(table_count(&t), 903);
	assert_int_equal(stacktab_count(&stacks), 903);
	assert_int_equal(strtab_count(&texts), 903);
	table_release(&t);
	stacktab_release(&stacks);
	strtab_release(&texts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arena_gives_aligned_memory_that_stays),
		cmocka_unit_test(vec_keeps_what_was_pushed),
		cmocka_unit_test(strtab_interns_and_cuts_at_nul),
		cmocka_unit_test(stacktab_interns_sequences),
		cmocka_unit_test(table_interns_by_key_only),
		cmocka_unit_test(appended_entries_are_found),
	};

	return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
