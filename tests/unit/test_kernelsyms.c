// SPDX-License-Identifier: Apache-2.0
/* kernelsyms: who is asked, when the list is read instead, and what becomes of failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "kernelsyms.h"
#include "support/alloc_fail.h"
#include "support/fixture.h"

static struct fixture fixture;
static char path[512];

/* What is to be answered: the name of 0x1000 is "a", of 0x2000 "b" in "[m]". */
struct kernel {
	int result;
	size_t asked;
};

static int answer(void *arg, const uint64_t *addresses, size_t n, struct cresset_kernel_name *ret)
{
	struct kernel *kernel = arg;

	kernel->asked += n;
	for (size_t i = 0; i < n && !kernel->result; i++) {
		ret[i].name[0] = ret[i].module[0] = '\0';
		if (addresses[i] >> 12 == 1)
			strcpy(ret[i].name, "a");
		if (addresses[i] >> 12 == 2)
			ret[i] = (struct cresset_kernel_name){"b", "[m]"};
	}
	return kernel->result;
}

static void assert_syms(struct kernelsyms *k, uint64_t run, const char *first)
{
	static const uint64_t addresses[] = {0x1000, 0x1010, 0x2000, 0x3000};
	struct kallsym found[4];

	assert_int_equal(kernelsyms_begin(k), 0);
	assert_int_equal(kernelsyms_find(k, run, addresses, 4, found), 0);
	assert_string_equal(found[0].name, first);
	assert_string_equal(found[0].module, "");
	assert_ptr_equal(found[0].name, found[1].name);
	assert_string_equal(found[2].name, "b");
	assert_string_equal(found[2].module, "[m]");
	assert_null(found[3].name);
	kernelsyms_end(k);
}

static void write_list(const char *text)
{
	fixture_write(&fixture, "list", text, strlen(text));
	snprintf(path, sizeof(path), "%s", fixture_path(&fixture, "list"));
}

static void the_kernel_is_asked_first(void **state)
{
	struct kernel kernel = {0};
	struct kernelsyms k;

	assert_int_equal(kernelsyms_init(&k, "/nowhere", answer, &kernel), 0);
	assert_syms(&k, 1, "a");
	assert_int_equal(kernel.asked, 4);
	assert_false(k.list_missing);
	kernelsyms_release(&k);
}

static void the_list_is_read_if_that_fails(void **state)
{
	struct kernel kernel = {.result = -EPERM};
	struct kernelsyms k;

	write_list("1000 T of_list\n2000 t b\t[m]\n3000 D end\n");
	assert_int_equal(kernelsyms_init(&k, path, answer, &kernel), 0);
	assert_syms(&k, 1, "of_list");
	/* And when it works again, asked. */
	kernel.result = 0;
	assert_syms(&k, 2, "a");
	kernelsyms_release(&k);
}

static void nobody_need_be_asked(void **state)
{
	static const uint64_t address = 0x1000;
	struct kallsym found;
	struct kernelsyms k;

	write_list("1000 T of_list\n2000 t b\t[m]\n3000 D end\n");
	assert_int_equal(kernelsyms_init(&k, path, NULL, NULL), 0);
	assert_syms(&k, 1, "of_list");
	kernelsyms_release(&k);
	assert_int_equal(kernelsyms_init(&k, "/nowhere", NULL, NULL), 0);
	assert_int_equal(kernelsyms_begin(&k), 0);
	assert_int_equal(kernelsyms_find(&k, 1, &address, 1, &found), 0);
	assert_null(found.name);
	assert_true(k.list_missing);
	kernelsyms_end(&k);
	kernelsyms_release(&k);
}

static void names_of_before_are_good_when_the_list_is_read_again(void **state)
{
	uint64_t addresses[] = {0x1000, 0x5000};
	struct kallsym found[2];
	struct kernelsyms k;

	write_list("1000 T old\n2000 D end\n");
	assert_int_equal(kernelsyms_init(&k, path, NULL, NULL), 0);
	assert_int_equal(kernelsyms_begin(&k), 0);
	assert_int_equal(kernelsyms_find(&k, 1, addresses, 1, found), 0);
	write_list("1000 T old\n2000 D end\n5000 T late\n5100 D end\n");
	/* The first is found in the list that the second one frees. */
	assert_int_equal(kernelsyms_find(&k, 2, addresses, 2, found), 0);
	assert_string_equal(found[0].name, "old");
	assert_string_equal(found[1].name, "late");
	kernelsyms_end(&k);
	kernelsyms_release(&k);
}

static void memory_runs_out(void **state)
{
	static const uint64_t addresses[] = {0x1000, 0x2000};

	write_list("1000 T of_list\n2000 t b\t[m]\n3000 D end\n");
	for (int fails = 0; fails < 2; fails++) {
		for (unsigned int n = 1; alloc_fail_next(&n, 1000);) {
			struct kernel kernel = {.result = fails ? -EPERM : 0};
			struct kallsym found[2];
			struct kernelsyms k;
			bool failed;
			int r = kernelsyms_init(&k, path, answer, &kernel);

			if (!r) {
				r = kernelsyms_begin(&k);
				if (!r)
					r = kernelsyms_find(&k, 1, addresses, 2, found);
				kernelsyms_end(&k);
			}
			failed = alloc_fail_end();
			kernelsyms_release(&k);
			assert_int_equal(r, failed ? -ENOMEM : 0);
			if (!failed)
				break;
		}
	}
}

static int build(void **state)
{
	fixture_init(&fixture);
	return 0;
}

static int clean(void **state)
{
	fixture_release(&fixture);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_is_asked_first),
		cmocka_unit_test(the_list_is_read_if_that_fails),
		cmocka_unit_test(nobody_need_be_asked),
		cmocka_unit_test(names_of_before_are_good_when_the_list_is_read_again),
		cmocka_unit_test(memory_runs_out),
	};

	return cmocka_run_group_tests(tests, build, clean);
}
