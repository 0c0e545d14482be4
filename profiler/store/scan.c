// SPDX-License-Identifier: Apache-2.0
/* scan - see scan.h. */
#include "store/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int scan_init(struct scan *s, struct embedded *e, const struct store_query *q,
	      const struct scan_ops *ops, void *arg, struct cresset_error *err)
{
	memset(s, 0, sizeof(*s));
	s->e = e;
	s->q = q;
	s->ops = ops;
	s->arg = arg;
	s->err = err;
	vec_init(&s->suspects, sizeof(uint64_t));
	vec_init(&s->sums, sizeof(int64_t));
	vec_init(&s->inside, sizeof(bool));
	return segment_rows_init(&s->rows);
}

static void end_dict(struct scan *s)
{
	dict_reader_free(s->dict);
	free(s->outs);
	s->dict = NULL;
	s->outs = NULL;
	s->n_series = 0;
}

void scan_release(struct scan *s)
{
	end_dict(s);
	segment_rows_release(&s->rows);
	vec_release(&s->suspects);
	vec_release(&s->sums);
	vec_release(&s->inside);
}

/* ---- Labels. */

const char *scan_label_text(struct dict_reader *d, const struct cresset_label *l, char buf[64])
{
	if (l->str)
		return dict_reader_string(d, l->str);
	snprintf(buf, 64, "%" PRId64 "%s%.32s", l->num, l->unit ? " " : "",
		 dict_reader_string(d, l->unit));
	return buf;
}

const struct cresset_label *scan_find_label(struct dict_reader *d,
					    const struct cresset_label *labels, size_t n,
					    const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(dict_reader_string(d, labels[i].key), key) == 0)
			return &labels[i];
	return NULL;
}

struct label_lookup {
	struct dict_reader *d;
	const struct cresset_label *labels;
	size_t n;
	char buf[64];
};

static const char *look_up(void *arg, const char *name)
{
	struct label_lookup *l = arg;
	const struct cresset_label *found = scan_find_label(l->d, l->labels, l->n, name);

	/* A label that is empty, or was never set, is no number either. */
	return found ? scan_label_text(l->d, found, l->buf) : "";
}

/* ---- A dictionary. */

static int begin_dict(struct scan *s, uint32_t number)
{
	int r = dict_reader_new(s->e->catalog, number, &s->dict, s->err);

	if (r < 0)
		return r;
	s->n_series = dict_reader_count(s->dict, DICT_SERIES);
	s->outs = calloc(s->n_series + (size_t)1, sizeof(*s->outs));
	if (!s->outs)
		return -ENOMEM;
	for (uint32_t id = 1; id <= s->n_series && r == 0; id++) {
		struct label_lookup l = {.d = s->dict};
		uint32_t out;

		l.labels = dict_reader_series(s->dict, id, &l.n);
		if (!match_eval(s->q->match, look_up, &l))
			continue;
		r = s->ops->series(s->arg, s->dict, l.labels, l.n, &out);
		if (r == 0)
			s->outs[id] = out + 1;
	}
	return r ?: dict_reader_error(s->dict);
}

/* ---- A segment. */

/* Which of its windows are asked for; returns how many, or -ENOMEM. */
static int choose_windows(struct scan *s, const struct segment *seg)
{
	bool everything = !s->q->from_ns && !s->q->to_ns;
	int n = 0;

	s->inside.n = 0;
	if (vec_reserve(&s->inside, seg->windows.n + 1) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < seg->windows.n; i++) {
		const struct segment_window *w = vec_at(&seg->windows, i);
		bool in = everything || (w->start_ns >= s->q->from_ns && w->start_ns < s->q->to_ns);

		vec_push(&s->inside, &in, 1);
		if (!in)
			continue;
		if (!s->result.windows || w->start_ns < s->result.first_ns)
			s->result.first_ns = w->start_ns;
		if (!s->result.windows || w->end_ns > s->result.last_ns)
			s->result.last_ns = w->end_ns;
		s->result.windows += w->count;
		n++;
	}
	return n;
}

/* How many windows of a block's span are asked for. */
static uint32_t count_inside(const struct scan *s, const struct segment_block *b)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->n_windows; i++)
		n += *(bool *)vec_at(&s->inside, b->first_window + i);
	return n;
}

