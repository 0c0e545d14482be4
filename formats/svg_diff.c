// SPDX-License-Identifier: Apache-2.0
/*
 * svg_diff - a flame graph of what changed between two profiles.
 *
 * The graph is the later profile's, so that it reads as any other; what has vanished from it stands
 * where it was, as wide as it was, in a dashed box. A box's colour is the change of its whole
 * subtree, not of its own time alone: the eye follows the colour from the root up to where the
 * change is. Colours are steps with fixed bounds, in percent of the larger of the two sums: a
 * colour means the same in every graph, and what one sample more or less does stays grey. Blue is
 * less and orange more, which differ for every kind of colour vision, and boxes that have room for
 * it say the change with its sign.
 */
#include "formats/svg.h"
#include "formats/svg_number.h"
#include "formats/svg_palette.h"
#include "formats/svg_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	N_LEVELS = 4, /* of more and of less */
	N_TOP = 5,    /* functions named in the description */
	CELL = 31,    /* of the scale */
	SCALE_X = SVG_PAD + 30,
	SIDES_X = SCALE_X + (2 * N_LEVELS + 1) * CELL + 110,
	STATES_X = SIDES_X + 300,
	STATES_STEP = 215,
	LINE_1 = SVG_TOP + 7,
	LINE_2 = LINE_1 + 15,
	SWATCH = 10,
	TEXT_SIZE = 400,
};

/* From there on a change has the level, in thousandths of the larger sum. */
static const struct {
	int64_t least;
	const char *text;
} levels[N_LEVELS] = {{1, "0.1"}, {5, "0.5"}, {20, "2"}, {100, "10"}};

bool svg_diff_any(const struct svg *g)
{
	return g->options->base != NULL;
}

void svg_diff_prepare(struct svg *g)
{
	const struct calltree_sides *all = calltree_sides(g->tree, 0);

	g->whole = all->before > all->after ? all->before : all->after;
	for (uint32_t i = 0; i < calltree_n_nodes(g->tree); i++) {
		const struct calltree_sides *s = calltree_sides(g->tree, i);

		if (!s->after && s->before_self) {
			g->n_gone++;
			g->gone += s->before_self;
		} else if (!s->before && s->after_self) {
			g->n_new++;
			g->new += s->after_self;
		}
	}
	for (uint32_t k = SVG_KIND_LESS; k <= SVG_KIND_GONE; k++)
		g->kinds |= 1u << k;
}

/* A merged box is all children of its node that are too narrow to be drawn. */
static struct calltree_sides box_sides(const struct svg *g, const struct svg_box *b)
{
	const struct calltree_node *n = calltree_node(g->tree, b->node);
	struct calltree_sides sum = {0};

	if (!b->merged)
		return *calltree_sides(g->tree, b->node);
	for (uint32_t i = n->first_child; i < n->first_child + n->n_children; i++) {
		const struct calltree_sides *s = calltree_sides(g->tree, i);

		if (calltree_node(g->tree, i)->total >= g->layout.least)
			continue;
		sum.before += s->before;
		sum.after += s->after;
	}
	return sum;
}

/* 0: as good as none. */
static uint32_t level(const struct svg *g, const struct calltree_sides *s)
{
	int64_t change = s->after - s->before;
	uint32_t n = 0;

	change = change < 0 ? -change : change;
	while (n < N_LEVELS && change &&
	       (__int128)change * 1000 >= (__int128)g->whole * levels[n].least)
		n++;
	return n;
}

uint32_t svg_diff_box_kind(const struct svg *g, const struct svg_box *b, uint32_t *ret_shade)
{
	struct calltree_sides s = box_sides(g, b);
	uint32_t n = level(g, &s);

	*ret_shade = 0;
	if (b->merged)
		return SVG_KIND_MERGED;
	if (!s.after)
		return SVG_KIND_GONE;
	if (!n)
		return SVG_KIND_SAME;
	*ret_shade = n - 1;
	return s.after < s.before ? SVG_KIND_LESS : SVG_KIND_MORE;
}

/* ---- Numbers. */

static void value_text(const struct svg *g, int64_t value, char buf[SVG_NUMBER_SIZE])
{
	svg_number_value(buf, value, g->type, g->unit);
}

