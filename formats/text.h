// SPDX-License-Identifier: Apache-2.0
/*
 * text - names of any bytes made fit for files that are text, and numbers made fit for people.
 *
 * Names come from symbol tables, process names and other people's profiles: any bytes but NUL.
 * UTF-8 here is that of RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF.
 */
#ifndef FORMATS_TEXT_H
#define FORMATS_TEXT_H

#include "core/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the valid sequence that s[0 … n) begins with, 1 to 4; 0: none. */
size_t text_sequence(const char *s, size_t n);
bool text_is_utf8(const char *s, size_t n);
/* Appends s to a vec of char with U+FFFD for each byte that is in no valid sequence. -ENOMEM. */
int text_append_utf8(struct vec *out, const char *s, size_t n);
/* The same, with a blank for each control character (C0, DEL, C1): safe on a line and a terminal.
 */
int text_append_shown(struct vec *out, const char *s, size_t n);

/*
 * A value with its unit: "1.25 s" for 1250000000 nanoseconds, "1,234" for a count, "3.4 MiB" for
 * bytes, "12 foos" for what is not known. At most 40 bytes of the unit are shown.
 */
enum { TEXT_VALUE_MAX = 80 };
void text_value(char buf[TEXT_VALUE_MAX], int64_t value, const char *unit);

/* Is it a unit of time? */
bool text_is_time(const char *unit);

/* What follows the last '/'; all of path if that is nothing. */
const char *text_basename(const char *path);

#endif
