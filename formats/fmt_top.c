// SPDX-License-Identifier: Apache-2.0
/*
 * The table of the top functions, for people.
 *
 * A row is a function in a module (the mapping's file name), inlined or not. Self is what its own
 * code took; total adds what it called, and a function that stands in a stack more than once counts
 * there once, so no total passes 100 %. Rows are in the order of self, then total, then name. Where
 * the value is not a count and the profile also has one, each row says how many samples it rests
 * on.
 *
 * The function's name stands last because it alone may be of any length; it is cut only where the
 * terminal's width is known. A profile without mappings (folded stacks) has no column of modules.
 */
#include "formats/formats.h"

#include "formats/names.h"
#include "formats/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_MODULE "-"

enum { MODULE_MAX = 24, NAME_MIN = 16, CELL = 32 };

struct row {
	uint32_t name; /* id in texts */
	uint32_t module;
	uint32_t kernel;
	uint32_t seen; /* the last sample that it was in, from 1 */
	int64_t self, total;
	int64_t self_count, total_count;
};

struct top {
	const struct cresset_profile *p;
	struct cresset_format_options options;
	int value;	      /* index of the value */
	int count;	      /* index of a count to show as well, or -1 */
	struct names names;   /* of functions and modules, as shown */
	struct vec rows;      /* struct row; [0] is none */
	struct hash index;    /* (name, module, kernel) → row */
	uint32_t *of_mapping; /* mapping → module text; 0: not made yet */
	int64_t whole, whole_count;
	uint32_t type, unit, period_unit; /* of the value and the period: texts */
};

static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

static int clean(struct vec *out, const char *s)
{
	return text_append_shown(out, s[0] ? s : "[unknown]", s[0] ? strlen(s) : 9);
}

static const char *module_text(const struct top *t, uint32_t mapping)
{
	const struct cresset_mapping *m = cresset_profile_mapping(t->p, mapping);
	const char *file = cresset_profile_string(t->p, m->file);

	if (!mapping)
		return NO_MODULE;
	if (m->kind == CRESSET_MAPPING_KERNEL && strncmp(file, "[kernel", 7) == 0)
		return "[kernel]";
	if (m->kind == CRESSET_MAPPING_ANON || !file[0])
		return "[anon]";
	return text_basename(file);
}

static int module_of(struct top *t, uint32_t mapping, uint32_t *ret)
{
	int r = 0;

	if (!t->of_mapping[mapping])
		r = names_add(&t->names, module_text(t, mapping), &t->of_mapping[mapping]);
	*ret = t->of_mapping[mapping];
	return r;
}

static bool row_equal(const void *table, uint32_t id, const void *key)
{
	return memcmp(vec_at(table, id), key, offsetof(struct row, seen)) == 0;
}

static int row_of(struct top *t, const struct cresset_frame *f, struct row **ret)
{
	uint32_t mapping = cresset_profile_location(t->p, f->location)->mapping, id;
	struct row key = {.kernel = f->kind == CRESSET_FRAME_KERNEL};
	uint64_t hash;
	int r = names_of_frame(&t->names, f, &key.name);

	r = r ?: module_of(t, mapping, &key.module);
	if (r < 0)
		return r;
	hash = hash_bytes(&key, offsetof(struct row, seen), 0);
	id = hash_find(&t->index, hash, row_equal, &t->rows, &key);
	if (!id) {
		if (hash_reserve(&t->index) < 0 || !vec_push(&t->rows, &key, 1))
			return -ENOMEM;
		id = (uint32_t)t->rows.n - 1;
		hash_insert(&t->index, hash, id);
	}
	*ret = vec_at(&t->rows, id);
	return 0;
}