/* "+1.20 s, +12.00 %" */
static void change_text(const struct svg *g, const struct calltree_sides *s, char *buf, size_t size)
{
	int64_t change = s->after - s->before;
	const char *sign = change < 0 ? "−" : "+";
	char value[SVG_NUMBER_SIZE], share[SVG_NUMBER_SIZE];

	if (!change) {
		snprintf(buf, size, "no change");
		return;
	}
	change = change < 0 ? -change : change;
	value_text(g, change, value);
	svg_number_percent(share, (uint64_t)change, (uint64_t)g->whole);
	snprintf(buf, size, "%s%s, %s%s", sign, value, sign, share);
}

void svg_diff_label(const struct svg *g, const struct svg_box *b, char *buf, size_t size)
{
	struct calltree_sides s = box_sides(g, b);
	int64_t change = s.after - s.before;
	char share[SVG_NUMBER_SIZE];

	*buf = '\0';
	if (!level(g, &s))
		return;
	svg_number_tenths(
		share, (int64_t)(((__int128)(change < 0 ? -change : change) * 1000 + g->whole / 2) /
				 g->whole));
	snprintf(buf, size, "%s%s%s %%",
		 b->merged   ? ""
		 : !s.after  ? "gone "
		 : !s.before ? "new "
			     : "",
		 change < 0 ? "−" : "+", share);
}

static void put_sides(const struct svg *g, int64_t before, int64_t after)
{
	char number[SVG_NUMBER_SIZE];

	value_text(g, before, number);
	cresset_sink_puts(g->sink, before ? "before " : "not before");
	svg_text(g->sink, before ? number : "", SVG_NUMBER_SIZE);
	value_text(g, after, number);
	cresset_sink_puts(g->sink, after ? ", after " : ", gone after");
	svg_text(g->sink, after ? number : "", SVG_NUMBER_SIZE);
}

void svg_diff_title(const struct svg *g, const struct svg_box *b)
{
	struct calltree_sides s = box_sides(g, b);
	uint32_t kind = calltree_node(g->tree, b->node)->kind;
	char text[TEXT_SIZE];

	change_text(g, &s, text, sizeof(text));
	svg_text(g->sink, text, TEXT_SIZE);
	cresset_sink_puts(g->sink, "\n");
	put_sides(g, s.before, s.after);
	if (b->merged)
		return;
	if ((s.before_self || s.after_self) &&
	    (s.before_self != s.before || s.after_self != s.after)) {
		cresset_sink_puts(g->sink, "\nself ");
		put_sides(g, s.before_self, s.after_self);
	}
	/* The colour does not say it here. */
	if (kind == CRESSET_FRAME_KERNEL || kind == CRESSET_FRAME_INLINED ||
	    kind == CRESSET_FRAME_JIT || kind == CALLTREE_KIND_WAKER)
		cresset_sink_printf(g->sink, "\n%s", svg_palette_label(kind));
}

void svg_diff_totals(const struct svg *g, char *buf, size_t size)
{
	const struct calltree_sides *all = calltree_sides(g->tree, 0);
	char before[SVG_NUMBER_SIZE], after[SVG_NUMBER_SIZE], was[SVG_NUMBER_SIZE];
	char change[TEXT_SIZE];

	value_text(g, all->before, before);
	value_text(g, all->after, after);
	value_text(g, calltree_base_total(g->tree), was);
	change_text(g, all, change, sizeof(change));
	if (g->options->normalize && all->before != calltree_base_total(g->tree))
		snprintf(buf, size, "before %.60s, scaled to the %.60s after", was, after);
	else
		snprintf(buf, size, "before %.60s, after %.60s: %.130s", before, after, change);
}

/* ---- The legend. */

static void put_swatch(const struct svg *g, unsigned int x, int y, unsigned int w, uint32_t kind,
		       uint32_t shade)
{
	cresset_sink_printf(g->sink,
			    "<rect class=\"%c%" PRIu32 "\" x=\"%u\" y=\"%d\" width=\"%u\" "
			    "height=\"%d\" fill=\"#%06x\"",
			    svg_palette_letter(kind), shade, x, y, w, SWATCH,
			    svg_palette_color(kind, shade, false));
	if (kind == SVG_KIND_GONE)
		cresset_sink_printf(g->sink, " stroke=\"#%06x\" stroke-dasharray=\"3 2\"",
				    svg_palette_ink(false).gone);
	cresset_sink_puts(g->sink, "/>");
}

