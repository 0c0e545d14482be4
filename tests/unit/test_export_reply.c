// SPDX-License-Identifier: Apache-2.0
/* What follows from a server's reply, and that no reply is too odd. */
#include "export/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct reply_case {
	const char *target;
	const char *head; /* lines */
	const char *body;
	enum verdict verdict;
	unsigned int code;
	const char *words;
};

static const struct reply_case cases[] = {
	{"pyroscope", "HTTP/1.1 200 OK", "", VERDICT_SENT, 200, ""},
	{"pyroscope", "HTTP/1.1 204 ", "", VERDICT_SENT, 204, ""},
	{"pyroscope", "HTTP/1.1 429 Too Many Requests", "", VERDICT_RETRY, 429, ""},
	{"pyroscope", "HTTP/1.1 502 x", "<html>502</html>", VERDICT_RETRY, 502, ""},
	{"pyroscope", "HTTP/1.1 503 x", "busy\nnow", VERDICT_RETRY, 503, "busy now"},
	{"pyroscope", "HTTP/1.1 504 x", "", VERDICT_RETRY, 504, ""},
	{"pyroscope", "HTTP/1.1 500 x", "", VERDICT_REFUSED, 500, ""},
	{"pyroscope", "HTTP/1.1 301 x\nLocation: http://elsewhere/", "", VERDICT_REFUSED, 301,
	 "a redirect, which is not followed (set url to where it leads)"},
	{"parca", "HTTP/1.1 302 x", "", VERDICT_REFUSED, 302,
	 "a redirect, which is not followed (set url to where it leads)"},
	{"pyroscope", "HTTP/1.1 400 x",
	 "{\"code\":\"invalid_argument\",\"message\":\"no \\\"labels\\\"\\u001b\"}",
	 VERDICT_REFUSED, 400, "invalid_argument: no \"labels\""},
	{"pyroscope", "HTTP/1.1 422 x",
	 "{\"code\":\"resource_exhausted\",\"message\":\"slow down\"}", VERDICT_RETRY, 422,
	 "resource_exhausted: slow down"},
	{"pyroscope", "HTTP/1.1 422 x", "{\"code\":3,\"message\":\"bad\"}", VERDICT_REFUSED, 422,
	 "bad"},
	{"ingest", "HTTP/1.1 401 x", "{\"error\":{\"code\":\"c\",\"message\":\"m\"}}",
	 VERDICT_REFUSED, 401, "c: m"},
	{"http", "HTTP/1.1 403 x", "{\"error\":\"no\"}", VERDICT_REFUSED, 403, "no"},
	{"http", "HTTP/1.1 403 x", "{\"a\":1,\"a\":2}", VERDICT_REFUSED, 403, "{\"a\":1,\"a\":2}"},
	{"http", "nonsense", "", VERDICT_RETRY, 0, ""},
	{"http", "HTTP/1.1 100 Continue\nHTTP/1.1 201 Created", "", VERDICT_SENT, 201, ""},
	{"otlp", "HTTP/1.1 200 OK\ncontent-type: application/x-protobuf", "", VERDICT_SENT, 200,
	 ""},
	{"otlp", "HTTP/1.1 200 OK\ncontent-type: application/x-protobuf",
	 "\x0a\x06\x08\x02\x12\x02no", VERDICT_PARTIAL, 200, "no"},
	{"otlp", "HTTP/1.1 200 OK\ncontent-type: application/x-protobuf", "\x0a\x04\x12\x02hm",
	 VERDICT_SENT, 200, "hm"},
	{"otlp", "HTTP/1.1 400 x\ncontent-type: application/x-protobuf", "\x08\x03\x12\x03why",
	 VERDICT_REFUSED, 400, "why"},
	{"otlp", "HTTP/1.1 400 x\ncontent-type: application/x-protobuf", "\x12\x7f",
	 VERDICT_REFUSED, 400, ""},
	{"parca", "HTTP/2 200\ngrpc-status: 0\ngrpc-message: OK", "", VERDICT_SENT, 1000, ""},
	{"parca", "HTTP/2 200\ngrpc-status: 14\ngrpc-message: caf%C3%A9%20%zz", "", VERDICT_RETRY,
	 1014, "caf\xc3\xa9 %zz"},
	{"parca", "HTTP/2 200\ngrpc-status: 10", "", VERDICT_RETRY, 1010, ""},
	{"parca", "HTTP/2 200\ngrpc-status: 4", "", VERDICT_RETRY, 1004, ""},
	{"parca", "HTTP/2 200\ngrpc-status: 3\ngrpc-message: %1B[1mno", "", VERDICT_REFUSED, 1003,
	 "[1mno"},
	{"parca", "HTTP/2 200\ngrpc-status: 16", "", VERDICT_REFUSED, 1016, ""},
	{"parca", "HTTP/2 200\ngrpc-status: 99999999999999999999", "", VERDICT_REFUSED, 1017, ""},
	{"parca", "HTTP/2 200\ngrpc-status: -1", "", VERDICT_REFUSED, 1002, ""},
	{"parca", "HTTP/2 200", "", VERDICT_REFUSED, 200, "no grpc-status: not a gRPC server"},
	{"parca", "HTTP/2 503", "", VERDICT_RETRY, 503, ""},
	{"parca", "HTTP/1.1 404 x", "", VERDICT_REFUSED, 404, ""},
};