static int add_sample(struct top *t, size_t i)
{
	const int64_t *values = cresset_profile_values(t->p, i);
	int64_t value = values[t->value], count = t->count < 0 ? 0 : values[t->count];
	const struct cresset_frame *frames;
	struct row *row;
	size_t n = 0;
	int r = names_frames(&t->names, cresset_profile_sample(t->p, i)->stack, &frames, &n);

	t->whole = add(t->whole, value);
	t->whole_count = add(t->whole_count, count);
	for (size_t j = 0; j < n && r == 0; j++) {
		r = row_of(t, &frames[j], &row);
		if (r < 0)
			break;
		if (j + 1 == n) {
			row->self = add(row->self, value);
			row->self_count = add(row->self_count, count);
		}
		if (row->seen == i + 1)
			continue;
		row->seen = (uint32_t)i + 1;
		row->total = add(row->total, value);
		row->total_count = add(row->total_count, count);
	}
	return r;
}

static int row_compare(const void *pa, const void *pb, void *arg)
{
	const struct row *a = pa, *b = pb;
	const struct top *t = arg;
	int r;

	if (a->self != b->self)
		return a->self < b->self ? 1 : -1;
	if (a->total != b->total)
		return a->total < b->total ? 1 : -1;
	r = strcmp(names_text(&t->names, a->name), names_text(&t->names, b->name));
	if (!r)
		r = strcmp(names_text(&t->names, a->module), names_text(&t->names, b->module));
	return r ? r : (int)a->kernel - (int)b->kernel;
}

/* ---- Showing. Columns are counted in code points, which is right for nearly all names. */

static size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

/* s in at most max columns, with "…" for what is cut. */
static void write_cut(struct cresset_sink *sink, const char *s, size_t max)
{
	size_t n = 0, at = 0;

	if (text_width(s) <= max) {
		cresset_sink_puts(sink, s);
		return;
	}
	for (; s[at]; at++) {
		n += (s[at] & 0xc0) != 0x80;
		if (n == max)
			break;
	}
	cresset_sink_write(sink, s, at);
	cresset_sink_puts(sink, "…");
}

static double percent(int64_t part, int64_t whole)
{
	return whole ? 100.0 * ((double)part / (double)whole) : 0;
}

struct widths {
	size_t self, total, self_count, total_count, module;
};

/* The cells of a row that need to be known before the widths are. */
struct cells {
	char self[TEXT_VALUE_MAX], total[TEXT_VALUE_MAX];
	char self_count[TEXT_VALUE_MAX], total_count[TEXT_VALUE_MAX];
};

static void make_cells(const struct top *t, const struct row *row, struct cells *c)
{
	const char *unit = names_text(&t->names, t->unit);

	text_value(c->self, row->self, unit);
	text_value(c->total, row->total, unit);
	text_value(c->self_count, row->self_count, "count");
	text_value(c->total_count, row->total_count, "count");
}

static void widen(size_t *width, const char *s)
{
	size_t n = text_width(s);

	if (n > *width)
		*width = n;
}

static struct widths find_widths(const struct top *t, size_t n)
{
	/* What the headings take. */
	struct widths w = {.self = 4, .total = 5, .self_count = 7, .total_count = 7, .module = 6};
	bool modules = false;
	struct cells c;

	for (size_t i = 1; i <= n; i++) {
		const struct row *row = vec_at(&t->rows, i);

		make_cells(t, row, &c);
		widen(&w.self, c.self);
		widen(&w.total, c.total);
		widen(&w.self_count, c.self_count);
		widen(&w.total_count, c.total_count);
		widen(&w.module, names_text(&t->names, row->module));
		modules |= strcmp(names_text(&t->names, row->module), NO_MODULE) != 0;
	}
	if (w.module > MODULE_MAX)
		w.module = MODULE_MAX;
	if (!modules)
		w.module = 0;
	return w;
}

static void write_padding(struct cresset_sink *sink, size_t width, const char *s)
{
	size_t n = text_width(s);

	cresset_sink_printf(sink, "%*s", (int)(n < width ? width - n : 0), "");
}

/* Right-aligned, after two blanks. */
static void write_cell(struct cresset_sink *sink, size_t width, const char *s)
{
	cresset_sink_puts(sink, "  ");
	write_padding(sink, width, s);
	cresset_sink_puts(sink, s);
}

