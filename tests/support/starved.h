// SPDX-License-Identifier: Apache-2.0
/* starved.h - formats with each of their allocations failing once; asserts what they then say. */
#ifndef TESTS_SUPPORT_STARVED_H
#define TESTS_SUPPORT_STARVED_H

#include <cresset/format.h>

/* -ENOMEM each time, and in the end a profile is written. least: so many allocations there are. */
void starved_write(const char *format, const struct cresset_profile *p,
		   const struct cresset_format_options *options, unsigned int least);
/* The same of what changed between two of the test cases. */
void starved_write_changes(const char *format);
/* The same of a reader. */
void starved_read(const char *format, const void *data, size_t size, unsigned int least);

#endif
