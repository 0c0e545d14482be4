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
 * Where the profile splits time by state (times.h), self has a column for each of them, in which
 * the one that the table is of decides the order, and a table of the threads follows. There, the
 * time that a thread waits is the own time of its innermost function that is not the kernel's:
 * down there every wait ends in the same few functions of the scheduler. Frames behind "--" are the
 * waker's, whose time it is not, and have no row.
 *
 * With a base the table is another one (top_diff.h), of one value and without the threads; a module
 * that only one of the profiles knows tells no function from another.
 *
 * The function's name stands last because it alone may be of any length; it is cut only where the
 * terminal's width is known. A profile without mappings (folded stacks) has no column of modules.
 */
#include "formats/formats.h"

#include "formats/cells.h"
#include "formats/names.h"
#include "formats/states.h"
#include "formats/text.h"
#include "formats/times.h"
#include "formats/top_diff.h"
#include "formats/top_threads.h"

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
	int64_t before_self, before_total; /* the base's */
	int64_t self_count, total_count;
	int64_t times[TIMES_MAX]; /* self, by column */
};

struct top {
	const struct cresset_profile *p;
	struct cresset_format_options options;
	int value;	      /* index of the value */
	int count;	      /* index of a count to show as well, or -1 */
	struct times times;   /* columns of self instead of one and a count */
	struct names names;   /* of functions and modules, as shown */
	struct vec rows;      /* struct row; [0] is none */
	struct hash index;    /* (name, module, kernel) → row */
	uint32_t *of_mapping; /* mapping → module text; 0: not made yet */
	bool in_base;	      /* p and value are the base's */
	bool no_modules;
	int64_t whole, whole_count, before_whole;
	uint32_t type, unit, period_unit; /* of the value and the period: texts */
};

static int clean(struct vec *out, const char *s)
{
	return text_append_shown(out, s[0] ? s : "[unknown]", s[0] ? strlen(s) : 9);
}

