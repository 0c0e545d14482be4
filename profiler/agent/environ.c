// SPDX-License-Identifier: Apache-2.0
/* environ - see environ.h. */
#include "agent/environ.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { OTEL_MAX_BYTES = 64 << 10 };

const char *environ_find(const char *text, size_t n, const char *name, size_t *ret_n)
{
	size_t len = strlen(name);

	while (n) {
		const char *end = memchr(text, '\0', n);
		size_t line = end ? (size_t)(end - text) : n;

		/* The last one without its NUL was cut by the reader: not to be trusted. */
		if (!end)
			return NULL;
		if (line > len && text[len] == '=' && !memcmp(text, name, len)) {
			*ret_n = line - len - 1;
			return text + len + 1;
		}
		text += line + 1;
		n -= line + 1;
	}
	return NULL;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void trim(const char **s, size_t *n)
{
	while (*n && (**s == ' ' || **s == '\t'))
		(*s)++, (*n)--;
	while (*n && ((*s)[*n - 1] == ' ' || (*s)[*n - 1] == '\t'))
		(*n)--;
}

/* Into out, which has room for n; false: a '%' without two digits. */
static bool decode(const char *s, size_t n, char *out, size_t *ret_n)
{
	size_t used = 0;

	trim(&s, &n);
	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (c == '%') {
			int high = n - i > 2 ? digit(s[i + 1]) : -1;
			int low = n - i > 2 ? digit(s[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		out[used++] = c;
	}
	*ret_n = used;
	return true;
}

/* All pairs; without fn it only looks whether they are well-formed. */
static int each(const char *text, size_t n, char *key, char *value, otel_attribute_fn fn, void *arg)
{
	while (n) {
		const char *comma = memchr(text, ',', n);
		size_t pair = comma ? (size_t)(comma - text) : n, key_n, value_n;
		const char *equals = memchr(text, '=', pair), *blank = text;
		size_t blank_n = pair, name = equals ? (size_t)(equals - text) : 0;
		int r;

		trim(&blank, &blank_n);
		/* An empty member, as behind a last comma, is no error. */
		if (blank_n && (!equals || !decode(text, name, key, &key_n) || !key_n ||
				!decode(equals + 1, pair - name - 1, value, &value_n)))
			return -EINVAL;
		r = blank_n && fn ? fn(arg, key, key_n, value, value_n) : 0;
		if (r != 0)
			return r;
		text += pair + (comma ? 1 : 0);
		n -= pair + (comma ? 1 : 0);
	}
	return 0;
}

int otel_attributes_each(const char *text, size_t n, otel_attribute_fn fn, void *arg)
{
	char *buf;
	int r;

	if (n > OTEL_MAX_BYTES)
		return -E2BIG;
	buf = malloc(2 * n + 1);
	if (!buf)
		return -ENOMEM;
	r = each(text, n, buf, buf + n, NULL, NULL);
	if (r == 0)
		r = each(text, n, buf, buf + n, fn, arg);
	free(buf);
	return r;
}
