// SPDX-License-Identifier: Apache-2.0
/* cfi_table and cfi_image: files as compilers and linkers make them, and files made up here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/alloc_fail.h"
#include "support/cfi_build.h"
#include "support/fixture.h"
#include "unwind/cfi_table.h"

#define TEXT ((uint64_t)CFI_BUILD_TEXT)

static struct cfi_build build;

static struct cfi_table *compile(void)
{
	struct cfi_table *t = NULL;
	size_t size;
	uint8_t *image = cfi_build_image(&build, &size);

	assert_int_equal(cfi_table_compile_memory(image, size, &t), 0);
	free(image);
	return t;
}

static void assert_row(const struct cfi_table *t, size_t i, uint64_t pc, int32_t cfa_offset)
{
	const struct cresset_unwind_rule *rule;

	assert_true(i < t->n);
	assert_int_equal(t->rows[i].pc, pc);
	rule = cfi_rules_get(t->rules, t->rows[i].rule);
	assert_int_equal(rule->cfa_offset, cfa_offset);
	assert_int_equal(t->rows[i].rule == 0, cfa_offset == 0);
}

static size_t begin(void)
{
	cfi_build_init(&build, true);
	return cfi_build_cie(&build, "zR", "", 0);
}

static void rows_are_merged_and_gaps_are_bridged(void **state)
{
	size_t cie = begin();
	struct cfi_table *t;

	/* 16 bytes of sp + 16 from the second on; then a function of 8, 15 bytes on; one 16 on */
	cfi_build_fde(&build, cie, TEXT, 0x10, CFI_PROGRAM("\x41\x0e\x10\x41\x0e\x10"));
	cfi_build_fde(&build, cie, TEXT + 0x1f, 1, CFI_PROGRAM("\x0e\x10"));
	cfi_build_fde(&build, cie, TEXT + 0x30, 8, CFI_PROGRAM("\x0e\x10"));
	t = compile();
	assert_int_equal(t->n, 5);
	assert_row(t, 0, TEXT, 8);
	assert_row(t, 1, TEXT + 1, 16);
	assert_row(t, 2, TEXT + 0x20, 0);
	assert_row(t, 3, TEXT + 0x30, 16);
	assert_row(t, 4, TEXT + 0x38, 0);
	assert_int_equal(t->lo, TEXT);
	assert_int_equal(t->hi, TEXT + 0x38);
	assert_int_equal(t->n_fdes, 3);
	assert_int_equal(t->n_rows_raw, 5);
	assert_int_equal(t->machine, EM_X86_64);
	assert_true(t->has_eh_frame);
	assert_false(t->has_debug_frame);
	assert_int_equal(cfi_table_find(t, TEXT - 1), 0);
	assert_int_equal(cfi_table_find(t, TEXT + 0x1e), t->rows[1].rule);
	assert_int_equal(cfi_table_find(t, TEXT + 0x20), 0);
	assert_int_equal(cfi_table_find(t, TEXT + 0x37), t->rows[3].rule);
	assert_int_equal(cfi_table_find(t, UINT64_MAX), 0);
	cfi_table_free(t);
	cfi_table_free(NULL);
}

static void any_order_is_sorted(void **state)
{
	size_t cie = begin();
	struct cfi_table *t;
	const size_t n = 500;

	/* Steps of 7 * 64 bytes through 500 places, all over the passes of the sort. */
	for (size_t i = 0; i < n; i++) {
		char program[] = {0x0e, (char)(8 + i * 7 % n % 8 * 8)};

		cfi_build_fde(&build, cie, TEXT + i * 7 % n * 64, 64, program, 2);
	}
	t = compile();
	assert_int_equal(t->n, n + 1);
	for (size_t i = 0; i < n; i++)
		assert_row(t, i, TEXT + i * 64, 8 + (int32_t)(i % 8) * 8);
	cfi_table_free(t);
}

