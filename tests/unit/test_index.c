// SPDX-License-Identifier: Apache-2.0
/* index and intervals: which symbol owns an address, and what it is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>

#include "support/alloc_fail.h"
#include "symbolize/index.h"
#include "symbolize/intervals.h"
#include "unit/elf_builder.h"

static struct symbol_index *build(struct elf_builder *b, uint32_t table, uint16_t machine, int want)
{
	struct symbol_index *x;
	struct elf_image *e;
	size_t size;
	uint8_t *data = builder_finish(b, table, machine, &size);

	assert_non_null(data);
	assert_int_equal(elf_image_open_memory(data, size, &e), 0);
	assert_int_equal(symbol_index_new(&x), 0);
	assert_int_equal(symbol_index_add_symbols(x, e), want);
	elf_image_free(e); /* the index keeps what it needs */
	assert_int_equal(symbol_index_seal(x), 0);
	return x;
}

static void assert_owner(struct symbol_index *x, uint64_t address, const char *name)
{
	struct symbol_frame f;
	size_t n = symbol_index_lookup(x, address, &f, 1);

	assert_int_equal(n, name != NULL);
	if (!name)
		return;
	assert_string_equal(f.name, name);
	assert_string_equal(f.filename, "");
	assert_false(f.inlined);
	assert_int_equal(f.line + f.column + f.start_line, 0);
}

static struct elf_builder *new_builder(void)
{
	struct elf_builder *b = malloc(sizeof(*b));

	assert_non_null(b);
	builder_init(b);
	return b;
}

static void a_sized_symbol_owns_nothing_past_its_end(void **state)
{
	struct elf_builder *b = new_builder();
	struct symbol_index *x;
	unsigned int text = (unsigned int)builder_code(b, ".text", 0x1000, 0x1000);

	builder_symbol(b, "first", 0x1010, 0x10, STB_GLOBAL, STT_FUNC, text);
	builder_symbol(b, "second", 0x1040, 0x20, STB_LOCAL, STT_FUNC, text);
	builder_symbol(b, "too_long", 0x1f00, 0x10000, STB_LOCAL, STT_FUNC, text);
	builder_symbol(b, "endless", 0x1e00, UINT64_MAX, STB_LOCAL, STT_GNU_IFUNC, text);
	x = build(b, SHT_SYMTAB, EM_X86_64, 0);
	assert_owner(x, 0x100f, NULL);
	assert_owner(x, 0x1010, "first");
	assert_owner(x, 0x101f, "first");
	assert_owner(x, 0x1020, NULL);
	assert_owner(x, 0x103f, NULL);
	assert_owner(x, 0x1040, "second");
	assert_owner(x, 0x105f, "second");
	assert_owner(x, 0x1060, NULL);
	assert_owner(x, 0x1e00, "endless");
	assert_owner(x, 0x1fff, "too_long");
	assert_owner(x, 0x2000, NULL);
	assert_owner(x, 0, NULL);
	assert_owner(x, UINT64_MAX, NULL);
	symbol_index_free(x);
	free(b);
}

static void a_symbol_without_size_owns_what_nobody_else_does(void **state)
{
	struct elf_builder *b = new_builder();
	struct symbol_index *x;
	unsigned int text = (unsigned int)builder_code(b, ".text", 0x1000, 0x100);
	unsigned int fini = (unsigned int)builder_code(b, ".fini", 0x1100, 0x10);

	builder_symbol(b, "asm_one", 0x1000, 0, STB_GLOBAL, STT_NOTYPE, text);
	builder_symbol(b, "asm_two", 0x1020, 0, STB_GLOBAL, STT_FUNC, text);
	builder_symbol(b, "sized", 0x1040, 0x20, STB_GLOBAL, STT_FUNC, text);
	builder_symbol(b, "label_inside", 0x1050, 0, STB_GLOBAL, STT_NOTYPE, text);
	builder_symbol(b, "last", 0x10f0, 0, STB_LOCAL, STT_NOTYPE, text);
	builder_symbol(b, "_fini", 0x1108, 0, STB_LOCAL, STT_FUNC, fini);
	x = build(b, SHT_DYNSYM, EM_X86_64, 0);
	assert_owner(x, 0x1000, "asm_one");
	assert_owner(x, 0x101f, "asm_one");
	assert_owner(x, 0x1020, "asm_two");
	assert_owner(x, 0x103f, "asm_two");
	assert_owner(x, 0x1040, "sized");
	assert_owner(x, 0x105f, "sized");
	/* Behind the sized one: the label is the last symbol before it. */
	assert_owner(x, 0x1060, "label_inside");
	assert_owner(x, 0x10ff, "last");
	assert_owner(x, 0x1100, NULL);
	assert_owner(x, 0x110f, "_fini");
	assert_owner(x, 0x1110, NULL);
	symbol_index_free(x);
	free(b);
}

