// SPDX-License-Identifier: Apache-2.0
/*
 * formats - what every fmt_*.c needs and no one outside this folder sees.
 *
 * A format is one file, fmt_NAME.c, that defines `const struct cresset_format format_NAME`, and one
 * line X(NAME) in formats.c.
 */
#ifndef FORMATS_FORMATS_H
#define FORMATS_FORMATS_H

#include <cresset/format.h>

/*
 * The caller's options with what it does not know (a smaller size) or does not give (NULL) filled
 * with the defaults, so that writers need not ask.
 */
struct cresset_format_options format_options(const struct cresset_format_options *options);

/* The index of the value to show: the option's, or the profile's default. -1: there is none. */
int format_value_index(const struct cresset_profile *p,
		       const struct cresset_format_options *options);

/*
 * The index, in options->base, of the value that has p's type and unit at `index`; -EINVAL with err
 * if it has none. A base without any value is empty: 0.
 */
int format_base_index(const struct cresset_profile *p, int index,
		      const struct cresset_format_options *options, size_t *ret,
		      struct cresset_error *err);

/* The text for r (negative errno) of a writer, in err, unless there is one. Returns r. */
int format_error(struct cresset_error *err, int r, const char *what);

#endif
