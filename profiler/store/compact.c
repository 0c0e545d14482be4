// SPDX-License-Identifier: Apache-2.0
/* compact - see compact.h. */
#include "store/compact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/segment.h"

struct input {
	struct catalog_segment row;
	struct segment *segment;
	struct segment_rows rows;
	uint32_t *times; /* its windows in the output */
	uint32_t *types; /* its types in the output */
	/* Where it stands: the block, the series in it, the stack in that, the row in the block. */
	size_t block;
	uint32_t series;
	uint32_t stack, stacks_end;
	uint32_t row_at;
	bool loaded; /* the block has been read */
	bool done;   /* with this pass */
};

struct compaction {
	struct embedded *e;
	uint32_t level;
	uint64_t id;
	int fd;
	bool created;
	size_t n;
	struct input inputs[COMPACT_MAX_INPUTS];
	struct segment_writer writer;
	/* The pass: rows of this type and of these windows of the output. */
	uint32_t type;
	uint32_t first_window, n_windows;
	struct vec merged; /* struct segment_row: of one stack */
	struct catalog_segment out;
};

/* ---- Cursors. */

struct key {
	uint32_t series, stack;
};

static const struct segment_block *current_block(const struct input *in)
{
	return vec_at(&in->segment->blocks, in->block);
}

static struct key current_key(const struct input *in)
{
	const struct segment_block *b = current_block(in);
	const struct segment_series *s = vec_at(&in->segment->series, b->first_series + in->series);

	return (struct key){.series = s->series,
			    .stack = ((uint32_t *)in->rows.stacks.data)[in->stack]};
}

static int compare_keys(const struct key *a, const struct key *b)
{
	if (a->series != b->series)
		return a->series < b->series ? -1 : 1;
	return a->stack < b->stack ? -1 : a->stack > b->stack;
}

/* Does it have rows of the pass? A block of version 1 may have rows of several. */
static bool is_of_pass(const struct compaction *c, const struct input *in,
		       const struct segment_block *b)
{
	uint32_t first = in->times[b->first_window];
	uint32_t last = in->times[b->first_window + b->n_windows - 1];

	return in->types[b->type] == c->type && first < c->first_window + c->n_windows &&
	       last >= c->first_window;
}

static void skip_blocks(const struct compaction *c, struct input *in)
{
	while (in->block < in->segment->blocks.n && !is_of_pass(c, in, current_block(in)))
		in->block++;
}

/* Skips series without stacks and goes on to the next block when one is used up. */
static int settle(const struct compaction *c, struct input *in)
{
	const struct segment *seg = in->segment;

	for (;;) {
		const struct segment_block *b;
		int r;

		if (in->block == seg->blocks.n) {
			in->done = true;
			return 0;
		}
		b = current_block(in);
		if (in->stack < in->stacks_end)
			return 0;
		if (in->loaded && in->series + 1 < b->n_series) {
			in->series++;
		} else {
			in->block += in->loaded;
			skip_blocks(c, in);
			if (in->block == seg->blocks.n)
				continue;
			r = segment_read(seg, current_block(in), true, &in->rows);
			if (r < 0)
				return r;
			in->loaded = true;
			b = current_block(in);
			in->series = in->stack = in->stacks_end = in->row_at = 0;
			if (!b->n_series)
				continue;
		}
		in->stacks_end += ((const struct segment_series *)vec_at(
					   &seg->series, b->first_series + in->series))
					  ->n_stacks;
	}
}

/* Appends those rows of the current stack to `merged` that are of the pass, and goes on to the
 * next. */
static int take_stack(const struct compaction *c, struct input *in, struct vec *merged)
{
	uint32_t n = ((uint32_t *)in->rows.counts.data)[in->stack];
	const uint32_t *times = (const uint32_t *)in->rows.times.data + in->row_at;
	const int64_t *values = (const int64_t *)in->rows.values.data + in->row_at;

	for (uint32_t i = 0; i < n; i++) {
		const struct segment_row row = {.time = in->times[times[i]], .value = values[i]};

		if (row.time - c->first_window < c->n_windows && !vec_push(merged, &row, 1))
			return -ENOMEM;
	}
	in->row_at += n;
	in->stack++;
	return settle(c, in);
}

