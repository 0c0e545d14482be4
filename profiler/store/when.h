// SPDX-License-Identifier: Apache-2.0
/*
 * when - a moment as people write it:
 *
 *     now   now-30m   now+1h   -1h (from now)   -1d12h
 *     2026-11-22T13:05:00Z   2026-11-22T13:05:00.25+01:00   2026-11-22 13:05   2026-11-22
 *     1795352700   1795352700.5   1795352700000 (seconds, or by their size milli-, micro- or
 *                                                nanoseconds since the epoch)
 *
 * Without a zone it is the local one. In nanoseconds since the epoch, from 1970 to the year 2262.
 */
#ifndef STORE_WHEN_H
#define STORE_WHEN_H

#include <stddef.h>
#include <stdint.h>

/* 0, -EINVAL (not a moment), -ERANGE (before 1970, or too far away). */
int when_parse(const char *text, int64_t now_ns, int64_t *ret_ns);
/* RFC 3339, in UTC, to the second: "2026-11-22T13:05:00Z". Returns buf. */
const char *when_text(int64_t ns, char *buf, size_t size);

#endif
