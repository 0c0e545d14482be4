// SPDX-License-Identifier: Apache-2.0
/*
 * api_query - /api/v1/query and /api/v1/diff: a profile of a range, or what changed since another,
 * as JSON or in any format that can be written; or with "by", a table of one label's values.
 */
#include "web/api.h"
#include "web/tree.h"

#include "core/vec.h"
#include "idle.h"
#include "store/when.h"

#include <cresset/format.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOP_DEFAULT = 30, TOP_MAX = 100000 };

/* How the answer is to look. */
struct look {
	const struct cresset_format *format; /* NULL: JSON */
	struct cresset_format_options options;
	unsigned int top;
	bool download, idle;
};

/* ---- Parameters. */

static int parse_format(const struct target *t, bool diff, struct look *look,
			struct cresset_error *err)
{
	const char *name = target_get(t, "format");
	char known[200] = "json";
	const struct cresset_format *f;
	size_t used = 4;

	if (!name || !strcmp(name, "json"))
		return 0;
	for (size_t i = 0; (f = cresset_format_at(i)); i++) {
		if (!f->write || (diff && !(f->flags & CRESSET_FORMAT_DIFF)))
			continue;
		if (!strcmp(f->name, name)) {
			look->format = f;
			return 0;
		}
		if (used < sizeof(known))
			used += (size_t)snprintf(known + used, sizeof(known) - used, ", %s",
						 f->name);
	}
	return cresset_error_set(err, -EINVAL, "format=%.40s is not known%s (known: %s)", name,
				 diff ? " or cannot show two profiles" : "", known);
}

static int parse_min_width(const struct target *t, double *ret, struct cresset_error *err)
{
	const char *text = target_get(t, "min-width");
	char *end = NULL;
	double value;

	if (!text)
		return 0;
	value = strlen(text) < 20 && strspn(text, "0123456789.") == strlen(text)
			? strtod(text, &end)
			: -1;
	if (!end || end == text || *end || value > 100)
		return cresset_error_set(err, -EINVAL,
					 "min-width=%.40s is not a percentage (0 to 100)", text);
	*ret = value;
	return 0;
}

static int parse_look(const struct target *t, bool diff, struct look *look,
		      struct cresset_error *err)
{
	int r;

	*look = (struct look){.options = CRESSET_FORMAT_OPTIONS_INIT};
	r = parse_format(t, diff, look, err);
	r = r ?: target_uint(t, "top", 0, TOP_MAX, TOP_DEFAULT, &look->top, err);
	r = r ?: target_bool(t, "download", &look->download, err);
	r = r ?: target_bool(t, "idle", &look->idle, err);
	r = r ?: target_bool(t, "normalize", &look->options.normalize, err);
	r = r ?: parse_min_width(t, &look->options.min_width, err);
	look->options.title = target_get(t, "title");
	look->options.top = look->top;
	look->options.hide_idle = !look->idle;
	return r;
}

static int parse_value(const struct target *t, const struct cresset_profile *p, int *ret,
		       struct cresset_error *err)
{
	const char *name = target_get(t, "value");
	char known[200] = "";
	size_t used = 0;

	for (size_t i = 0; name && i < cresset_profile_n_value_types(p); i++) {
		const char *type = cresset_profile_string(p, cresset_profile_value_type(p, i).type);

		if (!strcmp(type, name)) {
			*ret = (int)i;
			return 0;
		}
		if (used < sizeof(known))
			used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%.60s",
						 i ? ", " : "", type);
	}
	if (name)
		return cresset_error_set(err, -EINVAL, "value=%.40s is not there (there are: %s)",
					 name, known);
	*ret = -1;
	return 0;
}

/* ---- A profile. */

static void describe(const struct web *w, const struct api *a, const struct look *look,
		     struct answer *reply)
{
	static const struct {
		const char *format, *type;
	} types[] = {{"svg", "image/svg+xml"},
		     {"folded", "text/plain; charset=utf-8"},
		     {"top", "text/plain; charset=utf-8"}};
	const struct cresset_format *f = look->format;
	const char *end = f->extensions;
	char when[40];

	reply->type = "application/octet-stream";
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(f->name, types[i].format))
			reply->type = types[i].type;
	if (!strcmp(f->name, "svg"))
		reply->csp = w->svg_csp;
	reply->attachment = look->download || (f->flags & CRESSET_FORMAT_BINARY);
	answer_filename_add(reply, a->asked.event->name, 16);
	answer_filename_add(reply, "-", 1);
	answer_filename_add(reply, when_text(a->asked.query.from_ns, when, sizeof(when)), 24);
	if (a->asked.match_text[0]) {
		answer_filename_add(reply, "-", 1);
		answer_filename_add(reply, a->asked.match_text, 40);
	}
	answer_filename_add(reply, *end ? end : ".txt", *end ? strcspn(end, " ") : 4);
}

static void put_totals(struct json *j, const char *key, const struct cresset_profile *p)
{
	json_begin(j, key, '[');
	for (size_t i = 0; i < cresset_profile_n_value_types(p); i++) {
		struct cresset_value_type type = cresset_profile_value_type(p, i);

		json_begin(j, NULL, '{');
		json_put_string(j, "type", cresset_profile_string(p, type.type));
		json_put_string(j, "unit", cresset_profile_string(p, type.unit));
		json_put_int(j, "total", cresset_profile_total(p, i));
		json_end(j);
	}
	json_end(j);
}

