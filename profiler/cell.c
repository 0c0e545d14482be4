// SPDX-License-Identifier: Apache-2.0
/* cell - see cell.h. Bytes that are not UTF-8, and control characters, are shown as '?'. */
#include "cell.h"

#include "duration.h"

#include <stdbool.h>
#include <string.h>

/* Length of the letter at s; *ret_shown: it may be printed as it is. */
static size_t next_letter(const char *s, bool *ret_shown)
{
	unsigned char c = (unsigned char)*s;
	size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < n; i++)
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			n = 0;
	/* C1 controls have two bytes. */
	*ret_shown = n && c >= 0x20 && c != 0x7f && !(c == 0xc2 && (unsigned char)s[1] < 0xa0);
	return n ? n : 1;
}

unsigned int cell_columns(const char *text)
{
	unsigned int columns = 0;
	bool shown;

	for (; *text; columns++)
		text += next_letter(text, &shown);
	return columns;
}

void cell_print(FILE *f, const char *text, unsigned int columns, unsigned int pad)
{
	unsigned int all = cell_columns(text), at = 0;
	unsigned int keep = all <= columns ? all : columns > 3 ? columns - 3 : 0;

	for (; at < keep; at++) {
		bool shown;
		size_t n = next_letter(text, &shown);

		fprintf(f, "%.*s", shown ? (int)n : 1, shown ? text : "?");
		text += n;
	}
	for (; all > columns && at < columns; at++)
		fputc('.', f);
	for (; at < pad; at++)
		fputc(' ', f);
}

const char *cell_time(int64_t ns, char *buf, size_t size)
{
	static const struct {
		double ns;
		const char *unit;
	} units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};

	if (ns >= INT64_C(60000000000))
		return duration_text((uint64_t)ns, buf, size);
	for (size_t i = 0; i < 3; i++) {
		double value = (double)ns / units[i].ns;

		/* Three digits: 1.23, 12.3, 123. */
		if (value >= 1) {
			snprintf(buf, size, "%.*f %s",
				 value < 9.995	 ? 2
				 : value < 99.95 ? 1
						 : 0,
				 value, units[i].unit);
			return buf;
		}
	}
	snprintf(buf, size, ns ? "%lld ns" : "%lld", (long long)ns);
	return buf;
}
