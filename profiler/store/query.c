// SPDX-License-Identifier: Apache-2.0
/*
 * query - a scan summed into a profile.
 *
 * Sums stand in pages of 256 stacks for each set of labels that samples keep: dense where stacks
 * are dense, and nothing where there are none. Adding a row's sum is an index, not a search. When a
 * dictionary's rows are all there, the stacks that have a sum are named once and their samples go
 * into the profile.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/bulk.h"
#include "core/table.h"
#include "store/scan.h"

/* So many stacks ahead a sum is fetched: those of a whole day do not fit into the nearest caches.
 */
enum { AHEAD = 8 };
enum {
	PAGE_SHIFT = 8,
	PAGE_STACKS = 1 << PAGE_SHIFT,
	DEFAULT_MAX_BYTES = 1 << 30,
	MAX_GROUPS = 65536,
	SLICE_STACKS = 65536
};

/* A set of kept labels. */
struct group {
	uint32_t labels; /* in the profile */
	uint32_t n_pages;
	int64_t **pages; /* n_types sums for each stack */
	/* With the state of each type added; 0: not made yet. */
	uint32_t with_state[STORE_MAX_TYPES];
};

struct query {
	const struct store_query *q;
	struct cresset_profile *p;
	struct cresset_error *err;
	struct vec groups;	/* struct group */
	struct table by_labels; /* struct group_key, at the position of its group + 1 */
	size_t bytes, max_bytes;
};

struct group_key {
	uint32_t labels;
};

/* ---- Groups. */

static int query_label(struct query *q, struct dict_reader *d, const struct cresset_label *l,
		       struct cresset_label *ret)
{
	const char *key = dict_reader_string(d, l->key);
	const char *text = dict_reader_string(d, l->str);
	const char *unit = dict_reader_string(d, l->unit);
	int r;

	memset(ret, 0, sizeof(*ret));
	r = cresset_profile_add_string(q->p, key, strlen(key), &ret->key);
	r = r ?: cresset_profile_add_string(q->p, text, strlen(text), &ret->str);
	if (!l->str) {
		ret->num = l->num;
		r = r ?: cresset_profile_add_string(q->p, unit, strlen(unit), &ret->unit);
	}
	return r;
}

static int query_series(void *arg, struct dict_reader *d, const struct cresset_label *labels,
			size_t n, uint32_t *ret_out)
{
	struct query *q = arg;
	struct cresset_label kept[STORE_MAX_LABELS];
	struct group_key key;
	struct group g = {.labels = 0};
	size_t n_kept = 0;
	uint32_t id;
	bool is_new;
	int r = 0;

	for (size_t i = 0; i < q->q->n_keep_labels && n_kept < STORE_MAX_LABELS - 1; i++) {
		const struct cresset_label *l = scan_find_label(d, labels, n, q->q->keep_labels[i]);

		if (l)
			r = r ?: query_label(q, d, l, &kept[n_kept++]);
	}
	r = r ?: cresset_profile_add_labels(q->p, kept, n_kept, &g.labels);
	key.labels = g.labels;
	r = r ?: table_add(&q->by_labels, &key, &id, &is_new);
	if (r < 0)
		return r;
	if (is_new && q->groups.n >= MAX_GROUPS)
		return cresset_error_set(q->err, -E2BIG,
					 "the answer has too many different labels (keep fewer "
					 "labels, or give a narrower match)");
	if (is_new && !vec_push(&q->groups, &g, 1))
		return -ENOMEM;
	*ret_out = id - 1;
	return 0;
}

/* ---- Sums. */

/* Of the sums, and of the profile that they go into. */
static int check_bytes(const struct query *q)
{
	if (q->bytes + cresset_profile_bytes(q->p) <= q->max_bytes)
		return 0;
	return cresset_error_set(q->err, -E2BIG,
				 "the answer is too large for memory (keep fewer labels, or give a "
				 "shorter range or a narrower match)");
}

static int query_page(struct query *q, struct group *g, uint32_t page, int64_t **ret)
{
	size_t size = sizeof(int64_t) * PAGE_STACKS * q->q->n_types;
	int r;

	if (page >= g->n_pages) {
		uint32_t n = page + 1 + page / 2;
		int64_t **pages = realloc(g->pages, n * sizeof(*pages));

		if (!pages)
			return -ENOMEM;
		memset(pages + g->n_pages, 0, (n - g->n_pages) * sizeof(*pages));
		q->bytes += (n - g->n_pages) * sizeof(*pages);
		g->pages = pages;
		g->n_pages = n;
	}
	if (!g->pages[page]) {
		q->bytes += size;
		r = check_bytes(q);
		if (r < 0)
			return r;
		g->pages[page] = calloc(1, size);
		if (!g->pages[page])
			return -ENOMEM;
	}
	*ret = g->pages[page];
	return 0;
}

