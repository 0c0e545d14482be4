// SPDX-License-Identifier: Apache-2.0
/*
 * json - a writer of JSON into a sink, one value after the other, without a tree in memory.
 *
 *     json_init(&j, sink);
 *     json_begin(&j, NULL, '{');
 *     json_put_string(&j, "name", any_bytes);
 *     json_begin(&j, "values", '[');
 *     json_put_int(&j, NULL, 1);
 *     json_end(&j);
 *     json_end(&j);
 *
 * key is NULL in arrays. Texts may have any bytes: what is no UTF-8 becomes U+FFFD. Besides what
 * JSON asks for, "<", ">", "&", U+2028 and U+2029 are written as escapes, so that the text is
 * harmless in whatever it gets pasted into. The sink keeps errors.
 */
#ifndef WEB_JSON_H
#define WEB_JSON_H

#include <cresset/sink.h>

enum { JSON_MAX_DEPTH = 32 };

struct json {
	struct cresset_sink *sink;
	unsigned int depth;
	bool comma; /* a value stands before the next one */
	char ends[JSON_MAX_DEPTH];
};

void json_init(struct json *j, struct cresset_sink *sink);
/* kind is '{' or '['. No deeper than JSON_MAX_DEPTH, which only our own code decides. */
void json_begin(struct json *j, const char *key, char kind);
void json_end(struct json *j);
void json_put_string(struct json *j, const char *key, const char *value);
void json_put_int(struct json *j, const char *key, int64_t value);
void json_put_uint(struct json *j, const char *key, uint64_t value);
void json_put_bool(struct json *j, const char *key, bool value);

#endif