static int open_input(struct compaction *c, struct input *in, const struct catalog_segment *row)
{
	char name[EMBEDDED_NAME];
	int fd, r;

	in->row = *row;
	in->done = true;
	embedded_name(row->from_ns, row->level, row->id, name);
	fd = openat(c->e->segments_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? -EBADMSG : -errno;
	r = segment_open(fd, &in->segment);
	if (r < 0) {
		close(fd);
		return r;
	}
	if (in->segment->dict != row->dict)
		return -EBADMSG;
	in->times = calloc(in->segment->windows.n + 1, sizeof(uint32_t));
	in->types = calloc(in->segment->types.n + 1, sizeof(uint32_t));
	r = in->times && in->types ? segment_rows_init(&in->rows) : -ENOMEM;
	return r;
}

/* ---- Windows and types of the output. */

static int compare_windows(const void *pa, const void *pb)
{
	const struct segment_window *a = pa, *b = pb;

	return a->start_ns < b->start_ns ? -1 : a->start_ns > b->start_ns;
}

static int64_t bucket_of(const struct compaction *c, const struct segment_window *w)
{
	return w->start_ns / c->e->options.resolution_ns;
}

static int merge_windows(struct compaction *c)
{
	struct vec *out = &c->writer.windows;
	struct segment_window *w;
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct vec *from = &c->inputs[i].segment->windows;

		if (from->n && !vec_push(out, from->data, from->n))
			return -ENOMEM;
	}
	if (!out->n)
		return 0;
	qsort(out->data, out->n, sizeof(*w), compare_windows);
	w = out->data;
	for (size_t i = 0; i < out->n; i++) {
		if (n && bucket_of(c, &w[n - 1]) == bucket_of(c, &w[i])) {
			if (w[i].end_ns > w[n - 1].end_ns)
				w[n - 1].end_ns = w[i].end_ns;
			w[n - 1].count += w[i].count;
		} else {
			w[n++] = w[i];
		}
	}
	out->n = n;
	return n > SEGMENT_MAX_WINDOWS ? -E2BIG : 0;
}

static void map_windows(struct compaction *c, struct input *in)
{
	const struct vec *out = &c->writer.windows;
	uint32_t at = 0;

	for (size_t i = 0; i < in->segment->windows.n; i++) {
		const struct segment_window *w = vec_at(&in->segment->windows, i);

		while (at + 1 < out->n && bucket_of(c, vec_at(out, at)) != bucket_of(c, w))
			at++;
		in->times[i] = at;
	}
}

static int compare_types(const void *pa, const void *pb)
{
	const struct segment_type *a = pa, *b = pb;

	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return a->unit < b->unit ? -1 : a->unit > b->unit;
}

static int merge_types(struct compaction *c)
{
	struct vec *out = &c->writer.types;
	struct segment_type *t;
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct vec *from = &c->inputs[i].segment->types;

		if (from->n && !vec_push(out, from->data, from->n))
			return -ENOMEM;
	}
	if (!out->n)
		return 0;
	qsort(out->data, out->n, sizeof(*t), compare_types);
	t = out->data;
	for (size_t i = 0; i < out->n; i++)
		if (!n || compare_types(&t[n - 1], &t[i]) != 0)
			t[n++] = t[i];
	out->n = n;
	if (n > SEGMENT_MAX_TYPES)
		return -E2BIG;
	for (size_t i = 0; i < c->n; i++) {
		struct input *in = &c->inputs[i];

		for (size_t k = 0; k < in->segment->types.n; k++)
			while (compare_types(&t[in->types[k]], vec_at(&in->segment->types, k)) != 0)
				in->types[k]++;
	}
	return 0;
}