/* "\x1b[…m" if colours are wanted. */
static void write_style(const struct top *t, struct cresset_sink *sink, const char *style)
{
	if (t->options.color)
		cresset_sink_printf(sink, "\x1b[%sm", style);
}

static void write_headings(const struct top *t, struct cresset_sink *sink, const struct widths *w)
{
	write_style(t, sink, "1");
	cresset_sink_puts(sink, " SELF%");
	write_cell(sink, w->self, "SELF");
	if (t->count >= 0)
		write_cell(sink, w->self_count, "SAMPLES");
	cresset_sink_puts(sink, "  TOTAL%");
	write_cell(sink, w->total, "TOTAL");
	if (t->count >= 0)
		write_cell(sink, w->total_count, "SAMPLES");
	if (w->module) {
		cresset_sink_puts(sink, "  MODULE");
		write_padding(sink, w->module, "MODULE");
	}
	cresset_sink_puts(sink, "  FUNCTION");
	write_style(t, sink, "0");
	cresset_sink_puts(sink, "\n");
}

/* What stands before the function's name, in columns. */
static size_t name_column(const struct top *t, const struct widths *w)
{
	size_t counts = t->count >= 0 ? w->self_count + w->total_count + 4 : 0;

	return 6 + 2 + w->self + 8 + 2 + w->total + counts + (w->module ? w->module + 2 : 0) + 2;
}

static void write_self_percent(const struct top *t, struct cresset_sink *sink, double self)
{
	if (self >= 5)
		write_style(t, sink, self >= 20 ? "31" : "33");
	cresset_sink_printf(sink, "%5.1f%%", self);
	if (self >= 5)
		write_style(t, sink, "0");
}

static void write_module(const struct top *t, struct cresset_sink *sink, size_t width,
			 const char *module)
{
	cresset_sink_puts(sink, "  ");
	write_style(t, sink, "2");
	write_cut(sink, module, width);
	write_style(t, sink, "0");
	write_padding(sink, width, module);
}

/* In the columns that are left of the terminal's, but never in less than a few. */
static void write_name(const struct top *t, struct cresset_sink *sink, const struct widths *w,
		       const struct row *row)
{
	size_t used = name_column(t, w) + (row->kernel ? 4 : 0), left = SIZE_MAX;

	if (t->options.columns)
		left = t->options.columns > used + NAME_MIN ? t->options.columns - used : NAME_MIN;
	cresset_sink_puts(sink, row->kernel ? "  [k] " : "  ");
	write_cut(sink, names_text(&t->names, row->name), left);
	cresset_sink_puts(sink, "\n");
}

static void write_row(const struct top *t, struct cresset_sink *sink, const struct widths *w,
		      const struct row *row)
{
	struct cells c;

	make_cells(t, row, &c);
	write_self_percent(t, sink, percent(row->self, t->whole));
	write_cell(sink, w->self, c.self);
	if (t->count >= 0)
		write_cell(sink, w->self_count, c.self_count);
	cresset_sink_printf(sink, "  %5.1f%%", percent(row->total, t->whole));
	write_cell(sink, w->total, c.total);
	if (t->count >= 0)
		write_cell(sink, w->total_count, c.total_count);
	if (w->module)
		write_module(t, sink, w->module, names_text(&t->names, row->module));
	write_name(t, sink, w, row);
}

/* ", at 99 Hz" of a clock, ", every 1,000,000 cycles" of an event. */
static void write_period(const struct top *t, struct cresset_sink *sink)
{
	const char *unit = names_text(&t->names, t->period_unit);
	int64_t period = cresset_profile_period(t->p);
	char text[TEXT_VALUE_MAX];

	if (period <= 0)
		return;
	if (strcmp(unit, "nanoseconds") == 0 && period >= 1000) {
		cresset_sink_printf(sink, ", at %.0f Hz", 1e9 / (double)period);
		return;
	}
	text_value(text, period, unit);
	cresset_sink_printf(sink, ", every %s", text);
}

