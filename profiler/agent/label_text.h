// SPDX-License-Identifier: Apache-2.0
/*
 * label_text - names and values of labels: what they may be, and how any text is made into one.
 *
 * Values come from processes that may be hostile. What leaves here is valid UTF-8 without control
 * characters (nor U+2028, U+2029 and the characters that turn the direction of writing, which make
 * a line look like another one), and bounded.
 */
#ifndef AGENT_LABEL_TEXT_H
#define AGENT_LABEL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

enum {
	LABEL_NAME_BYTES = 64, /* with the NUL */
	LABEL_VALUE_MAX = 255, /* bytes, without the NUL */
	LABEL_SET_MAX = 32,    /* labels of one set */
};

/* [A-Za-z_][A-Za-z0-9_]*, as Prometheus has them. */
bool label_name_valid(const char *name);
/* One that cresset gives by itself: "service", "comm", … */
bool label_name_own(const char *name);
/* A variable's or an attribute's name as a label's: lower case, everything odd a '_'. name has
 * LABEL_NAME_BYTES. */
void label_name_from(char *name, const char *text, size_t n);
/* Cleans text[0 … n) into value, which has LABEL_VALUE_MAX + 1 bytes, cut between characters if it
 * must be. False: it was cut. */
bool label_value_from(char *value, const char *text, size_t n);

#endif
