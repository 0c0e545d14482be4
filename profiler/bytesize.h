// SPDX-License-Identifier: Apache-2.0
/*
 * bytesize - amounts of memory as people write them: 64M, 1G, 512k, 1.5GiB, or a plain number of
 * bytes. Units are powers of 1024, with or without "B" or "iB", in either case.
 */
#ifndef PROFILER_BYTESIZE_H
#define PROFILER_BYTESIZE_H

#include <stdint.h>

/* 0, -EINVAL (not an amount), -ERANGE (zero, or past 1024 T). */
int bytesize_parse(const char *text, uint64_t *ret_bytes);

#endif
