// SPDX-License-Identifier: Apache-2.0
/* window - see window.h. Ids of the profile go to ids of the dictionary by arrays, filled as
 * needed. */
#include "store/window.h"

#include <errno.h>
#include <stdlib.h>

#include "store/store.h"

struct builder {
	const struct cresset_profile *p;
	struct dict_writer *d;
	struct window *w;
	struct cresset_error *err;
	/* By id of the profile; 0: not yet. */
	uint32_t *strings, *mappings, *functions, *locations, *stacks, *series;
	struct vec lines;		 /* scratch, struct cresset_line */
	struct vec frames;		 /* uint32_t: of all stacks, root first */
	struct vec used;		 /* struct used_stack */
	uint32_t types[STORE_MAX_TYPES]; /* position of the profile's value type in w->types */
};

struct used_stack {
	uint32_t id;	 /* of the profile */
	uint32_t series; /* that has it first */
	uint32_t first;	 /* of its frames */
	uint32_t n;
};

void window_init(struct window *w)
{
	memset(w, 0, sizeof(*w));
	vec_init(&w->types, sizeof(struct segment_type));
	vec_init(&w->rows, sizeof(struct window_row));
}

void window_release(struct window *w)
{
	vec_release(&w->types);
	vec_release(&w->rows);
}

static int add_text(struct builder *b, const char *text, size_t max, uint32_t *ret_id)
{
	struct dict_entry e = {.string = {.text = text, .len = strnlen(text, max)}};

	if (!e.string.len) {
		*ret_id = 0;
		return 0;
	}
	return dict_writer_add(b->d, DICT_STRING, &e, ret_id);
}

static int add_string(struct builder *b, uint32_t id, uint32_t *ret_id)
{
	int r = 0;

	if (!b->strings[id])
		r = add_text(b, cresset_profile_string(b->p, id), DICT_MAX_STRING, &b->strings[id]);
	*ret_id = b->strings[id];
	return r;
}

static int add_mapping(struct builder *b, uint32_t id, uint32_t *ret_id)
{
	const struct cresset_mapping *m = cresset_profile_mapping(b->p, id);
	struct dict_entry e = {.mapping = *m};
	int r = 0;

	if (id && !b->mappings[id]) {
		if (m->kind == CRESSET_MAPPING_ANON || m->kind == CRESSET_MAPPING_OTHER)
			e.mapping.start = e.mapping.limit = e.mapping.offset = e.mapping.pid = 0;
		e.mapping.pad = 0;
		r = add_string(b, m->file, &e.mapping.file);
		r = r ?: add_string(b, m->build_id, &e.mapping.build_id);
		r = r ?: dict_writer_add(b->d, DICT_MAPPING, &e, &b->mappings[id]);
	}
	*ret_id = b->mappings[id];
	return r;
}

static int add_function(struct builder *b, uint32_t id, uint32_t *ret_id)
{
	const struct cresset_function *f = cresset_profile_function(b->p, id);
	struct dict_entry e = {.function = *f};
	int r = 0;

	if (!b->functions[id]) {
		r = add_string(b, f->name, &e.function.name);
		r = r ?: add_string(b, f->system_name, &e.function.system_name);
		r = r ?: add_string(b, f->filename, &e.function.filename);
		r = r ?: dict_writer_add(b->d, DICT_FUNCTION, &e, &b->functions[id]);
	}
	*ret_id = b->functions[id];
	return r;
}

static int add_location(struct builder *b, uint32_t id, uint32_t *ret_id)
{
	const struct cresset_location *l = cresset_profile_location(b->p, id);
	const struct cresset_line *lines = cresset_profile_lines(b->p, id);
	const struct cresset_mapping *m = cresset_profile_mapping(b->p, l->mapping);
	struct dict_entry e = {.location = *l};
	int r;

	*ret_id = b->locations[id];
	if (*ret_id)
		return 0;
	/* The outermost line is the function that has the code. */
	e.n = l->n_lines < DICT_MAX_LINES ? l->n_lines : DICT_MAX_LINES;
	lines += l->n_lines - e.n;
	e.location.n_lines = (uint32_t)e.n;
	e.location.pad = 0;
	if (e.n || m->kind == CRESSET_MAPPING_ANON || m->kind == CRESSET_MAPPING_OTHER)
		e.location.address = 0;
	b->lines.n = 0;
	r = add_mapping(b, l->mapping, &e.location.mapping);
	for (size_t i = 0; i < e.n && r == 0; i++) {
		struct cresset_line line = lines[i];

		r = add_function(b, lines[i].function, &line.function);
		if (r == 0 && !vec_push(&b->lines, &line, 1))
			r = -ENOMEM;
	}
	e.lines = b->lines.data;
	r = r ?: dict_writer_add(b->d, DICT_LOCATION, &e, &b->locations[id]);
	*ret_id = b->locations[id];
	return r;
}

/* ---- Series. */

struct sorted_label {
	const char *key;
	struct cresset_label label; /* ids of the dictionary */
};