/* "cpu: 9.87 s in 987 samples over 10.0 s, at 99 Hz", "987 samples over 10.0 s, at 99 Hz" */
static void write_title(const struct top *t, struct cresset_sink *sink)
{
	int64_t duration = cresset_profile_duration_ns(t->p);
	char text[TEXT_VALUE_MAX];

	text_value(text, t->whole, names_text(&t->names, t->unit));
	if (strcmp(names_text(&t->names, t->unit), "count") == 0)
		cresset_sink_printf(sink, "%s %s", text, names_text(&t->names, t->type));
	else
		cresset_sink_printf(sink, "%s: %s", names_text(&t->names, t->type), text);
	if (t->count >= 0) {
		text_value(text, t->whole_count, "count");
		cresset_sink_printf(sink, " in %s samples", text);
	}
	if (duration > 0) {
		text_value(text, duration, "nanoseconds");
		cresset_sink_printf(sink, " over %s", text);
	}
	write_period(t, sink);
	cresset_sink_puts(sink, "\n\n");
}

static void write_table(struct top *t, struct cresset_sink *sink)
{
	size_t all = t->rows.n - 1, n = all;
	struct widths w;

	qsort_r(vec_at(&t->rows, 1), all, sizeof(struct row), row_compare, t);
	if (t->options.top && n > t->options.top)
		n = t->options.top;
	w = find_widths(t, n);
	write_title(t, sink);
	if (!all) {
		cresset_sink_puts(sink, "no samples\n");
		return;
	}
	write_headings(t, sink, &w);
	for (size_t i = 1; i <= n; i++)
		write_row(t, sink, &w, vec_at(&t->rows, i));
	if (n < all)
		cresset_sink_printf(sink, "... and %zu more\n", all - n);
}

static const char *unit_of(const struct top *t, size_t value)
{
	return cresset_profile_string(t->p, cresset_profile_value_type(t->p, value).unit);
}

/* Which value is shown, and which beside it: a count beside a count says nothing new. */
static int choose_values(struct top *t)
{
	struct cresset_value_type period = cresset_profile_period_type(t->p), type;
	int r;

	t->count = -1;
	t->value = format_value_index(t->p, &t->options);
	if (t->value < 0)
		return 0;
	for (size_t i = cresset_profile_n_value_types(t->p); i-- > 0;)
		if (strcmp(unit_of(t, i), "count") == 0)
			t->count = (int)i;
	if (strcmp(unit_of(t, (size_t)t->value), "count") == 0)
		t->count = -1;
	type = cresset_profile_value_type(t->p, (size_t)t->value);
	r = names_add(&t->names, cresset_profile_string(t->p, type.type), &t->type);
	r = r ?: names_add(&t->names, cresset_profile_string(t->p, type.unit), &t->unit);
	return r
		       ?: names_add(&t->names, cresset_profile_string(t->p, period.unit),
				    &t->period_unit);
}

static int top_init(struct top *t)
{
	vec_init(&t->rows, sizeof(struct row));
	hash_init(&t->index);
	t->of_mapping = calloc((size_t)cresset_profile_n_mappings(t->p) + 1, sizeof(uint32_t));
	if (names_init(&t->names, t->p, clean) < 0 || !t->of_mapping ||
	    !vec_push(&t->rows, NULL, 1))
		return -ENOMEM;
	return choose_values(t);
}

static int top_write(const struct cresset_profile *p, struct cresset_sink *sink,
		     const struct cresset_format_options *options, struct cresset_error *err)
{
	struct top t = {.p = p, .options = format_options(options)};
	int r = top_init(&t);

	for (size_t i = 0; r == 0 && t.value >= 0 && i < cresset_profile_n_samples(p); i++)
		r = add_sample(&t, i);
	if (r == 0 && t.value < 0)
		r = cresset_sink_puts(sink, "no samples\n");
	else if (r == 0)
		write_table(&t, sink);
	names_release(&t.names);
	hash_release(&t.index);
	vec_release(&t.rows);
	free(t.of_mapping);
	return format_error(err, r, "table");
}

const struct cresset_format format_top = {
	.name = "top",
	.extensions = "",
	.help = "table of the top functions, self and total",
	.write = top_write,
};
