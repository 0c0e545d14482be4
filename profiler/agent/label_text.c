// SPDX-License-Identifier: Apache-2.0
/* label_text - see label_text.h. UTF-8 is checked as RFC 3629 has it: no surrogates, no overlong
 * forms, nothing past U+10FFFF. */
#include "agent/label_text.h"

#include <stdint.h>
#include <string.h>

static bool name_byte(unsigned char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

bool label_name_valid(const char *name)
{
	size_t n = 0;

	for (; name[n]; n++)
		if (!name_byte((unsigned char)name[n], n == 0))
			return false;
	return n && n < LABEL_NAME_BYTES;
}

bool label_name_own(const char *name)
{
	static const char *const own[] = {"service", "host",	     "comm",	"exe",
					  "unit",    "slice",	     "cgroup",	"container",
					  "pod_uid", "container_id", "overflow"};

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (!strcmp(own[i], name))
			return true;
	return false;
}

void label_name_from(char *name, const char *text, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < n && text[i] && used < LABEL_NAME_BYTES - 1; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 'A' && c <= 'Z')
			c = (unsigned char)(c - 'A' + 'a');
		name[used] = name_byte(c, used == 0) ? (char)c : '_';
		used++;
	}
	name[used] = '\0';
}

/* Bytes of the character at s, and which one; 0: these bytes are none. */
static size_t decode(const unsigned char *s, size_t n, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = s[0] < 0x80       ? 1
		     : s[0] >> 5 == 6  ? 2
		     : s[0] >> 4 == 14 ? 3
		     : s[0] >> 3 == 30 ? 4
				       : 0;
	uint32_t c;

	if (!len || len > n)
		return 0;
	c = len == 1 ? s[0] : s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return len;
}

static bool harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0xfeff;
}

bool label_value_from(char *value, const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t used = 0, len;

	for (size_t i = 0; i < n; i += len) {
		uint32_t c = 0;
		bool bad;

		len = decode(s + i, n - i, &c);
		bad = !len || harmful(c);
		len = len ? len : 1;
		if (used + (bad ? 1 : len) > LABEL_VALUE_MAX) {
			value[used] = '\0';
			return false;
		}
		if (bad)
			value[used++] = c == '\t' || c == '\n' ? ' ' : '?';
		else
			memcpy(value + used, s + i, len), used += len;
	}
	value[used] = '\0';
	return true;
}
