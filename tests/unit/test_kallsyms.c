// SPDX-License-Identifier: Apache-2.0
/* kallsyms: who owns an address, and what nobody owns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "kallsyms.h"
#include "support/alloc_fail.h"
#include "support/fixture.h"

static struct kallsyms *parse(const char *text)
{
	struct kallsyms *k;

	assert_int_equal(kallsyms_parse(text, strlen(text), &k), 0);
	return k;
}

static void assert_owner(const struct kallsyms *k, uint64_t address, const char *name,
			 const char *module)
{
	struct kallsym sym;

	if (!name) {
		assert_false(kallsyms_lookup(k, address, &sym));
		return;
	}
	assert_true(kallsyms_lookup(k, address, &sym));
	assert_string_equal(sym.name, name);
	assert_string_equal(sym.module, module);
}

static const char list[] = "0000000000000000 A fixed_percpu_data\n"
			   "ffffffff81000000 T _stext\n"
			   "ffffffff81000000 T _text\n"
			   "ffffffff81000040 t do_one\n"
			   "ffffffff81000080 W do_two\n"
			   "ffffffff81000100 T _etext\n"
			   "ffffffff81200000 r some_table\n"
			   "ffffffff81300000 D some_data\n"
			   "ffffffff83000000 D _sinittext_data\n"
			   "ffffffff83000000 T init_fn\n"
			   "ffffffff83000010 T _einittext\n"
			   "ffffffffc0000000 t mod_fn\t[mod]\n"
			   "ffffffffc0000020 t mod_last\t[mod]\n"
			   "ffffffffc0100000 t bpf_prog_6deef7357e7b4530_sample\t[bpf]\n";

static void symbol_owns_up_to_the_next(void **state)
{
	struct kallsyms *k = parse(list);

	assert_owner(k, 0xffffffff81000000, "_stext", "");
	assert_owner(k, 0xffffffff8100003f, "_stext", "");
	assert_owner(k, 0xffffffff81000040, "do_one", "");
	assert_owner(k, 0xffffffff810000ff, "do_two", "");
	assert_owner(k, 0xffffffff83000008, "init_fn", "");
	assert_owner(k, 0xffffffffc0000010, "mod_fn", "[mod]");
	assert_owner(k, 0xffffffffc0100123, "bpf_prog_6deef7357e7b4530_sample", "[bpf]");
	assert_int_equal(kallsyms_count(k), 7);
	kallsyms_free(k);
}

static void what_is_not_text_owns_nothing(void **state)
{
	struct kallsyms *k = parse(list);

	assert_owner(k, 0, NULL, NULL);
	assert_owner(k, 0xffffffff80ffffff, NULL, NULL);
	assert_owner(k, 0xffffffff81000100, NULL, NULL);
	assert_owner(k, 0xffffffff81200010, NULL, NULL);
	assert_owner(k, 0xffffffff82ffffff, NULL, NULL);
	assert_owner(k, 0xffffffff83000010, NULL, NULL);
	kallsyms_free(k);
}

static void last_of_a_module_does_not_own_the_rest(void **state)
{
	struct kallsyms *k = parse(list);

	assert_owner(k, 0xffffffffc0000020 + KALLSYMS_TAIL_BYTES - 1, "mod_last", "[mod]");
	assert_owner(k, 0xffffffffc0000020 + KALLSYMS_TAIL_BYTES, NULL, NULL);
	assert_owner(k, 0xffffffffc0100000 + KALLSYMS_TAIL_BYTES, NULL, NULL);
	assert_owner(k, UINT64_MAX, NULL, NULL);
	kallsyms_free(k);
}

static void lists_out_of_order_are_sorted(void **state)
{
	struct kallsyms *k = parse("ffffffffc0000000 t late\t[a]\n"
				   "ffffffff81000040 T second\n"
				   "ffffffff81000040 T alias\n"
				   "ffffffff81000080 D data\n"
				   "ffffffff81000000 T first");

	assert_owner(k, 0xffffffff81000000, "first", "");
	assert_owner(k, 0xffffffff81000040, "second", "");
	assert_owner(k, 0xffffffff81000080, NULL, NULL);
	assert_owner(k, 0xffffffffc0000001, "late", "[a]");
	kallsyms_free(k);
}

static void hidden_addresses_are_said_to_be(void **state)
{
	static const char hidden[] = "0000000000000000 T _stext\n"
				     "0000000000000000 t do_one\n"
				     "0000000000000000 t mod_fn\t[mod]\n";
	struct kallsyms *k;

	assert_int_equal(kallsyms_parse(hidden, strlen(hidden), &k), -EACCES);
	assert_int_equal(kallsyms_load("/does/not/exist", &k), -ENOENT);
	assert_int_equal(kallsyms_load("/dev/null", &k), -EINVAL);
	assert_int_equal(kallsyms_load("/tmp", &k), -EINVAL);
}

static void other_lines_are_passed_over(void **state)
{
	static const char text[] = "\n"
				   "nonsense\n"
				   "ffffffff81000000\n"
				   "ffffffff81000000 T\n"
				   "ffffffff81000000 T \n"
				   "0ffffffff81000000 T too_many_digits\n"
				   "ffffffff81000000 TT two\n"
				   "ffffffff81000000 T good\n"
				   "ffffffff81000010 T with\0nul\n"
				   "ffffffff81000020 T \0\n"
				   "ffffffff81000030 t odd\t\n";
	struct kallsyms *k;

	assert_int_equal(kallsyms_parse(text, sizeof(text) - 1, &k), 0);
	assert_owner(k, 0xffffffff81000000, "good", "");
	assert_owner(k, 0xffffffff81000010, "with", "");
	assert_owner(k, 0xffffffff81000020, NULL, NULL);
	assert_owner(k, 0xffffffff81000030, "odd", "");
	kallsyms_free(k);
	k = parse("");
	assert_owner(k, 1, NULL, NULL);
	kallsyms_free(k);
}

/* Lines across reads, one longer than any buffer, and none at the end. */
static void a_file_reads_as_the_text_does(void **state)
{
	struct fixture f;
	struct kallsyms *k;
	size_t size = 1 << 20, at = 0, n = 0;
	char *text = malloc(size);

	assert_non_null(text);
	for (; at < 300000; n++)
		at += (size_t)sprintf(text + at, "%016zx T symbol_%zu\n", 0x1000 + n * 16, n);
	at += (size_t)sprintf(text + at, "%016zx T ", 0x1000 + n * 16);
	memset(text + at, 'x', 200000);
	at += 200000;
	at += (size_t)sprintf(text + at, "\n%016zx T last", 0x1000 + (n + 1) * 16);
	fixture_init(&f);
	fixture_write(&f, "kallsyms", text, at);
	assert_int_equal(kallsyms_load(fixture_path(&f, "kallsyms"), &k), 0);
	for (size_t i = 0; i < n; i++) {
		char name[32];

		snprintf(name, sizeof(name), "symbol_%zu", i);
		assert_owner(k, 0x1000 + i * 16 + 7, name, "");
	}
	assert_owner(k, 0x1000 + (n + 1) * 16, "last", "");
	assert_int_equal(kallsyms_count(k), n + 1);
	kallsyms_free(k);
	free(text);
	fixture_release(&f);
}