static void put_text(const struct svg *g, unsigned int x, int y, const char *text)
{
	cresset_sink_printf(g->sink, "<text x=\"%u\" y=\"%d\">", x, y);
	svg_text(g->sink, text, TEXT_SIZE);
	cresset_sink_puts(g->sink, "</text>");
}

/* Steps from much less to much more, with the bounds between them. */
static void put_scale(const struct svg *g)
{
	char number[SVG_NUMBER_SIZE], text[TEXT_SIZE];
	unsigned int x = SCALE_X;

	cresset_sink_puts(g->sink, "<g>");
	put_text(g, SVG_PAD, LINE_1, "less");
	for (int i = -N_LEVELS; i <= N_LEVELS; i++, x += CELL) {
		uint32_t kind = i < 0 ? SVG_KIND_LESS : i ? SVG_KIND_MORE : SVG_KIND_SAME;
		int bound = i < 0 ? -i - 1 : i;

		put_swatch(g, x, LINE_1 - 9, CELL - 1, kind, i ? (uint32_t)abs(i) - 1 : 0);
		if (i < N_LEVELS)
			cresset_sink_printf(g->sink,
					    "<text x=\"%u\" y=\"%d\" text-anchor=\"middle\" "
					    "font-size=\"10\">%s%s</text>",
					    x + CELL, LINE_2, i < 0 ? "−" : "+",
					    levels[bound].text);
	}
	put_text(g, x + 6, LINE_1, "more");
	value_text(g, g->whole, number);
	snprintf(text, sizeof(text), "%% of %.60s", number);
	put_text(g, x + 6, LINE_2, text);
	cresset_sink_puts(g->sink, "</g>");
}

static void put_stacks(const struct svg *g, int y, uint32_t kind, const char *what, uint32_t n,
		       int64_t value)
{
	char number[SVG_NUMBER_SIZE], grouped[SVG_NUMBER_SIZE], text[TEXT_SIZE];

	value_text(g, value, number);
	svg_number_grouped(grouped, n);
	if (n)
		snprintf(text, sizeof(text), "%s: %.30s stack%s, %.60s%s", what, grouped,
			 n == 1 ? "" : "s", number,
			 kind == SVG_KIND_GONE ? ", as wide as before" : "");
	else
		snprintf(text, sizeof(text), "%s: none", what);
	if (kind == SVG_KIND_GONE)
		put_swatch(g, SIDES_X, y - 9, 2 * SWATCH, kind, 0);
	put_text(g, SIDES_X + 2 * SWATCH + 6, y, text);
}

/* What each state has of either side. False: no sample has one. */
static bool sides_by_state(const struct svg *g, struct calltree_sides sides[N_STATES])
{
	const struct calltree_sides *all = calltree_sides(g->tree, 0);
	bool any = false;

	memset(sides, 0, N_STATES * sizeof(*sides));
	sides[STATE_CPU] = *all;
	for (uint32_t i = 0; i < calltree_n_nodes(g->tree); i++) {
		uint32_t kind = calltree_node(g->tree, i)->kind;
		const struct calltree_sides *s = calltree_sides(g->tree, i);
		struct calltree_sides *to;

		if (kind < CALLTREE_KIND_RUNNABLE || kind > CALLTREE_KIND_IDLE)
			continue;
		any = true;
		to = &sides[STATE_RUNNABLE + (kind - CALLTREE_KIND_RUNNABLE)];
		to->before += s->before;
		to->after += s->after;
		sides[STATE_CPU].before -= s->before;
		sides[STATE_CPU].after -= s->after;
	}
	return any;
}

/* "blocked +1.20 s, +12.00 %" */
static void state_text(const struct svg *g, enum state state, const struct calltree_sides *s,
		       char *buf, size_t size)
{
	char change[TEXT_SIZE];

	change_text(g, s, change, sizeof(change));
	snprintf(buf, size, "%s %.200s", state_word(state), change);
}