static void describe(struct compaction *c, const struct vec *rows)
{
	struct catalog_segment *out = &c->out;

	*out = *(const struct catalog_segment *)vec_at(rows, 0);
	for (size_t i = 1; i < rows->n; i++) {
		const struct catalog_segment *s = vec_at(rows, i);

		out->from_ns = s->from_ns < out->from_ns ? s->from_ns : out->from_ns;
		out->last_ns = s->last_ns > out->last_ns ? s->last_ns : out->last_ns;
		out->to_ns = s->to_ns > out->to_ns ? s->to_ns : out->to_ns;
		out->seq = s->seq < out->seq ? s->seq : out->seq;
		out->windows += s->windows;
	}
	out->id = c->id;
	out->level = c->level;
}

/* Marks an input that turned out to be damaged. */
static int blame(struct compaction *c, const struct input *in, int r, struct cresset_error *err)
{
	if (r == -EBADMSG || r == -EIO || r == -EPROTO) {
		int marked = catalog_mark_damaged(c->e->catalog, in->row.id, err);

		return marked ?: -EBADMSG;
	}
	return embedded_error(c->e, r, "compact", err);
}

/* ---- Passes: one for each type and span, in the order in which a segment has its rows. */

static int begin_pass(struct compaction *c, uint32_t type, uint32_t window,
		      struct cresset_error *err)
{
	c->type = type;
	segment_span(&c->writer.windows, window, &c->first_window, &c->n_windows);
	for (size_t i = 0; i < c->n; i++) {
		struct input *in = &c->inputs[i];
		int r;

		in->block = 0;
		in->series = in->stack = in->stacks_end = in->row_at = 0;
		in->loaded = in->done = false;
		r = settle(c, in);
		if (r < 0)
			return blame(c, in, r, err);
	}
	return 0;
}

/* 1: there was no more. */
static int next_pass(struct compaction *c, struct cresset_error *err)
{
	uint32_t window = c->first_window + c->n_windows, type = c->type;

	if (window >= c->writer.windows.n) {
		window = 0;
		type++;
	}
	return type < c->writer.types.n ? begin_pass(c, type, window, err) : 1;
}

/* ---- The steps. */

static int prepare(struct compaction *c, const struct vec *inputs, struct cresset_error *err)
{
	int r;

	for (size_t i = 0; i < inputs->n; i++) {
		c->n++;
		r = open_input(c, &c->inputs[i], vec_at(inputs, i));
		if (r < 0)
			return blame(c, &c->inputs[i], r, err);
	}
	r = embedded_create(c->e, c->id, &c->fd, err);
	if (r < 0)
		return r;
	c->created = true;
	r = segment_writer_init(&c->writer, c->fd, c->inputs[0].row.dict);
	r = r ?: merge_windows(c);
	r = r ?: merge_types(c);
	if (r < 0)
		return embedded_error(c->e, r, "compact", err);
	for (size_t i = 0; i < c->n; i++)
		map_windows(c, &c->inputs[i]);
	return c->writer.windows.n && c->writer.types.n ? begin_pass(c, 0, 0, err) : 0;
}

int compaction_begin(struct embedded *e, uint32_t level, const struct vec *inputs,
		     struct compaction **ret, struct cresset_error *err)
{
	struct compaction *c;
	int r;

