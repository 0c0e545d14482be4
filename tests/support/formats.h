// SPDX-License-Identifier: Apache-2.0
/* formats.h - writing to memory and reading back, for the tests of formats. */
#ifndef TESTS_SUPPORT_FORMATS_H
#define TESTS_SUPPORT_FORMATS_H

#include <cresset/format.h>

/* What the format makes of p: malloc'ed, with a NUL behind it. The result is the writer's. */
int format_to_memory(const char *format, const struct cresset_profile *p,
		     const struct cresset_format_options *options, char **ret, size_t *ret_size);
/* A profile read from memory; on failure *ret is NULL and err says why. */
int format_from_memory(const char *format, const void *data, size_t size,
		       struct cresset_profile **ret, struct cresset_error *err);

#endif
