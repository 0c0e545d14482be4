// SPDX-License-Identifier: Apache-2.0
/*
 * ask - a question to a store, from the texts that a person or a URL gives, to a profile.
 *
 * The command line and the HTTP server read the same texts in the same way: moments (when.h), a
 * match (match.h), an event (event.h), and a second range to compare with. What is wrong with a
 * text is one line that names it and says what to write instead.
 *
 *     struct ask a = {.from = "-2h", .match = "service=\"api\"", .event = "wall"};
 *     struct asked q;
 *     struct ask_answer answer;
 *
 *     r = ask_parse(&a, now_ns, &q, &err);
 *     r = r ?: ask_profile(s, &q, &answer, &err);
 *     …
 *     ask_answer_release(&answer);
 *     asked_release(&q);
 *
 * Lists and tables are asked for with q.query: store_top(s, &q.query, …), store_values(…).
 */
#ifndef STORE_ASK_H
#define STORE_ASK_H

#include "store/event.h"
#include "store/store.h"

#define ASK_DEFAULT_LENGTH_NS (INT64_C(3600) * 1000000000)
#define ASK_DEFAULT_EVENT     "cpu"

/* Texts; NULL: not given. They are to live as long as what is made of them. */
struct ask {
	const char *from;  /* default: an hour before `to` */
	const char *to;	   /* default: now */
	const char *match; /* default: everything */
	const char *event; /* default: cpu */
	/* The range to compare with; both NULL: none. If one of them is not given, the range is as
	 * long as the other range. */
	const char *diff_from, *diff_to;
	const char *const *keep_labels; /* of struct store_query */
	size_t n_keep_labels;
};

/* A question that has been understood. */
struct asked {
	const struct store_event *event;
	const char *match_text; /* "": everything */
	struct match *match;
	struct store_query query; /* with the event's types */
	struct store_query base;  /* the same in the other range … */
	bool has_base;		  /* … if there is one */
};

/* -EINVAL with err: which text is wrong. */
int ask_parse(const struct ask *a, int64_t now_ns, struct asked *ret, struct cresset_error *err);
/* Also of one that is all zero. */
void asked_release(struct asked *a);

struct ask_answer {
	struct cresset_profile *profile;
	struct cresset_profile *base; /* NULL: no range to compare with */
	struct store_result result, base_result;
};

/* Errors as of store_query(). */
int ask_profile(struct store *s, const struct asked *a, struct ask_answer *ret,
		struct cresset_error *err);
void ask_answer_release(struct ask_answer *a);

/* What is asked for as a title: "cpu, 2026-11-22 12:05 to 13:05 UTC, service="api"". Returns buf.
 */
const char *ask_title(const struct asked *a, char *buf, size_t size);

#endif