static void of_overlapping_functions_the_later_begin_holds(void **state)
{
	size_t cie = begin();
	struct cfi_table *t;

	cfi_build_fde(&build, cie, TEXT, 0x40, CFI_PROGRAM("\x0e\x10"));
	cfi_build_fde(&build, cie, TEXT + 0x10, 0x10, CFI_PROGRAM("\x0e\x18"));
	cfi_build_fde(&build, cie, TEXT + 0x10, 0x80, CFI_PROGRAM("\x0e\x20"));
	cfi_build_fde(&build, cie, TEXT + 0x18, 0x60, CFI_PROGRAM("\x0e\x28"));
	t = compile();
	assert_int_equal(t->n, 4);
	assert_row(t, 0, TEXT, 16);
	assert_row(t, 1, TEXT + 0x10, 24);
	assert_row(t, 2, TEXT + 0x18, 40);
	assert_row(t, 3, TEXT + 0x78, 0);
	assert_int_equal(t->n_fdes_dropped, 1);
	cfi_table_free(t);
}

static void functions_at_one_place_are_compiled_once(void **state)
{
	size_t cie = begin();
	struct cfi_table *t;

	/* As many as fit, all at one place, each with the same long program. */
	while (build.n + 64 < CFI_BUILD_MAX)
		cfi_build_fde(&build, cie, TEXT, 0x1000, CFI_PROGRAM("\x41\x0e\x10\x41\x0e\x18"));
	t = compile();
	assert_int_equal(t->n_rows_raw, 3);
	cfi_table_free(t);
}

static void code_must_be_in_executable_segments(void **state)
{
	size_t cie = begin(), size;
	struct cfi_table *t;
	uint8_t *image;

	cfi_build_fde(&build, cie, TEXT - 1, 0x40, "", 0);
	cfi_build_fde(&build, cie, CFI_BUILD_SECTION + 0x100, 0x40, "", 0);
	cfi_build_fde(&build, cie, TEXT, 0x7fffffff, "", 0); /* is cut to its segment */
	t = compile();
	image = cfi_build_image(&build, &size);
	free(image);
	assert_int_equal(t->n_fdes, 1);
	assert_int_equal(t->n_fdes_dropped, 2);
	assert_int_equal(t->hi, TEXT + size);
	cfi_table_free(t);
}

static void what_cannot_be_expressed_is_counted(void **state)
{
	size_t cie = begin();
	struct cfi_table *t;

	/* Damaged from the second byte on; CFA on r16; the frame pointer in r11; *(r7 + r9 * 8). */
	cfi_build_fde(&build, cie, TEXT, 0x10, CFI_PROGRAM("\x41\x3f"));
	cfi_build_fde(&build, cie, TEXT + 0x10, 0x10, CFI_PROGRAM("\x0d\x10"));
	cfi_build_fde(&build, cie, TEXT + 0x20, 0x10, CFI_PROGRAM("\x09\x06\x0b"));
	cfi_build_fde(&build, cie, TEXT + 0x30, 0x10,
		      CFI_PROGRAM("\x0f\x07\x77\x08\x79\x00\x38\x1e\x22"));
	cfi_build_fde(&build, cie, TEXT + 0x40, 0x10, CFI_PROGRAM("\x16\x10\x01\x30"));
	cfi_build_fde(&build, cie, TEXT + 0x50, 0x10, CFI_PROGRAM("\x0e\x80\x80\x80\x80\x08"));
	t = compile();
	assert_int_equal(t->none[CRESSET_NONE_DAMAGED], 1);
	assert_int_equal(t->none[CRESSET_NONE_CFA_REGISTER], 1);
	assert_int_equal(t->none[CRESSET_NONE_FP_RULE], 1);
	assert_int_equal(t->none[CRESSET_NONE_CFA_EXPRESSION], 1);
	assert_int_equal(t->none[CRESSET_NONE_RA_RULE], 1);
	assert_int_equal(t->none[CRESSET_NONE_OFFSET], 1);
	assert_int_equal(t->n_rows_raw, 7);
	assert_int_equal(cfi_table_find(t, TEXT + 1), CRESSET_NONE_DAMAGED);
	assert_int_equal(cfi_table_find(t, TEXT + 0x10), CRESSET_NONE_CFA_REGISTER);
	assert_int_equal(cfi_rules_get(t->rules, cfi_table_find(t, TEXT + 0x20))->fp,
			 CRESSET_FP_LOST);
	cfi_table_free(t);
}

