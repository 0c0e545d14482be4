// SPDX-License-Identifier: Apache-2.0
/* query_table - see query_table.h. Rows are taken as they come, and printed when all are there, as
 * shares need the whole. */
#include "query_table.h"

#include "cell.h"
#include "summary.h"

#include "store/when.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TIME_COLUMNS = 9, SHARE_COLUMNS = 6, LABEL_MIN = 8, LABEL_MAX = 40 };

/* ---- Sums by a label. */

struct by_row {
	char *value;
	int64_t sums[STORE_MAX_TYPES + 1]; /* the last is that of all */
};

struct by {
	const struct asked *asked;
	size_t n; /* columns: the types, and their sum if it has a name */
	struct vec rows;
	int64_t totals[STORE_MAX_TYPES + 1];
	bool found;
};

static int64_t add_saturating(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int take_row(void *arg, const char *value, const int64_t *sums, size_t n_types)
{
	struct by *by = arg;
	struct by_row row = {.value = strdup(value)};

	if (!row.value)
		return -ENOMEM;
	for (size_t i = 0; i < n_types; i++) {
		row.sums[i] = sums[i];
		if (by->n > n_types)
			row.sums[n_types] = add_saturating(row.sums[n_types], sums[i]);
	}
	for (size_t i = 0; i < by->n; i++)
		by->totals[i] = add_saturating(by->totals[i], row.sums[i]);
	by->found |= *value != '\0';
	if (!vec_push(&by->rows, &row, 1)) {
		free(row.value);
		return -ENOMEM;
	}
	return 0;
}

static const char *column_name(const struct by *by, size_t i)
{
	return i < by->asked->query.n_types ? by->asked->query.types[i].type : by->asked->query.sum;
}

static void print_sums(const struct query_table *t, const struct by *by, const int64_t *sums)
{
	for (size_t i = 0; i < by->n; i++) {
		char text[32];
		double share = by->totals[i] ? 100.0 * (double)sums[i] / (double)by->totals[i] : 0;

		fprintf(t->f, " %*s %*.1f%%", TIME_COLUMNS, cell_time(sums[i], text, sizeof(text)),
			SHARE_COLUMNS - 1, share);
	}
	fputc('\n', t->f);
}

static unsigned int label_columns(const struct query_table *t, const struct by *by, size_t shown,
				  const char *label)
{
	unsigned int rest = (unsigned int)by->n * (TIME_COLUMNS + SHARE_COLUMNS + 2);
	unsigned int max = t->columns > rest + LABEL_MIN ? t->columns - rest : LABEL_MIN;
	unsigned int width = cell_columns(label);

	for (size_t i = 0; i < shown; i++) {
		const struct by_row *row = vec_at(&by->rows, i);
		unsigned int own = cell_columns(row->value);

		width = own > width ? own : width;
	}
	if (max > LABEL_MAX)
		max = LABEL_MAX;
	return width < LABEL_MIN ? LABEL_MIN : width > max ? max : width;
}

static void print_by(const struct query_table *t, const struct by *by, const char *label)
{
	size_t shown = t->top && t->top < by->rows.n ? t->top : by->rows.n;
	unsigned int width = label_columns(t, by, shown, label);
	struct by_row others = {.value = NULL};
	char text[64];

	cell_print(t->f, label, width, width);
	for (size_t i = 0; i < by->n; i++)
		fprintf(t->f, " %*s %*s", TIME_COLUMNS, column_name(by, i), SHARE_COLUMNS, "%");
	fputc('\n', t->f);
	for (size_t i = 0; i < by->rows.n; i++) {
		const struct by_row *row = vec_at(&by->rows, i);

		for (size_t k = 0; i >= shown && k < by->n; k++)
			others.sums[k] = add_saturating(others.sums[k], row->sums[k]);
		if (i >= shown)
			continue;
		cell_print(t->f, *row->value ? row->value : "(none)", width, width);
		print_sums(t, by, row->sums);
	}
	if (shown < by->rows.n) {
		snprintf(text, sizeof(text), "%zu more", by->rows.n - shown);
		cell_print(t->f, text, width, width);
		print_sums(t, by, others.sums);
	}
	cell_print(t->f, "all", width, width);
	print_sums(t, by, by->totals);
}

int query_table_by(const struct query_table *t, struct store *s, const struct asked *a,
		   const char *label, struct store_result *ret_result, bool *ret_found,
		   struct cresset_error *err)
{
	struct by by = {.asked = a, .n = a->query.n_types + (a->query.sum != NULL)};
	int r;

	vec_init(&by.rows, sizeof(struct by_row));
	r = store_top(s, &a->query, label, take_row, &by, ret_result, err);
	if (r == 0 && by.rows.n)
		print_by(t, &by, label);
	*ret_found = by.found;
	for (size_t i = 0; i < by.rows.n; i++)
		free(((struct by_row *)vec_at(&by.rows, i))->value);
	vec_release(&by.rows);
	return r;
}

/* ---- What there is. */

struct values {
	struct vec texts; /* char * */
};

static int take_text(void *arg, const char *text)
{
	struct values *v = arg;
	char *copy = strdup(text);

	if (!copy || !vec_push(&v->texts, &copy, 1)) {
		free(copy);
		return -ENOMEM;
	}
	return 0;
}

static void values_release(struct values *v)
{
	for (size_t i = 0; i < v->texts.n; i++)
		free(*(char **)vec_at(&v->texts, i));
	vec_release(&v->texts);
}

/* "labels   NAME           123  VALUE, VALUE" */
enum { NAME_COLUMNS = 16, VALUES_AT = 9 + NAME_COLUMNS + 9 };

struct list {
	const struct query_table *t;
	const char *heading; /* of the next line */
	const struct store_query *q;
	size_t n_series;
};

static void begin_line(struct list *l)
{
	fprintf(l->t->f, "%-8s ", l->heading);
	l->heading = "";
}

static int print_range(void *arg, const struct store_range *range)
{
	struct list *l = arg;
	char from[32], to[32], bytes[32];

	begin_line(l);
	fprintf(l->t->f, "%s to %s  %llu windows, %llu rows, %s\n",
		when_text(range->from_ns, from, sizeof(from)),
		when_text(range->to_ns, to, sizeof(to)), (unsigned long long)range->windows,
		(unsigned long long)range->rows, summary_bytes(range->bytes, bytes, sizeof(bytes)));
	return 0;
}

static int print_type(void *arg, const struct store_type *type)
{
	struct list *l = arg;

	begin_line(l);
	cell_print(l->t->f, type->type, LABEL_MAX, 0);
	fputs(", in ", l->t->f);
	cell_print(l->t->f, type->unit, LABEL_MAX, 0);
	fputc('\n', l->t->f);
	return 0;
}

static int count_series(void *arg, const struct store_label *labels, size_t n)
{
	struct list *l = arg;

	l->n_series++;
	return 0;
}

/* As many values as there is room for, those of "service" all. */
static void print_values(struct list *l, const char *name, const struct values *v)
{
	bool all = !strcmp(name, "service");
	unsigned int used = VALUES_AT, room = l->t->columns > 40 ? l->t->columns : 40;

	begin_line(l);
	cell_print(l->t->f, name, NAME_COLUMNS, NAME_COLUMNS);
	fprintf(l->t->f, " %6zu  ", v->texts.n);
	for (size_t i = 0; i < v->texts.n; i++) {
		const char *text = *(const char **)vec_at(&v->texts, i);
		unsigned int columns = cell_columns(text);
		bool last = i + 1 == v->texts.n;

		columns = columns > LABEL_MAX ? LABEL_MAX : columns;
		if (all && i && used + columns + 1 >= room) {
			fprintf(l->t->f, "\n%*s", VALUES_AT, "");
			used = VALUES_AT;
		} else if (!all && i && used + columns + (last ? 0 : 5) >= room) {
			fputs("...", l->t->f);
			break;
		}
		cell_print(l->t->f, text, LABEL_MAX, 0);
		if (!last)
			fputs(", ", l->t->f);
		used += columns + 2;
	}
	fputc('\n', l->t->f);
}

static int print_label(struct list *l, struct store *s, const char *name, struct cresset_error *err)
{
	struct values v;
	int r;

	vec_init(&v.texts, sizeof(char *));
	r = store_values(s, l->q, name, take_text, &v, err);
	if (r == 0)
		print_values(l, name, &v);
	values_release(&v);
	return r;
}

static int print_labels(struct list *l, struct store *s, struct cresset_error *err)
{
	struct values names;
	int r;

	vec_init(&names.texts, sizeof(char *));
	r = store_labels(s, l->q, take_text, &names, err);
	for (size_t i = 0; i < names.texts.n && r == 0; i++)
		r = print_label(l, s, *(const char **)vec_at(&names.texts, i), err);
	values_release(&names);
	return r;
}

static int print_store(struct list *l, struct store *s, struct cresset_error *err)
{
	struct store_stats stats;
	char bytes[32];
	int r = store_stats(s, &stats, err);

	if (r < 0)
		return r;
	l->heading = "store";
	begin_line(l);
	fprintf(l->t->f, "%llu windows, %llu rows in %llu segments, %s on disk\n",
		(unsigned long long)stats.windows, (unsigned long long)stats.rows,
		(unsigned long long)stats.segments,
		summary_bytes(stats.bytes, bytes, sizeof(bytes)));
	return 0;
}

int query_table_list(const struct query_table *t, struct store *s, const struct store_query *q,
		     struct store_result *ret_result, struct cresset_error *err)
{
	struct list l = {.t = t, .q = q};
	int r = print_store(&l, s, err);

	l.heading = "ranges";
	r = r ?: store_ranges(s, q->from_ns, q->to_ns, 0, print_range, &l, err);
	l.heading = "values";
	r = r ?: store_types(s, print_type, &l, err);
	l.heading = "labels";
	r = r ?: print_labels(&l, s, err);
	r = r ?: store_series(s, q, count_series, &l, ret_result, err);
	if (r == 0)
		fprintf(t->f, "series   %zu\n", l.n_series);
	return r;
}
