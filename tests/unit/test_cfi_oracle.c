// SPDX-License-Identifier: Apache-2.0
/*
 * Compiled tables of some programs and libraries of this machine, and of its vdso, against libdw's
 * answers for each of their rows (support/cfi_oracle.h). `scripts/bench oracle` does it for /usr.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "support/cfi_oracle.h"
#include "support/fixture.h"
#include "vdso.h"

/* Patterns; of each as many as match, and at most a few, are taken. */
static const char *const files[] = {
	"/usr/lib/x86_64-linux-gnu/libc.so.6",
	"/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
	"/usr/lib/x86_64-linux-gnu/libm.so.6",
	"/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
	"/usr/lib/x86_64-linux-gnu/libssl.so.3",
	"/usr/lib/x86_64-linux-gnu/libpython3.*.so.1.0",
	"/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
	"/usr/lib/x86_64-linux-gnu/libgcc_s.so.1",
	"/usr/lib/x86_64-linux-gnu/libgcrypt.so.20",
	"/usr/lib/x86_64-linux-gnu/libgnutls.so.30",
	"/usr/lib/x86_64-linux-gnu/libsqlite3.so.0",
	"/usr/lib/x86_64-linux-gnu/libz.so.1",
	"/usr/lib/x86_64-linux-gnu/libzstd.so.1",
	"/usr/lib/x86_64-linux-gnu/liblzma.so.5",
	"/usr/lib/x86_64-linux-gnu/libgmp.so.10",
	"/usr/lib/x86_64-linux-gnu/libdw.so.1",
	"/usr/lib/x86_64-linux-gnu/libelf.so.1",
	"/usr/lib/x86_64-linux-gnu/libperl.so.5.*",
	"/usr/lib/x86_64-linux-gnu/libitm.so.1",
	"/usr/lib/x86_64-linux-gnu/libgomp.so.1",
	"/usr/lib/x86_64-linux-gnu/libffi.so.8",
	"/usr/lib/x86_64-linux-gnu/libglib-2.0.so.0",
	"/usr/bin/bash",
	"/usr/bin/busybox",
	"/usr/bin/python3.*",
	"/usr/bin/perl",
	"/usr/bin/xz",
	"/usr/bin/openssl",
	"/usr/bin/tar",
	"/usr/bin/ls",
	"/usr/bin/ssh",
	"/usr/bin/x86_64-linux-gnu-ld.bfd",
	"/usr/sbin/ldconfig",
	"/usr/sbin/bpftool",
	"/usr/libexec/valgrind/none-amd64-linux",
	"/usr/aarch64-linux-gnu/lib/libc.so.6",
	"/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1",
	"/usr/aarch64-linux-gnu/lib/libstdc++.so.6",
	"/usr/aarch64-linux-gnu/lib/libgcc_s.so.1",
};

enum { MAX_MATCHES = 3, MIN_FILES = 5 };

static void assert_right(const char *path, const struct cfi_oracle_report *r)
{
	if (cfi_oracle_wrong(r))
		fail_msg("%s: %zu rows differ, the first at %#llx: %s", path, cfi_oracle_wrong(r),
			 (unsigned long long)r->first_pc, cfi_oracle_text(r->first_class));
	/* All that is: longjmp's last instructions, and a few of hand-written multiplications. */
	if (cfi_oracle_unsupported(r) > 4)
		fail_msg("%s: %zu rows are unsupported, the first at %#llx", path,
			 cfi_oracle_unsupported(r), (unsigned long long)r->first_pc);
}

static void rows_are_as_libdw_has_them(void **state)
{
	struct cfi_oracle_report sum = {0};
	struct cfi_rules *rules;
	size_t n = 0;

	assert_int_equal(cfi_rules_new(&rules), 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		glob_t found;

		if (glob(files[i], 0, NULL, &found))
			continue;
		for (size_t k = 0; k < found.gl_pathc && k < MAX_MATCHES; k++) {
			struct cfi_oracle_report r;

			cfi_oracle_file(found.gl_pathv[k], rules, &r);
			if (r.error || r.skipped)
				continue;
			assert_right(found.gl_pathv[k], &r);
			cfi_oracle_add(&sum, &r);
			n++;
		}
		globfree(&found);
	}
	print_message("%zu files, %zu rows, %zu unsupported, %zu different rules\n", n, sum.n_rows,
		      cfi_oracle_unsupported(&sum), cfi_rules_count(rules));
	cfi_rules_free(rules);
	assert_true(n >= MIN_FILES);
	assert_true(sum.classes[CFI_ORACLE_EQUAL] > sum.n_rows / 2);
	assert_true(cfi_oracle_unsupported(&sum) * 2000 < sum.n_rows);
}