static void only_code_counts(void **state)
{
	struct elf_builder *b = new_builder();
	struct symbol_index *x;
	unsigned int text = (unsigned int)builder_code(b, ".text", 0x1000, 0x100), data;

	builder_section(b, ".data", SHT_NOBITS, SHF_ALLOC | SHF_WRITE, 0x3000, NULL, 0x100);
	data = (unsigned int)b->n - 1;
	builder_symbol(b, "object", 0x1000, 0x10, STB_GLOBAL, STT_OBJECT, text);
	builder_symbol(b, "tls", 0x1010, 0x10, STB_GLOBAL, STT_TLS, text);
	builder_symbol(b, "absolute", 0x1020, 0x10, STB_GLOBAL, STT_FUNC, SHN_ABS);
	builder_symbol(b, "undefined", 0x1030, 0x10, STB_GLOBAL, STT_FUNC, SHN_UNDEF);
	builder_symbol(b, "", 0x1040, 0x10, STB_GLOBAL, STT_FUNC, text);
	builder_symbol(b, ".L42", 0x1050, 0x10, STB_LOCAL, STT_NOTYPE, text);
	builder_symbol(b, "$x", 0x1060, 0, STB_LOCAL, STT_NOTYPE, text);
	builder_symbol(b, "$d.7", 0x1070, 0, STB_LOCAL, STT_NOTYPE, text);
	builder_symbol(b, "$dollar", 0x1080, 0x10, STB_LOCAL, STT_NOTYPE, text);
	builder_symbol(b, "in_data", 0x3000, 0x10, STB_GLOBAL, STT_FUNC, data);
	builder_symbol(b, "bad_name", 0x1090, 0x10, STB_GLOBAL, STT_FUNC, text);
	b->symbols[b->n_symbols - 1].st_name = 1 << 30;
	x = build(b, SHT_SYMTAB, EM_AARCH64, 0);
	for (uint64_t at = 0x1000; at < 0x1080; at++)
		assert_owner(x, at, NULL);
	assert_owner(x, 0x1080, "$dollar");
	assert_owner(x, 0x1090, NULL);
	assert_owner(x, 0x3000, NULL);
	symbol_index_free(x);
	free(b);
}

/* Of all orders of some names for one place, the first of the list wins. */
static void check_order(const char *const names[], const unsigned int bind[],
			const unsigned int type[], const uint64_t size[], size_t n)
{
	for (size_t turn = 0; turn < n; turn++) {
		struct elf_builder *b = new_builder();
		struct symbol_index *x;
		unsigned int text = (unsigned int)builder_code(b, ".text", 0x1000, 0x100);

		for (size_t j = 0; j < n; j++) {
			size_t i = (j + turn) % n;

			builder_symbol(b, names[i], 0x1000, size[i], bind[i], type[i], text);
		}
		x = build(b, SHT_SYMTAB, EM_X86_64, 0);
		assert_owner(x, 0x1004, names[0]);
		symbol_index_free(x);
		free(b);
	}
}

static void the_better_of_several_names_wins(void **state)
{
	check_order((const char *const[]){"open64", "open", "alias", "__libc_open"},
		    (const unsigned int[]){STB_GLOBAL, STB_WEAK, STB_LOCAL, STB_WEAK},
		    (const unsigned int[]){STT_FUNC, STT_FUNC, STT_FUNC, STT_FUNC},
		    (const uint64_t[]){16, 16, 16, 16}, 4);
	check_order((const char *const[]){"function", "label", "no_size"},
		    (const unsigned int[]){STB_LOCAL, STB_GLOBAL, STB_GLOBAL},
		    (const unsigned int[]){STT_FUNC, STT_NOTYPE, STT_FUNC},
		    (const uint64_t[]){16, 16, 0}, 3);
	check_order((const char *const[]){"printf", "_IO_printf", "__printf"},
		    (const unsigned int[]){STB_GLOBAL, STB_GLOBAL, STB_GLOBAL},
		    (const unsigned int[]){STT_FUNC, STT_FUNC, STT_FUNC},
		    (const uint64_t[]){16, 16, 16}, 3);
	check_order((const char *const[]){"alike_a", "alike_b", "alike_c"},
		    (const unsigned int[]){STB_WEAK, STB_WEAK, STB_WEAK},
		    (const unsigned int[]){STT_FUNC, STT_FUNC, STT_FUNC},
		    (const uint64_t[]){16, 16, 16}, 3);
}

