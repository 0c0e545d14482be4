// SPDX-License-Identifier: Apache-2.0
/* The table of formats, files through it, and what all formats promise alike. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/cases.h"
#include "support/dump.h"
#include "support/formats.h"

/* One fmt_NAME.c, one line in the table: a forgotten line fails here. fmt_NAME_*.c are its parts.
 */
static void test_complete(void **state)
{
	DIR *d = opendir(TEST_SOURCE_DIR "/formats");
	struct dirent *e;
	size_t files = 0, rows = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		size_t n = strlen(e->d_name);
		char name[256];

		if (strncmp(e->d_name, "fmt_", 4) != 0 || strcmp(e->d_name + n - 2, ".c") != 0)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(n - 6), e->d_name + 4);
		if (strchr(name, '_'))
			continue;
		if (!cresset_format_by_name(name))
			fail_msg("formats/%s is not in the table", e->d_name);
		files++;
	}
	closedir(d);
	while (cresset_format_at(rows))
		rows++;
	assert_int_equal(files, rows);
	assert_true(rows >= 4);
}

static void test_rows(void **state)
{
	const struct cresset_format *f;

	for (size_t i = 0; (f = cresset_format_at(i)); i++) {
		assert_true(f->name[0] && f->help[0] && f->extensions);
		assert_ptr_equal(cresset_format_by_name(f->name), f);
		assert_true(f->write || f->read);
		assert_true(!f->read == !f->sniff);
	}
	assert_null(cresset_format_by_name("nonsense"));
	assert_null(cresset_format_by_name(""));
	assert_null(cresset_format_by_name(NULL));
}

static const char *by_path(const char *path)
{
	const struct cresset_format *f = cresset_format_by_path(path);

	return f ? f->name : "none";
}

static void test_by_path(void **state)
{
	assert_string_equal(by_path("a.folded"), "folded");
	assert_string_equal(by_path("/x/y.z/a.pb.gz"), "pprof");
	assert_string_equal(by_path("a.pprof"), "pprof");
	assert_string_equal(by_path("x.cresset"), "cresset");
	assert_string_equal(by_path("a.gz"), "none");
	assert_string_equal(by_path("folded"), "none");
	assert_string_equal(by_path(".folded"), "none");
	assert_string_equal(by_path("dir.folded/.pb.gz"), "none");
	assert_string_equal(by_path("dir.folded/a"), "none");
	assert_string_equal(by_path(""), "none");
	assert_string_equal(by_path("-"), "none");
}

/* Twice the same bytes, and the profile is as it was. */
static void test_deterministic(void **state)
{
	const struct cresset_format *f;
	const struct test_case *c;

	for (size_t i = 0; (c = test_case_at(i)); i++) {
		struct cresset_profile *p = test_case_profile(c->name);
		char *before = dump_profile(p), *after;

		for (size_t j = 0; (f = cresset_format_at(j)); j++) {
			char *a, *b;
			size_t n, n2;

			if (!f->write)
				continue;
			assert_int_equal(format_to_memory(f->name, p, NULL, &a, &n), 0);
			assert_int_equal(format_to_memory(f->name, p, NULL, &b, &n2), 0);
			assert_int_equal(n, n2);
			assert_memory_equal(a, b, n);
			free(a);
			free(b);
		}
		after = dump_profile(p);
		assert_string_equal(before, after);
		free(before);
		free(after);
		cresset_profile_free(p);
	}
}

/* Options of an older caller (a smaller struct) and of a newer one. */
static void test_option_sizes(void **state)
{
	struct {
		struct cresset_format_options options;
		char more[64];
	} newer = {.options = CRESSET_FORMAT_OPTIONS_INIT};
	struct cresset_format_options older = CRESSET_FORMAT_OPTIONS_INIT;
	struct cresset_profile *p = test_case_profile("names");
	char *a, *b, *c;
	size_t n;

	older.size = offsetof(struct cresset_format_options, value_index);
	older.value_index = 99; /* not looked at */
	newer.options.size = sizeof(newer);
	memset(newer.more, 0xff, sizeof(newer.more));
	assert_int_equal(format_to_memory("folded", p, NULL, &a, &n), 0);
	assert_int_equal(format_to_memory("folded", p, &older, &b, &n), 0);
	assert_int_equal(format_to_memory("folded", p, &newer.options, &c, &n), 0);
	assert_string_equal(a, b);
	assert_string_equal(a, c);
	free(a);
	free(b);
	free(c);
	cresset_profile_free(p);
}

