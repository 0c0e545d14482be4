// SPDX-License-Identifier: Apache-2.0
/*
 * Which format an output gets, by -f and by its name, and what is refused before any work is done.
 */
#include "outputs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int init(struct outputs *o, const char *format, const char *fallback,
		struct cresset_error *err, const char *first, ...)
{
	struct vec paths;
	va_list list;
	int r;

	vec_init(&paths, sizeof(const char *));
	va_start(list, first);
	for (const char *p = first; p; p = va_arg(list, const char *))
		assert_non_null(vec_push(&paths, &p, 1));
	va_end(list);
	r = outputs_init(o, &paths, format, fallback, err);
	vec_release(&paths);
	return r;
}

static void expect(const char *format, const char *fallback, const char *path, const char *want)
{
	struct cresset_error err = {.text = ""};
	struct outputs o;

	assert_int_equal(init(&o, format, fallback, &err, path, NULL), 0);
	assert_string_equal(outputs_at(&o, 0)->format->name, want);
	assert_string_equal(outputs_at(&o, 0)->path, path ? path : "-");
	assert_null(outputs_at(&o, 1));
	outputs_release(&o);
}

static void test_one(void **state)
{
	expect(NULL, "top", NULL, "top");
	expect("folded", "top", NULL, "folded");
	expect(NULL, "top", "a.svg", "svg");
	expect(NULL, "top", "./b.pb.gz", "pprof");
	expect("folded", "top", "a.svg", "folded");
	expect("pprof", "top", "a.unknown", "pprof");
	expect("folded", "top", "-", "folded");
	expect("svg", "top", "/dev/full", "svg");
}

static void test_several(void **state)
{
	struct cresset_error err = {.text = ""};
	struct outputs o;

	assert_int_equal(init(&o, "folded", "top", &err, "a.svg", "-", "b.cresset", "c.txt", NULL),
			 0);
	assert_string_equal(outputs_at(&o, 0)->format->name, "svg");
	assert_string_equal(outputs_at(&o, 1)->format->name, "folded");
	assert_string_equal(outputs_at(&o, 2)->format->name, "cresset");
	assert_string_equal(outputs_at(&o, 3)->format->name, "folded");
	assert_true(outputs_any_raw(&o));
	assert_false(outputs_all_raw(&o));
	outputs_release(&o);
	assert_int_equal(init(&o, NULL, "top", &err, "b.cresset", NULL), 0);
	assert_true(outputs_all_raw(&o));
	outputs_release(&o);
}

static void refuse(int code, const char *text, const char *format, const char *a, const char *b)
{
	struct cresset_error err = {.text = ""};
	struct outputs o;

	assert_int_equal(init(&o, format, "top", &err, a, b, NULL), code);
	assert_non_null(strstr(err.text, text));
	outputs_release(&o);
}

static void test_refused(void **state)
{
	refuse(-EINVAL, "needs a format", NULL, "-", NULL);
	refuse(-EINVAL, "cannot tell the format of 'a.txt'", NULL, "a.txt", NULL);
	refuse(-EINVAL, "given twice", NULL, "a.svg", "a.svg");
	refuse(-EINVAL, "needs a file name", NULL, "", NULL);
	refuse(-EISDIR, "it is a folder", "svg", "/tmp", NULL);
	refuse(-ENOENT, "the folder must exist", NULL, "/no/such/folder/a.svg", NULL);
	refuse(-ENOTDIR, "cannot write /dev/null/a.svg", NULL, "/dev/null/a.svg", NULL);
}

static void test_choices(void **state)
{
	struct option_choice c;
	size_t n = 0, read = 0;

	for (size_t i = 0; outputs_choice(i, &c); i++, n++)
		assert_non_null(cresset_format_by_name(c.name)->write);
	for (size_t i = 0; outputs_choice_read(i, &c); i++, read++)
		assert_non_null(cresset_format_by_name(c.name)->read);
	assert_true(n >= 5 && read >= 3);
	assert_true(option_choice_valid(outputs_choice, "svg"));
	assert_false(option_choice_valid(outputs_choice_read, "svg"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_choices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
