// SPDX-License-Identifier: Apache-2.0
/* cells - see cells.h. */
#include "formats/cells.h"

size_t cells_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

void cells_widen(size_t *width, const char *s)
{
	size_t n = cells_width(s);

	if (n > *width)
		*width = n;
}

void cells_pad(struct cresset_sink *sink, size_t width, const char *s)
{
	size_t n = cells_width(s);

	cresset_sink_printf(sink, "%*s", (int)(n < width ? width - n : 0), "");
}

void cells_cut(struct cresset_sink *sink, const char *s, size_t max)
{
	size_t n = 0, at = 0;

	if (cells_width(s) <= max) {
		cresset_sink_puts(sink, s);
		return;
	}
	for (; s[at]; at++) {
		n += (s[at] & 0xc0) != 0x80;
		if (n == max)
			break;
	}
	cresset_sink_write(sink, s, at);
	cresset_sink_puts(sink, "…");
}

void cells_right(struct cresset_sink *sink, size_t width, const char *s)
{
	cresset_sink_puts(sink, "  ");
	cells_pad(sink, width, s);
	cresset_sink_puts(sink, s);
}

void cells_left(struct cresset_sink *sink, size_t width, const char *s)
{
	cresset_sink_puts(sink, "  ");
	cells_cut(sink, s, width);
	cells_pad(sink, width, s);
}
