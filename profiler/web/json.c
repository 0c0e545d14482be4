// SPDX-License-Identifier: Apache-2.0
/* json - see json.h. RFC 8259. */
#include "web/json.h"

#include "formats/text.h"

#include <inttypes.h>
#include <string.h>

void json_init(struct json *j, struct cresset_sink *sink)
{
	*j = (struct json){.sink = sink};
}

static void put_text(struct json *j, const char *s)
{
	size_t n = strlen(s), plain = 0, i = 0;

	cresset_sink_write(j->sink, "\"", 1);
	while (i < n) {
		unsigned char c = (unsigned char)s[i];
		size_t length = c < 0x80 ? 1 : text_sequence(s + i, n - i);
		bool line = length == 3 && !memcmp(s + i, "\xe2\x80", 2) &&
			    ((unsigned char)s[i + 2] & 0xfe) == 0xa8;
		bool special = c < ' ' || c == 0x7f || (c < 0x80 && strchr("\"\\<>&", c));

		if (length && !line && !special) {
			i += length;
			continue;
		}
		cresset_sink_write(j->sink, s + plain, i - plain);
		if (!length)
			cresset_sink_puts(j->sink, "\\ufffd");
		else if (line)
			cresset_sink_printf(j->sink, "\\u202%d", (unsigned char)s[i + 2] & 0xf);
		else if (c == '"' || c == '\\')
			cresset_sink_printf(j->sink, "\\%c", c);
		else
			cresset_sink_printf(j->sink, "\\u%04x", c);
		i += length ? length : 1;
		plain = i;
	}
	cresset_sink_write(j->sink, s + plain, n - plain);
	cresset_sink_write(j->sink, "\"", 1);
}

static void begin_value(struct json *j, const char *key)
{
	if (j->comma)
		cresset_sink_write(j->sink, ",", 1);
	j->comma = true;
	if (!key)
		return;
	put_text(j, key);
	cresset_sink_write(j->sink, ":", 1);
}

void json_begin(struct json *j, const char *key, char kind)
{
	begin_value(j, key);
	cresset_sink_write(j->sink, &kind, 1);
	if (j->depth < JSON_MAX_DEPTH)
		j->ends[j->depth] = kind == '{' ? '}' : ']';
	j->depth++;
	j->comma = false;
}

void json_end(struct json *j)
{
	if (!j->depth)
		return;
	j->depth--;
	cresset_sink_write(j->sink, &j->ends[j->depth < JSON_MAX_DEPTH ? j->depth : 0], 1);
	if (!j->depth)
		cresset_sink_write(j->sink, "\n", 1);
	j->comma = true;
}

void json_put_string(struct json *j, const char *key, const char *value)
{
	begin_value(j, key);
	put_text(j, value);
}

void json_put_int(struct json *j, const char *key, int64_t value)
{
	begin_value(j, key);
	cresset_sink_printf(j->sink, "%" PRId64, value);
}

void json_put_uint(struct json *j, const char *key, uint64_t value)
{
	begin_value(j, key);
	cresset_sink_printf(j->sink, "%" PRIu64, value);
}

void json_put_bool(struct json *j, const char *key, bool value)
{
	begin_value(j, key);
	cresset_sink_puts(j->sink, value ? "true" : "false");
}
