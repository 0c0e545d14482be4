// SPDX-License-Identifier: Apache-2.0
/*
 * api - see api.h; and the lists: labels, their values, series.
 *
 * Each question opens the store anew, which costs about a millisecond: a handle is for one thread,
 * and one that is kept would keep memory and outlive a store that was replaced.
 */
#include "web/api.h"

#include <cresset/format.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SERIES_DEFAULT = 1000, LIST_MAX = 100000 };

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* "labels=a,b": which labels samples keep; the command's name if that is not said. */
static int parse_labels(const struct target *t, struct api *a, struct cresset_error *err)
{
	const char *text = target_get(t, "labels");
	char *word, *next = NULL;

	a->ask.keep_labels = a->keep;
	if (!text)
		text = CRESSET_LABEL_COMM;
	if (strlen(text) >= sizeof(a->keep_text))
		return cresset_error_set(err, -EINVAL, "labels= is longer than %zu bytes",
					 sizeof(a->keep_text) - 1);
	snprintf(a->keep_text, sizeof(a->keep_text), "%s", text);
	for (word = strtok_r(a->keep_text, ",", &next); word; word = strtok_r(NULL, ",", &next)) {
		if (a->ask.n_keep_labels == sizeof(a->keep) / sizeof(*a->keep))
			return cresset_error_set(err, -EINVAL, "labels= names more than %zu labels",
						 sizeof(a->keep) / sizeof(*a->keep));
		a->keep[a->ask.n_keep_labels++] = word;
	}
	return 0;
}

int api_open(struct web *w, const struct target *t, struct api *a, struct cresset_error *err)
{
	struct store_options options = {.read_only = true, .max_memory = w->max_query_bytes};
	int r;

	memset(a, 0, sizeof(*a));
	a->ask.from = target_get(t, "from");
	a->ask.to = target_get(t, "to");
	a->ask.match = target_get(t, "match");
	a->ask.event = target_get(t, "event");
	a->ask.diff_from = target_get(t, "diff-from");
	a->ask.diff_to = target_get(t, "diff-to");
	r = parse_labels(t, a, err);
	r = r ?: ask_parse(&a->ask, now_ns(), &a->asked, err);
	if (r < 0)
		return r;
	if (!w->store_path)
		r = cresset_error_set(err, -ENOENT,
				      "this agent keeps no profiles (it has no "
				      "store)");
	r = r ?: store_open(w->store_path, &options, &a->store, err);
	if (r < 0)
		asked_release(&a->asked);
	return r;
}

void api_close(struct api *a)
{
	store_close(a->store);
	asked_release(&a->asked);
}

int api_begin(struct answer *reply, const struct api *a, struct json *ret)
{
	struct cresset_sink *sink;
	int r = answer_sink(reply, &sink);

	if (r < 0)
		return r;
	reply->type = "application/json";
	json_init(ret, sink);
	json_begin(ret, NULL, '{');
	json_put_int(ret, "from_ns", a->asked.query.from_ns);
	json_put_int(ret, "to_ns", a->asked.query.to_ns);
	json_put_string(ret, "match", a->asked.match_text);
	return 0;
}

void api_completeness(struct json *j, const char *key, const struct store_result *result)
{
	json_begin(j, key, '{');
	json_put_bool(j, "complete", !result->damaged && !result->stacks_missing);
	json_put_uint(j, "windows", result->windows);
	json_put_uint(j, "segments", result->segments);
	json_put_uint(j, "rows", result->rows);
	json_put_int(j, "first_ns", result->first_ns);
	json_put_int(j, "last_ns", result->last_ns);
	json_put_uint(j, "damaged", result->damaged);
	if (result->damaged)
		json_put_string(j, "damaged_name", result->damaged_name);
	json_put_uint(j, "stacks_missing", result->stacks_missing);
	json_end(j);
}

/* ---- Lists. A callback that returns LIST_FULL ends one that is too long. */

enum { LIST_FULL = 1 };

struct list {
	struct json *j;
	unsigned int left;
};

static int put_text(void *arg, const char *text)
{
	struct list *l = arg;

	if (!l->left)
		return LIST_FULL;
	l->left--;
	json_put_string(l->j, NULL, text);
	return cresset_sink_error(l->j->sink);
}

