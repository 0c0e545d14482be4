// SPDX-License-Identifier: Apache-2.0
/* See bytesize.h. Digits are read one by one: strtod() takes hex, "inf" and the locale's comma. */
#include "bytesize.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define MAX_BYTES (UINT64_C(1) << 50)

/* The power of 1024 that a unit stands for; -1: it is none. */
static int unit_power(const char *text)
{
	static const char letters[] = "kmgt";
	const char *letter;

	if (!*text || !strcasecmp(text, "b"))
		return 0;
	letter = strchr(letters, tolower((unsigned char)*text));
	text++;
	if (!letter || (*text && strcasecmp(text, "b") && strcasecmp(text, "ib")))
		return -1;
	return (int)(letter - letters) + 1;
}

int bytesize_parse(const char *text, uint64_t *ret_bytes)
{
	uint64_t whole = 0, part = 0, scale = 1;
	bool any = false;
	int power;

	for (; isdigit((unsigned char)*text); text++, any = true) {
		whole = whole * 10 + (uint64_t)(*text - '0');
		if (whole > MAX_BYTES)
			return -ERANGE;
	}
	if (*text == '.') {
		for (text++; isdigit((unsigned char)*text); text++, any = true) {
			if (scale >= 1000)
				continue;
			part = part * 10 + (uint64_t)(*text - '0');
			scale *= 10;
		}
	}
	power = unit_power(text);
	if (!any || power < 0)
		return -EINVAL;
	if (whole > MAX_BYTES >> 10 * power)
		return -ERANGE;
	whole = (whole << 10 * power) + (part << 10 * power) / scale;
	if (!whole || whole > MAX_BYTES)
		return -ERANGE;
	*ret_bytes = whole;
	return 0;
}