static void versions_are_not_part_of_a_name(void **state)
{
	struct elf_builder *b = new_builder();
	struct symbol_index *x;
	unsigned int text = (unsigned int)builder_code(b, ".text", 0x1000, 0x100);

	builder_symbol(b, "memcpy@@GLIBC_2.14", 0x1000, 0x10, STB_GLOBAL, STT_FUNC, text);
	builder_symbol(b, "@odd", 0x1010, 0x10, STB_GLOBAL, STT_FUNC, text);
	x = build(b, SHT_SYMTAB, EM_X86_64, 0);
	assert_owner(x, 0x1000, "memcpy");
	assert_owner(x, 0x1010, "@odd");
	symbol_index_free(x);
	free(b);
}

static void tables_of_several_files_add_up(void **state)
{
	const char *const files[] = {"stripped", "debug"};
	struct symbol_index *x;
	struct symbol_frame f;
	struct symbol_index_stats stats;

	assert_int_equal(symbol_index_new(&x), 0);
	for (size_t i = 0; i < 2; i++) {
		char path[512];
		struct elf_image *e;

		snprintf(path, sizeof(path), TEST_SOURCE_DIR "/tests/fuzz/corpus/elf/%s", files[i]);
		assert_int_equal(elf_image_open_fd(open(path, O_RDONLY | O_CLOEXEC), &e), 0);
		assert_int_equal(symbol_index_add_symbols(x, e), 0);
		if (i == 1)
			assert_int_equal(symbol_index_add_dwarf(x, e, NULL), 0);
		elf_image_free(e);
	}
	assert_int_equal(symbol_index_seal(x), 0);
	assert_int_equal(symbol_index_seal(x), -EBUSY);
	symbol_index_get_stats(x, &stats);
	assert_true(stats.symbols >= 3);
	assert_int_equal(stats.units, 1);
	assert_int_equal(stats.units_read, 0);
	for (uint64_t at = 0x1000; at < 0x1200; at++)
		if (symbol_index_lookup(x, at, &f, 1) && !strcmp(f.name, "shop_visit") && f.line)
			break;
		else
			assert_true(at < 0x11ff);
	symbol_index_free(x);
}

static void stubs_are_named_after_what_they_jump_to(void **state)
{
	struct symbol_index *x;
	struct symbol_frame f;
	struct elf_image *e;
	const struct elf_section *plt;
	size_t found = 0;

	assert_int_equal(elf_image_open_fd(open(TEST_SOURCE_DIR "/tests/fuzz/corpus/elf/whole",
						O_RDONLY | O_CLOEXEC),
					   &e),
			 0);
	plt = elf_image_find(e, ".plt");
	assert_non_null(plt);
	assert_int_equal(symbol_index_new(&x), 0);
	assert_int_equal(symbol_index_add_symbols(x, e), 0);
	assert_int_equal(symbol_index_seal(x), 0);
	for (uint64_t at = plt->addr; at < plt->addr + plt->size; at += 16)
		if (symbol_index_lookup(x, at + 3, &f, 1)) {
			assert_non_null(strstr(f.name, "@plt"));
			found += !strcmp(f.name, "_ZN4shop6refuseEi@plt");
		}
	assert_int_equal(found, 1);
	elf_image_free(e);
	symbol_index_free(x);
}

static void a_relocatable_file_is_refused(void **state)
{
	struct symbol_index *x;
	struct elf_image *e;

	assert_int_equal(
		elf_image_open_fd(open(TEST_SOURCE_DIR "/tests/fuzz/corpus/elf/relocatable",
				       O_RDONLY | O_CLOEXEC),
				  &e),
		0);
	assert_int_equal(symbol_index_new(&x), 0);
	assert_int_equal(symbol_index_add_symbols(x, e), -ENOTSUP);
	elf_image_free(e);
	symbol_index_free(x);
}

static void a_damaged_table_is_an_error_and_the_rest_is_used(void **state)
{
	struct elf_builder *b = new_builder();
	struct symbol_index *x;
	Elf64_Shdr *bad;
	unsigned int text = (unsigned int)builder_code(b, ".text", 0x1000, 0x100);

	builder_symbol(b, "good", 0x1000, 0x10, STB_GLOBAL, STT_FUNC, text);
	bad = builder_section(b, ".dynsym", SHT_DYNSYM, 0, 0, "12345678", 8);
	bad->sh_link = 999;
	x = build(b, SHT_SYMTAB, EM_X86_64, -EBADMSG);
	assert_owner(x, 0x1000, "good");
	symbol_index_free(x);
	free(b);
	b = new_builder();
	builder_code(b, ".text", 0x1000, 0x100);
	x = build(b, 0, EM_X86_64, -ENOENT);
	assert_owner(x, 0x1000, NULL);
	symbol_index_free(x);
	free(b);
}

