// SPDX-License-Identifier: Apache-2.0
/*
 * svg - what the parts of the flame graph share while one is written. fmt_svg.c draws the graph,
 * svg_head.c writes all text that is not a frame.
 */
#ifndef FORMATS_SVG_H
#define FORMATS_SVG_H

#include <cresset/format.h>

#include "formats/calltree.h"
#include "formats/svg_layout.h"

/* In user units, which are CSS pixels at the picture's own size. */
enum {
	SVG_WIDTH = 1200,
	SVG_PAD = 12,
	SVG_TOP = 62, /* of the chart: title and subtitle stand above it */
	SVG_ROW = 18,
	SVG_BOX = 17, /* height of a box */
	SVG_BAR = 30, /* the line of text below the chart */
	SVG_TITLE_SIZE = 17,
	SVG_NAME_COLUMNS = 1000, /* names are cut there in tooltips */
};

struct svg {
	struct cresset_sink *sink;
	const struct cresset_profile *p;
	const struct cresset_format_options *options;
	struct calltree *tree;
	struct svg_layout layout;
	size_t value_index;
	const char *type; /* of the value */
	const char *unit;
	int64_t total;
	unsigned int height;
	uint32_t kinds; /* bit k: there are boxes of kind k */
	char id[16];	/* of the root element: by content */
};

/* Title, subtitle and legend, drawn. */
void svg_head(const struct svg *g);
/* <title> and <desc> of the whole: what a screen reader says, and where every number is. */
int svg_describe(const struct svg *g);
/* The line below the chart: how far the recording can be trusted. */
void svg_note(const struct svg *g);
void svg_title_text(const struct svg *g, char *buf, size_t size);

#endif
