// SPDX-License-Identifier: Apache-2.0
/* svg_file - see svg_file.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/formats.h"
#include "support/svg_file.h"

#include <stdlib.h>
#include <string.h>

struct cresset_profile *svg_file_profile(void)
{
	struct cresset_profile *p;

	assert_int_equal(cresset_profile_new(&p), 0);
	assert_int_equal(cresset_profile_add_value_type(p, "samples", "count"), 0);
	assert_int_equal(cresset_profile_add_value_type(p, "cpu", "nanoseconds"), 0);
	cresset_profile_set_default_type(p, 1);
	return p;
}

/* Frames root first, separated by ';'. */
void svg_file_add(struct cresset_profile *p, const char *frames, int64_t samples)
{
	uint32_t root_first[128], locations[128], stack;
	const int64_t values[] = {samples, samples * 10000000};
	size_t n = 0;

	for (const char *at = frames;; n++) {
		size_t len = strcspn(at, ";");
		uint32_t flags = !strncmp(at, "[error", 6) ? CRESSET_LOCATION_ERROR
				 : !strncmp(at, "vfs_", 4) ? CRESSET_LOCATION_KERNEL
							   : 0;

		assert_int_equal(cresset_profile_add_frame(p, at, len, flags, &root_first[n]), 0);
		at += len;
		if (!*at++)
			break;
	}
	n++;
	for (size_t i = 0; i < n; i++)
		locations[i] = root_first[n - 1 - i];
	assert_int_equal(cresset_profile_add_stack(p, locations, n, &stack), 0);
	assert_int_equal(cresset_profile_add_sample(p, stack, 0, values), 0);
}

int svg_file_write(const struct cresset_profile *p, const struct cresset_format_options *options,
		   char **ret)
{
	size_t size;

	return format_to_memory("svg", p, options, ret, &size);
}

char *svg_file_of(const struct cresset_profile *p, const struct cresset_format_options *options)
{
	char *text = NULL;

	assert_int_equal(svg_file_write(p, options, &text), 0);
	return text;
}

size_t svg_file_count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
		n++;
	return n;
}

/* Moves past one entity; fails on a bare '&'. */
static const char *check_entity(const char *at)
{
	static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strncmp(at, known[i], strlen(known[i])))
			return at + strlen(known[i]);
	fail_msg("bare ampersand: %.40s", at);
	return at + 1;
}

/* From '<' of a tag to behind its '>': attributes are quoted, and hold no '<'. */
static const char *check_tag(const char *at, bool *ret_empty)
{
	for (at++; *at && *at != '>'; at++) {
		assert_int_not_equal(*at, '<');
		if (*at != '"')
			continue;
		for (at++; *at && *at != '"';) {
			assert_int_not_equal(*at, '<');
			at = *at == '&' ? check_entity(at) : at + 1;
		}
		assert_int_equal(*at, '"');
	}
	assert_int_equal(*at, '>');
	*ret_empty = at[-1] == '/';
	return at + 1;
}

/* Elements nest and end, text is escaped, no control characters. */
void svg_file_check(const char *text)
{
	char open[64][16];
	size_t depth = 0;
	const char *at = text;

	assert_true(!strncmp(at, "<?xml ", 6));
	for (at = strchr(at, '\n') + 1; *at;) {
		bool empty;
		size_t len = strcspn(at + 1, " />");

		assert_true((unsigned char)*at >= 0x20 || *at == '\n');
		if (!strncmp(at, "<![CDATA[", 9)) {
			at = strstr(at, "]]>");
			assert_non_null(at);
			at += 3;
		} else if (!strncmp(at, "</", 2)) {
			assert_true(depth > 0);
			depth--;
			assert_true(!strncmp(at + 2, open[depth], strlen(open[depth])));
			at = strchr(at, '>') + 1;
		} else if (*at == '<') {
			assert_true(len < sizeof(open[0]) && depth < 64);
			memcpy(open[depth], at + 1, len);
			open[depth][len] = '\0';
			at = check_tag(at, &empty);
			depth += !empty;
		} else {
			at = *at == '&' ? check_entity(at) : at + 1;
		}
	}
	assert_int_equal(depth, 0);
}