static void a_register_is_followed_in_files_that_need_it(void **state)
{
	size_t cie = begin();
	struct cfi_table *t;

	/* One function saves rbx; the other has a CFA on it, and so calls for that. */
	cfi_build_fde(&build, cie, TEXT, 0x10, CFI_PROGRAM("\x41\x0e\x10\x83\x02"));
	t = compile();
	assert_int_equal(cfi_rules_get(t->rules, cfi_table_find(t, TEXT + 1))->saved, 0);
	cfi_table_free(t);
	cfi_build_fde(&build, cie, TEXT + 0x10, 0x10, CFI_PROGRAM("\x41\x0c\x03\x10\x41\x3f"));
	cfi_build_fde(&build, cie, TEXT + 0x10, 0x10, "", 0);
	t = compile();
	assert_int_equal(cfi_rules_get(t->rules, cfi_table_find(t, TEXT + 1))->saved, 3);
	assert_int_equal(cfi_rules_get(t->rules, cfi_table_find(t, TEXT + 1))->saved_at, -2);
	assert_int_equal(cfi_rules_get(t->rules, cfi_table_find(t, TEXT + 0x11))->cfa_reg, 3);
	assert_int_equal(t->n_rows_raw, 5);
	assert_int_equal(t->n_fdes_dropped, 1);
	assert_int_equal(t->none[CRESSET_NONE_DAMAGED], 1);
	cfi_table_free(t);
}

static void numbers_over_all_files(void **state)
{
	size_t cie = begin();
	struct cfi_rules *rules;
	struct cfi_table *t, *u;
	uint32_t other;

	cfi_build_fde(&build, cie, TEXT, 0x10, CFI_PROGRAM("\x41\x0e\x10"));
	cfi_build_fde(&build, cie, TEXT + 0x10, 0x10, CFI_PROGRAM("\x3f"));
	t = compile();
	cie = begin();
	cfi_build_fde(&build, cie, TEXT, 0x10, CFI_PROGRAM("\x0e\x10\x41\x0e\x18"));
	u = compile();
	assert_int_equal(cfi_rules_new(&rules), 0);
	assert_int_equal(cfi_table_intern(t, rules), 0);
	assert_null(t->rules);
	assert_int_equal(cfi_rules_count(rules), CRESSET_N_NONE + 2);
	assert_int_equal(cfi_table_find(t, TEXT + 0x10), CRESSET_NONE_DAMAGED);
	assert_int_equal(cfi_table_find(t, TEXT + 0x20), 0);
	assert_int_equal(cfi_table_intern(u, rules), 0);
	assert_int_equal(cfi_rules_count(rules), CRESSET_N_NONE + 3);
	assert_int_equal(cfi_table_find(u, TEXT), cfi_table_find(t, TEXT + 1));
	other = cfi_table_find(u, TEXT + 1);
	assert_int_equal(cfi_rules_get(rules, other)->cfa_offset, 24);
	cfi_table_free(t);
	cfi_table_free(u);
	cfi_rules_free(rules);
}

static void rows_of_rules_that_found_no_number(void **state)
{
	struct cresset_unwind_rule rule = {.cfa = CRESSET_CFA_REG};
	size_t cie = begin();
	struct cfi_rules *rules;
	struct cfi_table *t;
	uint32_t id;

	cfi_build_fde(&build, cie, TEXT, 0x10, "", 0);
	t = compile();
	assert_int_equal(cfi_rules_new(&rules), 0);
	for (int i = CRESSET_N_NONE; i < CRESSET_MAX_RULES; i++) {
		rule.cfa_offset = i;
		assert_int_equal(cfi_rules_add(rules, &rule, &id), 0);
	}
	assert_int_equal(cfi_table_intern(t, rules), 0);
	assert_int_equal(cfi_table_find(t, TEXT), CRESSET_NONE_RULES_FULL);
	assert_int_equal(t->none[CRESSET_NONE_RULES_FULL], 1);
	cfi_table_free(t);
	cfi_rules_free(rules);
}

