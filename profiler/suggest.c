// SPDX-License-Identifier: Apache-2.0
/*
 * Optimal string alignment distance, three rows at a time. Names are short (SUGGEST_MAX); longer
 * ones are never suggested, so that the rows live on the stack.
 */
#include "suggest.h"

#include <string.h>

#define SUGGEST_MAX 40

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t rows[3][SUGGEST_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= m; j++)
		above[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *reuse = before;

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = min3(above[j] + 1, row[j - 1] + 1, change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		before = above;
		above = row;
		row = reuse;
	}
	return above[m];
}

void suggestion_init(struct suggestion *s, const char *typed)
{
	size_t limit = strlen(typed) / 3;

	*s = (struct suggestion){.typed = typed, .distance = (limit > 1 ? limit : 1) + 1};
}

void suggestion_try(struct suggestion *s, const char *name)
{
	size_t n = strlen(s->typed), m = strlen(name), d;

	if (!n || n > SUGGEST_MAX || m > SUGGEST_MAX)
		return;
	d = distance(s->typed, n, name, m);
	if (n >= 3 && m > n && !strncmp(name, s->typed, n))
		d = 1;
	if (d < s->distance && d < m) {
		s->distance = d;
		s->best = name;
	}
}
