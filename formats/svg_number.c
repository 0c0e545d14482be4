// SPDX-License-Identifier: Apache-2.0
/* svg_number - see svg_number.h. */
#include "formats/svg_number.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct scale {
	const char *unit;
	double factor; /* of the base unit */
};

/* Largest first; a value is shown in the first one that it reaches. */
static const struct scale time_scales[] = {
	{"h", 3600e9 * 2}, {"s", 1e9}, {"ms", 1e6}, {"µs", 1e3}, {"ns", 1},
};
static const struct scale byte_scales[] = {
	{"TiB", 1099511627776.0},
	{"GiB", 1073741824.0},
	{"MiB", 1048576.0},
	{"KiB", 1024},
	{"B", 1},
};

static void three_digits(char *buf, double v, const char *unit)
{
	int decimals = v < 9.995 ? 2 : v < 99.95 ? 1 : 0;

	snprintf(buf, SVG_NUMBER_SIZE, "%.*f %.40s", decimals, v, unit);
}

static void scaled(char *buf, double v, const struct scale *scales, size_t n)
{
	size_t i = 0;

	while (i + 1 < n && v < scales[i].factor)
		i++;
	/* Hours start at two, so that a minute's profile of 64 CPUs still reads in seconds. */
	if (!strcmp(scales[i].unit, "h"))
		three_digits(buf, v / 3600e9, "h");
	else if (scales[i].factor == 1)
		snprintf(buf, SVG_NUMBER_SIZE, "%.0f %s", v, scales[i].unit);
	else
		three_digits(buf, v / scales[i].factor, scales[i].unit);
}

static double time_factor(const char *unit)
{
	static const struct scale units[] = {
		{"nanoseconds", 1},    {"ns", 1},   {"microseconds", 1e3}, {"us", 1e3},
		{"milliseconds", 1e6}, {"ms", 1e6}, {"seconds", 1e9},	   {"s", 1e9},
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(unit, units[i].unit))
			return units[i].factor;
	return 0;
}

void svg_number_grouped(char buf[SVG_NUMBER_SIZE], uint64_t value)
{
	char digits[24];
	size_t n = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, value), j = 0;

	for (size_t i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			buf[j++] = ',';
		buf[j++] = digits[i];
	}
	buf[j] = '\0';
}

void svg_number_value(char buf[SVG_NUMBER_SIZE], int64_t value, const char *type, const char *unit)
{
	uint64_t v = value < 0 ? 0 : (uint64_t)value;
	double factor = time_factor(unit);
	size_t n;

	if (factor != 0) {
		scaled(buf, (double)v * factor, time_scales,
		       sizeof(time_scales) / sizeof(time_scales[0]));
		return;
	}
	if (!strcmp(unit, "bytes")) {
		scaled(buf, (double)v, byte_scales, sizeof(byte_scales) / sizeof(byte_scales[0]));
		return;
	}
	svg_number_grouped(buf, v);
	n = strlen(buf);
	/* What is counted says more than that it is a count. */
	if (!strcmp(unit, "count") || !*unit)
		unit = *type ? type : "samples";
	if (v == 1 && !strcmp(unit, "samples"))
		unit = "sample";
	snprintf(buf + n, SVG_NUMBER_SIZE - n, " %.40s", unit);
}

void svg_number_percent(char buf[SVG_NUMBER_SIZE], uint64_t part, uint64_t whole)
{
	unsigned int hundredths;

	if (!whole || part > whole)
		part = whole = 1;
	hundredths = (unsigned int)(((unsigned __int128)part * 10000 + whole / 2) / whole);
	if (!hundredths && part)
		snprintf(buf, SVG_NUMBER_SIZE, "<0.01 %%");
	else
		snprintf(buf, SVG_NUMBER_SIZE, "%u.%02u %%", hundredths / 100, hundredths % 100);
}

void svg_number_tenths(char buf[SVG_NUMBER_SIZE], int64_t tenths)
{
	if (tenths % 10)
		snprintf(buf, SVG_NUMBER_SIZE, "%" PRId64 ".%d", tenths / 10, (int)(tenths % 10));
	else
		snprintf(buf, SVG_NUMBER_SIZE, "%" PRId64, tenths / 10);
}