static int query_rows(void *arg, uint32_t out, uint32_t type, const uint32_t *stacks,
		      const int64_t *sums, size_t n)
{
	struct query *q = arg;
	struct group *g = vec_at(&q->groups, out);
	uint32_t page = UINT32_MAX;
	int64_t *at = NULL;

	for (size_t i = 0; i < n; i++) {
		int64_t *sum;

		if (!sums[i])
			continue;
		/* Hostile ids: the dictionary has no more stacks than this. */
		if (stacks[i] >= 1u << 25)
			continue;
		if (stacks[i] >> PAGE_SHIFT != page) {
			int r;

			page = stacks[i] >> PAGE_SHIFT;
			r = query_page(q, g, page, &at);
			if (r < 0)
				return r;
		}
		if (n - i > AHEAD && stacks[i + AHEAD] >> PAGE_SHIFT == page)
			__builtin_prefetch(
				&at[(stacks[i + AHEAD] & (PAGE_STACKS - 1)) * q->q->n_types +
				    type]);
		sum = &at[(stacks[i] & (PAGE_STACKS - 1)) * q->q->n_types + type];
		if (__builtin_add_overflow(*sum, sums[i], sum))
			*sum = INT64_MAX;
	}
	return 0;
}

static void free_pages(struct query *q)
{
	for (size_t i = 0; i < q->groups.n; i++) {
		struct group *g = vec_at(&q->groups, i);

		for (uint32_t k = 0; k < g->n_pages; k++)
			free(g->pages[k]);
		free(g->pages);
		g->pages = NULL;
		g->n_pages = 0;
	}
	q->bytes = 0;
}

/* ---- Into the profile. */

static bool any_sum(const struct query *q, const int64_t *sums)
{
	for (size_t i = 0; i < q->q->n_types; i++)
		if (sums[i])
			return true;
	return false;
}

/* Stacks that have a sum in some group, rising. */
static int collect_stacks(const struct query *q, struct vec *ret)
{
	uint32_t n_pages = 0;

	for (size_t i = 0; i < q->groups.n; i++) {
		const struct group *g = vec_at(&q->groups, i);

		n_pages = g->n_pages > n_pages ? g->n_pages : n_pages;
	}
	for (uint32_t page = 0; page < n_pages; page++) {
		bool used[PAGE_STACKS] = {false};

		for (size_t i = 0; i < q->groups.n; i++) {
			const struct group *g = vec_at(&q->groups, i);
			const int64_t *at = page < g->n_pages ? g->pages[page] : NULL;

			for (uint32_t k = 0; at && k < PAGE_STACKS; k++)
				used[k] = used[k] || any_sum(q, at + k * q->q->n_types);
		}
		for (uint32_t k = 0; k < PAGE_STACKS; k++) {
			uint32_t id = page << PAGE_SHIFT | k;

			if (used[k] && !vec_push(ret, &id, 1))
				return -ENOMEM;
		}
	}
	return 0;
}

/* The group's labels and the state of a type. */
static int state_labels(struct query *q, struct group *g, size_t type, uint32_t *ret)
{
	const char *state = q->q->types[type].state;
	struct cresset_label labels[STORE_MAX_LABELS] = {{0}};
	const struct cresset_label *own;
	size_t n;
	int r;

	if (!state) {
		*ret = g->labels;
		return 0;
	}
	if (!g->with_state[type]) {
		own = cresset_profile_labels(q->p, g->labels, &n);
		if (n)
			memcpy(labels, own, n * sizeof(*labels));
		r = cresset_profile_add_string(q->p, CRESSET_LABEL_STATE,
					       strlen(CRESSET_LABEL_STATE), &labels[n].key);
		r = r ?: cresset_profile_add_string(q->p, state, strlen(state), &labels[n].str);
		r = r ?: cresset_profile_add_labels(q->p, labels, n + 1, &g->with_state[type]);
		if (r < 0)
			return r;
	}
	*ret = g->with_state[type];
	return 0;
}

/* One sample for the types without a state, and one for each other. */
static int add_samples(struct query *q, struct group *g, uint32_t stack, const int64_t *sums)
{
	int64_t together[STORE_MAX_TYPES + 1] = {0}, sum = 0;
	size_t n = q->q->n_types;
	bool any = false;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		int64_t alone[STORE_MAX_TYPES + 1] = {0};
		uint32_t labels;

		if (!q->q->types[i].state) {
			together[i] = sums[i];
			any |= sums[i] != 0;
			if (__builtin_add_overflow(sum, sums[i], &sum))
				sum = INT64_MAX;
		} else if (sums[i]) {
			alone[i] = alone[n] = sums[i];
			r = state_labels(q, g, i, &labels);
			r = r ?: cresset_profile_add_sample(q->p, stack, labels, alone);
		}
	}
	together[n] = sum;
	if (r == 0 && any)
		r = cresset_profile_add_sample(q->p, stack, g->labels, together);
	return r;
}