/* ---- Files. */

static int try_elf(const struct cfi_build_elf *e, struct cfi_table **ret)
{
	size_t size;
	uint8_t *image = cfi_build_elf(e, &size);
	int r = cfi_table_compile_memory(image, size, ret);

	free(image);
	return r;
}

static struct cfi_build_elf usual_elf(void)
{
	size_t cie = begin();

	cfi_build_fde(&build, cie, TEXT, 0x10, "", 0);
	return (struct cfi_build_elf){.machine = EM_X86_64,
				      .section = ".eh_frame",
				      .data = build.data,
				      .size = build.n,
				      .address = CFI_BUILD_SECTION,
				      .text = TEXT};
}

static void files_that_are_refused(void **state)
{
	struct cfi_build_elf e = usual_elf();
	struct cfi_table *t = NULL;
	uint8_t *image;
	size_t size;

	e.machine = EM_386;
	assert_int_equal(try_elf(&e, &t), -ENOTSUP);
	e.machine = EM_X86_64;
	e.section = ".other";
	assert_int_equal(try_elf(&e, &t), -ENODATA);
	e.section = ".eh_frame";
	e.size = 0;
	assert_int_equal(try_elf(&e, &t), -ENODATA);
	e = usual_elf();
	image = cfi_build_elf(&e, &size);
	for (size_t n = 0; n < size; n += 7) {
		int r = cfi_table_compile_memory(image, n, &t);

		assert_true(r == -ENOEXEC || r == -ENODATA);
	}
	image[EI_CLASS] = ELFCLASS32;
	assert_int_equal(cfi_table_compile_memory(image, size, &t), -ENOTSUP);
	image[EI_CLASS] = ELFCLASS64;
	image[offsetof(Elf64_Ehdr, e_type)] = ET_REL;
	assert_int_equal(cfi_table_compile_memory(image, size, &t), -ENOEXEC);
	image[0] = 0;
	assert_int_equal(cfi_table_compile_memory(image, size, &t), -ENOEXEC);
	free(image);
	assert_null(t);
}

static void without_section_headers(void **state)
{
	struct cfi_build_elf e = usual_elf();
	struct cfi_table *t;

	e.section = NULL;
	assert_int_equal(try_elf(&e, &t), 0);
	assert_int_equal(t->n_fdes, 1);
	assert_int_equal(t->lo, TEXT);
	assert_int_equal(t->hi, TEXT + 0x10);
	cfi_table_free(t);
}

static void go_keeps_to_its_frame_pointers(void **state)
{
	struct cfi_build_elf e;
	struct cfi_table *t = NULL;
	size_t cie;

	cfi_build_init(&build, false);
	cie = cfi_build_cie(&build, "", "", 0);
	cfi_build_fde(&build, cie, TEXT, 0x10, "", 0);
	e = (struct cfi_build_elf){.machine = EM_X86_64,
				   .section = ".debug_frame",
				   .other_section = ".other",
				   .data = build.data,
				   .size = build.n,
				   .text = TEXT};
	assert_int_equal(try_elf(&e, &t), 0);
	assert_true(t->has_debug_frame);
	assert_false(t->has_eh_frame);
	cfi_table_free(t);
	e.other_section = ".gopclntab";
	assert_int_equal(try_elf(&e, &t), -ENODATA);
	e.other_section = ".go.buildinfo";
	assert_int_equal(try_elf(&e, &t), -ENODATA);
}

static int compile_file(const struct fixture *f, const char *name, struct cfi_table **ret)
{
	int fd = open(fixture_path(f, name), O_RDONLY | O_CLOEXEC), r;

	assert_true(fd >= 0);
	r = cfi_table_compile_fd(fd, ret);
	close(fd);
	return r;
}

static const char SOURCE[] =
	"int other(int); int many(int a, int b, int c, int d, int e, int f);\n"
	"int one(int x) { return other(x) + 1; }\n"
	"int two(int x) { return many(other(x), other(2), other(3), other(4), other(5), x) + x; }\n";

