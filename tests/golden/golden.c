// SPDX-License-Identifier: Apache-2.0
/*
 * Every format that can write, with every case of support/cases.c, against tests/golden/expected.
 *
 * A text format is compared byte for byte with CASE.FORMAT. What a binary format wrote is read back
 * and compared as the text of support/dump.h with CASE.FORMAT.txt: a person can review that, and it
 * does not change with the version of a compressor. UPDATE_GOLDEN=1 rewrites the files; look at the
 * difference before you commit it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/cases.h"
#include "support/dump.h"
#include "support/formats.h"

#define EXPECTED TEST_SOURCE_DIR "/tests/golden/expected/"

/* What the golden of a format holds: malloc'ed. */
static char *golden_text(const struct cresset_format *f, const struct cresset_profile *p,
			 size_t *ret_size)
{
	struct cresset_profile *back;
	struct cresset_error err;
	char *data, *text;

	assert_int_equal(format_to_memory(f->name, p, NULL, &data, ret_size), 0);
	if (!(f->flags & CRESSET_FORMAT_BINARY))
		return data;
	if (format_from_memory(f->name, data, *ret_size, &back, &err) < 0)
		fail_msg("%s: %s", f->name, err.text);
	text = dump_profile(back);
	cresset_profile_free(back);
	free(data);
	*ret_size = strlen(text);
	return text;
}

static void update(const char *path, const char *text, size_t size)
{
	FILE *f = fopen(path, "w");

	if (!f || fwrite(text, 1, size, f) != size || fclose(f) != 0)
		fail_msg("cannot write %s: %s", path, strerror(errno));
}

static size_t first_difference(const char *a, size_t n, const char *b, size_t m)
{
	size_t i = 0;

	while (i < n && i < m && a[i] == b[i])
		i++;
	return i;
}

static void compare(const char *path, const char *text, size_t size)
{
	char *expected = malloc(size + 2);
	FILE *f = fopen(path, "r");
	size_t n, at, line = 1;

	if (!f)
		fail_msg("%s: %s (UPDATE_GOLDEN=1 makes it)", path, strerror(errno));
	assert_non_null(expected);
	n = fread(expected, 1, size + 1, f);
	fclose(f);
	at = first_difference(expected, n, text, size);
	for (size_t i = 0; i < at; i++)
		line += text[i] == '\n';
	if (n != size || at != size)
		fail_msg("%s differs in line %zu (byte %zu); UPDATE_GOLDEN=1 if that is wanted",
			 path, line, at);
	free(expected);
}

static void test_case(void **state)
{
	const struct test_case *c = *state;
	struct cresset_profile *p = test_case_profile(c->name);
	bool rewrite = getenv("UPDATE_GOLDEN") != NULL;
	const struct cresset_format *f;

	for (size_t i = 0; (f = cresset_format_at(i)); i++) {
		char path[512];
		char *text;
		size_t size;

		if (!f->write)
			continue;
		snprintf(path, sizeof(path), EXPECTED "%s.%s%s", c->name, f->name,
			 f->flags & CRESSET_FORMAT_BINARY ? ".txt" : "");
		text = golden_text(f, p, &size);
		if (rewrite)
			update(path, text, size);
		else
			compare(path, text, size);
		free(text);
	}
	cresset_profile_free(p);
}

int main(void)
{
	struct CMUnitTest tests[32] = {{0}};
	const struct test_case *c;
	size_t n = 0;

	for (; n < 32 && (c = test_case_at(n)); n++)
		tests[n] = (struct CMUnitTest){
			.name = c->name, .test_func = test_case, .initial_state = (void *)c};
	return _cmocka_run_group_tests("golden", tests, n, NULL, NULL);
}