static void head(struct reply *r, const char *lines)
{
	for (const char *end; *lines; lines = *end ? end + 1 : end) {
		end = lines + strcspn(lines, "\n");
		reply_header(r, lines, (size_t)(end - lines));
	}
}

static void test_verdicts(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct reply_case *c = &cases[i];
		struct reply r;
		char words[256];
		unsigned int code;

		reply_init(&r);
		head(&r, c->head);
		assert_int_equal(reply_body(&r, c->body, strlen(c->body)), 0);
		assert_int_equal(reply_judge(&r, export_target_by_name(c->target), words,
					     sizeof(words), &code),
				 c->verdict);
		assert_int_equal(code, c->code);
		assert_string_equal(words, c->words);
		reply_release(&r);
	}
}

static uint64_t retry_after(const char *value)
{
	struct reply r;
	char line[128];
	uint64_t ns;
	int n = snprintf(line, sizeof(line), "Retry-After: %s", value);

	reply_init(&r);
	head(&r, "HTTP/1.1 429 x");
	reply_header(&r, line, (size_t)n);
	ns = r.retry_after_ns;
	reply_release(&r);
	return ns;
}

static void test_retry_after(void **state)
{
	time_t then = time(NULL) + 100;
	struct tm t;
	char date[64];

	assert_int_equal(retry_after("0"), 0);
	assert_int_equal(retry_after("7"), UINT64_C(7000000000));
	assert_int_equal(retry_after(" 7 "), UINT64_C(7000000000));
	assert_int_equal(retry_after("99999999999999999999999"), UINT64_C(600000000000));
	assert_int_equal(retry_after("-5"), 0);
	assert_int_equal(retry_after("soon"), 0);
	assert_int_equal(retry_after(""), 0);
	assert_int_equal(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), 0);
	assert_int_equal(retry_after("Fri, 31 Dec 9999 23:59:59 GMT"), UINT64_C(600000000000));
	gmtime_r(&then, &t);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &t);
	assert_in_range(retry_after(date), UINT64_C(95000000000), UINT64_C(100000000000));
}

static void test_bounds(void **state)
{
	char long_line[5000], words[256];
	struct reply r;
	unsigned int code;

	memset(long_line, 'x', sizeof(long_line));
	memcpy(long_line, "grpc-message: ", 14);
	reply_init(&r);
	head(&r, "HTTP/1.1 400 x\ngrpc-status: 3");
	reply_header(&r, long_line, sizeof(long_line));
	reply_header(&r, "", 0);
	reply_header(&r, ":", 1);
	assert_true(strlen(r.grpc_message) < sizeof(r.grpc_message));
	for (int i = 0; i < 100; i++)
		assert_int_equal(reply_body(&r, long_line, sizeof(long_line)), 0);
	assert_int_equal(r.body.n, REPLY_BODY_MAX);
	reply_judge(&r, export_target_by_name("http"), words, sizeof(words), &code);
	assert_true(strlen(words) < sizeof(words));
	reply_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
