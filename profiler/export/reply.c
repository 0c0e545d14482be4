// SPDX-License-Identifier: Apache-2.0
/* reply - see reply.h. */
#include "export/reply.h"

#include "export/words.h"

#include "formats/wire.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SECOND_NS UINT64_C(1000000000)

/* grpc.github.io/grpc/core/md_doc_statuscodes.html */
enum {
	GRPC_OK = 0,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_ABORTED = 10,
	GRPC_UNAVAILABLE = 14,
	GRPC_LAST = 16,
	GRPC_CODE_BASE = 1000,
};

void reply_init(struct reply *r)
{
	memset(r, 0, sizeof(*r));
	r->grpc = REPLY_GRPC_NONE;
	vec_init(&r->body, 1);
}

void reply_release(struct reply *r)
{
	vec_release(&r->body);
}

/* ---- Headers. */

/* A number of the whole text, at most max; -1: it is none. */
static long number(const char *s, long max)
{
	long x = 0;

	if (!*s || s[strspn(s, "0123456789")])
		return -1;
	for (; *s && x <= max; s++)
		x = x * 10 + (*s - '0');
	return x < max ? x : max;
}

static uint64_t retry_after(const char *value)
{
	long seconds = number(value, REPLY_RETRY_AFTER_MAX_S);
	time_t then;

	if (seconds < 0) {
		then = curl_getdate(value, NULL);
		seconds = then < 0 ? 0 : (long)(then - time(NULL));
	}
	if (seconds < 0)
		seconds = 0;
	if (seconds > REPLY_RETRY_AFTER_MAX_S)
		seconds = REPLY_RETRY_AFTER_MAX_S;
	return (uint64_t)seconds * SECOND_NS;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* grpc-message is percent-encoded. */
static void percent_decode(char *s)
{
	char *to = s;

	for (; *s; s++) {
		int high = *s == '%' ? hex_digit(s[1]) : -1;
		int low = high >= 0 ? hex_digit(s[2]) : -1;

		*to++ = low >= 0 ? (char)(high << 4 | low) : *s;
		s += low >= 0 ? 2 : 0;
	}
	*to = '\0';
}

static void set_header(struct reply *r, const char *name, char *value)
{
	if (!strcasecmp(name, "retry-after")) {
		r->retry_after_ns = retry_after(value);
	} else if (!strcasecmp(name, "grpc-status")) {
		long status = number(value, GRPC_LAST + 1);

		/* No number at all is UNKNOWN. */
		r->grpc = status < 0 ? 2 : (int)status;
	} else if (!strcasecmp(name, "grpc-message")) {
		percent_decode(value);
		words_line(value, strlen(value), r->grpc_message, sizeof(r->grpc_message));
	} else if (!strcasecmp(name, "content-type")) {
		r->protobuf = !!strstr(value, "protobuf") || !strcmp(value, "application/proto");
	}
}

static void begin(struct reply *r, const char *line)
{
	const char *space = strchr(line, ' ');
	char digits[4] = "";

	reply_release(r);
	reply_init(r);
	if (space)
		memcpy(digits, space + 1, strnlen(space + 1, 3));
	r->status = number(digits, 999) > 0 ? (unsigned int)number(digits, 999) : 0;
}

void reply_header(struct reply *r, const char *line, size_t n)
{
	char text[1024], *colon, *value;

	if (n >= sizeof(text))
		n = sizeof(text) - 1;
	memcpy(text, line, n);
	text[n] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	if (!strncmp(text, "HTTP/", 5)) {
		begin(r, text);
		return;
	}
	colon = strchr(text, ':');
	if (!colon)
		return;
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	for (n = strlen(value); n && (value[n - 1] == ' ' || value[n - 1] == '\t'); n--)
		value[n - 1] = '\0';
	set_header(r, text, value);
}

int reply_body(struct reply *r, const void *data, size_t n)
{
	size_t room = REPLY_BODY_MAX - r->body.n;

	n = n < room ? n : room;
	return !n || vec_push(&r->body, data, n) ? 0 : -ENOMEM;
}

/* ---- What it says. */

/* {"code": …, "message": …}, or "error" instead, as text or as one more object. */
static bool json_words(const struct reply *r, char *words, size_t size)
{
	json_t *root = json_loadb(r->body.data, r->body.n, JSON_REJECT_DUPLICATES, NULL), *at;
	const char *message, *code;

	if (!json_is_object(root)) {
		json_decref(root);
		return false;
	}
	at = json_object_get(root, "error");
	at = json_is_object(at) ? at : root;
	message = json_string_value(json_object_get(at, "message"));
	message = message ? message : json_string_value(json_object_get(root, "error"));
	code = json_string_value(json_object_get(at, "code"));
	if (message && code) {
		char text[512];
		int n = snprintf(text, sizeof(text), "%s: %s", code, message);

		words_line(text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1, words, size);
	} else if (message || code) {
		message = message ? message : code;
		words_line(message, strlen(message), words, size);
	}
	json_decref(root);
	return message || code;
}

/* google.rpc.Status { message = 2 }: what OTLP servers send with an error. */
static bool status_words(const struct reply *r, char *words, size_t size)
{
	struct wire_in in = wire_in(r->body.data, r->body.n);
	struct wire_field f;
	bool found = false;

	while (wire_next(&in, &f)) {
		if (f.number == 2 && f.type == WIRE_BYTES) {
			words_line(f.bytes.at, wire_left(&f.bytes), words, size);
			found = true;
		}
	}
	return found && !in.bad;
}

/* ExportProfilesServiceResponse { partial_success = 1 { rejected_profiles = 1, error_message = 2 }
 * } */
static bool partial_words(const struct reply *r, char *words, size_t size)
{
	struct wire_in in = wire_in(r->body.data, r->body.n), part;
	struct wire_field f, g;
	uint64_t rejected = 0;

	while (wire_next(&in, &f)) {
		if (f.number != 1 || f.type != WIRE_BYTES)
			continue;
		part = f.bytes;
		while (wire_next(&part, &g)) {
			if (g.number == 1 && g.type == WIRE_VARINT)
				rejected = g.value;
			if (g.number == 2 && g.type == WIRE_BYTES)
				words_line(g.bytes.at, wire_left(&g.bytes), words, size);
		}
	}
	return rejected != 0;
}

static void error_words(const struct reply *r, char *words, size_t size)
{
	const char *body = r->body.data;
	size_t n = 0;

	if (r->protobuf && status_words(r, words, size))
		return;
	if (!r->body.n || json_words(r, words, size))
		return;
	/* A web server's page: its tags say nothing, and what stands between them repeats the code.
	 */
	while (n < r->body.n && (body[n] == ' ' || body[n] == '\r' || body[n] == '\n'))
		n++;
	if (n < r->body.n && body[n] != '<' && !r->protobuf)
		words_line(body + n, r->body.n - n, words, size);
}

static void redirect_words(const struct reply *r, char *words, size_t size)
{
	if (r->status / 100 == 3 && !words[0])
		snprintf(words, size,
			 "a redirect, which is not followed (set url to where it leads)");
}

static bool is_passing(unsigned int status)
{
	return status == 0 || status == 429 || status == 502 || status == 503 || status == 504;
}

static enum verdict judge_grpc(const struct reply *r, char *words, size_t size,
			       unsigned int *ret_code)
{
	snprintf(words, size, "%s", r->grpc_message);
	if (r->grpc == REPLY_GRPC_NONE) {
		if (r->status == 200)
			snprintf(words, size, "no grpc-status: not a gRPC server");
		redirect_words(r, words, size);
		return is_passing(r->status) ? VERDICT_RETRY : VERDICT_REFUSED;
	}
	*ret_code = GRPC_CODE_BASE + (unsigned int)r->grpc;
	if (r->grpc == GRPC_OK) {
		words[0] = '\0'; /* "OK", from some */
		return VERDICT_SENT;
	}
	return r->grpc == GRPC_UNAVAILABLE || r->grpc == GRPC_ABORTED ||
			       r->grpc == GRPC_DEADLINE_EXCEEDED
		       ? VERDICT_RETRY
		       : VERDICT_REFUSED;
}

enum verdict reply_judge(const struct reply *r, const struct export_target *target, char *words,
			 size_t size, unsigned int *ret_code)
{
	words[0] = '\0';
	*ret_code = r->status;
	if (target->grpc)
		return judge_grpc(r, words, size, ret_code);
	if (r->status >= 200 && r->status < 300) {
		if (r->protobuf && partial_words(r, words, size))
			return VERDICT_PARTIAL;
		return VERDICT_SENT;
	}
	error_words(r, words, size);
	redirect_words(r, words, size);
	if (is_passing(r->status) || (r->status == 422 && strstr(words, "resource_exhausted")))
		return VERDICT_RETRY;
	return VERDICT_REFUSED;
}