/* The position of a type in the query; -1: not asked for. */
static int query_type(struct scan *s, const struct segment_type *t)
{
	const char *type = dict_reader_string(s->dict, t->type);
	const char *unit = dict_reader_string(s->dict, t->unit);

	if (s->ops->any_type)
		return 0;
	for (size_t i = 0; i < s->q->n_types; i++)
		if (!strcmp(s->q->types[i].type, type) && !strcmp(s->q->types[i].unit, unit))
			return (int)i;
	return -1;
}

static bool has_series(const struct scan *s, const struct segment *seg,
		       const struct segment_block *b)
{
	for (uint32_t i = 0; i < b->n_series; i++) {
		const struct segment_series *e = vec_at(&seg->series, b->first_series + i);

		if (e->series <= s->n_series && s->outs[e->series])
			return true;
	}
	return false;
}

static int64_t add_saturating(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* Sums of n stacks whose first is `stack` and whose rows begin at `row`; returns the rows' end. */
static uint32_t sum_stacks(struct scan *s, uint32_t stack, uint32_t n, uint32_t row, bool all)
{
	const uint32_t *counts = s->rows.counts.data, *times = s->rows.times.data;
	const int64_t *values = s->rows.values.data;
	const bool *inside = s->inside.data;
	int64_t *sums = s->sums.data;
	uint64_t used = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t end = row + counts[stack + i];
		int64_t sum = 0;

		for (; row < end; row++) {
			if (!all && !inside[times[row]])
				continue;
			sum = add_saturating(sum, values[row]);
			used++;
		}
		sums[i] = sum;
	}
	s->result.rows += used;
	return row;
}

/* The same where all rows count and no sum overflows: runs of a row or two are what most of them
 * are, and to add those up in a loop costs more than to take differences of sums of all. */
static uint32_t sum_whole_stacks(struct scan *s, uint32_t stack, uint32_t n, uint32_t row)
{
	const uint32_t *counts = s->rows.counts.data;
	int64_t *values = s->rows.values.data, *sums = s->sums.data;
	uint32_t first = row, end = row;
	int64_t sum = 0, before = 0;

	for (uint32_t i = 0; i < n; i++)
		end += counts[stack + i];
	for (; row < end; row++)
		values[row] = sum += values[row];
	row = first;
	for (uint32_t i = 0; i < n; i++) {
		row += counts[stack + i];
		sums[i] = values[row - 1] - before;
		before = values[row - 1];
	}
	s->result.rows += end - first;
	return end;
}

static int give_block(struct scan *s, const struct segment *seg, const struct segment_block *b,
		      uint32_t type, bool all)
{
	uint32_t *stacks = s->rows.stacks.data;
	uint32_t stack = 0, row = 0;
	int r = 0;

	s->sums.n = 0;
	if (vec_reserve(&s->sums, b->n_stacks + (size_t)1) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < b->n_series && r == 0; i++) {
		const struct segment_series *e = vec_at(&seg->series, b->first_series + i);
		uint32_t out = e->series <= s->n_series ? s->outs[e->series] : 0;

		if (out) {
			row = all && s->rows.small ? sum_whole_stacks(s, stack, e->n_stacks, row)
						   : sum_stacks(s, stack, e->n_stacks, row, all);
			r = s->ops->rows(s->arg, out - 1, type, stacks + stack, s->sums.data,
					 e->n_stacks);
		} else {
			for (uint32_t k = 0; k < e->n_stacks; k++)
				row += ((uint32_t *)s->rows.counts.data)[stack + k];
		}
		stack += e->n_stacks;
	}
	return r;
}

/* Names of series are all that is wanted, and all of the segment's rows count. */
static int give_names(struct scan *s, const struct segment *seg, const struct segment_block *b)
{
	int r = 0;

	for (uint32_t i = 0; i < b->n_series && r == 0; i++) {
		const struct segment_series *e = vec_at(&seg->series, b->first_series + i);

		if (e->n_stacks && e->series <= s->n_series && s->outs[e->series])
			r = s->ops->rows(s->arg, s->outs[e->series] - 1, 0, NULL, NULL, 0);
	}
	return r;
}