	if (!inputs->n || inputs->n > COMPACT_MAX_INPUTS)
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->e = e;
	c->level = level;
	c->fd = -1;
	c->id = e->next_segment++;
	vec_init(&c->merged, sizeof(struct segment_row));
	describe(c, inputs);
	r = prepare(c, inputs, err);
	if (r < 0) {
		compaction_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

static int compare_rows(const void *pa, const void *pb)
{
	const struct segment_row *a = pa, *b = pb;

	return a->time < b->time ? -1 : a->time > b->time;
}

/* The rows of one stack, by time, those of one minute added together. */
static size_t settle_rows(struct vec *merged)
{
	struct segment_row *rows = merged->data;
	bool sorted = true;
	size_t n = 0;

	for (size_t i = 1; i < merged->n; i++)
		sorted &= rows[i - 1].time <= rows[i].time;
	if (!sorted)
		qsort(rows, merged->n, sizeof(*rows), compare_rows);
	for (size_t i = 0; i < merged->n; i++) {
		if (n && rows[n - 1].time == rows[i].time) {
			if (__builtin_add_overflow(rows[n - 1].value, rows[i].value,
						   &rows[n - 1].value))
				rows[n - 1].value = INT64_MAX;
		} else {
			rows[n++] = rows[i];
		}
	}
	return n;
}

/* The least key that an input stands at; false if all are done. */
static bool least_key(const struct compaction *c, struct key *ret)
{
	bool any = false;

	for (size_t i = 0; i < c->n; i++) {
		struct key key;

		if (c->inputs[i].done)
			continue;
		key = current_key(&c->inputs[i]);
		if (!any || compare_keys(&key, ret) < 0)
			*ret = key;
		any = true;
	}
	return any;
}

/* One stack of one series. */
static int merge_stack(struct compaction *c, const struct key *key, size_t *rows,
		       struct cresset_error *err)
{
	int r;

	c->merged.n = 0;
	for (size_t i = 0; i < c->n; i++) {
		struct input *in = &c->inputs[i];

		while (!in->done) {
			struct key own = current_key(in);

			if (compare_keys(&own, key) != 0)
				break;
			r = take_stack(c, in, &c->merged);
			if (r < 0)
				return blame(c, in, r, err);
		}
	}
	*rows += c->merged.n;
	if (!c->merged.n)
		return 0;
	r = segment_writer_stack(&c->writer, c->type, key->series, key->stack, c->merged.data,
				 settle_rows(&c->merged));
	return r < 0 ? embedded_error(c->e, r, "compact", err) : 0;
}

static int commit(struct compaction *c, struct cresset_error *err)
{
	struct catalog *catalog = c->e->catalog;
	int r = catalog_begin(catalog, err);

	r = r ?: catalog_add(catalog, &c->out, err);
	r = r ?: catalog_set_number(catalog, "next_segment", c->e->next_segment, err);
	for (size_t i = 0; i < c->n && r == 0; i++)
		r = catalog_remove(catalog, c->inputs[i].row.id, err);
	r = r ?: catalog_commit(catalog, err);
	if (r < 0)
		catalog_rollback(catalog);
	return r;
}

static int finish(struct compaction *c, struct cresset_error *err)
{
	char name[EMBEDDED_NAME];
	int r = segment_writer_finish(&c->writer, &c->out.bytes);

	if (r < 0)
		return embedded_error(c->e, r, "compact", err);
	c->out.rows = c->writer.n_rows;
	embedded_name(c->out.from_ns, c->out.level, c->out.id, name);
	r = embedded_publish(c->e, c->id, name, err);
	c->created = r < 0;
	if (r == 0) {
		r = commit(c, err);
		if (r < 0 && r != -EIO)
			embedded_discard(c->e, c->id, name);
	}
	if (r < 0)
		return r;
	c->e->counts.compacted++;
	for (size_t i = 0; i < c->n; i++) {
		const struct catalog_segment *s = &c->inputs[i].row;

		embedded_name(s->from_ns, s->level, s->id, name);
		unlinkat(c->e->segments_fd, name, 0);
	}
	return 0;
}

int compaction_step(struct compaction *c, size_t max_rows, struct cresset_error *err)
{
	size_t rows = 0;
	struct key key;

	while (rows < max_rows) {
		int r;

		if (least_key(c, &key))
			r = merge_stack(c, &key, &rows, err);
		else
			r = next_pass(c, err);
		if (r > 0)
			return finish(c, err);
		if (r < 0)
			return r;
	}
	return 1;
}

void compaction_free(struct compaction *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++) {
		struct input *in = &c->inputs[i];

		segment_close(in->segment);
		segment_rows_release(&in->rows);
		free(in->times);
		free(in->types);
	}
	if (c->created)
		embedded_discard(c->e, c->id, NULL);
	if (c->fd >= 0)
		close(c->fd);
	segment_writer_release(&c->writer);
	vec_release(&c->merged);
	free(c);
}
