// SPDX-License-Identifier: Apache-2.0
/*
 * svg_file - flame graphs in tests: small profiles of named frames, files in memory, and a reader
 * of elements, attributes and entities that is strict enough to fail on what a browser refuses.
 */
#ifndef TESTS_SUPPORT_SVG_FILE_H
#define TESTS_SUPPORT_SVG_FILE_H

#include <cresset/format.h>

/* Of samples and, by default, cpu time: ten milliseconds each. */
struct cresset_profile *svg_file_profile(void);
/* Frames root first, separated by ';'. */
void svg_file_add(struct cresset_profile *p, const char *frames, int64_t samples);
int svg_file_write(const struct cresset_profile *p, const struct cresset_format_options *options,
		   char **ret);
/* The same, malloc'ed; the test fails if it cannot be written. */
char *svg_file_of(const struct cresset_profile *p, const struct cresset_format_options *options);
size_t svg_file_count(const char *text, const char *what);
/* Elements nest and end, text is escaped, no control characters: else the test fails. */
void svg_file_check(const char *text);

#endif
