// SPDX-License-Identifier: Apache-2.0
/*
 * A duration is one or more numbers with a unit ("1m30s"); only a single number may go without one.
 * Fractions are read digit by digit: a double would lose nanoseconds, and strtod() takes hex,
 * "inf" and the locale's comma, none of which a user means here.
 */
#include "duration.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DURATION_MAX_NS (1000ull * 86400 * 1000000000)

static const struct unit {
	const char *name;
	uint64_t ns;
} units[] = {
	{"ns", 1},
	{"us", 1000},
	{"ms", 1000000},
	{"s", 1000000000},
	{"m", 60000000000ull},
	{"h", 3600000000000ull},
	{"d", 86400000000000ull},
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The unit that text begins with; "" at the end means seconds if that is allowed. */
static const struct unit *unit_at(const char *text, size_t *ret_len)
{
	size_t len = 0;

	while (text[len] >= 'a' && text[len] <= 'z')
		len++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strlen(units[i].name) == len && !memcmp(units[i].name, text, len)) {
			*ret_len = len;
			return &units[i];
		}
	}
	return NULL;
}

/* One number: whole and the digits behind the point, which count in units of 1 / *ret_scale. */
static int read_number(const char **text, uint64_t *ret_whole, uint64_t *ret_part,
		       uint64_t *ret_scale)
{
	const char *s = *text;
	uint64_t whole = 0, part = 0, scale = 1;
	bool any = false;

	for (; is_digit(*s); s++, any = true) {
		whole = whole * 10 + (uint64_t)(*s - '0');
		if (whole > DURATION_MAX_NS)
			return -ERANGE;
	}
	if (*s == '.') {
		for (s++; is_digit(*s); s++, any = true) {
			if (scale < 1000000) {
				part = part * 10 + (uint64_t)(*s - '0');
				scale *= 10;
			}
		}
	}
	if (!any)
		return -EINVAL;
	*text = s;
	*ret_whole = whole;
	*ret_part = part;
	*ret_scale = scale;
	return 0;
}

int duration_parse(const char *text, uint64_t *ret_ns)
{
	const char *s = text;
	uint64_t total = 0;

	do {
		uint64_t whole, part, scale;
		const struct unit *unit = NULL;
		size_t len = 0;
		bool first = s == text;
		int r = read_number(&s, &whole, &part, &scale);

		if (r < 0)
			return r;
		if (!*s && first)
			unit = &units[3];
		else
			unit = unit_at(s, &len);
		if (!unit)
			return -EINVAL;
		s += len;
		if (whole > DURATION_MAX_NS / unit->ns)
			return -ERANGE;
		total += whole * unit->ns + part * unit->ns / scale;
		if (total > DURATION_MAX_NS)
			return -ERANGE;
	} while (*s);
	if (!total)
		return -ERANGE;
	*ret_ns = total;
	return 0;
}

const char *duration_text(uint64_t ns, char *buf, size_t size)
{
	uint64_t s = ns / 1000000000;

	if (s < 60)
		snprintf(buf, size, "%.1f s", (double)(ns / 100000000) / 10);
	else if (s < 3600)
		snprintf(buf, size, "%um%02us", (unsigned int)(s / 60), (unsigned int)(s % 60));
	else
		snprintf(buf, size, "%lluh%02um%02us", (unsigned long long)(s / 3600),
			 (unsigned int)(s / 60 % 60), (unsigned int)(s % 60));
	return buf;
}
