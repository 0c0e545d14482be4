// SPDX-License-Identifier: Apache-2.0
/*
 * intervals - see intervals.h.
 *
 * A sweep over the starts in order, with a heap of the ranges that are open at the place, highest
 * priority on top. A range that has ended is taken off only when it comes to the top, so one pass
 * costs O(n log n) whatever the overlaps are.
 */
#include "intervals.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct sweep {
	const struct interval *v;
	size_t n;
	uint32_t *heap; /* indexes of v */
	size_t heap_n;
	struct interval_map *m;
	uint32_t last_id;
};

static bool before(const struct interval *a, const struct interval *b)
{
	return a->start != b->start ? a->start < b->start : a->priority < b->priority;
}

/* Two runs that are in order become one. */
static void merge(const struct interval *a, const struct interval *a_end, const struct interval *b,
		  const struct interval *b_end, struct interval *to)
{
	while (a < a_end && b < b_end)
		*to++ = before(b, a) ? *b++ : *a++;
	while (a < a_end)
		*to++ = *a++;
	while (b < b_end)
		*to++ = *b++;
}

/* Where the run that starts at i ends. */
static size_t run_end(const struct interval *v, size_t i, size_t n)
{
	for (i++; i < n && !before(&v[i], &v[i - 1]); i++)
		;
	return i;
}

/*
 * A merge sort of the runs that are there already: compilers write most ranges in order. Each round
 * halves the number of runs.
 */
static int sort(struct interval *v, size_t n)
{
	struct interval *from = v, *to = malloc(n * sizeof(*v)), *spare = to;
	bool more = true;

	if (!to)
		return -ENOMEM;
	while (more) {
		struct interval *swap = from;

		more = false;
		for (size_t i = 0; i < n;) {
			size_t middle = run_end(from, i, n);
			size_t end = middle < n ? run_end(from, middle, n) : n;

			merge(from + i, from + middle, from + middle, from + end, to + i);
			more = more || i || end < n;
			i = end;
		}
		from = to;
		to = swap;
	}
	if (from != v)
		memcpy(v, from, n * sizeof(*v));
	free(spare);
	return 0;
}

static void heap_push(struct sweep *s, uint32_t i)
{
	size_t at = s->heap_n++;

	while (at && s->v[s->heap[(at - 1) / 2]].priority < s->v[i].priority) {
		s->heap[at] = s->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	s->heap[at] = i;
}

static void heap_pop(struct sweep *s)
{
	uint32_t i = s->heap[--s->heap_n];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < s->heap_n) {
		if (child + 1 < s->heap_n &&
		    s->v[s->heap[child]].priority < s->v[s->heap[child + 1]].priority)
			child++;
		if (s->v[s->heap[child]].priority <= s->v[i].priority)
			break;
		s->heap[at] = s->heap[child];
		at = child;
	}
	s->heap[at] = i;
}

static int emit(struct sweep *s, uint64_t start, uint32_t id)
{
	uint64_t wide = start - s->m->base;
	uint32_t narrow = (uint32_t)wide;
	void *to = &narrow;

	if (id == s->last_id)
		return 0;
	s->last_id = id;
	if (s->m->starts.element == sizeof(wide))
		to = &wide;
	return vec_push(&s->m->starts, to, 1) && vec_push(&s->m->ids, &id, 1) ? 0 : -ENOMEM;
}

static int sweep(struct sweep *s)
{
	uint64_t at = s->v[0].start;
	size_t i = 0;

	while (i < s->n || s->heap_n) {
		uint64_t next;
		int r;

		if (!s->heap_n)
			at = s->v[i].start;
		while (i < s->n && s->v[i].start == at)
			heap_push(s, (uint32_t)i++);
		while (s->heap_n && s->v[s->heap[0]].end <= at)
			heap_pop(s);
		r = emit(s, at, s->heap_n ? s->v[s->heap[0]].id : 0);
		if (r < 0)
			return r;
		next = i < s->n ? s->v[i].start : UINT64_MAX;
		if (s->heap_n && s->v[s->heap[0]].end < next)
			next = s->v[s->heap[0]].end;
		at = next;
	}
	return 0;
}

/* In place: drops the empty ones, gives the end of the furthest, and whether they are in order. */
static uint64_t prepare(struct vec *intervals, bool *ret_sorted)
{
	struct interval *v = intervals->data;
	uint64_t end = 0;
	size_t n = 0;

	*ret_sorted = true;
	for (size_t i = 0; i < intervals->n; i++) {
		if (v[i].start >= v[i].end)
			continue;
		v[n] = v[i];
		if (n && before(&v[n], &v[n - 1]))
			*ret_sorted = false;
		if (v[n].end > end)
			end = v[n].end;
		n++;
	}
	intervals->n = n;
	return end;
}

int interval_map_build(struct interval_map *m, struct vec *intervals)
{
	struct sweep s = {.m = m};
	uint64_t end;
	bool sorted;
	int r;

	*m = (struct interval_map){.base = 0};
	vec_init(&m->starts, sizeof(uint64_t));
	vec_init(&m->ids, sizeof(uint32_t));
	end = prepare(intervals, &sorted);
	s.v = intervals->data;
	s.n = intervals->n;
	if (!s.n)
		return 0;
	if (s.n >= UINT32_MAX)
		return -ENOMEM;
	if (!sorted && sort(intervals->data, s.n) < 0)
		return -ENOMEM;
	m->base = s.v[0].start;
	if (end - m->base <= UINT32_MAX)
		vec_init(&m->starts, sizeof(uint32_t));
	s.heap = malloc(s.n * sizeof(*s.heap));
	r = s.heap ? sweep(&s) : -ENOMEM;
	free(s.heap);
	if (r < 0)
		interval_map_release(m);
	return r;
}

void interval_map_release(struct interval_map *m)
{
	vec_release(&m->starts);
	vec_release(&m->ids);
}

uint32_t interval_map_find(const struct interval_map *m, uint64_t address)
{
	const uint32_t *narrow = m->starts.data, *ids = m->ids.data;
	const uint64_t *wide = m->starts.data;
	size_t low = 0, high = m->ids.n;
	uint64_t at = address - m->base;

	if (!high || address < m->base)
		return 0;
	if (m->starts.element == sizeof(*narrow)) {
		if (at > UINT32_MAX)
			return 0; /* past the end of the last */
		while (high - low > 1) {
			size_t middle = low + (high - low) / 2;

			if (narrow[middle] <= at)
				low = middle;
			else
				high = middle;
		}
		return ids[low];
	}
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (wide[middle] <= at)
			low = middle;
		else
			high = middle;
	}
	return ids[low];
}

size_t interval_map_bytes(const struct interval_map *m)
{
	return m->starts.capacity * m->starts.element + m->ids.capacity * m->ids.element;
}