static int write_json(const struct api *a, const struct ask_answer *answer, const struct look *look,
		      struct answer *reply)
{
	const struct cresset_profile *p = answer->profile;
	int index = look->options.value_index;
	size_t value = index < 0 ? cresset_profile_default_type(p) : (size_t)index;
	struct json j;
	int r = api_begin(reply, a, &j);

	if (r < 0)
		return r;
	json_put_string(&j, "event", a->asked.event->name);
	api_completeness(&j, "completeness", &answer->result);
	put_totals(&j, "totals", p);
	if (answer->base) {
		json_put_int(&j, "diff_from_ns", a->asked.base.from_ns);
		json_put_int(&j, "diff_to_ns", a->asked.base.to_ns);
		api_completeness(&j, "diff_completeness", &answer->base_result);
		put_totals(&j, "diff_totals", answer->base);
	}
	json_put_string(&j, "value",
			cresset_profile_string(p, cresset_profile_value_type(p, value).type));
	/* Both ranges were asked for the same event: the same values in the same order. */
	r = tree_write(&j, p, value, &look->options, value);
	json_end(&j);
	return r;
}

static int write_profile(struct web *w, const struct target *t, const struct api *a,
			 struct ask_answer *answer, struct look *look, struct answer *reply,
			 struct cresset_error *err)
{
	struct cresset_sink *sink;
	char title[300];
	int r = parse_value(t, answer->profile, &look->options.value_index, err);

	r = r ?: idle_tag(w->idle, answer->profile);
	if (answer->base)
		r = r ?: idle_tag(w->idle, answer->base);
	if (r < 0)
		return r;
	look->options.base = answer->base;
	if (!look->format)
		return write_json(a, answer, look, reply);
	if (!look->options.title)
		look->options.title = ask_title(&a->asked, title, sizeof(title));
	describe(w, a, look, reply);
	r = answer_sink(reply, &sink);
	return r ?: look->format->write(answer->profile, sink, &look->options, err);
}

/* ---- A table. */

struct top {
	struct json *j;
	unsigned int left, more;
	int64_t totals[STORE_MAX_TYPES];
};

static int put_row(void *arg, const char *value, const int64_t *sums, size_t n)
{
	struct top *top = arg;

	for (size_t i = 0; i < n && i < STORE_MAX_TYPES; i++)
		if (__builtin_add_overflow(top->totals[i], sums[i], &top->totals[i]))
			top->totals[i] = INT64_MAX;
	if (!top->left) {
		top->more++;
		return 0;
	}
	top->left--;
	json_begin(top->j, NULL, '{');
	json_put_string(top->j, "value", value);
	json_begin(top->j, "sums", '[');
	for (size_t i = 0; i < n; i++)
		json_put_int(top->j, NULL, sums[i]);
	json_end(top->j);
	json_end(top->j);
	return cresset_sink_error(top->j->sink);
}

static int write_top(const struct api *a, const char *label, const struct look *look,
		     struct answer *reply, struct cresset_error *err)
{
	const struct store_query *q = &a->asked.query;
	struct store_result result = {.windows = 0};
	struct json j;
	struct top top = {.j = &j, .left = look->top ? look->top : TOP_MAX};
	int r;

	if (look->format)
		return cresset_error_set(err, -EINVAL, "a table (by=) is written as json only");
	r = api_begin(reply, a, &j);
	if (r < 0)
		return r;
	json_put_string(&j, "event", a->asked.event->name);
	json_put_string(&j, "by", label);
	json_begin(&j, "types", '[');
	for (size_t i = 0; i < q->n_types; i++) {
		json_begin(&j, NULL, '{');
		json_put_string(&j, "type", q->types[i].type);
		json_put_string(&j, "unit", q->types[i].unit);
		json_end(&j);
	}
	json_end(&j);
	json_begin(&j, "rows", '[');
	r = store_top(a->store, q, label, put_row, &top, &result, err);
	json_end(&j);
	json_begin(&j, "totals", '[');
	for (size_t i = 0; i < q->n_types; i++)
		json_put_int(&j, NULL, top.totals[i]);
	json_end(&j);
	json_put_uint(&j, "more_rows", top.more);
	api_completeness(&j, "completeness", &result);
	json_end(&j);
	return r;
}

static int ask(struct web *w, const struct target *t, bool diff, struct answer *reply,
	       struct cresset_error *err)
{
	const char *by = target_get(t, "by");
	struct ask_answer answer = {.profile = NULL};
	struct look look;
	struct api a;
	int r = parse_look(t, diff, &look, err);

	r = r ?: api_open(w, t, &a, err);
	if (r < 0)
		return r;
	if (by && diff)
		r = cresset_error_set(err, -EINVAL, "a table (by=) compares nothing");
	else if (by)
		r = write_top(&a, by, &look, reply, err);
	else
		r = ask_profile(a.store, &a.asked, &answer, err);
	if (r == 0 && answer.profile)
		r = write_profile(w, t, &a, &answer, &look, reply, err);
	ask_answer_release(&answer);
	api_close(&a);
	return r;
}

int handle_api_query(struct web *w, const struct target *t, struct answer *reply,
		     struct cresset_error *err)
{
	return ask(w, t, false, reply, err);
}

int handle_api_diff(struct web *w, const struct target *t, struct answer *reply,
		    struct cresset_error *err)
{
	if (!target_get(t, "diff-from") && !target_get(t, "diff-to"))
		return cresset_error_set(err, -EINVAL,
					 "what to compare with? give diff-from= or diff-to=");
	return ask(w, t, true, reply, err);
}