static const char *module_text(const struct top *t, uint32_t mapping)
{
	const struct cresset_mapping *m = cresset_profile_mapping(t->p, mapping);
	const char *file = cresset_profile_string(t->p, m->file);

	if (!mapping || t->no_modules)
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

/* How many are the thread's, and not of who woke it. */
static size_t own_frames(const struct cresset_profile *p, const struct cresset_frame *frames,
			 size_t n)
{
	size_t own = 0;

	while (own < n && !state_is_separator(p, &frames[own]))
		own++;
	return own;
}

/* Which of the thread's n frames a sample's time is the own time of. */
static size_t self_frame(const struct top *t, uint32_t labels, const struct cresset_frame *frames,
			 size_t n)
{
	size_t self = n;

	if (!t->times.n || state_of_sample(t->p, labels, frames, &(size_t){0}) == STATE_CPU)
		return n - 1;
	while (self && frames[self - 1].kind == CRESSET_FRAME_KERNEL)
		self--;
	return (self ? self : n) - 1;
}

static void add(int64_t *sum, int64_t value)
{
	*sum = times_add(*sum, value);
}

static void add_self(const struct top *t, struct row *row, const int64_t *values)
{
	add(t->in_base ? &row->before_self : &row->self, values[t->value]);
	if (t->in_base)
		return;
	add(&row->self_count, t->count < 0 ? 0 : values[t->count]);
	for (size_t i = 0; i < t->times.n; i++)
		add(&row->times[i], values[t->times.columns[i].value]);
}

static void add_total(const struct top *t, struct row *row, const int64_t *values)
{
	add(t->in_base ? &row->before_total : &row->total, values[t->value]);
	if (!t->in_base)
		add(&row->total_count, t->count < 0 ? 0 : values[t->count]);
}

static int add_sample(struct top *t, size_t i)
{
	const int64_t *values = cresset_profile_values(t->p, i);
	const struct cresset_frame *frames;
	const struct cresset_sample *s = cresset_profile_sample(t->p, i);
	struct row *row;
	size_t n = 0, self;
	int r = names_frames(&t->names, s->stack, &frames, &n);

	add(t->in_base ? &t->before_whole : &t->whole, values[t->value]);
	if (!t->in_base)
		add(&t->whole_count, t->count < 0 ? 0 : values[t->count]);
	n = own_frames(t->p, frames, n);
	self = self_frame(t, s->labels, frames, n);
	for (size_t j = 0; j < n && r == 0; j++) {
		r = row_of(t, &frames[j], &row);
		if (r < 0)
			break;
		if (j == self)
			add_self(t, row, values);
		if (row->seen == i + 1)
			continue;
		row->seen = (uint32_t)i + 1;
		add_total(t, row, values);
	}
	return r;
}

static int add_samples(struct top *t)
{
	int r = 0;

	for (size_t i = 0; r == 0 && t->value >= 0 && i < cresset_profile_n_samples(t->p); i++)
		r = add_sample(t, i);
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

/* ---- Showing. */

static double percent(int64_t part, int64_t whole)
{
	return whole ? 100.0 * ((double)part / (double)whole) : 0;
}

static const char *unit_of(const struct top *t, size_t value)
{
	return cresset_profile_string(t->p, cresset_profile_value_type(t->p, value).unit);
}

struct widths {
	size_t self, total, self_count, total_count, module;
	size_t times[TIMES_MAX];
};

/* The cells of a row that need to be known before the widths are. */
struct cells {
	char self[TEXT_VALUE_MAX], total[TEXT_VALUE_MAX];
	char self_count[TEXT_VALUE_MAX], total_count[TEXT_VALUE_MAX];
	char times[TIMES_MAX][TEXT_VALUE_MAX];
};

static void make_cells(const struct top *t, const struct row *row, struct cells *c)
{
	const char *unit = names_text(&t->names, t->unit);

	text_value(c->self, row->self, unit);
	text_value(c->total, row->total, unit);
	text_value(c->self_count, row->self_count, "count");
	text_value(c->total_count, row->total_count, "count");
	for (size_t i = 0; i < t->times.n; i++)
		text_value(c->times[i], row->times[i], unit_of(t, t->times.columns[i].value));
}

/* What stands before the function's name, in columns. */
static size_t name_column(const struct top *t, const struct widths *w)
{
	size_t counts = t->count >= 0 ? w->self_count + w->total_count + 4 : 0;
	size_t self = t->times.n ? 0 : 2 + w->self;

	for (size_t i = 0; i < t->times.n; i++)
		self += 2 + w->times[i];
	return 6 + self + 8 + 2 + w->total + counts + (w->module ? w->module + 2 : 0) + 2;
}

static struct widths find_widths(const struct top *t, size_t n)
{
	/* What the headings take. */
	struct widths w = {.self = 4, .total = 5, .self_count = 7, .total_count = 7, .module = 6};
	bool modules = false;
	struct cells c;

	for (size_t j = 0; j < t->times.n; j++)
		w.times[j] = cells_width(t->times.columns[j].heading);
	for (size_t i = 1; i <= n; i++) {
		const struct row *row = vec_at(&t->rows, i);

		make_cells(t, row, &c);
		cells_widen(&w.self, c.self);
		cells_widen(&w.total, c.total);
		cells_widen(&w.self_count, c.self_count);
		cells_widen(&w.total_count, c.total_count);
		for (size_t j = 0; j < t->times.n; j++)
			cells_widen(&w.times[j], c.times[j]);
		cells_widen(&w.module, names_text(&t->names, row->module));
		modules |= strcmp(names_text(&t->names, row->module), NO_MODULE) != 0;
	}
	if (w.module > MODULE_MAX)
		w.module = MODULE_MAX;
	if (!modules)
		w.module = 0;
	/* Many columns in a narrow terminal: what is left is the function's. */
	if (t->times.n && t->options.columns && name_column(t, &w) + NAME_MIN > t->options.columns)
		w.module = 0;
	return w;
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
	if (!t->times.n)
		cells_right(sink, w->self, "SELF");
	for (size_t i = 0; i < t->times.n; i++)
		cells_right(sink, w->times[i], t->times.columns[i].heading);
	if (t->count >= 0)
		cells_right(sink, w->self_count, "SAMPLES");
	cresset_sink_puts(sink, "  TOTAL%");
	cells_right(sink, w->total, "TOTAL");
	if (t->count >= 0)
		cells_right(sink, w->total_count, "SAMPLES");
	if (w->module) {
		cresset_sink_puts(sink, "  MODULE");
		cells_pad(sink, w->module, "MODULE");
	}
	cresset_sink_puts(sink, "  FUNCTION");
	write_style(t, sink, "0");
	cresset_sink_puts(sink, "\n");
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
	cells_cut(sink, module, width);
	write_style(t, sink, "0");
	cells_pad(sink, width, module);
}

/* In the columns that are left of the terminal's, but never in less than a few. */
static void write_name(const struct top *t, struct cresset_sink *sink, const struct widths *w,
		       const struct row *row)
{
	size_t used = name_column(t, w) + (row->kernel ? 4 : 0), left = SIZE_MAX;

	if (t->options.columns)
		left = t->options.columns > used + NAME_MIN ? t->options.columns - used : NAME_MIN;
	cresset_sink_puts(sink, row->kernel ? "  [k] " : "  ");
	cells_cut(sink, names_text(&t->names, row->name), left);
	cresset_sink_puts(sink, "\n");
}

static void write_row(const struct top *t, struct cresset_sink *sink, const struct widths *w,
		      const struct row *row)
{
	struct cells c;

	make_cells(t, row, &c);
	write_self_percent(t, sink, percent(row->self, t->whole));
	if (!t->times.n)
		cells_right(sink, w->self, c.self);
	for (size_t i = 0; i < t->times.n; i++)
		cells_right(sink, w->times[i], c.times[i]);
	if (t->count >= 0)
		cells_right(sink, w->self_count, c.self_count);
	cresset_sink_printf(sink, "  %5.1f%%", percent(row->total, t->whole));
	cells_right(sink, w->total, c.total);
	if (t->count >= 0)
		cells_right(sink, w->total_count, c.total_count);
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
	r = times_find(t->p, (size_t)t->value, &t->times);
	if (t->times.n)
		t->count = -1;
	r = r ?: names_add(&t->names, cresset_profile_string(t->p, type.type), &t->type);
	r = r ?: names_add(&t->names, cresset_profile_string(t->p, type.unit), &t->unit);
	return r
		       ?: names_add(&t->names, cresset_profile_string(t->p, period.unit),
				    &t->period_unit);
}

static int take_mappings(struct top *t)
{
	free(t->of_mapping);
	t->of_mapping = calloc((size_t)cresset_profile_n_mappings(t->p) + 1, sizeof(uint32_t));
	return t->of_mapping ? 0 : -ENOMEM;
}

static int top_init(struct top *t)
{
	const struct cresset_profile *base = t->options.base;

	t->no_modules =
		base && (!cresset_profile_n_mappings(t->p) || !cresset_profile_n_mappings(base));
	vec_init(&t->rows, sizeof(struct row));
	hash_init(&t->index);
	if (names_init(&t->names, t->p, clean) < 0 || take_mappings(t) < 0 ||
	    !vec_push(&t->rows, NULL, 1))
		return -ENOMEM;
	return choose_values(t);
}

static int add_base(struct top *t, struct cresset_error *err)
{
	const struct cresset_profile *p = t->p;
	int value = t->value, r;
	size_t base_value;

	r = format_base_index(p, value, &t->options, &base_value, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < t->rows.n; i++)
		((struct row *)vec_at(&t->rows, i))->seen = 0;
	t->p = t->options.base;
	t->value = cresset_profile_n_value_types(t->p) ? (int)base_value : -1;
	t->in_base = true;
	r = names_take(&t->names, t->p);
	r = r ?: take_mappings(t);
	r = r ?: add_samples(t);
	t->p = p;
	t->value = value;
	t->in_base = false;
	return r;
}

static int write_changes(struct top *t, struct cresset_sink *sink)
{
	struct top_diff d = {
		.options = &t->options,
		.type = names_text(&t->names, t->type),
		.unit = names_text(&t->names, t->unit),
		.before = t->before_whole,
		.after = t->whole,
	};
	struct vec changes;
	int r = 0;

	vec_init(&changes, sizeof(struct top_change));
	for (size_t i = 1; i < t->rows.n && r == 0; i++) {
		const struct row *row = vec_at(&t->rows, i);
		struct top_change c = {
			.name = names_text(&t->names, row->name),
			.module = names_text(&t->names, row->module),
			.kernel = row->kernel,
			.before_self = row->before_self,
			.self = row->self,
			.before_total = row->before_total,
			.total = row->total,
		};

		d.modules |= strcmp(c.module, NO_MODULE) != 0;
		r = vec_push(&changes, &c, 1) ? 0 : -ENOMEM;
	}
	if (r == 0)
		top_diff_write(&d, &changes, sink);
	vec_release(&changes);
	return r;
}

static int write_functions(struct top *t, struct cresset_sink *sink, struct cresset_error *err)
{
	int r = 0;

	if (t->value < 0)
		return cresset_sink_puts(sink, "no samples\n");
	if (t->options.base) {
		r = add_base(t, err);
		return r ?: write_changes(t, sink);
	}
	write_table(t, sink);
	if (t->times.n)
		r = top_threads_write(t->p, &t->times, &t->options, sink);
	return r;
}

static int top_write(const struct cresset_profile *p, struct cresset_sink *sink,
		     const struct cresset_format_options *options, struct cresset_error *err)
{
	struct top t = {.p = p, .options = format_options(options)};
	int r = top_init(&t);

	r = r ?: add_samples(&t);
	r = r ?: write_functions(&t, sink, err);
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
	.flags = CRESSET_FORMAT_DIFF,
	.write = top_write,
};
