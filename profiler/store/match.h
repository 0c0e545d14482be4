// SPDX-License-Identifier: Apache-2.0
/*
 * match - a condition on labels, as Prometheus writes it:
 *
 *     service="api", comm=~"redis.*", host!="x", unit!~"cron|at"
 *
 * All terms must hold. = and != compare texts; =~ and !~ are POSIX extended regular expressions
 * that have to match the whole value. A label that is not there is "". Values stand in double or
 * single quotes, with \\ \" \' \n \t \r and \xNN; an outer pair of braces and a comma at the end
 * are allowed. A label's name is [A-Za-z_][A-Za-z0-9_.-]*, so that names with dots need no quotes.
 *
 * Bounded: MATCH_MAX_TERMS terms, MATCH_MAX_BYTES of text, and regular expressions without back
 * references and repetition counts past 100, which could take exponential time or all memory.
 */
#ifndef STORE_MATCH_H
#define STORE_MATCH_H

#include <cresset/types.h>

enum { MATCH_MAX_TERMS = 32, MATCH_MAX_BYTES = 4096, MATCH_MAX_REGEX_BYTES = 1024 };

struct match;

/* text NULL or without a term: everything matches. -EINVAL with err saying where; -ENOMEM. */
int match_new(const char *text, struct match **ret, struct cresset_error *err);
void match_free(struct match *m);

/* The value of a label by name; NULL or "" if there is none. */
typedef const char *(*match_value_fn)(void *arg, const char *name);
/* m may be NULL: true. */
bool match_eval(const struct match *m, match_value_fn value, void *arg);

#endif
