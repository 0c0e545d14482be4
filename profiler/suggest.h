// SPDX-License-Identifier: Apache-2.0
/*
 * suggest - "did you mean": of many names, the one nearest to what was typed. Near is one slip for
 * every three letters (a slip: a letter too many, missing, wrong, or two swapped), or a name that
 * begins with what was typed. Nothing near gives nothing: a wild guess is worse than none.
 */
#ifndef PROFILER_SUGGEST_H
#define PROFILER_SUGGEST_H

#include <stddef.h>

struct suggestion {
	const char *typed;
	const char *best; /* NULL: none is near enough */
	size_t distance;
};

void suggestion_init(struct suggestion *s, const char *typed);
void suggestion_try(struct suggestion *s, const char *name);

#endif