/* Builds lib.so of SOURCE; false where there is no compiler. */
static bool build_source(struct fixture *f, const char *flags)
{
	fixture_init(f);
	fixture_write(f, "lib.c", SOURCE, sizeof(SOURCE) - 1);
	return fixture_try(f, "gcc -O2 -fPIC -shared -nostdlib -o lib.so lib.c %s", flags);
}

static void what_a_compiler_makes(void **state)
{
	const struct cresset_unwind_rule *rule;
	struct cfi_table *t, *u;
	uint64_t address, size;
	struct fixture f;

	if (!build_source(&f, "")) {
		fixture_release(&f);
		skip();
	}
	assert_int_equal(compile_file(&f, "lib.so", &t), 0);
	address = fixture_symbol(&f, "lib.so", "two", &size);
	rule = cfi_rules_get(t->rules, cfi_table_find(t, address));
	assert_int_equal(rule->cfa, CRESSET_CFA_REG);
	assert_int_equal(rule->cfa_reg, 7);
	assert_int_equal(rule->cfa_offset, 8);
	assert_int_equal(rule->fp, CRESSET_FP_SAME);
	assert_int_equal(rule->ra_offset, -8);
	/* At its last byte, a ret or a jmp, all has been popped. */
	rule = cfi_rules_get(t->rules, cfi_table_find(t, address + size - 1));
	assert_int_equal(rule->cfa_offset, 8);
	assert_int_equal(rule->fp, CRESSET_FP_SAME);
	/* The PLT's rule depends on the pc. */
	rule = cfi_rules_get(t->rules, cfi_table_find(t, t->lo + 0x10));
	assert_int_equal(rule->cfa, CRESSET_CFA_PLT);
	assert_int_equal(rule->cfa_add, 11);
	/* Without section headers the same comes out, and no more. */
	fixture_run(&f, "cp lib.so cut.so && printf '\\0\\0\\0\\0\\0\\0\\0\\0' | "
			"dd of=cut.so bs=1 seek=40 conv=notrunc status=none");
	assert_int_equal(compile_file(&f, "cut.so", &u), 0);
	assert_int_equal(u->n, t->n);
	assert_memory_equal(u->rows, t->rows, t->n * sizeof(t->rows[0]));
	assert_int_equal(u->n_fdes_dropped, 0);
	cfi_table_free(t);
	cfi_table_free(u);
	fixture_release(&f);
}

static void debug_frame_fills_what_eh_frame_leaves(void **state)
{
	static const char *const flags[] = {
		"-g -fno-asynchronous-unwind-tables -Wl,--no-ld-generated-unwind-info",
		"-g -gz=zlib -fno-asynchronous-unwind-tables",
		"-g -gz=zlib -fno-asynchronous-unwind-tables extra.s",
	};
	struct fixture f;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		static const char extra[] =
			".globl extra\n.type extra,@function\nextra: .cfi_startproc\n ret\n"
			".cfi_endproc\n.size extra, .-extra\n.section .note.GNU-stack\n";
		uint64_t address, size;
		struct cfi_table *t;

		fixture_init(&f);
		fixture_write(&f, "lib.c", SOURCE, sizeof(SOURCE) - 1);
		fixture_write(&f, "extra.s", extra, sizeof(extra) - 1);
		if (!fixture_try(&f, "gcc -O2 -fPIC -shared -nostdlib -o lib.so lib.c %s",
				 flags[i])) {
			fixture_release(&f);
			skip();
		}
		assert_int_equal(compile_file(&f, "lib.so", &t), 0);
		assert_true(t->has_debug_frame);
		assert_int_equal(t->has_eh_frame, i == 2);
		address = fixture_symbol(&f, "lib.so", "two", &size);
		assert_int_not_equal(cfi_table_find(t, address), 0);
		if (i == 2) {
			address = fixture_symbol(&f, "lib.so", "extra", &size);
			assert_int_not_equal(cfi_table_find(t, address), 0);
		}
		assert_int_equal(t->n_fdes_dropped, 0);
		cfi_table_free(t);
		fixture_release(&f);
	}
}

