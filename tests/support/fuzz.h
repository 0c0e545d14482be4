// SPDX-License-Identifier: Apache-2.0
/* fuzz.h - what the fuzz targets of the formats have in common. */
#ifndef TESTS_SUPPORT_FUZZ_H
#define TESTS_SUPPORT_FUZZ_H

#include <stddef.h>

/*
 * Reads data in a format. If that goes well the profile must survive being written and read again
 * in that format (the second writing gives the bytes of the first), and every writer must take it.
 * Aborts where that fails; a refusal must give a reason.
 */
void fuzz_format(const char *format, const void *data, size_t size);

#endif
