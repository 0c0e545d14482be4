// SPDX-License-Identifier: Apache-2.0
/*
 * cells - the parts of which tables on a terminal are made: texts padded to a column's width, or
 * cut to it. Widths are counted in code points, which is right for nearly all names.
 */
#ifndef FORMATS_CELLS_H
#define FORMATS_CELLS_H

#include <cresset/sink.h>

size_t cells_width(const char *s);
/* Makes *width at least that of s. */
void cells_widen(size_t *width, const char *s);
/* The blanks that s lacks. */
void cells_pad(struct cresset_sink *sink, size_t width, const char *s);
/* s in at most max columns, with "…" for what is cut. */
void cells_cut(struct cresset_sink *sink, const char *s, size_t max);
/* After two blanks, at the right end of its column; at the left one, cut if it must be. */
void cells_right(struct cresset_sink *sink, size_t width, const char *s);
void cells_left(struct cresset_sink *sink, size_t width, const char *s);

#endif
