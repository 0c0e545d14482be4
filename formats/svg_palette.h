// SPDX-License-Identifier: Apache-2.0
/*
 * svg_palette - the colours of a flame graph.
 *
 * The hue says what kind of frame it is, one of eight shades within the hue tells neighbours apart;
 * a name has the same shade in every graph. Hues keep their order of brightness, so the graph also
 * reads in grey, and user (orange) and kernel (blue) differ for every kind of colour vision.
 *
 * Time by state: the leaf that says a state has the strongest colour of all (blocked deep blue,
 * runnable amber, idle slate), and frames that never ran a paler one of the same hue, darker in the
 * kernel. What ran is warm or light and what waited is deep and cool, so a graph is read before its
 * texts are; in doubt the leaf's text decides, not the hue. Light and dark are two tables of one
 * shape; in the dark the boxes are of middle lightness, as dark ones come out brown and alike.
 * Invariant, tested: text on every shade and on the background has a contrast of at least 4.5:1
 * (WCAG 2.1, 1.4.3).
 */
#ifndef FORMATS_SVG_PALETTE_H
#define FORMATS_SVG_PALETTE_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/calltree.h"

enum {
	SVG_KIND_MERGED = CALLTREE_N_KINDS, /* "… N frames" */
	/* Frames that only waited, by what they mostly did; a kernel frame's is the next one. */
	SVG_KIND_RUNNABLE_USER,
	SVG_KIND_RUNNABLE_KERNEL,
	SVG_KIND_BLOCKED_USER,
	SVG_KIND_BLOCKED_KERNEL,
	SVG_KIND_IDLE_USER,
	SVG_KIND_IDLE_KERNEL,
	/* What a comparison says of a frame; of more and less, the first four shades are steps. */
	SVG_KIND_LESS,
	SVG_KIND_MORE,
	SVG_KIND_SAME,
	SVG_KIND_GONE,
	SVG_N_KINDS,
	SVG_N_SHADES = 8,
};

/* 0xrrggbb */
struct svg_ink {
	uint32_t background;
	uint32_t text;	 /* on the background */
	uint32_t faint;	 /* likewise, of second rank */
	uint32_t frame;	 /* on frames */
	uint32_t merged; /* on merged frames, and on those that have gone */
	uint32_t gone;	 /* the edge of those */
};

struct svg_ink svg_palette_ink(bool dark);
uint32_t svg_palette_color(uint32_t kind, uint32_t shade, bool dark);
/* The kind that a frame of this kind is drawn as if it never ran and mostly did that. */
uint32_t svg_palette_waiting(uint32_t kind, enum state state);
uint32_t svg_palette_shade(const char *name);
/* One letter for the CSS class; the class is the letter and the shade's digit. */
char svg_palette_letter(uint32_t kind);
/* What the legend says. */
const char *svg_palette_label(uint32_t kind);

#endif
