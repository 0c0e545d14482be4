// SPDX-License-Identifier: Apache-2.0
/* store - the table of kinds, the defaults, and what can be said in terms of other calls. */
#include "store/store.h"

#include "core/strtab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define X(name) extern const struct store_kind store_##name;
STORES(X)
#undef X

static const struct store_kind *const kinds[] = {
#define X(name) &store_##name,
	STORES(X)
#undef X
};

const struct store_kind *store_kind_at(size_t i)
{
	return i < sizeof(kinds) / sizeof(kinds[0]) ? kinds[i] : NULL;
}

/* "KIND:rest", or a folder. */
static const struct store_kind *kind_of(const char *path, const char **ret_rest)
{
	for (size_t i = 0; store_kind_at(i); i++) {
		size_t len = strlen(kinds[i]->name);

		if (strncmp(path, kinds[i]->name, len) == 0 && path[len] == ':') {
			*ret_rest = path + len + 1;
			return kinds[i];
		}
	}
	*ret_rest = path;
	return kinds[0];
}

int store_open(const char *path, const struct store_options *options, struct store **ret,
	       struct cresset_error *err)
{
	struct store_options own = options ? *options : (struct store_options){.read_only = false};
	const struct store_kind *kind = kind_of(path, &path);
	struct store *s;
	int r;

	own.max_bytes = own.max_bytes ?: STORE_DEFAULT_MAX_BYTES;
	own.max_age_ns = own.max_age_ns ?: STORE_DEFAULT_MAX_AGE_NS;
	own.resolution_ns = own.resolution_ns ?: STORE_DEFAULT_RESOLUTION_NS;
	if (!*path)
		return cresset_error_set(err, -EINVAL, "a store needs a path");
	if (own.max_bytes < STORE_MIN_MAX_BYTES)
		return cresset_error_set(err, -EINVAL, "a store needs at least %llu bytes",
					 (unsigned long long)STORE_MIN_MAX_BYTES);
	if (own.max_age_ns < 0 || own.resolution_ns < 0)
		return -EINVAL;
	r = kind->open(path, &own, &s, err);
	if (r < 0)
		return r;
	s->kind = kind;
	*ret = s;
	return 0;
}

void store_close(struct store *s)
{
	if (s)
		s->kind->close(s);
}

int store_append(struct store *s, const struct cresset_profile *p, struct cresset_error *err)
{
	return s->kind->append(s, p, err);
}

static int check_query(const struct store_query *q, bool types, struct cresset_error *err)
{
	if (q->n_types > STORE_MAX_TYPES - (q->sum != NULL))
		return cresset_error_set(err, -EINVAL, "a query has too many value types");
	if (types && !q->n_types)
		return cresset_error_set(err, -EINVAL, "a query needs a value type");
	if (q->from_ns < 0 || q->to_ns < q->from_ns)
		return cresset_error_set(err, -EINVAL, "the range ends before it begins");
	if (q->from_ns == q->to_ns && q->to_ns)
		return cresset_error_set(err, -EINVAL, "the range is empty");
	return 0;
}

int store_query(struct store *s, const struct store_query *q, struct cresset_profile **ret,
		struct store_result *ret_result, struct cresset_error *err)
{
	return check_query(q, false, err) ?: s->kind->query(s, q, ret, ret_result, err);
}

int store_top(struct store *s, const struct store_query *q, const char *label, store_top_fn fn,
	      void *arg, struct store_result *ret_result, struct cresset_error *err)
{
	return check_query(q, true, err) ?: s->kind->top(s, q, label, fn, arg, ret_result, err);
}

int store_series(struct store *s, const struct store_query *q, store_series_fn fn, void *arg,
		 struct store_result *ret_result, struct cresset_error *err)
{
	return check_query(q, false, err) ?: s->kind->series(s, q, fn, arg, ret_result, err);
}

int store_types(struct store *s, int (*fn)(void *arg, const struct store_type *type), void *arg,
		struct cresset_error *err)
{
	return s->kind->types(s, fn, arg, err);
}

int store_ranges(struct store *s, int64_t from_ns, int64_t to_ns, int64_t gap_ns,
		 int (*fn)(void *arg, const struct store_range *range), void *arg,
		 struct cresset_error *err)
{
	return s->kind->ranges(s, from_ns, to_ns, gap_ns ?: 300 * INT64_C(1000000000), fn, arg,
			       err);
}

int store_maintain(struct store *s, int64_t now_ns, struct cresset_error *err)
{
	return s->kind->maintain(s, now_ns, err);
}

int store_stats(struct store *s, struct store_stats *ret, struct cresset_error *err)
{
	return s->kind->stats(s, ret, err);
}

/* ---- Names and values of labels, out of the series. */

struct texts {
	struct strtab all;
	const char *label; /* values of this one; NULL: names */
};

static int take_series(void *arg, const struct store_label *labels, size_t n)
{
	struct texts *t = arg;
	uint32_t id;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		const char *text = t->label ? labels[i].value : labels[i].key;

		if (!t->label || strcmp(labels[i].key, t->label) == 0)
			r = strtab_add(&t->all, text, strlen(text), &id);
	}
	return r;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int give_texts(const struct texts *t, store_text_fn fn, void *arg)
{
	size_t n = strtab_count(&t->all);
	const char **sorted = calloc(n + 1, sizeof(*sorted));
	int r = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		sorted[i] = strtab_get(&t->all, (uint32_t)i + 1);
	qsort(sorted, n, sizeof(*sorted), compare_texts);
	for (size_t i = 0; i < n && r == 0; i++)
		r = fn(arg, sorted[i]);
	free(sorted);
	return r;
}

static int list_texts(struct store *s, const struct store_query *q, const char *label,
		      store_text_fn fn, void *arg, struct cresset_error *err)
{
	struct texts t = {.label = label};
	int r = strtab_init(&t.all);

	r = r ?: store_series(s, q, take_series, &t, NULL, err);
	r = r ?: give_texts(&t, fn, arg);
	strtab_release(&t.all);
	return r;
}

int store_labels(struct store *s, const struct store_query *q, store_text_fn fn, void *arg,
		 struct cresset_error *err)
{
	return list_texts(s, q, NULL, fn, arg, err);
}

int store_values(struct store *s, const struct store_query *q, const char *label, store_text_fn fn,
		 void *arg, struct cresset_error *err)
{
	return list_texts(s, q, label, fn, arg, err);
}
