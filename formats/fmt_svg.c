// SPDX-License-Identifier: Apache-2.0
/*
 * fmt_svg - the flame graph: one SVG file, complete without its script.
 *
 * The file is laid out here, in whole: every box has its place, its colour, a label if one fits,
 * and a <title> that is its tooltip and its text for screen readers. Light colours are attributes,
 * so the picture is right for readers that ignore <style> (a strict content security policy, some
 * converters); the style adds hovering and the dark colours, the script zoom and search.
 *
 * Traded away: the file says where boxes are, so it is larger than a table drawn by a script would
 * be (about 200 bytes a box). Kept: the same profile gives the same bytes; positions are computed
 * in integers; nothing of the profile reaches the file but through svg_text(). No filters,
 * gradients or foreign objects, so it converts to PDF with its text.
 *
 * The root is at the bottom; only box_y() knows that.
 */
#include "formats/formats.h"
#include "formats/svg.h"
#include "formats/svg_number.h"
#include "formats/svg_palette.h"
#include "formats/svg_text.h"
#include "svg_assets.h"

#include "core/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	TENTHS = (SVG_WIDTH - 2 * SVG_PAD) * 10, /* the chart's width */
	GLYPH_TENTHS = 73, /* 12 px monospace is 7.2 wide in most fonts, 7.3 at most */
	LABEL_PAD_TENTHS = 70,
	LABEL_LEAST = 3, /* columns: less than that says nothing */
	SOURCE_COLUMNS = 60,
};

static unsigned int box_y(const struct svg *g, uint32_t depth)
{
	return g->top + (g->layout.max_depth - depth) * SVG_ROW;
}

/* A number of tenths without a useless ".0". */
static void put_tenths(struct cresset_sink *s, const char *before, int64_t tenths)
{
	char number[SVG_NUMBER_SIZE];

	svg_number_tenths(number, tenths);
	cresset_sink_printf(s, "%s%s\"", before, number);
}

/* The end of a path, from a slash on, that fits in max columns. */
static const char *path_tail(const char *path, size_t max)
{
	size_t len = strlen(path);
	const char *tail = len > max ? path + len - max : path, *slash;

	if (tail == path)
		return path;
	slash = strchr(tail, '/');
	return slash && slash[1] ? slash + 1 : tail;
}

/* Last line of the tooltip: "src/parse.c:120-131 · libfoo.so". */
static void put_source(const struct svg *g, const struct calltree_node *n, bool gone)
{
	const struct cresset_profile *p = gone ? g->options->base : g->p;
	const char *file = cresset_profile_string(p, n->file);
	const char *module = cresset_profile_string(p, n->module);
	const char *slash = strrchr(module, '/');

	/* The kernel itself: the colour says so. */
	module = strcmp(module, "[kernel.kallsyms]") ? slash && slash[1] ? slash + 1 : module : "";
	if (!*file && !*module)
		return;
	cresset_sink_puts(g->sink, "\n");
	if (*file) {
		const char *tail = path_tail(file, SOURCE_COLUMNS);

		cresset_sink_puts(g->sink, tail == file ? "" : "…/");
		svg_text(g->sink, tail, SVG_NAME_COLUMNS);
		if (n->line_min)
			cresset_sink_printf(g->sink, ":%" PRIu32, n->line_min);
		if (n->line_max > n->line_min && n->line_min)
			cresset_sink_printf(g->sink, "-%" PRIu32, n->line_max);
		cresset_sink_puts(g->sink, *module ? " · " : "");
	}
	svg_text(g->sink, module, 80);
}

static void put_value(const struct svg *g, int64_t value, bool percent)
{
	char number[SVG_NUMBER_SIZE];

	svg_number_value(number, value, g->type, g->unit);
	svg_text(g->sink, number, SVG_NUMBER_SIZE);
	if (!percent)
		return;
	svg_number_percent(number, (uint64_t)value, (uint64_t)g->total);
	cresset_sink_puts(g->sink, ", ");
	svg_text(g->sink, number, SVG_NUMBER_SIZE);
}

