// SPDX-License-Identifier: Apache-2.0
/*
 * svg_head - the texts around a flame graph: title, subtitle, legend, description, note.
 *
 * What is known is said, what is not is left out: a profile read from folded text has no duration,
 * no command and no accounting, and its graph claims none. All text goes through svg_text().
 */
#include "formats/svg.h"
#include "formats/svg_number.h"
#include "formats/svg_palette.h"
#include "formats/svg_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	LEGEND_SIZE = 11,
	SWATCH = 10,
	N_TOP = 5, /* functions named in the description */
	MAX_STATS = 1000,
	MAX_COMMENTS = 100,
	TEXT_SIZE = 512,
};

/* A line made of parts with a separator between them. */
struct line {
	char text[TEXT_SIZE];
	size_t n;
	const char *separator;
};

static void line_add(struct line *l, const char *fmt, ...) CRESSET_PRINTF(2, 3);

static void line_add(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (l->n)
		l->n += (size_t)snprintf(l->text + l->n, sizeof(l->text) - l->n, "%s",
					 l->separator);
	if (l->n >= sizeof(l->text) - 1) {
		l->n = sizeof(l->text) - 1;
		return;
	}
	va_start(ap, fmt);
	n = vsnprintf(l->text + l->n, sizeof(l->text) - l->n, fmt, ap);
	va_end(ap);
	l->n += n > 0 ? (size_t)n : 0;
	if (l->n >= sizeof(l->text))
		l->n = sizeof(l->text) - 1;
}

/* ---- What the profile says of itself. */

static bool find_stat(const struct cresset_profile *p, const char *name, uint64_t *ret)
{
	for (size_t i = 0; i < cresset_profile_n_stats(p); i++) {
		struct cresset_stat s = cresset_profile_stat(p, i);

		if (!strcmp(cresset_profile_string(p, s.name), name)) {
			*ret = s.value;
			return true;
		}
	}
	return false;
}

/* "1,234 samples", "56 off cpu events": what a count beside the value says. */
static void add_count(const struct svg *g, struct line *l)
{
	for (size_t i = 0; i < cresset_profile_n_value_types(g->p); i++) {
		struct cresset_value_type t = cresset_profile_value_type(g->p, i);
		int64_t n = cresset_profile_total(g->p, i);
		char number[SVG_NUMBER_SIZE];

		if (i == g->value_index || strcmp(cresset_profile_string(g->p, t.unit), "count"))
			continue;
		if (n > 0) {
			svg_number_value(number, n, cresset_profile_string(g->p, t.type), "count");
			for (char *c = number; *c; c++)
				*c = *c == '_' ? ' ' : *c;
			line_add(l, "%s", number);
		}
		return;
	}
}

/* In tenths of a hertz; 0: the period is not a time. */
static int64_t frequency_tenths(const struct cresset_profile *p)
{
	struct cresset_value_type t = cresset_profile_period_type(p);
	int64_t period = cresset_profile_period(p);

	if (period <= 0 || strcmp(cresset_profile_string(p, t.unit), "nanoseconds"))
		return 0;
	return (10000000000 + period / 2) / period;
}

/* The command of the widest child of "all" that is one, and how many others there are. */
static const char *command(const struct svg *g, uint32_t *ret_others)
{
	const struct calltree_node *all = calltree_node(g->tree, 0), *widest = NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; i < all->n_children; i++) {
		const struct calltree_node *c = calltree_node(g->tree, all->first_child + i);

		if (c->kind != CALLTREE_KIND_ROOT)
			continue;
		n++;
		if (!widest || c->total > widest->total)
			widest = c;
	}
	*ret_others = n ? n - 1 : 0;
	return widest ? calltree_name(g->tree, widest->name) : NULL;
}

/* Types are words without dashes, as pprof's readers want them. */
static const char *type_text(const struct svg *g)
{
	return strcmp(g->type, "off_cpu") ? g->type : "off-CPU";
}

/* What the samples are of. That they were counted does not say it; then the period may. */
static const char *subject(const struct svg *g)
{
	struct cresset_value_type t = cresset_profile_period_type(g->p);

	if (*g->type && strcmp(g->type, "samples"))
		return type_text(g);
	return t.type ? cresset_profile_string(g->p, t.type) : "Flame graph";
}