static void the_vdso(void **state)
{
	const void *header = (const void *)getauxval(AT_SYSINFO_EHDR);
	struct cfi_oracle_report r;
	struct cfi_table *t;
	struct fixture f;
	size_t size;

	if (!header) {
		print_message("skipped: no vdso here\n");
		skip();
	}
	size = vdso_image_size(header, VDSO_MAX_BYTES);
	assert_int_equal(cfi_table_compile_memory(header, size, &t), 0);
	fixture_init(&f);
	fixture_write(&f, "vdso.so", header, size);
	cfi_oracle_file(fixture_path(&f, "vdso.so"), NULL, &r);
	fixture_release(&f);
	assert_int_equal(r.error, 0);
	assert_false(r.skipped);
	assert_int_equal(r.n_table_rows, t->n);
	assert_int_equal(cfi_oracle_unsupported(&r), 0);
	assert_right("vdso", &r);
	cfi_table_free(t);
}

/* ---- The oracle itself: does it see what is wrong? */

static size_t wrong_rows(int fd, const struct cfi_table *t)
{
	struct cfi_oracle_report r = {0};

	cfi_oracle_table(fd, t, t->rules, &r);
	assert_false(r.skipped);
	return cfi_oracle_wrong(&r);
}

/* With the rule of one row changed. */
static bool is_noticed(int fd, struct cfi_table *t, size_t row, struct cresset_unwind_rule rule)
{
	uint32_t was = t->rows[row].rule;
	size_t n;

	assert_int_equal(cfi_rules_add(t->rules, &rule, &t->rows[row].rule), 0);
	n = wrong_rows(fd, t);
	t->rows[row].rule = was;
	return n > 0;
}

static void each_wrong_part_is_noticed(int fd, struct cfi_table *t, size_t row)
{
	const struct cresset_unwind_rule rule = *cfi_rules_get(t->rules, t->rows[row].rule);
	struct cresset_unwind_rule wrong = rule;

	wrong.cfa_offset += 8;
	assert_true(is_noticed(fd, t, row, wrong));
	wrong = rule;
	wrong.cfa = rule.cfa == CRESSET_CFA_REG ? CRESSET_CFA_DEREF : CRESSET_CFA_REG;
	assert_true(is_noticed(fd, t, row, wrong));
	wrong = rule;
	wrong.cfa_reg ^= 1;
	assert_true(is_noticed(fd, t, row, wrong));
	wrong = rule;
	wrong.ra_offset += 8;
	assert_true(is_noticed(fd, t, row, wrong));
	wrong = rule;
	wrong.ra = CRESSET_RA_END;
	assert_true(is_noticed(fd, t, row, wrong));
	wrong = rule;
	wrong.fp = rule.fp == CRESSET_FP_SAME ? CRESSET_FP_AT_CFA : CRESSET_FP_SAME;
	assert_true(is_noticed(fd, t, row, wrong));
	wrong = rule;
	wrong.flags = CRESSET_RULE_SIGNAL;
	assert_true(is_noticed(fd, t, row, wrong));
	wrong = (struct cresset_unwind_rule){.none = CRESSET_NONE_NO_FDE};
	assert_true(is_noticed(fd, t, row, wrong));
}

static void wrong_tables_are_noticed(void **state)
{
	static const char source[] = "int g(int); int f(int x) { return g(x) + x; }\n";
	struct cfi_table *t;
	struct fixture f;
	int fd;

	fixture_init(&f);
	fixture_write(&f, "lib.c", source, sizeof(source) - 1);
	if (!fixture_try(
		    &f,
		    "gcc -O1 -fPIC -fno-omit-frame-pointer -shared -nostdlib -o lib.so lib.c")) {
		fixture_release(&f);
		skip();
	}
	fd = open(fixture_path(&f, "lib.so"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(cfi_table_compile_fd(fd, &t), 0);
	assert_int_equal(wrong_rows(fd, t), 0);
	for (size_t i = 0; i + 1 < t->n; i++) {
		if (t->rows[i].rule)
			each_wrong_part_is_noticed(fd, t, i);
		if (t->rows[i + 1].pc - t->rows[i].pc == 1)
			continue; /* the PLT's rule before it is the same at that pc */
		t->rows[i].pc++;
		assert_true(wrong_rows(fd, t) > 0);
		t->rows[i].pc--;
	}
	cfi_table_free(t);
	close(fd);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_as_libdw_has_them),
		cmocka_unit_test(the_vdso),
		cmocka_unit_test(wrong_tables_are_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