static void raw_names_are_looked_up_the_same_way(void **state)
{
	struct symbol_index *x;
	struct symbol_frame f;

	assert_int_equal(symbol_index_new(&x), 0);
	assert_int_equal(symbol_index_lookup(x, 0, &f, 1), 0);
	assert_int_equal(symbol_index_add_raw(x, 0xffffffff81000000, 0, "start", 5), 0);
	assert_int_equal(symbol_index_add_raw(x, 0xffffffff81000100, 0, "next_one", 4), 0);
	assert_int_equal(symbol_index_add_raw(x, 0x1000, 0x10, "low", 3), 0);
	assert_int_equal(symbol_index_add_raw(x, UINT64_MAX - 5, 100, "end", 3), 0);
	assert_int_equal(symbol_index_seal(x), 0);
	assert_int_equal(symbol_index_add_raw(x, 1, 1, "late", 4), -EBUSY);
	assert_owner(x, 0xffffffff810000ff, "start");
	assert_owner(x, 0xffffffff81000100, "next");
	assert_owner(x, 0xffffffff81000100 + 0xffff, "next");
	assert_owner(x, 0xffffffff81000100 + 0x10000, NULL);
	assert_owner(x, 0x100f, "low");
	assert_owner(x, 0x1010, NULL);
	assert_owner(x, UINT64_MAX - 1, "end");
	symbol_index_free(x);
	symbol_index_free(NULL);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Any overlaps: against asking every interval. */
static void intervals_agree_with_looking_at_each(void **state)
{
	enum { N = 60, SPAN = 400 };
	uint32_t seed = 7;

	for (int round = 0; round < 200; round++) {
		uint64_t base = round % 2 ? 0xffffffff00000000 : 0x1000,
			 stretch = round % 3 ? 1 : 1ull << 40;
		struct interval kept[N];
		struct interval_map m;
		struct vec v;

		base = stretch > 1 ? 0 : base;
		vec_init(&v, sizeof(struct interval));
		for (uint32_t i = 0; i < N; i++) {
			uint32_t start = next_random(&seed) % SPAN;

			kept[i] = (struct interval){
				.start = base + start * stretch,
				.end = base + (start + next_random(&seed) % 50) * stretch,
				.priority = i,
				.id = i + 1};
			assert_non_null(vec_push(&v, &kept[i], 1));
		}
		assert_int_equal(interval_map_build(&m, &v), 0);
		for (uint64_t at = 0; at < SPAN + 60; at++) {
			uint64_t address = base + at * stretch;
			uint32_t want = 0;

			for (uint32_t i = 0; i < N; i++)
				if (kept[i].start <= address && address < kept[i].end)
					want = kept[i].id;
			assert_int_equal(interval_map_find(&m, address), want);
		}
		assert_true(interval_map_bytes(&m) > 0);
		interval_map_release(&m);
		vec_release(&v);
	}
}

static void failing_memory_loses_none(void **state)
{
	for (unsigned int n = 1; alloc_fail_next(&n, 1000);) {
		struct symbol_index *x = NULL;
		int r = symbol_index_new(&x);

		if (r == 0)
			r = symbol_index_add_raw(x, 0x1000, 0, "one", 3);
		if (r == 0)
			r = symbol_index_add_raw(x, 0x2000, 16, "two", 3);
		if (r == 0)
			r = symbol_index_seal(x);
		symbol_index_free(x);
		if (!alloc_fail_end()) {
			assert_int_equal(r, 0);
			return;
		}
		assert_int_equal(r, -ENOMEM);
	}
	fail_msg("never got through");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sized_symbol_owns_nothing_past_its_end),
		cmocka_unit_test(a_symbol_without_size_owns_what_nobody_else_does),
		cmocka_unit_test(only_code_counts),
		cmocka_unit_test(the_better_of_several_names_wins),
		cmocka_unit_test(versions_are_not_part_of_a_name),
		cmocka_unit_test(tables_of_several_files_add_up),
		cmocka_unit_test(stubs_are_named_after_what_they_jump_to),
		cmocka_unit_test(a_relocatable_file_is_refused),
		cmocka_unit_test(a_damaged_table_is_an_error_and_the_rest_is_used),
		cmocka_unit_test(raw_names_are_looked_up_the_same_way),
		cmocka_unit_test(intervals_agree_with_looking_at_each),
		cmocka_unit_test(failing_memory_loses_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
