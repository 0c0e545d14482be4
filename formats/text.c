// SPDX-License-Identifier: Apache-2.0
/* text - see text.h. */
#include "formats/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

size_t text_sequence(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (!n)
		return 0;
	if (u[0] < 0x80)
		return 1;
	if (u[0] < 0xc2 || u[0] > 0xf4)
		return 0;
	len = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	if (len > n)
		return 0;
	/* The second byte's range keeps out overlong forms, surrogates and what is too large. */
	if (u[0] == 0xe0)
		low = 0xa0;
	else if (u[0] == 0xed)
		high = 0x9f;
	else if (u[0] == 0xf0)
		low = 0x90;
	else if (u[0] == 0xf4)
		high = 0x8f;
	if (u[1] < low || u[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

bool text_is_utf8(const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t len = text_sequence(s + i, n - i);

		if (!len)
			return false;
		i += len;
	}
	return true;
}

int text_append_utf8(struct vec *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t len = text_sequence(s + i, n - i);

		if (!vec_push(out, len ? s + i : "\xef\xbf\xbd", len ? len : 3))
			return -ENOMEM;
		i += len ? len : 1;
	}
	return 0;
}

int text_append_shown(struct vec *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t len = text_sequence(s + i, n - i);
		unsigned char c = (unsigned char)s[i];
		bool c1 = len == 2 && c == 0xc2 && (unsigned char)s[i + 1] < 0xa0;
		bool control = c < 0x20 || c == 0x7f || c1;
		const char *put = control ? " " : len ? s + i : "\xef\xbf\xbd";

		if (!vec_push(out, put, control ? 1 : len ? len : 3))
			return -ENOMEM;
		i += len ? len : 1;
	}
	return 0;
}

/* Digits in groups of three. */
static void text_grouped(char buf[TEXT_VALUE_MAX], int64_t value)
{
	char digits[24];
	size_t n = (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)value), at = 0;

	for (size_t i = 0; i < n; i++) {
		buf[at++] = digits[i];
		if (digits[i] != '-' && i + 1 < n && (n - 1 - i) % 3 == 0)
			buf[at++] = ',';
	}
	buf[at] = '\0';
}

struct text_scale {
	double factor;
	const char *name;
};

/* Three significant digits in the largest of the units (smallest first) that leaves 1 or more. */
static void text_scaled(char buf[TEXT_VALUE_MAX], double value, const struct text_scale *scales,
			size_t n)
{
	double size = value < 0 ? -value : value;
	size_t i = 0;
	double x;

	while (i + 1 < n && size >= scales[i + 1].factor)
		i++;
	x = size / scales[i].factor;
	snprintf(buf, TEXT_VALUE_MAX, "%s%.*f %s", value < 0 ? "-" : "",
		 i == 0 || x >= 99.95 ? 0
		 : x >= 9.995	      ? 1
				      : 2,
		 x, scales[i].name);
}

/* Nanoseconds in a unit of time; 0: it is none. */
static double text_time_factor(const char *unit)
{
	static const struct text_scale units[] = {
		{1, "nanoseconds"}, {1e3, "microseconds"}, {1e6, "milliseconds"}, {1e9, "seconds"}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(unit, units[i].name) == 0)
			return units[i].factor;
	return 0;
}

bool text_is_time(const char *unit)
{
	return text_time_factor(unit) > 0;
}

void text_value(char buf[TEXT_VALUE_MAX], int64_t value, const char *unit)
{
	static const struct text_scale time[] = {{1, "ns"}, {1e3, "us"}, {1e6, "ms"}, {1e9, "s"}};
	static const struct text_scale bytes[] = {
		{1, "B"}, {1 << 10, "KiB"}, {1 << 20, "MiB"}, {1 << 30, "GiB"}};
	double factor = text_time_factor(unit);

	if (factor > 0 && value == 0) {
		snprintf(buf, TEXT_VALUE_MAX, "0 s");
	} else if (factor > 0) {
		text_scaled(buf, (double)value * factor, time, 4);
	} else if (strcmp(unit, "bytes") == 0) {
		text_scaled(buf, (double)value, bytes, 4);
	} else {
		text_grouped(buf, value);
		if (unit[0] && strcmp(unit, "count") != 0)
			snprintf(buf + strlen(buf), TEXT_VALUE_MAX - strlen(buf), " %.40s", unit);
	}
}

const char *text_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}