static int scan_blocks(struct scan *s, const struct segment *seg)
{
	int r = 0;

	for (size_t i = 0; i < seg->blocks.n && r == 0; i++) {
		const struct segment_block *b = vec_at(&seg->blocks, i);
		int type = query_type(s, vec_at(&seg->types, b->type));
		uint32_t inside = count_inside(s, b);
		bool all = inside == b->n_windows;

		if (type < 0 || !inside || !has_series(s, seg, b))
			continue;
		if (all && s->ops->any_type) {
			r = give_names(s, seg, b);
			continue;
		}
		r = segment_read(seg, b, !all, &s->rows);
		if (r == 0) {
			r = give_block(s, seg, b, (uint32_t)type, all);
		} else if (r == -EBADMSG || r == -EIO) {
			s->damaged = true;
			r = 0;
		}
	}
	return r;
}

static bool is_suspect(const struct scan *s, uint64_t id)
{
	for (size_t i = 0; i < s->suspects.n; i++)
		if (*(uint64_t *)vec_at(&s->suspects, i) == id)
			return true;
	return false;
}

/* All that have no file, to know them when the catalogue is read again. */
static int suspect(struct scan *s, const struct vec *segments)
{
	for (size_t i = 0; i < segments->n; i++) {
		const struct catalog_segment *c = vec_at(segments, i);
		char name[EMBEDDED_NAME];

		embedded_name(c->from_ns, c->level, c->id, name);
		if (faccessat(s->e->segments_fd, name, F_OK, 0) < 0 && !is_suspect(s, c->id) &&
		    !vec_push(&s->suspects, &c->id, 1))
			return -ENOMEM;
	}
	return -EAGAIN;
}

static int open_segment(struct scan *s, const char *name, struct segment **ret)
{
	int fd = openat(s->e->segments_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r;

	if (fd < 0)
		return -errno;
	r = segment_open(fd, ret);
	if (r < 0)
		close(fd);
	return r;
}

static int scan_segment(struct scan *s, const struct catalog_segment *c, const struct vec *segments,
			bool last_try)
{
	char name[EMBEDDED_NAME];
	struct segment *seg = NULL;
	int r;

	embedded_name(c->from_ns, c->level, c->id, name);
	r = open_segment(s, name, &seg);
	if (r == -ENOENT && !last_try && !is_suspect(s, c->id))
		return suspect(s, segments);
	if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
		return r;
	s->damaged = r < 0 || seg->dict != c->dict;
	if (!s->damaged) {
		r = choose_windows(s, seg);
		if (r > 0)
			r = scan_blocks(s, seg);
	}
	if (s->damaged) {
		r = 0;
		if (!s->result.damaged++)
			snprintf(s->result.damaged_name, sizeof(s->result.damaged_name), "%s",
				 name);
	}
	s->result.segments++;
	segment_close(seg);
	return r;
}

static int finish_dict(struct scan *s)
{
	int r = s->ops->end ? s->ops->end(s->arg, s->dict) : 0;

	r = r ?: dict_reader_error(s->dict);
	s->result.stacks_missing += dict_reader_missing(s->dict);
	s->result.names_damaged += dict_reader_damaged(s->dict);
	end_dict(s);
	return r;
}

static int scan_segments(struct scan *s, const struct vec *segments, bool last_try)
{
	int r = 0;

	for (size_t i = 0; i < segments->n && r == 0; i++) {
		const struct catalog_segment *c = vec_at(segments, i);
		const struct catalog_segment *next = i + 1 < segments->n ? c + 1 : NULL;

		if (!s->dict)
			r = begin_dict(s, c->dict);
		r = r ?: scan_segment(s, c, segments, last_try);
		if (r == 0 && (!next || next->dict != c->dict))
			r = finish_dict(s);
	}
	return r;
}

int scan_run(struct scan *s, bool last_try)
{
	struct vec segments;
	int r;

	end_dict(s);
	memset(&s->result, 0, sizeof(s->result));
	vec_init(&segments, sizeof(struct catalog_segment));
	r = catalog_begin_read(s->e->catalog, s->err);
	r = r ?: catalog_segments(s->e->catalog, s->q->from_ns, s->q->to_ns, &segments, s->err);
	r = r ?: scan_segments(s, &segments, last_try);
	catalog_rollback(s->e->catalog);
	vec_release(&segments);
	return r;
}