static void put_title(const struct svg *g, const struct svg_box *b, const char *name)
{
	const struct calltree_node *n = calltree_node(g->tree, b->node);

	cresset_sink_puts(g->sink, "<title>");
	svg_text(g->sink, name, SVG_NAME_COLUMNS);
	cresset_sink_puts(g->sink, "\n");
	if (svg_diff_any(g)) {
		svg_diff_title(g, b);
	} else {
		put_value(g, b->value, true);
		if (!b->merged && n->self && n->self < n->total) {
			cresset_sink_puts(g->sink, ", self ");
			put_value(g, n->self, false);
		}
		svg_states_title(g, b);
	}
	if (!b->merged)
		put_source(g, n, svg_diff_any(g) && !calltree_sides(g->tree, b->node)->after);
	cresset_sink_puts(g->sink, "</title>");
}

/* change: stands behind the name if both have room, "" for none. */
static void put_label(const struct svg *g, int64_t x, int64_t w, unsigned int y, const char *name,
		      const char *change)
{
	size_t room = w > LABEL_PAD_TENTHS ? (size_t)(w - LABEL_PAD_TENTHS) / GLYPH_TENTHS : 0;
	size_t columns = svg_text_columns(change, room);

	if (!room || (room < LABEL_LEAST && svg_text_columns(name, room) > room))
		return;
	put_tenths(g->sink, "<text x=\"", SVG_PAD * 10 + x + 40);
	cresset_sink_printf(g->sink, " y=\"%u\">", y + 13);
	svg_text(g->sink, name, room);
	if (*change && columns < room && svg_text_columns(name, room) + 1 + columns <= room) {
		cresset_sink_puts(g->sink, " ");
		svg_text(g->sink, change, columns);
	}
	cresset_sink_puts(g->sink, "</text>");
}

static uint32_t box_kind(const struct svg *g, const struct svg_box *b, uint32_t *ret_shade)
{
	const char *name = calltree_name(g->tree, calltree_node(g->tree, b->node)->name);

	if (svg_diff_any(g))
		return svg_diff_box_kind(g, b, ret_shade);
	*ret_shade = b->merged ? 0 : svg_palette_shade(name);
	return svg_states_box_kind(g, b);
}

static void put_box(const struct svg *g, const struct svg_box *b)
{
	const struct calltree_node *n = calltree_node(g->tree, b->node);
	int64_t x = svg_layout_scale(b->start, g->total, TENTHS);
	int64_t w = svg_layout_scale(b->start + b->value, g->total, TENTHS) - x;
	uint32_t shade, kind = box_kind(g, b, &shade);
	unsigned int y = box_y(g, b->depth);
	const char *name = calltree_name(g->tree, n->name);
	char merged[64], change[128] = "";

	if (b->merged) {
		snprintf(merged, sizeof(merged), "… %" PRIu32 " frame%s", b->merged,
			 b->merged == 1 ? "" : "s");
		name = merged;
	}
	if (svg_diff_any(g))
		svg_diff_label(g, b, change, sizeof(change));
	cresset_sink_printf(g->sink, "<g data-v=\"%" PRId64 "\"%s", b->value,
			    b->merged		    ? " data-m=\"\""
			    : kind == SVG_KIND_GONE ? " data-g=\"\""
						    : "");
	if (*change)
		cresset_sink_printf(g->sink, " data-c=\"%s\"", change);
	cresset_sink_puts(g->sink, ">");
	put_title(g, b, name);
	cresset_sink_printf(g->sink, "<rect class=\"%c%" PRIu32 "\"", svg_palette_letter(kind),
			    shade);
	put_tenths(g->sink, " x=\"", SVG_PAD * 10 + x);
	/* Half a pixel of air to the right, where there is room for it. */
	put_tenths(g->sink, " width=\"", w > 15 ? w - 5 : w > 2 ? w : 2);
	cresset_sink_printf(g->sink, " y=\"%u\" height=\"%d\"%s fill=\"#%06x\"", y, SVG_BOX,
			    w > 60 ? " rx=\"2\"" : "", svg_palette_color(kind, shade, false));
	if (kind == SVG_KIND_GONE)
		cresset_sink_printf(g->sink, " stroke=\"#%06x\" stroke-dasharray=\"3 2\"",
				    svg_palette_ink(false).gone);
	cresset_sink_puts(g->sink, "/>");
	put_label(g, x, w, y, name, change);
	cresset_sink_puts(g->sink, "</g>\n");
}

