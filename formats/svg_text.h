// SPDX-License-Identifier: Apache-2.0
/*
 * svg_text - any bytes as text inside an XML element or attribute.
 *
 * Names come from symbol tables and foreign profiles, so nothing is assumed of them. Markup is
 * escaped, bytes that are not UTF-8 become U+FFFD, control characters and invisible direction marks
 * are dropped (white space becomes a blank), and characters that XML forbids are dropped.
 *
 * Widths are counted in columns of a monospace font. Scripts that such fonts lack are drawn with
 * another font, at up to twice the width, so all but Latin, Greek and Cyrillic counts as 2: text
 * may come out shorter than its room, never longer.
 */
#ifndef FORMATS_SVG_TEXT_H
#define FORMATS_SVG_TEXT_H

#include <cresset/sink.h>

/* Writes text, cut with "…" if it has more than max_columns columns. */
void svg_text(struct cresset_sink *s, const char *text, size_t max_columns);
/* Columns that text takes when written; counting stops above limit. */
size_t svg_text_columns(const char *text, size_t limit);

#endif
