// SPDX-License-Identifier: Apache-2.0
/*
 * svg_layout - which boxes a flame graph has, and where.
 *
 * Boxes are in pre-order: a parent, then its children from left to right without a gap. A box's
 * start is therefore its parent's start plus the widths of the siblings before it, and the script
 * needs only widths and depths to find everything again, in exact integers. Children too narrow to
 * see are merged into one box per parent, at the right end of the children; what is left of the
 * parent's width is its self time.
 *
 * If there were more than SVG_MAX_BOXES boxes, the least width is doubled until there are not: the
 * size of the file has a bound whatever the profile.
 */
#ifndef FORMATS_SVG_LAYOUT_H
#define FORMATS_SVG_LAYOUT_H

#include "core/vec.h"
#include "formats/calltree.h"

enum { SVG_MAX_BOXES = 10000 };

struct svg_box {
	int64_t start; /* in the profile's value, from the left edge */
	int64_t value;
	uint32_t node;	 /* of a merged box: the parent */
	uint32_t depth;	 /* "all" has 0 */
	uint32_t merged; /* frames in a merged box, 0 for any other */
	uint32_t pad;
};

struct svg_layout {
	struct vec boxes; /* struct svg_box */
	uint32_t max_depth;
	int64_t least; /* narrower nodes are merged */
	bool coarser;  /* least is larger than was asked for */
};

/* min_width in percent of the whole. -ENOMEM. */
int svg_layout_init(struct svg_layout *l, const struct calltree *tree, double min_width);
void svg_layout_release(struct svg_layout *l);
/* v's share of total on a line of `length` units, rounded down; exact for every int64. */
int64_t svg_layout_scale(int64_t v, int64_t total, int64_t length);

#endif
