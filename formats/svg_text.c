// SPDX-License-Identifier: Apache-2.0
/* svg_text - see svg_text.h. UTF-8 as in RFC 3629, characters as in XML 1.0 (2.2 Characters). */
#include "formats/svg_text.h"

#include <string.h>

enum { REPLACEMENT = 0xfffd, ELLIPSIS = 0x2026 };

/* Decodes one character and moves *at on by 1 to 4 bytes; REPLACEMENT for a byte that fits nowhere.
 */
static uint32_t next_char(const unsigned char **at)
{
	const unsigned char *s = *at;
	uint32_t c = s[0], least = 0;
	size_t n = 0;

	if (c >= 0xc2 && c < 0xe0) {
		c &= 0x1f, n = 1, least = 0x80;
	} else if (c >= 0xe0 && c < 0xf0) {
		c &= 0x0f, n = 2, least = 0x800;
	} else if (c >= 0xf0 && c < 0xf5) {
		c &= 0x07, n = 3, least = 0x10000;
	} else if (c >= 0x80) {
		*at = s + 1;
		return REPLACEMENT;
	}
	for (size_t i = 1; i <= n; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			*at = s + 1;
			return REPLACEMENT;
		}
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
		*at = s + 1;
		return REPLACEMENT;
	}
	*at = s + n + 1;
	return c;
}

/* The character to show for c; 0: none. */
static uint32_t shown_char(uint32_t c)
{
	if (c == '\t' || c == '\n' || c == '\r')
		return ' ';
	if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xfffe || c == 0xffff)
		return 0;
	/* Marks that reorder or hide what stands beside them. */
	if ((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0x61c || c == 0xad)
		return 0;
	return c;
}

static size_t char_columns(uint32_t c)
{
	return c < 0x530 || c == ELLIPSIS ? 1 : 2;
}

size_t svg_text_columns(const char *text, size_t limit)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t n = 0;
	uint32_t c;

	while (*at && n <= limit) {
		c = shown_char(next_char(&at));
		if (c)
			n += char_columns(c);
	}
	return n;
}

static size_t put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* At most 6 bytes. */
static size_t put_char(char *to, uint32_t c)
{
	const char *entity = c == '&'	 ? "&amp;"
			     : c == '<'	 ? "&lt;"
			     : c == '>'	 ? "&gt;"
			     : c == '"'	 ? "&quot;"
			     : c == '\'' ? "&#39;"
					 : NULL;
	size_t n;

	if (!entity)
		return put_utf8(to, c);
	n = strlen(entity);
	memcpy(to, entity, n);
	return n;
}

void svg_text(struct cresset_sink *s, const char *text, size_t max_columns)
{
	const unsigned char *at = (const unsigned char *)text;
	bool cut = svg_text_columns(text, max_columns) > max_columns;
	size_t room = cut && max_columns ? max_columns - 1 : max_columns;
	size_t used = 0, n = 0;
	char buf[256];
	uint32_t c;

	while (*at) {
		c = shown_char(next_char(&at));
		if (!c)
			continue;
		used += char_columns(c);
		if (used > room)
			break;
		if (n > sizeof(buf) - 8) {
			cresset_sink_write(s, buf, n);
			n = 0;
		}
		n += put_char(buf + n, c);
	}
	if (cut && max_columns)
		n += put_char(buf + n, ELLIPSIS);
	cresset_sink_write(s, buf, n);
}