/* Rules with "$" for the graph's id. */
static void put_rules(const struct svg *g, const char *rules)
{
	for (const char *at = rules; *at;) {
		size_t n = strcspn(at, "$");

		cresset_sink_write(g->sink, at, n);
		at += n;
		if (*at == '$') {
			cresset_sink_printf(g->sink, "#%s", g->id);
			at++;
		}
	}
}

static void put_style(const struct svg *g)
{
	struct svg_ink light = svg_palette_ink(false), dark = svg_palette_ink(true);
	const char *id = g->id;

	cresset_sink_puts(g->sink, "<style>\n");
	put_rules(g, svg_style);
	cresset_sink_printf(g->sink, "#%s{background:#%06x}\n", id, light.background);
	cresset_sink_puts(g->sink, "@media screen and (prefers-color-scheme:dark){\n");
	cresset_sink_printf(g->sink, "#%s{background:#%06x}#%s .bg{fill:#%06x}", id,
			    dark.background, id, dark.background);
	cresset_sink_printf(g->sink, "#%s .h{fill:#%06x}#%s .s{fill:#%06x}", id, dark.text, id,
			    dark.faint);
	cresset_sink_printf(g->sink, "#%s .fs{fill:#%06x}#%s [data-m]>text{fill:#%06x}\n", id,
			    dark.frame, id, dark.merged);
	for (uint32_t k = 0; k < SVG_N_KINDS; k++) {
		if (!(g->kinds & 1u << k))
			continue;
		for (uint32_t i = 0; i < (k == SVG_KIND_MERGED ? 1 : SVG_N_SHADES); i++)
			cresset_sink_printf(g->sink, "#%s .%c%" PRIu32 "{fill:#%06x}", id,
					    svg_palette_letter(k), i,
					    svg_palette_color(k, i, true));
		cresset_sink_puts(g->sink, "\n");
	}
	if (svg_diff_any(g))
		cresset_sink_printf(g->sink, "#%s .g0{stroke:#%06x}#%s [data-g]>text{fill:#%06x}\n",
				    id, dark.gone, id, dark.merged);
	put_rules(g, svg_style_dark);
	cresset_sink_puts(g->sink, "}\n</style>\n");
}

static void put_chart(const struct svg *g)
{
	struct svg_ink ink = svg_palette_ink(false);

	if (!g->total) {
		cresset_sink_printf(g->sink,
				    "<text class=\"s\" x=\"%d\" y=\"%d\" text-anchor=\"middle\" "
				    "fill=\"#%06x\">no samples</text>\n",
				    SVG_WIDTH / 2, g->top + 13, ink.faint);
		return;
	}
	cresset_sink_printf(g->sink, "<g class=\"fs\" data-row=\"%d\" fill=\"#%06x\">\n", SVG_ROW,
			    ink.frame);
	for (size_t i = 0; i < g->layout.boxes.n; i++)
		put_box(g, vec_at(&g->layout.boxes, i));
	cresset_sink_puts(g->sink, "</g>\n");
}

static int put_all(const struct svg *g)
{
	int r;

	cresset_sink_printf(g->sink,
			    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			    "<svg xmlns=\"http://www.w3.org/2000/svg\" id=\"%s\" width=\"%d\" "
			    "height=\"%u\" viewBox=\"0 0 %d %u\" role=\"img\" "
			    "aria-labelledby=\"%s-t\" aria-describedby=\"%s-d\" "
			    "font-family=\"monospace\" font-size=\"12\">\n",
			    g->id, SVG_WIDTH, g->height, SVG_WIDTH, g->height, g->id, g->id);
	r = svg_describe(g);
	put_style(g);
	cresset_sink_printf(
		g->sink, "<rect class=\"bg\" width=\"100%%\" height=\"100%%\" fill=\"#%06x\"/>\n",
		svg_palette_ink(false).background);
	svg_head(g);
	put_chart(g);
	svg_note(g);
	if (g->total) {
		cresset_sink_puts(g->sink, "<script><![CDATA[\n");
		cresset_sink_puts(g->sink, svg_script);
		cresset_sink_puts(g->sink, "]]></script>\n");
	}
	cresset_sink_puts(g->sink, "</svg>\n");
	return r;
}

