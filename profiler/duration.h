// SPDX-License-Identifier: Apache-2.0
/*
 * duration - lengths of time as people write them: 10s, 500ms, 1.5s, 1m30s, 2h, or a plain number
 * of seconds (as perf and bcc take them). Kept in nanoseconds; 0 and anything past 1000 days is
 * refused, so that a caller can use 0 for "not given" and add times without overflow.
 */
#ifndef PROFILER_DURATION_H
#define PROFILER_DURATION_H

#include <stddef.h>
#include <stdint.h>

/* 0, -EINVAL (not a duration), -ERANGE (zero, or too long). */
int duration_parse(const char *text, uint64_t *ret_ns);
/* "0.4 s", "12.3 s", "2m05s", "1h02m03s". Returns buf. */
const char *duration_text(uint64_t ns, char *buf, size_t size);

#endif
