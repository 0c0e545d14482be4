// SPDX-License-Identifier: Apache-2.0
/* top_diff - see top_diff.h. */
#include "formats/top_diff.h"

#include "formats/cells.h"
#include "formats/text.h"
#include "formats/times.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MODULE_MAX = 24, NAME_MIN = 16, N_CELLS = 6, PERCENT = 9, CELL_SIZE = TEXT_VALUE_MAX + 1 };

static const char *const headings[N_CELLS] = {"CHANGE", "BEFORE", "AFTER",
					      "CHANGE", "BEFORE", "AFTER"};

static int64_t difference(int64_t after, int64_t before)
{
	int64_t d;

	return __builtin_sub_overflow(after, before, &d) ? (after < before ? -INT64_MAX : INT64_MAX)
							 : d;
}

static int64_t size_of(int64_t after, int64_t before)
{
	int64_t d = difference(after, before);

	return d == INT64_MIN ? INT64_MAX : d < 0 ? -d : d;
}

static int compare(const void *pa, const void *pb)
{
	const struct top_change *a = pa, *b = pb;
	int64_t self_a = size_of(a->self, a->before_self);
	int64_t self_b = size_of(b->self, b->before_self);
	int64_t total_a = size_of(a->total, a->before_total);
	int64_t total_b = size_of(b->total, b->before_total);
	int r;

	if (self_a != self_b)
		return self_a < self_b ? 1 : -1;
	if (total_a != total_b)
		return total_a < total_b ? 1 : -1;
	if (a->total != b->total)
		return a->total < b->total ? 1 : -1;
	r = strcmp(a->name, b->name);
	if (!r)
		r = strcmp(a->module, b->module);
	return r ? r : (int)a->kernel - (int)b->kernel;
}

/* "+1.20 s"; "0" if there is no change. */
static void signed_text(char buf[CELL_SIZE], int64_t after, int64_t before, const char *unit)
{
	int64_t d = difference(after, before);

	if (!d)
		snprintf(buf, CELL_SIZE, "0");
	else if (d < 0)
		text_value(buf, d, unit);
	else {
		buf[0] = '+';
		text_value(buf + 1, d, unit);
	}
}

static void make_cells(const struct top_diff *d, const struct top_change *c,
		       char cells[N_CELLS][CELL_SIZE])
{
	signed_text(cells[0], c->self, c->before_self, d->unit);
	text_value(cells[1], c->before_self, d->unit);
	text_value(cells[2], c->self, d->unit);
	signed_text(cells[3], c->total, c->before_total, d->unit);
	text_value(cells[4], c->before_total, d->unit);
	text_value(cells[5], c->total, d->unit);
}

struct widths {
	size_t cells[N_CELLS], module;
};

static struct widths find_widths(const struct top_diff *d, const struct vec *changes, size_t n)
{
	struct widths w = {.module = d->modules ? 6 : 0};
	char cells[N_CELLS][CELL_SIZE];

	for (size_t j = 0; j < N_CELLS; j++)
		w.cells[j] = cells_width(headings[j]);
	for (size_t i = 0; i < n; i++) {
		const struct top_change *c = vec_at(changes, i);

		make_cells(d, c, cells);
		for (size_t j = 0; j < N_CELLS; j++)
			cells_widen(&w.cells[j], cells[j]);
		if (d->modules)
			cells_widen(&w.module, c->module);
	}
	if (w.module > MODULE_MAX)
		w.module = MODULE_MAX;
	return w;
}

/* What stands before the function's name, in columns. */
static size_t name_column(const struct widths *w)
{
	size_t n = PERCENT + 2 + (w->module ? w->module + 2 : 0);

	for (size_t j = 0; j < N_CELLS; j++)
		n += w->cells[j] + 2;
	return n;
}

static void put_style(const struct top_diff *d, struct cresset_sink *sink, const char *style)
{
	if (d->options->color)
		cresset_sink_printf(sink, "\x1b[%sm", style);
}

static void put_headings(const struct top_diff *d, struct cresset_sink *sink,
			 const struct widths *w)
{
	size_t self = w->cells[0] + w->cells[1] + w->cells[2] + 4;

	put_style(d, sink, "1");
	/* "TOTAL" stands above the first of its own columns, at their left end. */
	cresset_sink_puts(sink, "     SELF");
	for (size_t i = 0; i < self + 4 + w->cells[3] - strlen(headings[3]); i++)
		cresset_sink_puts(sink, " ");
	cresset_sink_puts(sink, "TOTAL\n  CHANGE%");
	for (size_t j = 0; j < N_CELLS; j++)
		cells_right(sink, w->cells[j], headings[j]);
	if (w->module) {
		cresset_sink_puts(sink, "  MODULE");
		cells_pad(sink, w->module, "MODULE");
	}
	cresset_sink_puts(sink, "  FUNCTION");
	put_style(d, sink, "0");
	cresset_sink_puts(sink, "\n");
}

