// SPDX-License-Identifier: Apache-2.0
/*
 * top_threads - see top_threads.h.
 *
 * A thread is a pid and a tid; its name is the one it was first seen with. Samples without these
 * labels are a row of their own, "-", so that nothing is missing in the sums.
 */
#include "formats/top_threads.h"

#include "core/hash.h"
#include "formats/cells.h"
#include "formats/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_LEAST = 11, NAME_MOST = 32, ID_SIZE = 24 };

struct thread {
	int64_t pid, tid;
	uint32_t labels; /* of its first sample */
	bool known;	 /* it has a tid */
	int64_t values[TIMES_MAX];
};

struct threads {
	const struct cresset_profile *p;
	const struct times *times;
	const struct cresset_format_options *options;
	struct cresset_sink *sink;
	struct vec rows;			      /* struct thread; [0] is none */
	struct hash index;			      /* (pid, tid) → row */
	struct vec text;			      /* char, one name while it is shown */
	size_t name, pid, tid, sum, value[TIMES_MAX]; /* widths */
};

/* ---- Adding up. */

static bool same_thread(const void *table, uint32_t id, const void *key)
{
	const struct thread *a = vec_at(table, id), *b = key;

	return a->pid == b->pid && a->tid == b->tid && a->known == b->known;
}

static int thread_of(struct threads *t, uint32_t labels, struct thread **ret)
{
	const struct cresset_label *pid, *tid;
	struct thread key = {.labels = labels};
	uint64_t hash;
	uint32_t id;

	pid = cresset_profile_find_label(t->p, labels, CRESSET_LABEL_PID);
	tid = cresset_profile_find_label(t->p, labels, CRESSET_LABEL_TID);
	if (tid && !tid->str) {
		key.known = true;
		key.tid = tid->num;
		key.pid = pid && !pid->str ? pid->num : 0;
	}
	hash = hash_bytes(&key, offsetof(struct thread, labels), key.known);
	id = hash_find(&t->index, hash, same_thread, &t->rows, &key);
	if (!id) {
		if (hash_reserve(&t->index) < 0 || !vec_push(&t->rows, &key, 1))
			return -ENOMEM;
		id = (uint32_t)t->rows.n - 1;
		hash_insert(&t->index, hash, id);
	}
	*ret = vec_at(&t->rows, id);
	return 0;
}

static void add_values(const struct threads *t, int64_t *sums, const int64_t *values)
{
	for (size_t i = 0; i < t->times->n; i++)
		sums[i] = times_add(sums[i], values[i]);
}

static int add_samples(struct threads *t)
{
	int64_t values[TIMES_MAX];
	struct thread *row;
	int r = 0;

	for (size_t i = 0; r == 0 && i < cresset_profile_n_samples(t->p); i++) {
		for (size_t j = 0; j < t->times->n; j++)
			values[j] = cresset_profile_values(t->p, i)[t->times->columns[j].value];
		r = thread_of(t, cresset_profile_sample(t->p, i)->labels, &row);
		if (r == 0)
			add_values(t, row->values, values);
	}
	return r;
}

static bool any_known(const struct threads *t)
{
	for (size_t i = 1; i < t->rows.n; i++)
		if (((const struct thread *)vec_at(&t->rows, i))->known)
			return true;
	return false;
}

static int compare_threads(const void *pa, const void *pb, void *arg)
{
	size_t main = ((const struct threads *)arg)->times->main;
	const struct thread *a = pa, *b = pb;

	if (a->values[main] != b->values[main])
		return a->values[main] < b->values[main] ? 1 : -1;
	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	if (a->tid != b->tid)
		return a->tid < b->tid ? -1 : 1;
	return (int)a->known - (int)b->known;
}

/* ---- Showing. */

static const char *label_text(const struct threads *t, uint32_t labels, const char *key)
{
	const struct cresset_label *l = cresset_profile_find_label(t->p, labels, key);

	return cresset_profile_string(t->p, l ? l->str : 0);
}

/* "comm", "comm/thread" or "-", in t->text. NULL: no memory. */
static const char *thread_name(struct threads *t, const struct thread *row)
{
	const char *comm = label_text(t, row->labels, CRESSET_LABEL_COMM);
	const char *thread = label_text(t, row->labels, CRESSET_LABEL_THREAD);
	int r = 0;

	t->text.n = 0;
	if (!row->known || (!*comm && !*thread))
		return "-";
	if (*comm)
		r = text_append_shown(&t->text, comm, strlen(comm));
	if (r == 0 && *comm && *thread && strcmp(comm, thread) != 0)
		r = vec_push(&t->text, "/", 1) ? 0 : -ENOMEM;
	if (r == 0 && *thread && strcmp(comm, thread) != 0)
		r = text_append_shown(&t->text, thread, strlen(thread));
	return r == 0 && vec_push(&t->text, "", 1) ? t->text.data : NULL;
}

static void id_text(char buf[ID_SIZE], const struct thread *row, int64_t id)
{
	buf[0] = '\0';
	if (row->known)
		snprintf(buf, ID_SIZE, "%" PRId64, id);
}

static void value_text(const struct threads *t, size_t column, int64_t value,
		       char buf[TEXT_VALUE_MAX])
{
	size_t index = t->times->columns[column].value;

	text_value(buf, value,
		   cresset_profile_string(t->p, cresset_profile_value_type(t->p, index).unit));
}

