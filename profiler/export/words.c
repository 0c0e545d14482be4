// SPDX-License-Identifier: Apache-2.0
/* words - see words.h. */
#include "export/words.h"

#include "formats/text.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void words_identifier(const char *s, char *buf, size_t size)
{
	size_t n = 0;

	if ((is_digit(*s) || !*s) && size > 1)
		buf[n++] = '_';
	for (; *s && n + 1 < size; s++)
		buf[n++] = is_digit(*s) || is_letter(*s) ? *s : '_';
	buf[n] = '\0';
}

/* Length of the character at s if it may be shown; 0: it is no character, or of C0, DEL or C1. */
static size_t shown(const char *s, size_t n)
{
	size_t sequence = text_sequence(s, n);
	unsigned char c = (unsigned char)*s;

	if (c < ' ' || c == 0x7f || (sequence == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0))
		return 0;
	return sequence;
}

void words_utf8(const char *s, char *buf, size_t size)
{
	size_t left = strlen(s), used = 0;

	while (left && used + 4 < size) {
		size_t n = shown(s, left);

		if (n)
			memcpy(buf + used, s, n);
		else
			buf[used] = '?';
		n = n ? n : 1;
		used += n;
		s += n;
		left -= n;
	}
	buf[used] = '\0';
}

void words_line(const void *data, size_t length, char *buf, size_t size)
{
	const char *s = data, *end = s + length;
	size_t used = 0;

	while (s < end && used + 4 < size) {
		size_t n = shown(s, (size_t)(end - s));

		if (n) {
			memcpy(buf + used, s, n);
			used += n;
		} else if (used && buf[used - 1] != ' ') {
			buf[used++] = ' ';
		}
		s += n ? n : 1;
	}
	while (used && buf[used - 1] == ' ')
		used--;
	buf[used] = '\0';
}

int words_put(struct vec *out, const char *s)
{
	size_t n = strlen(s);

	return !n || vec_push(out, s, n) ? 0 : -ENOMEM;
}

int words_put_url(struct vec *out, const char *s)
{
	char code[4];
	int r = 0;

	for (; *s && r == 0; s++) {
		if (is_digit(*s) || is_letter(*s) || strchr("-._~", *s))
			snprintf(code, sizeof(code), "%c", *s);
		else
			snprintf(code, sizeof(code), "%%%02X", (unsigned char)*s);
		r = words_put(out, code);
	}
	return r;
}

static int put_escaped(struct vec *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		char code[8];

		if (c == '"' || c == '\\')
			snprintf(code, sizeof(code), "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			snprintf(code, sizeof(code), "\\u%04x", c);
		else
			snprintf(code, sizeof(code), "%c", c);
		if (words_put(out, code) < 0)
			return -ENOMEM;
	}
	return 0;
}

int words_put_json(struct vec *out, const char *s)
{
	struct vec valid;
	int r;

	vec_init(&valid, 1);
	r = text_append_utf8(&valid, s, strlen(s));
	r = r ? r : words_put(out, "\"");
	r = r ? r : put_escaped(out, valid.data, valid.n);
	r = r ? r : words_put(out, "\"");
	vec_release(&valid);
	return r;
}

int words_put_base64(struct vec *out, const void *data, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *at = data;

	if (vec_reserve(out, (n + 2) / 3 * 4 + 1) < 0)
		return -ENOMEM;
	for (; n; n -= n < 3 ? n : 3, at += 3) {
		uint32_t x = (uint32_t)at[0] << 16 | (n > 1 ? (uint32_t)at[1] << 8 : 0) |
			     (n > 2 ? at[2] : 0);
		char four[4] = {digits[x >> 18], digits[x >> 12 & 63],
				n > 1 ? digits[x >> 6 & 63] : '=', n > 2 ? digits[x & 63] : '='};

		if (!vec_push(out, four, 4))
			return -ENOMEM;
	}
	return 0;
}