static double percent(const struct top_diff *d, int64_t change)
{
	int64_t whole = d->before > d->after ? d->before : d->after;

	return whole > 0 ? 100.0 * ((double)change / (double)whole) : 0;
}

/* Both ways as conspicuous, and told apart by the sign, too. */
static void put_percent(const struct top_diff *d, struct cresset_sink *sink, double change)
{
	bool strong = change >= 2 || change <= -2;

	if (strong)
		put_style(d, sink, change > 0 ? "33" : "36");
	cresset_sink_printf(sink, change == 0 ? "%8.1f%%" : "%+8.1f%%", change);
	if (strong)
		put_style(d, sink, "0");
}

static void put_row(const struct top_diff *d, struct cresset_sink *sink, const struct widths *w,
		    const struct top_change *c)
{
	size_t used = name_column(w) + (c->kernel ? 4 : 0), left = SIZE_MAX;
	char cells[N_CELLS][CELL_SIZE];

	make_cells(d, c, cells);
	put_percent(d, sink, percent(d, difference(c->self, c->before_self)));
	for (size_t j = 0; j < N_CELLS; j++)
		cells_right(sink, w->cells[j], cells[j]);
	if (w->module) {
		cresset_sink_puts(sink, "  ");
		put_style(d, sink, "2");
		cells_cut(sink, c->module, w->module);
		put_style(d, sink, "0");
		cells_pad(sink, w->module, c->module);
	}
	if (d->options->columns)
		left = d->options->columns > used + NAME_MIN ? d->options->columns - used
							     : NAME_MIN;
	cresset_sink_puts(sink, c->kernel ? "  [k] " : "  ");
	cells_cut(sink, c->name, left);
	cresset_sink_puts(sink, "\n");
}

/* "cpu: before 2.00 s, after 3.00 s, +1.00 s (+33.3 %)" */
static void put_title(const struct top_diff *d, struct cresset_sink *sink, int64_t unscaled)
{
	char before[CELL_SIZE], after[CELL_SIZE], change[CELL_SIZE];

	text_value(before, unscaled, d->unit);
	text_value(after, d->after, d->unit);
	signed_text(change, d->after, d->before, d->unit);
	if (unscaled != d->before)
		cresset_sink_printf(sink, "%s: before %s, scaled to the %s after\n\n", d->type,
				    before, after);
	else if (d->before == d->after)
		cresset_sink_printf(sink, "%s: before %s, after as much\n\n", d->type, before);
	else
		cresset_sink_printf(sink, "%s: before %s, after %s, %s (%+.1f %%)\n\n", d->type,
				    before, after, change,
				    percent(d, difference(d->after, d->before)));
}

/* Parts of the sum, unless there are negative ones. */
static void scale(int64_t *value, int64_t to, int64_t from)
{
	int64_t part = *value > from ? from : *value < -from ? -from : *value;

	*value = (int64_t)((__int128)part * to / from);
}

void top_diff_write(const struct top_diff *diff, struct vec *changes, struct cresset_sink *sink)
{
	unsigned int top = diff->options->top;
	size_t n = top && changes->n > top ? top : changes->n;
	struct top_diff d = *diff;
	struct widths w;

	if (d.options->normalize && d.before > 0 && d.after > 0) {
		for (size_t i = 0; i < changes->n; i++) {
			struct top_change *c = vec_at(changes, i);

			scale(&c->before_self, d.after, d.before);
			scale(&c->before_total, d.after, d.before);
		}
		d.before = d.after;
	}
	put_title(&d, sink, diff->before);
	if (!changes->n) {
		cresset_sink_puts(sink, "no samples\n");
		return;
	}
	qsort(changes->data, changes->n, sizeof(struct top_change), compare);
	w = find_widths(&d, changes, n);
	put_headings(&d, sink, &w);
	for (size_t i = 0; i < n; i++)
		put_row(&d, sink, &w, vec_at(changes, i));
	if (n < changes->n)
		cresset_sink_printf(sink, "... and %zu more\n", changes->n - n);
}