static int add_group(struct query *q, struct group *g, const struct vec *stacks,
		     const uint32_t *ids)
{
	int r = 0;

	for (size_t i = 0; i < stacks->n && r == 0; i++) {
		uint32_t stack = *(uint32_t *)vec_at(stacks, i);
		uint32_t page = stack >> PAGE_SHIFT;
		const int64_t *at = page < g->n_pages ? g->pages[page] : NULL;

		if (at)
			r = add_samples(q, g, ids[i],
					at + (stack & (PAGE_STACKS - 1)) * q->q->n_types);
	}
	return r;
}

/* In slices, as many stacks may be more than fits. */
static int add_stacks(struct query *q, struct dict_reader *d, const struct vec *stacks,
		      uint32_t *ids)
{
	int r = 0;

	for (size_t i = 0; i < stacks->n && r == 0; i += SLICE_STACKS) {
		size_t n = stacks->n - i < SLICE_STACKS ? stacks->n - i : SLICE_STACKS;

		r = dict_reader_stacks(d, q->p, vec_at(stacks, i), n, ids + i);
		r = r ?: check_bytes(q);
	}
	return r;
}

static int query_end(void *arg, struct dict_reader *d)
{
	struct query *q = arg;
	struct vec stacks;
	uint32_t *ids = NULL;
	int r;

	vec_init(&stacks, sizeof(uint32_t));
	r = collect_stacks(q, &stacks);
	if (r == 0 && stacks.n) {
		ids = calloc(stacks.n, sizeof(*ids));
		r = ids ? add_stacks(q, d, &stacks, ids) : -ENOMEM;
		r = r ?: profile_reserve_samples(q->p, stacks.n);
	}
	for (size_t i = 0; i < q->groups.n && r == 0; i++)
		r = add_group(q, vec_at(&q->groups, i), &stacks, ids);
	r = r ?: check_bytes(q);
	free(ids);
	vec_release(&stacks);
	free_pages(q);
	return r;
}

static int query_begin(struct query *q)
{
	int r = cresset_profile_new(&q->p);

	vec_init(&q->groups, sizeof(struct group));
	r = r ?: table_init(&q->by_labels, sizeof(struct group_key), sizeof(struct group_key));
	for (size_t i = 0; i < q->q->n_types && r == 0; i++)
		r = cresset_profile_add_value_type(q->p, q->q->types[i].type, q->q->types[i].unit);
	if (r == 0 && q->q->sum) {
		r = cresset_profile_add_value_type(
			q->p, q->q->sum, q->q->n_types ? q->q->types[0].unit : "nanoseconds");
		cresset_profile_set_default_type(q->p, q->q->n_types);
	}
	return r;
}

static void query_release(struct query *q)
{
	free_pages(q);
	vec_release(&q->groups);
	table_release(&q->by_labels);
	cresset_profile_free(q->p);
	q->p = NULL;
}

static int query_run(struct embedded *e, struct query *q, struct store_result *ret_result)
{
	static const struct scan_ops ops = {
		.series = query_series, .rows = query_rows, .end = query_end};
	struct scan s;
	int r = scan_init(&s, e, q->q, &ops, q, q->err);

	for (unsigned int i = 1; r == 0; i++) {
		r = query_begin(q);
		r = r ?: scan_run(&s, i == SCAN_TRIES);
		if (r != -EAGAIN)
			break;
		query_release(q);
		r = 0;
	}
	if (r == 0) {
		cresset_profile_set_time(q->p, s.result.first_ns,
					 s.result.last_ns - s.result.first_ns);
		if (ret_result)
			*ret_result = s.result;
	}
	scan_release(&s);
	return r;
}

/* ---- All types there are. */

struct all_types {
	struct store_type types[STORE_MAX_TYPES];
	size_t n;
	bool failed;
};

static int take_type(void *arg, const struct store_type *t)
{
	struct all_types *all = arg;
	struct store_type *own = &all->types[all->n];

	if (all->n == STORE_MAX_TYPES)
		return 0;
	own->type = strdup(t->type);
	own->unit = strdup(t->unit);
	all->n++;
	return own->type && own->unit ? 0 : -ENOMEM;
}

static void all_types_release(struct all_types *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free((char *)all->types[i].type);
		free((char *)all->types[i].unit);
	}
}

int embedded_query(struct store *s, const struct store_query *sq, struct cresset_profile **ret,
		   struct store_result *ret_result, struct cresset_error *err)
{
	struct store_query own = *sq;
	uint64_t max = embedded_of(s)->options.max_memory;
	struct query q = {.q = &own, .err = err, .max_bytes = max ? max : DEFAULT_MAX_BYTES};
	struct all_types all = {.n = 0};
	int r = 0;

	if (!own.n_types) {
		r = store_types(s, take_type, &all, err);
		own.types = all.types;
		own.n_types = all.n;
	}
	r = r ?: query_run(embedded_of(s), &q, ret_result);
	if (r == 0) {
		*ret = q.p;
		q.p = NULL;
	}
	query_release(&q);
	all_types_release(&all);
	return r;
}
