// SPDX-License-Identifier: Apache-2.0
/*
 * listing - what can be asked of a range besides a profile: sums by the values of one label, and
 * the series there are. Texts are interned, so that series of several dictionaries meet.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/stacktab.h"
#include "core/strtab.h"
#include "store/scan.h"

/* ---- Top. */

struct top {
	const char *label;
	size_t n_types;
	struct strtab values; /* a value's id is its number */
	struct vec sums;      /* int64_t, n_types for each value, from "" on */
	struct vec seen;      /* bool, by value */
};

struct top_row {
	const char *value;
	const int64_t *sums;
	int64_t total;
};

static int64_t add_saturating(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int top_series(void *arg, struct dict_reader *d, const struct cresset_label *labels,
		      size_t n, uint32_t *ret_out)
{
	struct top *t = arg;
	const struct cresset_label *l = scan_find_label(d, labels, n, t->label);
	char buf[64];
	const char *text = l ? scan_label_text(d, l, buf) : "";
	int r = strtab_add(&t->values, text, strlen(text), ret_out);

	while (r == 0 && t->seen.n <= *ret_out)
		if (!vec_push(&t->seen, NULL, 1) || !vec_push(&t->sums, NULL, t->n_types))
			r = -ENOMEM;
	return r;
}

static int top_rows(void *arg, uint32_t out, uint32_t type, const uint32_t *stacks,
		    const int64_t *sums, size_t n)
{
	struct top *t = arg;
	int64_t *sum = vec_at(&t->sums, out * t->n_types + type);

	for (size_t i = 0; i < n; i++) {
		*sum = add_saturating(*sum, sums[i]);
		if (sums[i])
			*(bool *)vec_at(&t->seen, out) = true;
	}
	return 0;
}

static int compare_top(const void *pa, const void *pb)
{
	const struct top_row *a = pa, *b = pb;

	if (a->total != b->total)
		return a->total > b->total ? -1 : 1;
	return strcmp(a->value, b->value);
}

static int top_give(const struct top *t, store_top_fn fn, void *arg)
{
	struct top_row *rows = calloc(t->seen.n + 1, sizeof(*rows));
	size_t n = 0;
	int r = 0;

	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < t->seen.n; i++) {
		struct top_row *row = &rows[n];

		if (!*(bool *)vec_at(&t->seen, i))
			continue;
		row->value = strtab_get(&t->values, (uint32_t)i);
		row->sums = vec_at(&t->sums, i * t->n_types);
		for (size_t k = 0; k < t->n_types; k++)
			row->total = add_saturating(row->total, row->sums[k]);
		n++;
	}
	qsort(rows, n, sizeof(*rows), compare_top);
	for (size_t i = 0; i < n && r == 0; i++)
		r = fn(arg, rows[i].value, rows[i].sums, t->n_types);
	free(rows);
	return r;
}

static int top_init(struct top *t)
{
	vec_init(&t->sums, sizeof(int64_t));
	vec_init(&t->seen, sizeof(bool));
	return strtab_init(&t->values);
}

static void top_release(struct top *t)
{
	strtab_release(&t->values);
	vec_release(&t->sums);
	vec_release(&t->seen);
}

int embedded_top(struct store *s, const struct store_query *q, const char *label, store_top_fn fn,
		 void *arg, struct store_result *ret_result, struct cresset_error *err)
{
	static const struct scan_ops ops = {.series = top_series, .rows = top_rows};
	struct top t = {.label = label, .n_types = q->n_types};
	struct scan scan;
	int r = scan_init(&scan, embedded_of(s), q, &ops, &t, err);

	for (unsigned int i = 1; r == 0; i++) {
		r = top_init(&t);
		r = r ?: scan_run(&scan, i == SCAN_TRIES);
		if (r != -EAGAIN)
			break;
		top_release(&t);
		r = 0;
	}
	if (r == 0 && ret_result)
		*ret_result = scan.result;
	r = r ?: top_give(&t, fn, arg);
	top_release(&t);
	scan_release(&scan);
	return r;
}

/* ---- Series. */

struct listing {
	struct strtab texts;
	struct stacktab sets; /* key, value, key, value, … */
	struct vec seen;      /* bool, by set */
};

static int listing_series(void *arg, struct dict_reader *d, const struct cresset_label *labels,
			  size_t n, uint32_t *ret_out)
{
	struct listing *l = arg;
	uint32_t words[2 * STORE_MAX_LABELS];
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		const char *key = dict_reader_string(d, labels[i].key);
		char buf[64];
		const char *text = scan_label_text(d, &labels[i], buf);

		r = strtab_add(&l->texts, key, strlen(key), &words[2 * i]);
		r = r ?: strtab_add(&l->texts, text, strlen(text), &words[2 * i + 1]);
	}
	r = r ?: stacktab_add(&l->sets, words, 2 * n, ret_out);
	while (r == 0 && l->seen.n <= *ret_out)
		if (!vec_push(&l->seen, NULL, 1))
			r = -ENOMEM;
	return r;
}

static int listing_rows(void *arg, uint32_t out, uint32_t type, const uint32_t *stacks,
			const int64_t *sums, size_t n)
{
	struct listing *l = arg;
	bool any = !stacks;

	for (size_t i = 0; i < n; i++)
		any |= sums[i] != 0;
	if (any)
		*(bool *)vec_at(&l->seen, out) = true;
	return 0;
}

static int listing_init(struct listing *l)
{
	int r = strtab_init(&l->texts);

	vec_init(&l->seen, sizeof(bool));
	return stacktab_init(&l->sets) ?: r;
}

static void listing_release(struct listing *l)
{
	strtab_release(&l->texts);
	stacktab_release(&l->sets);
	vec_release(&l->seen);
}

static int listing_give(const struct listing *l, store_series_fn fn, void *arg)
{
	int r = 0;

	for (size_t i = 0; i < l->seen.n && r == 0; i++) {
		struct store_label labels[STORE_MAX_LABELS];
		const uint32_t *words;
		size_t n;

		if (!*(bool *)vec_at(&l->seen, i))
			continue;
		words = stacktab_get(&l->sets, (uint32_t)i, &n);
		for (size_t k = 0; k < n / 2; k++)
			labels[k] = (struct store_label){strtab_get(&l->texts, words[2 * k]),
							 strtab_get(&l->texts, words[2 * k + 1])};
		r = fn(arg, labels, n / 2);
	}
	return r;
}

int embedded_series(struct store *s, const struct store_query *q, store_series_fn fn, void *arg,
		    struct store_result *ret_result, struct cresset_error *err)
{
	static const struct scan_ops ops = {
		.series = listing_series, .rows = listing_rows, .any_type = true};
	struct listing l;
	struct scan scan;
	int r = scan_init(&scan, embedded_of(s), q, &ops, &l, err);

	memset(&l, 0, sizeof(l));
	for (unsigned int i = 1; r == 0; i++) {
		r = listing_init(&l);
		r = r ?: scan_run(&scan, i == SCAN_TRIES);
		if (r != -EAGAIN)
			break;
		listing_release(&l);
		r = 0;
	}
	if (r == 0 && ret_result)
		*ret_result = scan.result;
	r = r ?: listing_give(&l, fn, arg);
	listing_release(&l);
	scan_release(&scan);
	return r;
}