static int put_type(void *arg, const struct store_type *type)
{
	struct json *j = arg;

	json_begin(j, NULL, '{');
	json_put_string(j, "type", type->type);
	json_put_string(j, "unit", type->unit);
	json_end(j);
	return 0;
}

static int put_range(void *arg, const struct store_range *range)
{
	struct json *j = arg;

	json_begin(j, NULL, '{');
	json_put_int(j, "from_ns", range->from_ns);
	json_put_int(j, "to_ns", range->to_ns);
	json_put_uint(j, "windows", range->windows);
	json_end(j);
	return cresset_sink_error(j->sink);
}

static int list_values(struct api *a, const char *label, struct json *j, struct cresset_error *err)
{
	struct list list = {.j = j, .left = LIST_MAX};
	int r;

	json_put_string(j, "label", label);
	json_begin(j, "values", '[');
	r = store_values(a->store, &a->asked.query, label, put_text, &list, err);
	json_end(j);
	json_put_bool(j, "truncated", r == LIST_FULL);
	return r == LIST_FULL ? 0 : r;
}

/* Which values "format" may have; "diff": in a comparison, too. */
static void put_formats(struct json *j)
{
	const struct cresset_format *f;

	json_begin(j, "formats", '[');
	for (size_t i = 0; (f = cresset_format_at(i)); i++) {
		if (!f->write)
			continue;
		json_begin(j, NULL, '{');
		json_put_string(j, "name", f->name);
		json_put_bool(j, "diff", f->flags & CRESSET_FORMAT_DIFF);
		json_end(j);
	}
	json_begin(j, NULL, '{');
	json_put_string(j, "name", "json");
	json_put_bool(j, "diff", true);
	json_end(j);
	json_end(j);
}

static int list_labels(struct api *a, struct json *j, struct cresset_error *err)
{
	struct list list = {.j = j, .left = LIST_MAX};
	int r;

	json_begin(j, "labels", '[');
	r = store_labels(a->store, &a->asked.query, put_text, &list, err);
	json_end(j);
	json_begin(j, "types", '[');
	if (r >= 0)
		r = store_types(a->store, put_type, j, err);
	json_end(j);
	/* What the store has at all, whatever range was asked for. */
	json_begin(j, "ranges", '[');
	r = r ?: store_ranges(a->store, 0, INT64_MAX, 0, put_range, j, err);
	json_end(j);
	put_formats(j);
	return r;
}

int handle_api_labels(struct web *w, const struct target *t, struct answer *reply,
		      struct cresset_error *err)
{
	const char *label = target_get(t, "label");
	struct json j;
	struct api a;
	int r = api_open(w, t, &a, err);

	if (r < 0)
		return r;
	r = api_begin(reply, &a, &j);
	if (r == 0)
		r = label ? list_values(&a, label, &j, err) : list_labels(&a, &j, err);
	if (r == 0)
		json_end(&j);
	api_close(&a);
	return r;
}

static int put_series(void *arg, const struct store_label *labels, size_t n)
{
	struct list *l = arg;

	if (!l->left)
		return LIST_FULL;
	l->left--;
	json_begin(l->j, NULL, '{');
	for (size_t i = 0; i < n; i++)
		json_put_string(l->j, labels[i].key, labels[i].value);
	json_end(l->j);
	return cresset_sink_error(l->j->sink);
}

int handle_api_series(struct web *w, const struct target *t, struct answer *reply,
		      struct cresset_error *err)
{
	struct store_result result = {.windows = 0};
	struct json j;
	struct list list = {.j = &j};
	struct api a;
	int r = target_uint(t, "limit", 1, LIST_MAX, SERIES_DEFAULT, &list.left, err);

	r = r ?: api_open(w, t, &a, err);
	if (r < 0)
		return r;
	r = api_begin(reply, &a, &j);
	if (r == 0) {
		json_begin(&j, "series", '[');
		r = store_series(a.store, &a.asked.query, put_series, &list, &result, err);
		json_end(&j);
		json_put_bool(&j, "truncated", r == LIST_FULL);
		r = r == LIST_FULL ? 0 : r;
		json_end(&j);
	}
	api_close(&a);
	return r;
}
