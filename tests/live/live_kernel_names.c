// SPDX-License-Identifier: Apache-2.0
/*
 * Names that the kernel is asked for are those of its list, for every symbol: at its first byte and
 * in its middle. What comes and goes (BPF programs, trampolines) may have changed in between. Where
 * the kernel's code ends, nothing is, whatever else is called by that address.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <errno.h>

#include <cresset/recorder.h>

#include "kallsyms.h"

struct question {
	uint64_t addresses[CRESSET_KERNEL_NAMES_MAX];
	struct cresset_kernel_name names[CRESSET_KERNEL_NAMES_MAX];
	size_t n;
};

struct comparison {
	struct cresset_kernel_names *kernel;
	struct kallsyms *list;
	struct question question;
	size_t asked, named, passing;
	uint64_t ends[2]; /* of code */
};

static bool comes_and_goes(const char *module)
{
	return !strcmp(module, "[bpf]") || !strncmp(module, "[__builtin__", 12);
}

static void find_ends(struct comparison *c, FILE *list)
{
	unsigned long long address;
	char line[1024], name[512];

	while (fgets(line, sizeof(line), list)) {
		if (sscanf(line, "%llx %*c %511s", &address, name) != 2)
			continue;
		if (!strcmp(name, "_etext"))
			c->ends[0] = address;
		if (!strcmp(name, "_einittext"))
			c->ends[1] = address;
	}
	rewind(list);
}

static void compare(struct comparison *c)
{
	struct question *q = &c->question;
	struct kallsym sym;

	assert_int_equal(cresset_kernel_names_find(c->kernel, q->addresses, q->n, q->names), 0);
	for (size_t i = 0; i < q->n; i++) {
		bool found = kallsyms_lookup(c->list, q->addresses[i], &sym);
		const struct cresset_kernel_name *name = &q->names[i];

		c->asked++;
		c->named += name->name[0] != '\0';
		if (found ? !strcmp(name->name, sym.name) && !strcmp(name->module, sym.module)
			  : !name->name[0])
			continue;
		if (!name->name[0] &&
		    (q->addresses[i] == c->ends[0] || q->addresses[i] == c->ends[1]))
			continue;
		if (!comes_and_goes(found ? sym.module : name->module))
			fail_msg("%llx: '%s' '%s', in the list '%s' '%s'",
				 (unsigned long long)q->addresses[i], name->name, name->module,
				 found ? sym.name : "", found ? sym.module : "");
		c->passing++;
	}
	q->n = 0;
}

static void ask(struct comparison *c, uint64_t address)
{
	c->question.addresses[c->question.n++] = address;
	if (c->question.n == CRESSET_KERNEL_NAMES_MAX)
		compare(c);
}

static void all_names_are_those_of_the_list(void **state)
{
	struct comparison *c = calloc(1, sizeof(*c));
	FILE *list = fopen("/proc/kallsyms", "re");
	unsigned long long address, last = 0;
	char line[1024], type;

	assert_non_null(c);
	assert_non_null(list);
	find_ends(c, list);
	assert_int_equal(kallsyms_load("/proc/kallsyms", &c->list), 0);
	assert_int_equal(cresset_kernel_names_new(&c->kernel), 0);
	while (fgets(line, sizeof(line), list)) {
		if (sscanf(line, "%llx %c", &address, &type) != 2 || !strchr("tTwW", type))
			continue;
		/* Where the list has no symbol's end, the kernel knows more than we. */
		if (last && address > last && address - last < KALLSYMS_TAIL_BYTES)
			ask(c, last + (address - last) / 2);
		ask(c, address);
		last = address;
	}
	compare(c);
	print_message("%zu addresses, %zu with a name, %zu that come and go differ\n", c->asked,
		      c->named, c->passing);
	assert_true(c->named > 10000);
	assert_true(c->passing < 100);
	fclose(list);
	cresset_kernel_names_free(c->kernel);
	kallsyms_free(c->list);
	free(c);
}

static void what_is_nowhere_has_no_name(void **state)
{
	struct question *q = calloc(1, sizeof(*q));
	struct cresset_kernel_names *k;

	assert_non_null(q);
	assert_int_equal(cresset_kernel_names_new(&k), 0);
	q->addresses[1] = 4096;
	q->addresses[2] = UINT64_MAX;
	strcpy(q->names[0].name, "left over");
	assert_int_equal(cresset_kernel_names_find(k, q->addresses, 3, q->names), 0);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(q->names[i].name, "");
	assert_int_equal(cresset_kernel_names_find(k, q->addresses, 0, q->names), 0);
	assert_int_equal(
		cresset_kernel_names_find(k, q->addresses, CRESSET_KERNEL_NAMES_MAX + 1, q->names),
		-E2BIG);
	cresset_kernel_names_free(k);
	cresset_kernel_names_free(NULL);
	free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_names_are_those_of_the_list),
		cmocka_unit_test(what_is_nowhere_has_no_name),
	};

	if (geteuid()) {
		printf("skipped: needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