static int compare_labels(const void *a, const void *b)
{
	return strcmp(((const struct sorted_label *)a)->key, ((const struct sorted_label *)b)->key);
}

static int map_label(struct builder *b, const struct cresset_label *from, struct sorted_label *to)
{
	const char *text = cresset_profile_string(b->p, from->str);
	int r;

	to->key = cresset_profile_string(b->p, from->key);
	memset(&to->label, 0, sizeof(to->label));
	if (strnlen(text, STORE_MAX_LABEL_BYTES + 1) > STORE_MAX_LABEL_BYTES)
		b->w->labels_dropped++;
	r = add_text(b, to->key, STORE_MAX_LABEL_BYTES, &to->label.key);
	r = r ?: add_text(b, text, STORE_MAX_LABEL_BYTES, &to->label.str);
	if (!from->str) {
		to->label.num = from->num;
		r = r ?: add_string(b, from->unit, &to->label.unit);
	}
	return r;
}

/* Label sets are series 1 upwards; one without labels is a series too. */
static int add_series(struct builder *b, uint32_t id, uint32_t *ret_id)
{
	struct sorted_label sorted[STORE_MAX_LABELS];
	struct cresset_label labels[STORE_MAX_LABELS];
	struct dict_entry e = {.labels = labels};
	const struct cresset_label *from;
	size_t n, kept = 0;
	int r = 0;

	*ret_id = b->series[id];
	if (*ret_id)
		return 0;
	from = cresset_profile_labels(b->p, id, &n);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (kept == STORE_MAX_LABELS) {
			b->w->labels_dropped++;
			continue;
		}
		r = map_label(b, &from[i], &sorted[kept]);
		kept += sorted[kept].label.key != 0;
	}
	if (r < 0)
		return r;
	qsort(sorted, kept, sizeof(sorted[0]), compare_labels);
	for (size_t i = 0; i < kept; i++)
		if (!i || sorted[i].label.key != sorted[i - 1].label.key)
			labels[e.n++] = sorted[i].label;
	r = dict_writer_add(b->d, DICT_SERIES, &e, &b->series[id]);
	*ret_id = b->series[id];
	return r;
}

/* ---- Stacks. */

static int collect_stack(struct builder *b, uint32_t id, uint32_t series)
{
	struct used_stack used = {.id = id, .series = series, .first = (uint32_t)b->frames.n};
	size_t n;
	const uint32_t *ids = cresset_profile_stack(b->p, id, &n);

	if (n > DICT_MAX_FRAMES) {
		ids += n - DICT_MAX_FRAMES;
		n = DICT_MAX_FRAMES;
	}
	if (n > UINT32_MAX - b->frames.n)
		return -E2BIG;
	used.n = (uint32_t)n;
	while (n-- > 0) {
		uint32_t location;
		int r = add_location(b, ids[n], &location);

		if (r < 0)
			return r;
		if (!vec_push(&b->frames, &location, 1))
			return -ENOMEM;
	}
	return vec_push(&b->used, &used, 1) ? 0 : -ENOMEM;
}