static void aarch64_files(void **state)
{
	const struct cresset_unwind_rule *rule;
	uint64_t address, size;
	struct cfi_table *t;
	struct fixture f;

	fixture_init(&f);
	fixture_write(&f, "lib.c", SOURCE, sizeof(SOURCE) - 1);
	if (!fixture_try(&f, "aarch64-linux-gnu-gcc -O2 -fPIC -shared -nostdlib -o lib.so lib.c "
			     "-mbranch-protection=standard 2>/dev/null")) {
		print_message("skipped: no compiler for AArch64\n");
		fixture_release(&f);
		skip();
	}
	assert_int_equal(compile_file(&f, "lib.so", &t), 0);
	assert_int_equal(t->machine, EM_AARCH64);
	assert_int_equal(t->none[CRESSET_NONE_DAMAGED], 0);
	address = fixture_symbol(&f, "lib.so", "two", &size);
	rule = cfi_rules_get(t->rules, cfi_table_find(t, address));
	assert_int_equal(rule->cfa_reg, 31);
	assert_int_equal(rule->cfa_offset, 0);
	assert_int_equal(rule->ra, CRESSET_RA_REG);
	assert_int_equal(rule->ra_offset, 30);
	rule = cfi_rules_get(t->rules, cfi_table_find(t, address + size / 2));
	assert_int_equal(rule->ra, CRESSET_RA_AT_CFA);
	assert_int_equal(rule->fp, CRESSET_FP_AT_CFA);
	cfi_table_free(t);
	fixture_release(&f);
}

static void files_that_are_no_files(void **state)
{
	struct cfi_table *t;
	int fd = open("/", O_RDONLY | O_CLOEXEC), ends[2];

	assert_int_equal(cfi_table_compile_fd(fd, &t), -ENOEXEC);
	close(fd);
	assert_int_equal(cfi_table_compile_fd(fd, &t), -EBADF);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(cfi_table_compile_fd(ends[0], &t), -ENOEXEC);
	close(ends[0]);
	close(ends[1]);
}

static int compile_and_intern(const uint8_t *image, size_t size)
{
	struct cfi_rules *rules = NULL;
	struct cfi_table *t = NULL;
	int r = cfi_rules_new(&rules);

	if (!r)
		r = cfi_table_compile_memory(image, size, &t);
	if (!r)
		r = cfi_table_intern(t, rules);
	cfi_table_free(t);
	cfi_rules_free(rules);
	return r;
}

static void without_memory(void **state)
{
	size_t cie = begin(), size;
	uint8_t *image;

	for (uint64_t i = 40; i--;)
		cfi_build_fde(&build, cie, TEXT + i * 16, 16, CFI_PROGRAM("\x41\x0e\x10"));
	image = cfi_build_image(&build, &size);
	for (unsigned int n = 1; alloc_fail_next(&n, 1000);) {
		int r = compile_and_intern(image, size);

		if (!alloc_fail_end()) {
			assert_int_equal(r, 0);
			free(image);
			return;
		}
		/* The one that gives back what is too much may fail. */
		assert_true(r == -ENOMEM || r == 0);
	}
	fail();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_merged_and_gaps_are_bridged),
		cmocka_unit_test(any_order_is_sorted),
		cmocka_unit_test(of_overlapping_functions_the_later_begin_holds),
		cmocka_unit_test(functions_at_one_place_are_compiled_once),
		cmocka_unit_test(code_must_be_in_executable_segments),
		cmocka_unit_test(what_cannot_be_expressed_is_counted),
		cmocka_unit_test(a_register_is_followed_in_files_that_need_it),
		cmocka_unit_test(numbers_over_all_files),
		cmocka_unit_test(rows_of_rules_that_found_no_number),
		cmocka_unit_test(files_that_are_refused),
		cmocka_unit_test(without_section_headers),
		cmocka_unit_test(go_keeps_to_its_frame_pointers),
		cmocka_unit_test(what_a_compiler_makes),
		cmocka_unit_test(debug_frame_fills_what_eh_frame_leaves),
		cmocka_unit_test(aarch64_files),
		cmocka_unit_test(files_that_are_no_files),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