/* The id follows the content, so that two graphs in one page have two ids. */
static void make_id(struct svg *g)
{
	char title[512];
	uint64_t hash;

	svg_title_text(g, title, sizeof(title));
	hash = hash_bytes(title, strlen(title), 0);
	for (size_t i = 0; i < g->layout.boxes.n; i++) {
		const struct svg_box *b = vec_at(&g->layout.boxes, i);
		const char *name = calltree_name(g->tree, calltree_node(g->tree, b->node)->name);

		hash = hash_bytes(name, strlen(name), hash);
		hash = hash_bytes(&b->value, sizeof(b->value), hash + b->depth);
		if (svg_diff_any(g))
			hash = hash_bytes(calltree_sides(g->tree, b->node),
					  sizeof(struct calltree_sides), hash);
	}
	snprintf(g->id, sizeof(g->id), "fg%08" PRIx32, (uint32_t)(hash ^ hash >> 32));
}

static int prepare(struct svg *g, size_t base_index)
{
	const struct calltree_options options = {
		.value_index = g->value_index,
		.pid_roots = g->options->pid_roots,
		.tid_roots = g->options->tid_roots,
		.hide_idle = g->options->hide_idle,
		.base = g->options->base,
		.base_index = base_index,
		.normalize = g->options->normalize,
	};
	struct cresset_value_type t = cresset_profile_value_type(g->p, g->value_index);
	int r = calltree_new(g->p, &options, &g->tree);

	if (!r)
		r = svg_layout_init(&g->layout, g->tree, g->options->min_width);
	if (r)
		return r;
	g->type = cresset_profile_string(g->p, t.type);
	g->unit = cresset_profile_string(g->p, t.unit);
	g->total = calltree_node(g->tree, 0)->total;
	g->states = calltree_split(g->tree, 0);
	g->top = SVG_TOP + (svg_states_any(g) || svg_diff_any(g) ? SVG_STATES : 0);
	g->height = g->top + (g->layout.max_depth + 1) * SVG_ROW + SVG_BAR + 6;
	g->kinds = svg_states_kinds(g);
	if (svg_diff_any(g))
		svg_diff_prepare(g);
	for (size_t i = 0; i < g->layout.boxes.n; i++)
		g->kinds |= 1u << box_kind(g, vec_at(&g->layout.boxes, i), &(uint32_t){0});
	make_id(g);
	return 0;
}

static int svg_write(const struct cresset_profile *p, struct cresset_sink *sink,
		     const struct cresset_format_options *options, struct cresset_error *err)
{
	struct cresset_format_options all = format_options(options);
	int value_index = format_value_index(p, &all), r;
	struct svg g = {.sink = sink, .p = p, .options = &all};
	size_t base_index = 0;

	if (value_index < 0 && cresset_profile_n_value_types(p))
		return cresset_error_set(err, -EINVAL, "the profile has no value %d to draw",
					 all.value_index);
	g.value_index = value_index < 0 ? 0 : (size_t)value_index;
	r = all.base ? format_base_index(p, value_index, &all, &base_index, err) : 0;
	if (r)
		return r;
	r = prepare(&g, base_index);
	if (!r)
		r = put_all(&g);
	if (!r)
		r = cresset_sink_error(sink);
	svg_layout_release(&g.layout);
	calltree_free(g.tree);
	return format_error(err, r, "the flame graph");
}

const struct cresset_format format_svg = {
	.name = "svg",
	.extensions = ".svg",
	.help = "flame graph, interactive in a browser",
	.flags = CRESSET_FORMAT_DIFF,
	.write = svg_write,
};
