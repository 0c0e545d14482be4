// SPDX-License-Identifier: Apache-2.0
/*
 * svg_states - where the time went, above a flame graph of time by state: a bar of the whole with a
 * part for each state, and the numbers below it, which are also its legend.
 *
 * The whole is all the time there is: what is hidden from the graph (idle waits) is a paler part of
 * the bar and said to be hidden, so that the states still add up. The bar is an <svg> of its own
 * whose width alone has to change with the page's.
 */
#include "formats/svg.h"
#include "formats/svg_number.h"
#include "formats/svg_palette.h"
#include "formats/svg_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	BAR_TENTHS = (SVG_WIDTH - 2 * SVG_PAD) * 10,
	BAR_Y = SVG_TOP - 2,
	BAR_HEIGHT = 8,
	TEXT_Y = BAR_Y + BAR_HEIGHT + 17,
	SWATCH = 10,
	TEXT_SIZE = 160,
};

/* A state's time, shown or not. */
static int64_t state_total(const struct svg *g, enum state s)
{
	int64_t v = g->states ? g->states[s] : s == STATE_CPU ? g->total : 0;

	/* The tree's sums and what it left out share one limit: no overflow. */
	return v + (s == STATE_IDLE ? calltree_hidden(g->tree) : 0);
}

static int64_t whole(const struct svg *g)
{
	return g->total + calltree_hidden(g->tree);
}

bool svg_states_any(const struct svg *g)
{
	return !svg_diff_any(g) && (g->states || calltree_hidden(g->tree));
}

/* The kind whose colour stands for a state. */
static uint32_t state_kind(enum state s)
{
	return s == STATE_CPU ? (uint32_t)CRESSET_FRAME_USER
			      : CALLTREE_KIND_RUNNABLE + (s - STATE_RUNNABLE);
}

uint32_t svg_states_kinds(const struct svg *g)
{
	uint32_t kinds = 0;

	for (enum state s = 0; svg_states_any(g) && s < N_STATES; s++)
		if (state_total(g, s))
			kinds |= 1u << state_kind(s);
	return kinds;
}

static void put_bar(const struct svg *g)
{
	int64_t end = 0, x = 0, next;

	cresset_sink_printf(g->sink,
			    "<svg class=\"sb\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
			    "viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\">",
			    SVG_PAD, BAR_Y, SVG_WIDTH - 2 * SVG_PAD, BAR_HEIGHT, BAR_TENTHS,
			    BAR_HEIGHT);
	for (enum state s = 0; s < N_STATES; s++) {
		uint32_t kind = state_kind(s);
		bool hidden = s == STATE_IDLE && calltree_hidden(g->tree);

		end += state_total(g, s);
		next = svg_layout_scale(end, whole(g), BAR_TENTHS);
		if (next > x)
			cresset_sink_printf(g->sink,
					    "<rect class=\"%c3\" x=\"%" PRId64 "\" width=\"%" PRId64
					    "\" height=\"%d\" fill=\"#%06x\"%s/>",
					    svg_palette_letter(kind), x, next - x, BAR_HEIGHT,
					    svg_palette_color(kind, 3, false),
					    hidden ? " fill-opacity=\".45\"" : "");
		x = next;
	}
	cresset_sink_puts(g->sink, "</svg>\n");
}

/* "blocked 7.20 s, 58.54 %" */
static void state_text(const struct svg *g, enum state s, char buf[TEXT_SIZE])
{
	char value[SVG_NUMBER_SIZE], share[SVG_NUMBER_SIZE];
	bool hidden = s == STATE_IDLE && calltree_hidden(g->tree);

	svg_number_value(value, state_total(g, s), g->type, g->unit);
	svg_number_percent(share, (uint64_t)state_total(g, s), (uint64_t)whole(g));
	snprintf(buf, TEXT_SIZE, "%s %.60s, %.20s%s", state_word(s), value, share,
		 hidden ? ", hidden" : "");
}

/* At the size of a legend, an upper bound. */
static unsigned int text_width(const char *text)
{
	unsigned int tenths = 0;

	for (; *text; text++)
		tenths += strchr(" ,.iljtf", *text) ? 36 : 68;
	return tenths / 10;
}