void svg_title_text(const struct svg *g, char *buf, size_t size)
{
	struct line l = {.separator = " · "};
	char number[SVG_NUMBER_SIZE];
	uint32_t others;
	const char *name = command(g, &others);

	if (g->options->title && *g->options->title) {
		snprintf(buf, size, "%s", g->options->title);
		return;
	}
	line_add(&l, "%s%.60s", svg_diff_any(g) ? "Change in " : "", subject(g));
	if (name && others)
		line_add(&l, "%.60s and %" PRIu32 " more", name, others);
	else if (name)
		line_add(&l, "%.60s", name);
	if (cresset_profile_duration_ns(g->p) > 0) {
		svg_number_value(number, cresset_profile_duration_ns(g->p), "", "nanoseconds");
		line_add(&l, "%s", number);
	}
	snprintf(buf, size, "%s", l.text);
}

static void add_date(const struct svg *g, struct line *l)
{
	time_t t = (time_t)(cresset_profile_time_ns(g->p) / 1000000000);
	char text[64];
	struct tm tm;

	if (t > 0 && gmtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm))
		line_add(l, "%s", text);
}

static void subtitle_text(const struct svg *g, struct line *l)
{
	char number[SVG_NUMBER_SIZE];
	int64_t tenths = frequency_tenths(g->p);

	if (!g->total) {
		line_add(l, "no samples");
	} else if (svg_diff_any(g)) {
		char totals[TEXT_SIZE];

		svg_diff_totals(g, totals, sizeof(totals));
		line_add(l, "%.60s %s", type_text(g), totals);
	} else {
		svg_number_value(number, g->total, g->type, g->unit);
		if (strstr(number, g->type))
			line_add(l, "%s", number);
		else
			line_add(l, "%s of %.60s", number, type_text(g));
	}
	if (calltree_hidden(g->tree)) {
		svg_number_value(number, calltree_hidden(g->tree), g->type, g->unit);
		line_add(l, "%s of idle waits hidden", number);
	}
	add_count(g, l);
	if (cresset_profile_duration_ns(g->p) > 0) {
		svg_number_value(number, cresset_profile_duration_ns(g->p), "", "nanoseconds");
		line_add(l, "recorded for %s", number);
	}
	/* A nanosecond is the unit of waits, no rate. */
	if (tenths && cresset_profile_period(g->p) >= 1000) {
		svg_number_tenths(number, tenths);
		line_add(l, "%s Hz", number);
	}
	add_date(g, l);
}

/* ---- Drawn. */

/* Width of a word in the legend, which is drawn in a sans font whose letters are never measured. */
static unsigned int legend_width(const char *text)
{
	unsigned int tenths = 0;

	for (; *text; text++)
		tenths += strchr("iljtfrI", *text) ? 40 : 70;
	return tenths / 10;
}

/* From the right edge leftwards. Returns the width it takes. */
static unsigned int legend(const struct svg *g)
{
	static const uint32_t order[] = {CRESSET_FRAME_ERROR,  CALLTREE_KIND_WAKER,
					 CRESSET_FRAME_JIT,    CRESSET_FRAME_INLINED,
					 CRESSET_FRAME_KERNEL, CRESSET_FRAME_USER};
	unsigned int x = SVG_WIDTH - SVG_PAD, y = SVG_PAD + 16;

	cresset_sink_printf(g->sink, "<g class=\"lg\" font-size=\"%d\">", LEGEND_SIZE);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		uint32_t k = order[i];
		const char *text = svg_palette_label(k);

		if (!(g->kinds & 1u << k))
			continue;
		x -= legend_width(text);
		cresset_sink_printf(g->sink, "<text x=\"%u\" y=\"%u\">%s</text>", x, y, text);
		x -= SWATCH + 5;
		cresset_sink_printf(g->sink,
				    "<rect class=\"%c3\" x=\"%u\" y=\"%u\" width=\"%d\" "
				    "height=\"%d\" rx=\"2\" fill=\"#%06x\"/>",
				    svg_palette_letter(k), x, y - 9, SWATCH, SWATCH,
				    svg_palette_color(k, 3, false));
		x -= 14;
	}
	cresset_sink_puts(g->sink, "</g>\n");
	return SVG_WIDTH - SVG_PAD - x;
}

void svg_head(const struct svg *g)
{
	struct svg_ink ink = svg_palette_ink(false);
	struct line subtitle = {.separator = " · "};
	char title[TEXT_SIZE];
	unsigned int used;

	cresset_sink_printf(g->sink,
			    "<g class=\"s\" fill=\"#%06x\" font-family=\"system-ui,sans-serif\">",
			    ink.faint);
	used = legend(g);
	svg_title_text(g, title, sizeof(title));
	cresset_sink_printf(g->sink,
			    "<text class=\"h\" x=\"%d\" y=\"28\" font-size=\"%d\" "
			    "font-weight=\"600\" fill=\"#%06x\">",
			    SVG_PAD, SVG_TITLE_SIZE, ink.text);
	/* A wide sans letter is 0.65 em. */
	svg_text(g->sink, title, (SVG_WIDTH - 2 * SVG_PAD - used) * 100 / (SVG_TITLE_SIZE * 65));
	cresset_sink_printf(g->sink, "</text>\n<text x=\"%d\" y=\"48\">", SVG_PAD);
	subtitle_text(g, &subtitle);
	svg_text(g->sink, subtitle.text, 150);
	cresset_sink_puts(g->sink, "</text>\n");
	svg_states(g);
	svg_diff_legend(g);
	cresset_sink_puts(g->sink, "</g>\n");
}