static void put_states(const struct svg *g)
{
	struct calltree_sides sides[N_STATES];
	unsigned int n = 0;
	char text[TEXT_SIZE];

	if (!sides_by_state(g, sides))
		return;
	for (enum state i = 0; i < N_STATES; i++) {
		if (!sides[i].before && !sides[i].after)
			continue;
		state_text(g, i, &sides[i], text, sizeof(text));
		cresset_sink_puts(g->sink, "<g>");
		put_text(g, STATES_X + n / 2 * STATES_STEP, n % 2 ? LINE_2 : LINE_1, text);
		cresset_sink_puts(g->sink, "</g>");
		n++;
	}
}

void svg_diff_legend(const struct svg *g)
{
	if (!svg_diff_any(g))
		return;
	cresset_sink_puts(g->sink, "<g class=\"sl\" font-size=\"11\">");
	put_scale(g);
	cresset_sink_puts(g->sink, "<g>");
	put_stacks(g, LINE_1, SVG_KIND_GONE, "gone", g->n_gone, g->gone);
	put_stacks(g, LINE_2, SVG_KIND_MORE, "new", g->n_new, g->new);
	cresset_sink_puts(g->sink, "</g>");
	put_states(g);
	cresset_sink_puts(g->sink, "</g>\n");
}

/* ---- In words. */

static int64_t size_of(int64_t change)
{
	return change < 0 ? -change : change;
}

/* The functions whose own time changed most; ties by their order in the tree. */
static int describe_top(const struct svg *g)
{
	struct calltree_sides *by_name = calloc(calltree_n_names(g->tree), sizeof(*by_name)), *s;
	char text[TEXT_SIZE];
	size_t n = 0;

	if (!by_name)
		return -ENOMEM;
	for (uint32_t i = 0; i < calltree_n_nodes(g->tree); i++) {
		const struct calltree_node *owner = svg_owner(g, i);

		if (owner->kind == CALLTREE_KIND_ROOT)
			continue;
		by_name[owner->name].before += calltree_sides(g->tree, i)->before_self;
		by_name[owner->name].after += calltree_sides(g->tree, i)->after_self;
	}
	for (; n < N_TOP; n++) {
		uint32_t most = 0;

		for (uint32_t i = 0; i < calltree_n_nodes(g->tree); i++) {
			uint32_t name = calltree_node(g->tree, i)->name;

			s = &by_name[name];
			if (size_of(s->after - s->before) >
			    size_of(by_name[most].after - by_name[most].before))
				most = name;
		}
		s = &by_name[most];
		if (s->after == s->before)
			break;
		cresset_sink_puts(g->sink, n ? "; " : "Their own time changed most: ");
		svg_text(g->sink, calltree_name(g->tree, most), 120);
		change_text(g, s, text, sizeof(text));
		cresset_sink_puts(g->sink, " ");
		svg_text(g->sink, text, TEXT_SIZE);
		s->after = s->before;
	}
	cresset_sink_puts(g->sink, n ? ".\n" : "");
	free(by_name);
	return 0;
}

int svg_diff_describe(const struct svg *g)
{
	struct calltree_sides sides[N_STATES];
	char number[SVG_NUMBER_SIZE], text[TEXT_SIZE];
	const char *separator = "By state: ";

	value_text(g, g->whole, number);
	cresset_sink_puts(g->sink, "Orange is more than before and blue less, in percent of ");
	svg_text(g->sink, number, SVG_NUMBER_SIZE);
	cresset_sink_puts(g->sink, ". A dashed box is what has gone, as wide as it was.\n");
	value_text(g, g->gone, number);
	cresset_sink_printf(g->sink, "Gone: %" PRIu32 " stacks, ", g->n_gone);
	svg_text(g->sink, number, SVG_NUMBER_SIZE);
	value_text(g, g->new, number);
	cresset_sink_printf(g->sink, "; new: %" PRIu32 " stacks, ", g->n_new);
	svg_text(g->sink, number, SVG_NUMBER_SIZE);
	cresset_sink_puts(g->sink, ".\n");
	if (sides_by_state(g, sides)) {
		for (enum state i = 0; i < N_STATES; i++) {
			if (!sides[i].before && !sides[i].after)
				continue;
			state_text(g, i, &sides[i], text, sizeof(text));
			cresset_sink_puts(g->sink, separator);
			svg_text(g->sink, text, TEXT_SIZE);
			separator = "; ";
		}
		cresset_sink_puts(g->sink, ".\n");
	}
	return describe_top(g);
}
