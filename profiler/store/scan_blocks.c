// SPDX-License-Identifier: Apache-2.0
/*
 * scan_blocks - the rows of a segment; see scan.h.
 *
 * To unpack a block takes longer than to sum its rows, and blocks do not depend on each other. So
 * where a query asks for many, and there is a CPU to spare, a second thread shares the list with
 * this one: each takes the next block, unpacks it for itself, and gives its sums while it holds the
 * lock. Sums come out the same in any order.
 */
#include "store/scan.h"

#include <errno.h>
#include <string.h>

#include "store/second.h"

/* From so many on a second thread is worth its start. */
enum { MANY_BLOCKS = 16 };

/* A block that is asked for. */
struct todo {
	const struct segment_block *block;
	uint32_t type; /* of the query */
	bool all;      /* of its windows count */
};

struct sharing {
	struct scan *s;
	const struct segment *seg;
	const struct vec *todo; /* struct todo */
	pthread_mutex_t lock;	/* of all below, and of the scan */
	size_t next;
	int result;
};

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
static uint32_t sum_stacks(struct scan *s, const struct segment_rows *rows, uint32_t stack,
			   uint32_t n, uint32_t row, bool all)
{
	const uint32_t *counts = rows->counts.data, *times = rows->times.data;
	const int64_t *values = rows->values.data;
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
static uint32_t sum_whole_stacks(struct scan *s, const struct segment_rows *rows, uint32_t stack,
				 uint32_t n, uint32_t row)
{
	const uint32_t *counts = rows->counts.data;
	int64_t *values = rows->values.data, *sums = s->sums.data;
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

static int give_block(struct scan *s, const struct segment *seg, const struct todo *t,
		      const struct segment_rows *rows)
{
	const struct segment_block *b = t->block;
	const uint32_t *stacks = rows->stacks.data, *counts = rows->counts.data;
	uint32_t stack = 0, row = 0;
	int r = 0;

	s->sums.n = 0;
	if (vec_reserve(&s->sums, b->n_stacks + (size_t)1) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < b->n_series && r == 0; i++) {
		const struct segment_series *e = vec_at(&seg->series, b->first_series + i);
		uint32_t out = e->series <= s->n_series ? s->outs[e->series] : 0;

		if (out) {
			row = t->all && rows->small
				      ? sum_whole_stacks(s, rows, stack, e->n_stacks, row)
				      : sum_stacks(s, rows, stack, e->n_stacks, row, t->all);
			r = s->ops->rows(s->arg, out - 1, t->type, stacks + stack, s->sums.data,
					 e->n_stacks);
		} else {
			for (uint32_t k = 0; k < e->n_stacks; k++)
				row += counts[stack + k];
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

/* Those that are asked for, with what is to be unpacked of them; others are done with. */
static int choose_blocks(struct scan *s, const struct segment *seg, struct vec *ret)
{
	int r = 0;

	for (size_t i = 0; i < seg->blocks.n && r == 0; i++) {
		const struct segment_block *b = vec_at(&seg->blocks, i);
		int type = query_type(s, vec_at(&seg->types, b->type));
		uint32_t inside = count_inside(s, b);
		struct todo t = {b, (uint32_t)type, inside == b->n_windows};

		if (type < 0 || !inside || !has_series(s, seg, b))
			continue;
		if (t.all && s->ops->any_type)
			r = give_names(s, seg, b);
		else if (!vec_push(ret, &t, 1))
			r = -ENOMEM;
	}
	return r;
}

/* Blocks until there are no more: of both threads. */
static void do_blocks(struct sharing *sh, struct segment_rows *rows)
{
	pthread_mutex_lock(&sh->lock);
	while (sh->result == 0 && sh->next < sh->todo->n) {
		const struct todo *t = vec_at(sh->todo, sh->next++);
		int r;

		pthread_mutex_unlock(&sh->lock);
		r = segment_read(sh->seg, t->block, !t->all, rows);
		pthread_mutex_lock(&sh->lock);
		if (r == 0)
			r = give_block(sh->s, sh->seg, t, rows);
		else if (r == -EBADMSG || r == -EIO)
			sh->s->damaged = true, r = 0;
		sh->result = sh->result ?: r;
	}
	pthread_mutex_unlock(&sh->lock);
}

/* The one that helps. Whatever it does not do, the other does. */
static void *help(void *arg)
{
	struct sharing *sh = arg;
	struct segment_rows rows;

	if (segment_rows_init(&rows) == 0)
		do_blocks(sh, &rows);
	segment_rows_release(&rows);
	return NULL;
}

int scan_blocks(struct scan *s, const struct segment *seg)
{
	struct vec todo;
	struct sharing sh = {.s = s, .seg = seg, .todo = &todo};
	pthread_mutexattr_t attr;
	pthread_t helper;
	bool helped = false;

	vec_init(&todo, sizeof(struct todo));
	/* Held for less time than it takes to wake a thread that sleeps. */
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
	pthread_mutex_init(&sh.lock, &attr);
	sh.result = choose_blocks(s, seg, &todo);
	if (sh.result == 0 && todo.n >= MANY_BLOCKS)
		helped = second_start(&helper, help, &sh);
	do_blocks(&sh, &s->rows);
	if (helped)
		pthread_join(helper, NULL);
	pthread_mutex_destroy(&sh.lock);
	vec_release(&todo);
	return sh.result;
}