static void test_files(void **state)
{
	struct cresset_profile *p = test_case_profile("recorded"), *q;
	char path[] = "/tmp/test_formats.XXXXXX", name[64];
	const struct cresset_format *f, *found;
	struct cresset_error err;

	assert_non_null(mkdtemp(path));
	/* A misleading name: the content decides. */
	snprintf(name, sizeof(name), "%s/x.folded", path);
	for (size_t i = 0; (f = cresset_format_at(i)); i++) {
		if (!f->read || !f->write)
			continue;
		assert_int_equal(cresset_format_write_file(f, p, name, NULL, &err), 0);
		if (cresset_format_read_file(name, &q, &found, &err) < 0)
			fail_msg("%s", err.text);
		assert_ptr_equal(found, f);
		assert_true(cresset_profile_n_samples(q) > 0);
		cresset_profile_free(q);
	}
	unlink(name);
	rmdir(path);
	cresset_profile_free(p);
}

static void assert_unreadable(const char *path, int error, const char *why)
{
	struct cresset_profile *p;
	struct cresset_error err;

	assert_int_equal(cresset_format_read_file(path, &p, NULL, &err), error);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void put_file(const char *path, const char *content)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(content, f);
	fclose(f);
}

static void test_read_errors(void **state)
{
	char folder[] = "/tmp/test_formats.XXXXXX", path[64];

	assert_non_null(mkdtemp(folder));
	assert_unreadable("/no/such/file", -ENOENT, "cannot read /no/such/file: No such file");
	assert_unreadable("/tmp", -EISDIR, "cannot read /tmp: Is a directory");
	assert_unreadable("/dev/null", -EINVAL, "the file is empty");
	snprintf(path, sizeof(path), "%s/x", folder);
	put_file(path, "<html>\n");
	assert_unreadable(path, -EINVAL, "not a .cresset, pprof or folded");
	unlink(path);
	snprintf(path, sizeof(path), "%s/x.folded", folder);
	put_file(path, "<html>\n");
	assert_unreadable(path, -EINVAL, "as folded: line 1: no count");
	put_file(path, "CRESSET\n and what not");
	assert_unreadable(path, -EINVAL, "as cresset: the file is cut off");
	unlink(path);
	rmdir(folder);
}

static void assert_unwritable(const char *path, int error, const char *why)
{
	struct cresset_profile *p = test_case_profile("names");
	struct cresset_error err;

	assert_int_equal(
		cresset_format_write_file(cresset_format_by_name("folded"), p, path, NULL, &err),
		error);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
	cresset_profile_free(p);
}

static void test_write_errors(void **state)
{
	assert_unwritable("/dev/full", -ENOSPC, "cannot write /dev/full: No space left");
	assert_unwritable("/no/such/folder/x", -ENOENT, "the folder must exist");
	assert_unwritable("/tmp", -EISDIR, "cannot write /tmp: Is a directory");
}

/* A writer stops at the sink's error and says it. */
static void test_failing_sink(void **state)
{
	struct cresset_profile *p = test_case_profile("deep");
	const struct cresset_format *f;

	for (size_t i = 0; (f = cresset_format_at(i)); i++) {
		struct cresset_sink *sink;
		int r;

		if (!f->write)
			continue;
		assert_int_equal(cresset_sink_file("/dev/full", &sink), 0);
		r = f->write(p, sink, NULL, NULL);
		assert_true(r == 0 || r == -ENOSPC);
		assert_int_equal(cresset_sink_finish(sink, r), -ENOSPC);
	}
	cresset_profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_complete),     cmocka_unit_test(test_rows),
		cmocka_unit_test(test_by_path),	     cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_option_sizes), cmocka_unit_test(test_files),
		cmocka_unit_test(test_read_errors),  cmocka_unit_test(test_write_errors),
		cmocka_unit_test(test_failing_sink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