static int compare_stacks(const void *pa, const void *pb, void *arg)
{
	const struct used_stack *a = pa, *b = pb;
	const uint32_t *frames = arg;

	if (a->series != b->series)
		return a->series < b->series ? -1 : 1;
	for (uint32_t i = 0; i < a->n && i < b->n; i++) {
		uint32_t x = frames[a->first + i], y = frames[b->first + i];

		if (x != y)
			return x < y ? -1 : 1;
	}
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static int add_stacks(struct builder *b)
{
	const uint32_t *frames = b->frames.data;

	if (b->used.n)
		qsort_r(b->used.data, b->used.n, sizeof(struct used_stack), compare_stacks,
			b->frames.data);
	for (size_t i = 0; i < b->used.n; i++) {
		const struct used_stack *u = vec_at(&b->used, i);
		struct dict_entry e = {.n = u->n};
		int r = 0;

		if (!u->n)
			continue; /* stays 0: no stack */
		e.frames = frames + u->first;
		r = dict_writer_add(b->d, DICT_STACK, &e, &b->stacks[u->id]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- Types and rows. */

static int compare_types(const void *pa, const void *pb)
{
	const struct segment_type *a = pa, *b = pb;

	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return a->unit < b->unit ? -1 : a->unit > b->unit;
}

static int add_types(struct builder *b)
{
	size_t n = cresset_profile_n_value_types(b->p);
	struct segment_type own[STORE_MAX_TYPES];

	if (n > STORE_MAX_TYPES)
		return cresset_error_set(b->err, -EINVAL, "a window has more than %d value types",
					 STORE_MAX_TYPES);
	for (size_t i = 0; i < n; i++) {
		struct cresset_value_type t = cresset_profile_value_type(b->p, i);
		int r = add_string(b, t.type, &own[i].type);

		r = r ?: add_string(b, t.unit, &own[i].unit);
		if (r < 0)
			return r;
		if (!vec_push(&b->w->types, &own[i], 1))
			return -ENOMEM;
	}
	if (n)
		qsort(b->w->types.data, n, sizeof(struct segment_type), compare_types);
	for (size_t i = 0; i < n; i++)
		for (b->types[i] = 0;
		     compare_types(vec_at(&b->w->types, b->types[i]), &own[i]) != 0;)
			b->types[i]++;
	return 0;
}

static int collect_sample(struct builder *b, size_t i)
{
	const struct cresset_sample *s = cresset_profile_sample(b->p, i);
	const int64_t *values = cresset_profile_values(b->p, i);
	bool first = true;

	for (size_t k = 0; k < cresset_profile_n_value_types(b->p); k++) {
		struct window_row row = {
			.type = b->types[k], .stack = s->stack, .value = values[k]};
		int r = 0;

		if (!values[k])
			continue;
		if (values[k] < 0)
			return cresset_error_set(b->err, -EINVAL,
						 "a window has a value below zero");
		r = add_series(b, s->labels, &row.series);
		/* 0 while it is not known; replaced when all stacks are. */
		if (r == 0 && first && !b->stacks[s->stack]) {
			b->stacks[s->stack] = UINT32_MAX;
			r = collect_stack(b, s->stack, row.series);
		}
		first = false;
		if (r == 0 && !vec_push(&b->w->rows, &row, 1))
			r = -ENOMEM;
		if (r < 0)
			return r;
	}
	return 0;
}

static int compare_rows(const void *pa, const void *pb)
{
	const struct window_row *a = pa, *b = pb;

	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->series != b->series)
		return a->series < b->series ? -1 : 1;
	return a->stack < b->stack ? -1 : a->stack > b->stack;
}

/* Ids of the dictionary, sorted, and one row where two stacks became one. */
static void settle_rows(struct builder *b)
{
	struct window_row *rows = b->w->rows.data;
	size_t n = 0;

	for (size_t i = 0; i < b->w->rows.n; i++) {
		uint32_t id = b->stacks[rows[i].stack];

		rows[i].stack = id == UINT32_MAX ? 0 : id;
	}
	if (b->w->rows.n)
		qsort(rows, b->w->rows.n, sizeof(*rows), compare_rows);
	for (size_t i = 0; i < b->w->rows.n; i++) {
		if (n && compare_rows(&rows[n - 1], &rows[i]) == 0) {
			if (__builtin_add_overflow(rows[n - 1].value, rows[i].value,
						   &rows[n - 1].value))
				rows[n - 1].value = INT64_MAX;
		} else {
			rows[n++] = rows[i];
		}
	}
	b->w->rows.n = n;
}

static int builder_init(struct builder *b)
{
	const struct cresset_profile *p = b->p;

	vec_init(&b->lines, sizeof(struct cresset_line));
	vec_init(&b->frames, sizeof(uint32_t));
	vec_init(&b->used, sizeof(struct used_stack));
	b->strings = calloc(cresset_profile_n_strings(p) + 1, sizeof(uint32_t));
	b->mappings = calloc(cresset_profile_n_mappings(p) + 1, sizeof(uint32_t));
	b->functions = calloc(cresset_profile_n_functions(p) + 1, sizeof(uint32_t));
	b->locations = calloc(cresset_profile_n_locations(p) + 1, sizeof(uint32_t));
	b->stacks = calloc(cresset_profile_n_stacks(p) + 1, sizeof(uint32_t));
	b->series = calloc(cresset_profile_n_label_sets(p) + 1, sizeof(uint32_t));
	return b->strings && b->mappings && b->functions && b->locations && b->stacks && b->series
		       ? 0
		       : -ENOMEM;
}

static void builder_release(struct builder *b)
{
	vec_release(&b->lines);
	vec_release(&b->frames);
	vec_release(&b->used);
	free(b->strings);
	free(b->mappings);
	free(b->functions);
	free(b->locations);
	free(b->stacks);
	free(b->series);
}

int window_build(struct window *w, const struct cresset_profile *p, struct dict_writer *d,
		 struct cresset_error *err)
{
	struct builder b = {.p = p, .d = d, .w = w, .err = err};
	int r = builder_init(&b);

	r = r ?: add_types(&b);
	for (size_t i = 0; i < cresset_profile_n_samples(p) && r == 0; i++)
		r = collect_sample(&b, i);
	r = r ?: add_stacks(&b);
	if (r == 0)
		settle_rows(&b);
	builder_release(&b);
	return r;
}

int window_write(const struct window *w, struct segment_writer *to)
{
	int r = 0;

	for (size_t i = 0; i < w->types.n && r == 0; i++)
		r = vec_push(&to->types, vec_at(&w->types, i), 1) ? 0 : -ENOMEM;
	for (size_t i = 0; i < w->rows.n && r == 0; i++) {
		const struct window_row *row = vec_at(&w->rows, i);
		const struct segment_row one = {.value = row->value};

		r = segment_writer_stack(to, row->type, row->series, row->stack, &one, 1);
	}
	return r;
}
