// SPDX-License-Identifier: Apache-2.0
/* times - see times.h. */
#include "formats/times.h"

#include "formats/text.h"

#include <errno.h>
#include <string.h>

static const char *type_text(const struct cresset_profile *p, size_t value)
{
	return cresset_profile_string(p, cresset_profile_value_type(p, value).type);
}

static bool is_time(const struct cresset_profile *p, size_t value)
{
	return text_is_time(cresset_profile_string(p, cresset_profile_value_type(p, value).unit));
}

static bool is_part(const char *type)
{
	return !strcmp(type, "cpu") || !strcmp(type, CRESSET_STATE_RUNNABLE) ||
	       !strcmp(type, CRESSET_STATE_BLOCKED);
}

static int make_heading(const char *type, char heading[TIMES_HEADING_BYTES])
{
	size_t n = 0, columns = 0;
	struct vec text;
	const char *s;

	vec_init(&text, 1);
	if (text_append_shown(&text, type, strlen(type)) < 0 || !vec_push(&text, "", 1)) {
		vec_release(&text);
		return -ENOMEM;
	}
	for (s = text.data; s[n]; n++) {
		columns += (s[n] & 0xc0) != 0x80;
		if (columns > TIMES_HEADING)
			break;
		heading[n] = (char)(s[n] >= 'a' && s[n] <= 'z' ? s[n] - 'a' + 'A' : s[n]);
	}
	heading[n] = '\0';
	vec_release(&text);
	return 0;
}

int times_find(const struct cresset_profile *p, size_t value, struct times *ret)
{
	size_t n_types = cresset_profile_n_value_types(p), n_parts = 0;
	struct times t = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < n_types && is_time(p, value); i++) {
		struct times_column *c = &t.columns[t.n];

		/* Room is kept for the one that must be there. */
		if (!is_time(p, i) || t.n + (i < value) >= TIMES_MAX)
			continue;
		c->value = i;
		c->part = is_part(type_text(p, i));
		r = make_heading(type_text(p, i), c->heading);
		n_parts += c->part;
		if (i == value)
			t.main = t.n;
		t.n++;
	}
	if (r < 0)
		return r;
	t.sum = n_parts > 1 && !t.columns[t.main].part;
	if (t.n < 2)
		t.n = 0;
	*ret = t;
	return 0;
}

int64_t times_sum(const struct times *t, const int64_t *values)
{
	int64_t sum = 0;

	for (size_t i = 0; i < t->n; i++)
		if (t->columns[i].part)
			sum = times_add(sum, values[i]);
	return sum;
}
