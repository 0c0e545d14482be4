// SPDX-License-Identifier: Apache-2.0
/*
 * Every format that can write, with every case of support/cases.c, against tests/golden/expected.
 *
 * A text format is compared byte for byte with CASE.FORMAT. What a binary format wrote is read back
 * and compared as the text of support/dump.h with CASE.FORMAT.txt: a person can review that, and it
 * does not change with the version of a compressor. Formats that compare two profiles do so with
 * the pairs below, in AFTER-since-BASE.FORMAT. UPDATE_GOLDEN=1 rewrites the files; look at the
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

static const struct pair {
	const char *after, *base;
	bool normalize;
} pairs[] = {
	{"recorded", "raw", false},  {"raw", "recorded", true},	  {"wakers", "off_cpu", false},
	{"off_cpu", "wakers", true}, {"hostile", "names", false}, {"names", "empty", false},
	{"empty", "names", true},
};

static char *pair_text(const struct cresset_format *f, const struct cresset_profile *p,
		       const struct cresset_profile *base, bool normalize, size_t *ret_size)
{
	struct cresset_format_options options = CRESSET_FORMAT_OPTIONS_INIT;
	char *text;

	options.base = base;
	options.normalize = normalize;
	options.min_width = 0;
	assert_int_equal(format_to_memory(f->name, p, &options, &text, ret_size), 0);
	return text;
}

static void test_pair(void **state)
{
	const struct pair *c = *state;
	struct cresset_profile *p = test_case_profile(c->after), *base = test_case_profile(c->base);
	char *dump = dump_profile(base), *after;
	const struct cresset_format *f;
	size_t n = 0;

	for (size_t i = 0; (f = cresset_format_at(i)); i++) {
		char path[512], *text, *again;
		size_t size, size_again;

		if (!(f->flags & CRESSET_FORMAT_DIFF))
			continue;
		n++;
		snprintf(path, sizeof(path), EXPECTED "%s-since-%s.%s", c->after, c->base, f->name);
		text = pair_text(f, p, base, c->normalize, &size);
		again = pair_text(f, p, base, c->normalize, &size_again);
		assert_int_equal(size, size_again);
		assert_memory_equal(text, again, size);
		if (getenv("UPDATE_GOLDEN"))
			update(path, text, size);
		else
			compare(path, text, size);
		free(text);
		free(again);
	}
	assert_int_equal(n, 3); /* folded, svg, top */
	after = dump_profile(base);
	assert_string_equal(dump, after);
	free(dump);
	free(after);
	cresset_profile_free(base);
	cresset_profile_free(p);
}

int main(void)
{
	struct CMUnitTest tests[48] = {{0}};
	const struct test_case *c;
	char names[sizeof(pairs) / sizeof(pairs[0])][64];
	size_t n = 0;

	for (; n < 32 && (c = test_case_at(n)); n++)
		tests[n] = (struct CMUnitTest){
			.name = c->name, .test_func = test_case, .initial_state = (void *)c};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++, n++) {
		snprintf(names[i], sizeof(names[i]), "%s since %s", pairs[i].after, pairs[i].base);
		tests[n] = (struct CMUnitTest){.name = names[i],
					       .test_func = test_pair,
					       .initial_state = (void *)&pairs[i]};
	}
	return _cmocka_run_group_tests("golden", tests, n, NULL, NULL);
}
