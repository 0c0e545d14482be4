// SPDX-License-Identifier: Apache-2.0
/*
 * svg - what the parts of the flame graph share while one is written. fmt_svg.c draws the graph,
 * svg_head.c writes all text that is not a frame, svg_states.c all that tells waiting from running,
 * svg_diff.c all that compares two profiles.
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
	SVG_TOP = 62,	 /* of the chart: title and subtitle stand above it */
	SVG_STATES = 36, /* the bar of states and its numbers, or the legend of a comparison */
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
	const int64_t *states; /* its split by state; NULL: no box is of waiting */
	int64_t whole; /* compared: the larger side's total, of which changes are in percent */
	uint32_t n_gone, n_new; /* stacks that one side has alone, and their values */
	int64_t gone, new;
	unsigned int top;
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
/* The frame whose time a node's own is: what waits in it, or woke it, only tells more of it. */
const struct calltree_node *svg_owner(const struct svg *g, uint32_t node);

/* ---- Time by state. */

/* Is there time that was not on a CPU, shown or hidden? */
bool svg_states_any(const struct svg *g);
/* As svg.kinds, of what the bar shows. */
uint32_t svg_states_kinds(const struct svg *g);
/* The bar, drawn; likewise in words. */
void svg_states(const struct svg *g);
void svg_states_describe(const struct svg *g);
/* The kind that a box is drawn as, by what its time was. */
uint32_t svg_states_box_kind(const struct svg *g, const struct svg_box *b);
/* The line of a tooltip that splits a box's time. */
void svg_states_title(const struct svg *g, const struct svg_box *b);

/* ---- Compared. Only where there is a base, but for the first. */

bool svg_diff_any(const struct svg *g);
/* Once there are tree and layout. */
void svg_diff_prepare(struct svg *g);
uint32_t svg_diff_box_kind(const struct svg *g, const struct svg_box *b, uint32_t *ret_shade);
/* What stands behind the name in a box that has room for it: "+12.3 %", or "". */
void svg_diff_label(const struct svg *g, const struct svg_box *b, char *buf, size_t size);
/* The lines of a tooltip that say the change. */
void svg_diff_title(const struct svg *g, const struct svg_box *b);
/* For the subtitle: both sides' totals. */
void svg_diff_totals(const struct svg *g, char *buf, size_t size);
/* The scale of colours, what has gone and what is new, drawn; nothing without a base. */
void svg_diff_legend(const struct svg *g);
int svg_diff_describe(const struct svg *g);

#endif