/* Against the plainest reading of the same list. */
static void this_kernels_list_agrees(void **state)
{
	char line[1024], first[512] = "", name[512], type;
	unsigned long long address, previous = 0;
	size_t checked = 0;
	struct kallsyms *k;
	FILE *file;
	int r = kallsyms_load("/proc/kallsyms", &k);

	if (r == -EACCES || r == -ENOENT) {
		print_message("skipped: /proc/kallsyms is hidden or absent\n");
		skip();
	}
	assert_int_equal(r, 0);
	file = fopen("/proc/kallsyms", "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		struct kallsym sym;

		if (sscanf(line, "%llx %c %511s", &address, &type, name) != 3 || address == 0 ||
		    !strchr("tTwW", type) || strcmp(name, "_etext") == 0 ||
		    strcmp(name, "_einittext") == 0)
			continue;
		if (address != previous)
			snprintf(first, sizeof(first), "%s", name);
		previous = address;
		/* Programs may have come or gone between the two readings. */
		if (strstr(line, "[bpf]"))
			continue;
		if (!kallsyms_lookup(k, address, &sym) || strcmp(sym.name, first) != 0)
			fail_msg("%llx is not %s", address, first);
		checked++;
	}
	fclose(file);
	assert_true(checked > 1000);
	kallsyms_free(k);
}

static void kernel_has_a_build_id(void **state)
{
	char id[KALLSYMS_BUILD_ID_BYTES];
	int r = kallsyms_build_id(id);

	if (r < 0) {
		print_message("skipped: no /sys/kernel/notes\n");
		skip();
	}
	assert_true(strlen(id) >= 16);
	assert_int_equal(strspn(id, "0123456789abcdef"), strlen(id));
}

static void every_allocation_may_fail(void **state)
{
	struct kallsyms *k;

	for (unsigned int n = 1; alloc_fail_next(&n, 1000);) {
		int r = kallsyms_parse(list, strlen(list), &k);

		if (!alloc_fail_end()) {
			assert_int_equal(r, 0);
			kallsyms_free(k);
			return;
		}
		assert_int_equal(r, -ENOMEM);
	}
	fail();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(symbol_owns_up_to_the_next),
		cmocka_unit_test(what_is_not_text_owns_nothing),
		cmocka_unit_test(last_of_a_module_does_not_own_the_rest),
		cmocka_unit_test(lists_out_of_order_are_sorted),
		cmocka_unit_test(hidden_addresses_are_said_to_be),
		cmocka_unit_test(other_lines_are_passed_over),
		cmocka_unit_test(a_file_reads_as_the_text_does),
		cmocka_unit_test(this_kernels_list_agrees),
		cmocka_unit_test(kernel_has_a_build_id),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("kallsyms", tests, NULL, NULL);
}
