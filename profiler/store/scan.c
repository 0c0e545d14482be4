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