static uint64_t samples_lost(const struct cresset_profile *p)
{
	static const char prefix[] = "samples.lost.";
	uint64_t sum = 0;

	for (size_t i = 0; i < cresset_profile_n_stats(p); i++) {
		struct cresset_stat s = cresset_profile_stat(p, i);

		if (!strncmp(cresset_profile_string(p, s.name), prefix, sizeof(prefix) - 1) &&
		    __builtin_add_overflow(sum, s.value, &sum))
			return UINT64_MAX;
	}
	return sum;
}

static void add_share(const struct svg *g, struct line *l, const char *part, const char *whole,
		      const char *of)
{
	char number[SVG_NUMBER_SIZE];
	uint64_t a, b;

	if (!find_stat(g->p, part, &a) || !find_stat(g->p, whole, &b) || !b)
		return;
	svg_number_percent(number, a, b);
	line_add(l, "%s of %s", number, of);
}

static void note_text(const struct svg *g, struct line *l)
{
	char number[SVG_NUMBER_SIZE];
	uint64_t n;

	if (find_stat(g->p, "samples.taken", &n)) {
		svg_number_grouped(number, n);
		line_add(l, "%s samples taken", number);
		svg_number_grouped(number, samples_lost(g->p));
		line_add(l, "%s lost", number);
	}
	add_share(g, l, "stacks.user_complete", "stacks.user", "user stacks complete");
	add_share(g, l, "frames.named", "frames.total", "frames named");
	if (calltree_n_negative(g->tree))
		line_add(l, "%" PRIu64 " negative values left out", calltree_n_negative(g->tree));
	if (g->layout.coarser) {
		svg_number_percent(number, (uint64_t)g->layout.least, (uint64_t)g->total);
		line_add(l, "frames below %s merged", number);
	}
}

void svg_note(const struct svg *g)
{
	struct svg_ink ink = svg_palette_ink(false);
	struct line l = {.separator = " · "};

	note_text(g, &l);
	cresset_sink_printf(
		g->sink,
		"<g class=\"ft\" transform=\"translate(0,%u)\"><rect class=\"bg\" width=\"100%%\" "
		"height=\"%d\" fill=\"#%06x\"/><text class=\"s\" x=\"%d\" y=\"19\" fill=\"#%06x\">",
		g->height - SVG_BAR, SVG_BAR, ink.background, SVG_PAD, ink.faint);
	svg_text(g->sink, l.text, 158);
	cresset_sink_puts(g->sink, "</text></g>\n");
}

/* ---- Described. */

struct top {
	uint32_t name;
	int64_t self;
};

const struct calltree_node *svg_owner(const struct svg *g, uint32_t node)
{
	const struct calltree_node *n = calltree_node(g->tree, node);

	while (n->kind > CALLTREE_KIND_ROOT)
		n = calltree_node(g->tree, n->parent);
	return n;
}

/* The functions with the most self time; ties by their order in the tree. Returns their number. */
static int find_top(const struct svg *g, struct top top[N_TOP], size_t *ret_n)
{
	const struct calltree *t = g->tree;
	int64_t *self = calloc(calltree_n_names(t), sizeof(*self));
	size_t n = 0, at;

	if (!self)
		return -ENOMEM;
	for (uint32_t i = 0; i < calltree_n_nodes(t); i++)
		if (svg_owner(g, i)->kind != CALLTREE_KIND_ROOT)
			self[svg_owner(g, i)->name] += calltree_node(t, i)->self;
	for (uint32_t i = 0; i < calltree_n_nodes(t); i++) {
		uint32_t name = calltree_node(t, i)->name;

		if (!self[name] || (n == N_TOP && self[name] <= top[N_TOP - 1].self))
			continue;
		n += n < N_TOP;
		for (at = n - 1; at > 0 && top[at - 1].self < self[name]; at--)
			top[at] = top[at - 1];
		top[at] = (struct top){name, self[name]};
		self[name] = 0;
	}
	free(self);
	*ret_n = n;
	return 0;
}

