// SPDX-License-Identifier: Apache-2.0
/* ask - see ask.h. */
#include "store/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "store/match.h"
#include "store/when.h"

/* ---- Ranges. */

static int parse_moment(const char *name, const char *text, int64_t now_ns, int64_t *ret_ns,
			struct cresset_error *err)
{
	int r = when_parse(text, now_ns, ret_ns);

	if (r == -ERANGE)
		return cresset_error_set(
			err, -EINVAL, "%s '%.60s' is out of range (from 1970 to 2262)", name, text);
	if (r < 0)
		return cresset_error_set(err, -EINVAL,
					 "%s '%.60s' is not a moment (write now, -1h, "
					 "2026-11-22T13:05:00Z, '2026-11-22 13:05' or seconds "
					 "since 1970)",
					 name, text);
	return 0;
}

struct range_texts {
	const char *from_name, *to_name;
	const char *from, *to;
};

/* A range of which one end may be missing: then it is length_ns long. */
static int parse_range(const struct range_texts *t, int64_t length_ns, int64_t now_ns,
		       struct store_query *q, struct cresset_error *err)
{
	int64_t from_ns = 0, to_ns = now_ns;
	int r = 0;

	if (t->from)
		r = parse_moment(t->from_name, t->from, now_ns, &from_ns, err);
	if (t->to)
		r = r ?: parse_moment(t->to_name, t->to, now_ns, &to_ns, err);
	if (r < 0)
		return r;
	if (!t->from)
		from_ns = to_ns > length_ns ? to_ns - length_ns : 0;
	else if (!t->to && __builtin_add_overflow(from_ns, length_ns, &to_ns))
		to_ns = INT64_MAX;
	if (from_ns >= to_ns)
		return cresset_error_set(
			err, -EINVAL, "%s '%.60s' is not before %s '%.60s': the range is empty",
			t->from_name, t->from ?: "the beginning", t->to_name, t->to ?: "now");
	q->from_ns = from_ns;
	q->to_ns = to_ns;
	return 0;
}

/* The main range ends now, whatever its length, unless it is told otherwise. */
static int parse_ranges(const struct ask *a, int64_t now_ns, struct asked *ret,
			struct cresset_error *err)
{
	struct range_texts main = {"from", "to", a->from, a->to ?: "now"};
	struct range_texts base = {"diff-from", "diff-to", a->diff_from, a->diff_to};
	int r = parse_range(&main, ASK_DEFAULT_LENGTH_NS, now_ns, &ret->query, err);

	ret->has_base = a->diff_from || a->diff_to;
	if (r == 0 && ret->has_base)
		r = parse_range(&base, ret->query.to_ns - ret->query.from_ns, now_ns, &ret->base,
				err);
	return r;
}

/* ---- The rest. */

static int parse_event(const char *name, const struct store_event **ret, struct cresset_error *err)
{
	char known[200] = "";
	size_t used = 0;

	*ret = store_event_by_name(name);
	for (size_t i = 0; store_event_at(i) && used < sizeof(known); i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
					 store_event_at(i)->name);
	return *ret ? 0
		    : cresset_error_set(err, -EINVAL, "event '%.60s' is not known (known: %s)",
					name, known);
}

static void complete(const struct ask *a, const struct asked *asked, struct store_query *q)
{
	q->match = asked->match;
	q->types = asked->event->types;
	q->n_types = asked->event->n_types;
	q->sum = asked->event->sum;
	q->keep_labels = a->keep_labels;
	q->n_keep_labels = a->n_keep_labels;
}

int ask_parse(const struct ask *a, int64_t now_ns, struct asked *ret, struct cresset_error *err)
{
	struct asked q = {.match_text = a->match ?: ""};
	int r = parse_ranges(a, now_ns, &q, err);

	r = r ?: parse_event(a->event ?: ASK_DEFAULT_EVENT, &q.event, err);
	r = r ?: match_new(a->match, &q.match, err);
	if (r < 0)
		return r;
	complete(a, &q, &q.query);
	complete(a, &q, &q.base);
	*ret = q;
	return 0;
}

void asked_release(struct asked *a)
{
	match_free(a->match);
	a->match = NULL;
}

int ask_profile(struct store *s, const struct asked *a, struct ask_answer *ret,
		struct cresset_error *err)
{
	struct ask_answer answer = {.profile = NULL};
	int r = store_query(s, &a->query, &answer.profile, &answer.result, err);

	if (r == 0 && a->has_base)
		r = store_query(s, &a->base, &answer.base, &answer.base_result, err);
	if (r < 0) {
		ask_answer_release(&answer);
		return r;
	}
	*ret = answer;
	return 0;
}

void ask_answer_release(struct ask_answer *a)
{
	cresset_profile_free(a->profile);
	cresset_profile_free(a->base);
	a->profile = a->base = NULL;
}

/* ---- Title. */

struct clock_text {
	char day[32];
	char clock[32];
};

static struct clock_text clock_text(int64_t ns, bool seconds)
{
	time_t t = ns / 1000000000;
	struct clock_text ret = {.day = ""};
	struct tm tm;

	if (!gmtime_r(&t, &tm))
		return ret;
	strftime(ret.day, sizeof(ret.day), "%Y-%m-%d", &tm);
	if (seconds)
		strftime(ret.clock, sizeof(ret.clock), "%H:%M:%S", &tm);
	else
		strftime(ret.clock, sizeof(ret.clock), "%H:%M", &tm);
	return ret;
}

/* "2026-11-22 12:05 to 13:05"; the day once where it is the same, seconds where there are some. */
static void range_text(const struct store_query *q, char *buf, size_t size)
{
	bool seconds = q->from_ns / 1000000000 % 60 || q->to_ns / 1000000000 % 60;
	struct clock_text from = clock_text(q->from_ns, seconds);
	struct clock_text to = clock_text(q->to_ns, seconds);
	bool other_day = strcmp(from.day, to.day) != 0;

	snprintf(buf, size, "%s %s to %s%s%s", from.day, from.clock, other_day ? to.day : "",
		 other_day ? " " : "", to.clock);
}

const char *ask_title(const struct asked *a, char *buf, size_t size)
{
	char range[160], base[160] = "";

	range_text(&a->query, range, sizeof(range));
	if (a->has_base)
		range_text(&a->base, base, sizeof(base));
	snprintf(buf, size, "%s, %s%s%s UTC%s%s", a->event->name, range,
		 a->has_base ? " against " : "", base, *a->match_text ? ", " : "", a->match_text);
	return buf;
}