static void widen_values(struct threads *t, const int64_t *values)
{
	char text[TEXT_VALUE_MAX];

	for (size_t i = 0; i < t->times->n; i++) {
		value_text(t, i, values[i], text);
		cells_widen(&t->value[i], text);
	}
	value_text(t, t->times->main, times_sum(t->times, values), text);
	cells_widen(&t->sum, text);
}

static int find_widths(struct threads *t, size_t n, const int64_t *all)
{
	size_t used;
	char id[ID_SIZE];

	t->name = NAME_LEAST;
	t->pid = t->tid = t->sum = 3;
	for (size_t i = 0; i < t->times->n; i++)
		t->value[i] = cells_width(t->times->columns[i].heading);
	for (size_t i = 1; i <= n; i++) {
		const struct thread *row = vec_at(&t->rows, i);
		const char *name = thread_name(t, row);

		if (!name)
			return -ENOMEM;
		cells_widen(&t->name, name);
		id_text(id, row, row->pid);
		cells_widen(&t->pid, id);
		id_text(id, row, row->tid);
		cells_widen(&t->tid, id);
		widen_values(t, row->values);
	}
	widen_values(t, all);
	used = 2 + 2 + t->pid + 2 + t->tid + (t->times->sum ? 2 + t->sum : 0);
	for (size_t i = 0; i < t->times->n; i++)
		used += 2 + t->value[i];
	if (t->name > NAME_MOST)
		t->name = NAME_MOST;
	if (t->options->columns && used + t->name > t->options->columns)
		t->name = t->options->columns > used + NAME_LEAST ? t->options->columns - used
								  : NAME_LEAST;
	return 0;
}

static void write_line(const struct threads *t, const char *name, const char *pid, const char *tid,
		       const int64_t *values)
{
	char text[TEXT_VALUE_MAX];

	cells_left(t->sink, t->name, name);
	cells_right(t->sink, t->pid, pid);
	cells_right(t->sink, t->tid, tid);
	value_text(t, t->times->main, values[t->times->main], text);
	cells_right(t->sink, t->value[t->times->main], text);
	for (size_t i = 0; i < t->times->n; i++) {
		if (i == t->times->main)
			continue;
		value_text(t, i, values[i], text);
		cells_right(t->sink, t->value[i], text);
	}
	if (t->times->sum) {
		value_text(t, t->times->main, times_sum(t->times, values), text);
		cells_right(t->sink, t->sum, text);
	}
	cresset_sink_puts(t->sink, "\n");
}

static void write_headings(const struct threads *t)
{
	size_t main = t->times->main;

	cresset_sink_puts(t->sink, t->options->color ? "\n\x1b[1mThreads" : "\nThreads");
	cresset_sink_puts(t->sink, "\n");
	cells_left(t->sink, t->name, "COMM/THREAD");
	cells_right(t->sink, t->pid, "PID");
	cells_right(t->sink, t->tid, "TID");
	cells_right(t->sink, t->value[main], t->times->columns[main].heading);
	for (size_t i = 0; i < t->times->n; i++)
		if (i != main)
			cells_right(t->sink, t->value[i], t->times->columns[i].heading);
	if (t->times->sum)
		cells_right(t->sink, t->sum, "SUM");
	cresset_sink_puts(t->sink, t->options->color ? "\x1b[0m\n" : "\n");
}

static int write_table(struct threads *t)
{
	size_t all = t->rows.n - 1, n = all;
	int64_t sums[TIMES_MAX] = {0}, left_out[TIMES_MAX] = {0};
	char pid[ID_SIZE], tid[ID_SIZE], more[64];
	int r;

	qsort_r(vec_at(&t->rows, 1), all, sizeof(struct thread), compare_threads, t);
	if (t->options->top && n > t->options->top)
		n = t->options->top;
	for (size_t i = 1; i <= all; i++) {
		const struct thread *row = vec_at(&t->rows, i);

		add_values(t, sums, row->values);
		if (i > n)
			add_values(t, left_out, row->values);
	}
	r = find_widths(t, n, sums);
	if (r < 0)
		return r;
	write_headings(t);
	for (size_t i = 1; i <= n; i++) {
		const struct thread *row = vec_at(&t->rows, i);
		const char *name = thread_name(t, row);

		if (!name)
			return -ENOMEM;
		id_text(pid, row, row->pid);
		id_text(tid, row, row->tid);
		write_line(t, name, pid, tid, row->values);
	}
	snprintf(more, sizeof(more), "%zu more", all - n);
	if (n < all)
		write_line(t, more, "", "", left_out);
	write_line(t, "all", "", "", sums);
	return 0;
}

int top_threads_write(const struct cresset_profile *p, const struct times *times,
		      const struct cresset_format_options *options, struct cresset_sink *sink)
{
	struct threads t = {.p = p, .times = times, .options = options, .sink = sink};
	int r;

	vec_init(&t.rows, sizeof(struct thread));
	vec_init(&t.text, 1);
	hash_init(&t.index);
	r = vec_push(&t.rows, NULL, 1) ? add_samples(&t) : -ENOMEM;
	if (r == 0 && any_known(&t))
		r = write_table(&t);
	vec_release(&t.rows);
	vec_release(&t.text);
	hash_release(&t.index);
	return r;
}