static int describe_top(const struct svg *g)
{
	struct top top[N_TOP];
	char number[SVG_NUMBER_SIZE];
	size_t n;
	int r = find_top(g, top, &n);

	if (r || !n)
		return r;
	cresset_sink_puts(g->sink, "Most of the time itself: ");
	for (size_t i = 0; i < n; i++) {
		svg_number_percent(number, (uint64_t)top[i].self, (uint64_t)g->total);
		cresset_sink_puts(g->sink, i ? ", " : "");
		svg_text(g->sink, calltree_name(g->tree, top[i].name), 120);
		cresset_sink_puts(g->sink, " ");
		svg_text(g->sink, number, SVG_NUMBER_SIZE);
	}
	cresset_sink_puts(g->sink, ".\n");
	return 0;
}

/* "samples.lost.map_full" as "samples lost map full". */
static void describe_stats(const struct svg *g)
{
	size_t n = cresset_profile_n_stats(g->p);
	char name[128];

	if (n)
		cresset_sink_puts(g->sink, "Accounting: ");
	for (size_t i = 0; i < n && i < MAX_STATS; i++) {
		struct cresset_stat s = cresset_profile_stat(g->p, i);

		snprintf(name, sizeof(name), "%s", cresset_profile_string(g->p, s.name));
		for (char *c = name; *c; c++)
			if (*c == '.' || *c == '_')
				*c = ' ';
		cresset_sink_puts(g->sink, i ? "; " : "");
		svg_text(g->sink, name, sizeof(name));
		cresset_sink_printf(g->sink, " %" PRIu64, s.value);
	}
	if (n > MAX_STATS)
		cresset_sink_printf(g->sink, "; and %zu more", n - MAX_STATS);
	if (n)
		cresset_sink_puts(g->sink, ".\n");
}

static void describe_comments(const struct svg *g)
{
	size_t n = cresset_profile_n_comments(g->p);

	for (size_t i = 0; i < n && i < MAX_COMMENTS; i++) {
		svg_text(g->sink, cresset_profile_comment(g->p, i), SVG_NAME_COLUMNS);
		cresset_sink_puts(g->sink, "\n");
	}
	if (n > MAX_COMMENTS)
		cresset_sink_printf(g->sink, "And %zu more comments.\n", n - MAX_COMMENTS);
}

static void describe_limits(const struct svg *g)
{
	char number[SVG_NUMBER_SIZE];

	if (g->kinds & 1u << SVG_KIND_MERGED) {
		if (g->layout.coarser)
			svg_number_percent(number, (uint64_t)g->layout.least, (uint64_t)g->total);
		else
			snprintf(number, sizeof(number), "%.4g %%", g->options->min_width);
		cresset_sink_puts(g->sink, "Frames narrower than ");
		svg_text(g->sink, number, SVG_NUMBER_SIZE);
		cresset_sink_puts(g->sink, " are merged into one grey box per caller.\n");
	}
	if (calltree_n_negative(g->tree))
		cresset_sink_printf(g->sink,
				    "%" PRIu64 " samples with a negative value are left "
				    "out.\n",
				    calltree_n_negative(g->tree));
	if (calltree_n_saturated(g->tree))
		cresset_sink_printf(g->sink,
				    "%" PRIu64 " samples were cut: the sum is too large.\n",
				    calltree_n_saturated(g->tree));
	if (calltree_n_cut(g->tree))
		cresset_sink_printf(g->sink, "%" PRIu64 " stacks are cut at %d frames.\n",
				    calltree_n_cut(g->tree), CALLTREE_MAX_FRAMES);
}

int svg_describe(const struct svg *g)
{
	struct line subtitle = {.separator = ", "};
	char title[TEXT_SIZE];
	int r;

	svg_title_text(g, title, sizeof(title));
	cresset_sink_printf(g->sink, "<title id=\"%s-t\">", g->id);
	svg_text(g->sink, title, 300);
	cresset_sink_printf(g->sink, "</title>\n<desc id=\"%s-d\">Flame graph: ", g->id);
	subtitle_text(g, &subtitle);
	svg_text(g->sink, subtitle.text, TEXT_SIZE);
	cresset_sink_puts(g->sink, ".\nEach box is a function called by the box below it; its "
				   "width is its share of the whole.\n");
	svg_states_describe(g);
	r = svg_diff_any(g) ? svg_diff_describe(g) : describe_top(g);
	describe_limits(g);
	describe_stats(g);
	describe_comments(g);
	cresset_sink_puts(g->sink, "</desc>\n");
	return r;
}