void svg_states(const struct svg *g)
{
	unsigned int x = SVG_PAD;
	char text[TEXT_SIZE];

	if (!svg_states_any(g))
		return;
	put_bar(g);
	cresset_sink_puts(g->sink, "<g class=\"sl\" font-size=\"11\">");
	for (enum state s = 0; s < N_STATES; s++) {
		uint32_t kind = state_kind(s);

		if (!state_total(g, s))
			continue;
		state_text(g, s, text);
		cresset_sink_printf(g->sink,
				    "<g><rect class=\"%c3\" x=\"%u\" y=\"%d\" width=\"%d\" "
				    "height=\"%d\" rx=\"2\" fill=\"#%06x\"/><text x=\"%u\" "
				    "y=\"%d\">",
				    svg_palette_letter(kind), x, TEXT_Y - 9, SWATCH, SWATCH,
				    svg_palette_color(kind, 3, false), x + SWATCH + 5, TEXT_Y);
		svg_text(g->sink, text, TEXT_SIZE);
		cresset_sink_puts(g->sink, "</text></g>");
		x += SWATCH + 5 + text_width(text) + 20;
	}
	cresset_sink_puts(g->sink, "</g>\n");
}

void svg_states_describe(const struct svg *g)
{
	const char *separator = "By state: ";
	char text[TEXT_SIZE];

	if (!svg_states_any(g))
		return;
	cresset_sink_puts(g->sink,
			  "A box [runnable], [blocked] or [idle] is time that the box below it "
			  "waited for a CPU, waited for something else, or waited as it does when "
			  "there is nothing to do.\n");
	for (enum state s = 0; s < N_STATES; s++) {
		if (!state_total(g, s))
			continue;
		state_text(g, s, text);
		cresset_sink_puts(g->sink, separator);
		svg_text(g->sink, text, TEXT_SIZE);
		separator = "; ";
	}
	cresset_sink_puts(g->sink, ".\n");
}

/* ---- One box. */

/* A merged box is all children of its node that are too narrow to be drawn. */
static void merged_split(const struct svg *g, uint32_t node, int64_t split[N_STATES])
{
	const struct calltree_node *n = calltree_node(g->tree, node);

	memset(split, 0, N_STATES * sizeof(*split));
	for (uint32_t i = 0; i < n->n_children; i++) {
		uint32_t child = n->first_child + i;

		if (calltree_node(g->tree, child)->total >= g->layout.least)
			continue;
		for (enum state s = 0; s < N_STATES; s++)
			split[s] += calltree_split(g->tree, child)[s];
	}
}

uint32_t svg_states_box_kind(const struct svg *g, const struct svg_box *b)
{
	const struct calltree_node *n = calltree_node(g->tree, b->node);
	const int64_t *split = calltree_split(g->tree, b->node);
	enum state most = STATE_RUNNABLE;

	if (b->merged)
		return SVG_KIND_MERGED;
	/* What runs for one part in two hundred still runs. */
	if (!split || split[STATE_CPU] > n->total / 200)
		return n->kind;
	for (enum state s = most; s < N_STATES; s++)
		most = split[s] > split[most] ? s : most;
	return svg_palette_waiting(n->kind, most);
}

void svg_states_title(const struct svg *g, const struct svg_box *b)
{
	uint32_t kind = calltree_node(g->tree, b->node)->kind;
	int64_t own[N_STATES];
	const int64_t *split = calltree_split(g->tree, b->node);
	const char *separator = "\n";
	char number[SVG_NUMBER_SIZE];

	if (!split || (!b->merged && kind >= CALLTREE_KIND_RUNNABLE && kind <= CALLTREE_KIND_IDLE))
		return;
	if (b->merged) {
		merged_split(g, b->node, own);
		split = own;
	}
	for (enum state s = 0; s < N_STATES; s++) {
		if (split[s] == b->value) {
			cresset_sink_printf(g->sink, "\nall of it %s", state_word(s));
			return;
		}
	}
	for (enum state s = 0; s < N_STATES; s++) {
		if (!split[s])
			continue;
		svg_number_value(number, split[s], g->type, g->unit);
		cresset_sink_printf(g->sink, "%s%s ", separator, state_word(s));
		svg_text(g->sink, number, SVG_NUMBER_SIZE);
		separator = ", ";
	}
}
