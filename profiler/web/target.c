// SPDX-License-Identifier: Apache-2.0
/* target - see target.h. */
#include "web/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* In place. False: a broken escape, or a NUL. */
static bool decode(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '+') {
			*to++ = ' ';
		} else if (*s == '%') {
			int high = hex(s[1]), low = high < 0 ? -1 : hex(s[2]);

			if (low < 0 || high + low == 0)
				return false;
			*to++ = (char)(high << 4 | low);
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
	return true;
}

static int add(struct target *t, char *pair, struct cresset_error *err)
{
	char *equals = strchr(pair, '='), *value = equals ? equals + 1 : pair + strlen(pair);

	if (equals)
		*equals = '\0';
	if (!decode(pair) || (equals && !decode(value)))
		return cresset_error_set(err, -EINVAL,
					 "the query has a broken %%XX escape (in parameter %zu)",
					 t->n + 1);
	if (target_get(t, pair))
		return cresset_error_set(err, -EINVAL, "'%.60s' is given twice", pair);
	if (t->n == TARGET_MAX_PARAMS)
		return cresset_error_set(err, -EINVAL, "more than %d parameters",
					 TARGET_MAX_PARAMS);
	t->params[t->n++] = (struct target_param){pair, value};
	return 0;
}

int target_parse(struct target *t, const char *raw, struct cresset_error *err)
{
	char *at, *next;
	int r = 0;

	memset(t, 0, sizeof(*t));
	t->path = "";
	t->text = strndup(raw, TARGET_MAX_BYTES);
	if (!t->text)
		return -ENOMEM;
	t->path = t->text;
	at = strchr(t->text, '?');
	if (at)
		*at++ = '\0';
	if (strnlen(raw, TARGET_MAX_BYTES + 1) > TARGET_MAX_BYTES)
		return cresset_error_set(err, -EINVAL, "the request is longer than %d bytes",
					 TARGET_MAX_BYTES);
	for (; at && r == 0; at = next) {
		next = strchr(at, '&');
		if (next)
			*next++ = '\0';
		if (*at)
			r = add(t, at, err);
	}
	return r;
}

void target_release(struct target *t)
{
	free(t->text);
	memset(t, 0, sizeof(*t));
	t->path = "";
}

const char *target_get(const struct target *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->params[i].name, name))
			return t->params[i].value;
	return NULL;
}

static bool is_in(const char *const *list, const char *name)
{
	for (; *list; list++)
		if (!strcmp(*list, name))
			return true;
	return false;
}

int target_check(const struct target *t, const char *const *known, struct cresset_error *err)
{
	char names[300] = "none";
	size_t used = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (is_in(known, t->params[i].name))
			continue;
		for (size_t k = 0; known[k] && used < sizeof(names); k++)
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 k ? ", " : "", known[k]);
		return cresset_error_set(err, -EINVAL,
					 "there is no parameter '%.60s' here (there are: %s)",
					 t->params[i].name, names);
	}
	return 0;
}

int target_uint(const struct target *t, const char *name, unsigned int min, unsigned int max,
		unsigned int otherwise, unsigned int *ret, struct cresset_error *err)
{
	const char *s = target_get(t, name);
	unsigned long value = 0;
	size_t n = s ? strlen(s) : 0;

	if (!s) {
		*ret = otherwise;
		return 0;
	}
	if (n && n <= 9 && strspn(s, "0123456789") == n)
		value = strtoul(s, NULL, 10);
	else
		n = 0;
	if (!n || value < min || value > max)
		return cresset_error_set(err, -EINVAL, "%s=%.40s is not a number from %u to %u",
					 name, s, min, max);
	*ret = (unsigned int)value;
	return 0;
}

int target_bool(const struct target *t, const char *name, bool *ret, struct cresset_error *err)
{
	static const char *const yes[] = {"", "1", "true", "yes", NULL};
	static const char *const no[] = {"0", "false", "no", NULL};
	const char *s = target_get(t, name);

	if (s && !is_in(yes, s) && !is_in(no, s))
		return cresset_error_set(err, -EINVAL, "%s=%.40s is neither 1 nor 0", name, s);
	*ret = s && is_in(yes, s);
	return 0;
}
