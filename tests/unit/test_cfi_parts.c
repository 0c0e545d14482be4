// SPDX-License-Identifier: Apache-2.0
/*
 * A file's table is the same in however many parts it is compiled: rows, rules and their numbers,
 * counters. On real files, whose functions and gaps fall on the borders of parts in all ways.
 */
#include "unwind/cfi_table.c"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static struct cfi_table *compile_in(const struct cfi_image *image, size_t n_parts)
{
	struct cfi_table *t = calloc(1, sizeof(*t));
	struct compiler c = {.arch = image->arch, .table = t};
	struct cfi_records records;
	struct cfi_cie *cies;

	assert_non_null(t);
	assert_int_equal(cfi_rules_new(&t->rules), 0);
	vec_init(&c.rows, sizeof(struct cfi_row));
	cfi_records_init(&records);
	assert_int_equal(collect(image, &records, t), 0);
	cies = records.cies.data;
	for (size_t i = 0; i < records.cies.n; i++)
		if (!cies[i].bad)
			cfi_program_cie(image->arch, &cies[i]);
	assert_int_equal(add_all(&c, &records, n_parts), 0);
	t->rows = c.rows.data;
	t->n = c.rows.n;
	t->hi = c.end;
	cfi_records_release(&records);
	return t;
}

static void check_same(const struct cfi_table *a, const struct cfi_table *b)
{
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->hi, b->hi);
	for (size_t i = 0; i < a->n; i++) {
		assert_int_equal(a->rows[i].pc, b->rows[i].pc);
		assert_int_equal(a->rows[i].rule, b->rows[i].rule);
	}
	assert_int_equal(cfi_rules_count(a->rules), cfi_rules_count(b->rules));
	for (uint32_t i = 0; i < cfi_rules_count(a->rules); i++)
		assert_memory_equal(cfi_rules_get(a->rules, i), cfi_rules_get(b->rules, i),
				    sizeof(struct cresset_unwind_rule));
	assert_int_equal(a->n_rows_raw, b->n_rows_raw);
	assert_int_equal(a->n_fdes_dropped, b->n_fdes_dropped);
	assert_memory_equal(a->none, b->none, sizeof(a->none));
}

static void parts_make_the_same(void **state)
{
	static const char *const paths[] = {"/proc/self/exe", "/lib/x86_64-linux-gnu/libc.so.6",
					    "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
					    "/usr/bin/perl",
					    "/usr/lib/x86_64-linux-gnu/libstdc++.so.6"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct cfi_bytes bytes = {.fd = open(paths[i], O_RDONLY | O_CLOEXEC)};
		struct cfi_image image;
		struct cfi_table *whole;
		struct stat st;

		if (bytes.fd < 0) {
			print_message("%s: not here\n", paths[i]);
			continue;
		}
		assert_int_equal(fstat(bytes.fd, &st), 0);
		bytes.size = (size_t)st.st_size;
		assert_int_equal(cfi_image_read(&bytes, &image), 0);
		whole = compile_in(&image, 1);
		assert_true(whole->n > 500);
		for (size_t parts = 2; parts <= MAX_PARTS; parts++) {
			struct cfi_table *t = compile_in(&image, parts);

			check_same(whole, t);
			cfi_table_free(t);
		}
		cfi_table_free(whole);
		cfi_image_release(&image);
		close(bytes.fd);
	}
}

static void how_many(void **state)
{
	assert_int_equal(choose_parts(0), 1);
	assert_int_equal(choose_parts(MIN_PART), 1);
	assert_in_range(choose_parts(100 * MIN_PART), 1, MAX_PARTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_make_the_same),
		cmocka_unit_test(how_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
