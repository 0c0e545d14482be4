// SPDX-License-Identifier: Apache-2.0
/*
 * The parts of the HTTP server that other people's bytes reach: request targets, host names,
 * passwords, and the writers of JSON and metrics.
 */
#include "web/answer.h"
#include "web/auth.h"
#include "web/inside.h"
#include "web/json.h"
#include "web/listen.h"
#include "web/metrics.h"
#include "web/target.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/alloc_fail.h"

/* ---- Targets. */

static void test_target(void **state)
{
	struct cresset_error err;
	struct target t;
	unsigned int n;
	bool yes;

	assert_int_equal(target_parse(&t, "/api?a=1&b=%22x+y%22&c&&d=", &err), 0);
	assert_string_equal(t.path, "/api");
	assert_int_equal(t.n, 4);
	assert_string_equal(target_get(&t, "a"), "1");
	assert_string_equal(target_get(&t, "b"), "\"x y\"");
	assert_string_equal(target_get(&t, "c"), "");
	assert_string_equal(target_get(&t, "d"), "");
	assert_null(target_get(&t, "e"));
	assert_int_equal(target_check(&t, (const char *const[]){"a", "b", "c", "d", NULL}, &err),
			 0);
	assert_int_equal(target_check(&t, (const char *const[]){"a", "b", "d", NULL}, &err),
			 -EINVAL);
	assert_string_equal(err.text, "there is no parameter 'c' here (there are: a, b, d)");
	assert_int_equal(target_check(&t, (const char *const[]){NULL}, &err), -EINVAL);
	assert_string_equal(err.text, "there is no parameter 'a' here (there are: none)");
	assert_int_equal(target_uint(&t, "a", 1, 5, 3, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(target_uint(&t, "e", 1, 5, 3, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_int_equal(target_uint(&t, "a", 2, 5, 3, &n, &err), -EINVAL);
	assert_string_equal(err.text, "a=1 is not a number from 2 to 5");
	assert_int_equal(target_uint(&t, "d", 0, 5, 3, &n, &err), -EINVAL);
	assert_int_equal(target_uint(&t, "b", 0, 5, 3, &n, &err), -EINVAL);
	assert_int_equal(target_bool(&t, "c", &yes, &err), 0);
	assert_true(yes);
	assert_int_equal(target_bool(&t, "e", &yes, &err), 0);
	assert_false(yes);
	assert_int_equal(target_bool(&t, "b", &yes, &err), -EINVAL);
	target_release(&t);
	assert_int_equal(target_parse(&t, "/x?n=99999999999999999999&m=-1", &err), 0);
	assert_int_equal(target_uint(&t, "n", 0, UINT32_MAX, 3, &n, &err), -EINVAL);
	assert_int_equal(target_uint(&t, "m", 0, UINT32_MAX, 3, &n, &err), -EINVAL);
	target_release(&t);
}

static void test_target_bad(void **state)
{
	static const char *const bad[] = {"/?a=%",     "/?a=%4",    "/?a=%zz", "/?%00=1",
					  "/?a=x%00y", "/?a=1&a=2", "/?a&%61"};
	struct cresset_error err;
	struct target t;
	char many[40 * 8] = "/?", *large;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		err.text[0] = '\0';
		assert_int_equal(target_parse(&t, bad[i], &err), -EINVAL);
		assert_true(err.text[0]);
		/* Still known, so that the error is said in that path's way. */
		assert_string_equal(t.path, "/");
		target_release(&t);
	}
	for (int i = 0; i <= TARGET_MAX_PARAMS; i++)
		sprintf(many + strlen(many), "p%d=1&", i);
	assert_int_equal(target_parse(&t, many, &err), -EINVAL);
	assert_int_equal(t.n, TARGET_MAX_PARAMS);
	target_release(&t);
	large = calloc(1, TARGET_MAX_BYTES + 2);
	memset(large, 'a', TARGET_MAX_BYTES + 1);
	assert_int_equal(target_parse(&t, large, &err), -EINVAL);
	target_release(&t);
	free(large);
}

static void test_routes(void **state)
{
	static const char *const not_ours[] = {
		"",	     "/..",	    "/%2e%2e/etc/passwd",
		"//",	     "/metrics/",   "/METRICS",
		"metrics",   "/api/v1/",    "/api/v1/query/../labels",
		"/page.js?", "/debug/pprof"};
	size_t n = 0, at;

	for (const struct route *r; (r = route_at(n)); n++) {
		assert_ptr_equal(route_find(r->path, &at), r);
		assert_int_equal(at, n);
		assert_non_null(r->handle);
	}
	assert_int_equal(n, 15);
	for (size_t i = 0; i < sizeof(not_ours) / sizeof(*not_ours); i++)
		assert_null(route_find(not_ours[i], &at));
}

/* ---- Addresses and names. */

static void test_listen(void **state)
{
	static const struct {
		const char *text;
		int family;
		bool loopback;
	} good[] = {
		{"127.0.0.1:4050", AF_INET, true},
		{"localhost:0", AF_INET, true},
		{":4050", AF_INET, true},
		{"127.8.8.8:1", AF_INET, true},
		{"[::1]:4050", AF_INET6, true},
		{"0.0.0.0:65535", AF_INET, false},
		{"[::]:80", AF_INET6, false},
		{"192.0.2.1:80", AF_INET, false},
		{"unix:/run/x.sock", AF_UNIX, true},
	};
	static const char *const bad[] = {
		"",	   "4050",	   "127.0.0.1", "127.0.0.1:",	 "::1:80",   "[::1]",
		"[::1:80", "host:80",	   "1.2.3.4:x", "1.2.3.4:65536", "unix:rel", "unix:",
		"1.2.3:4", "[1.2.3.4]x:1", "a:b:c:1",	"[::1%lo]:1"};
	struct listen_address a;
	struct cresset_error err;
	char text[200] = "unix:/";

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(listen_parse(good[i].text, &a, &err), 0);
		assert_int_equal(a.u.any.sa_family, good[i].family);
		assert_int_equal(a.loopback, good[i].loopback);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(listen_parse(bad[i], &a, &err), -EINVAL);
	memset(text + 6, 'x', 150);
	assert_int_equal(listen_parse(text, &a, &err), -EINVAL);
	text[0] = '\0';
	memset(text, '1', 100);
	strcpy(text + 100, ":80");
	assert_int_equal(listen_parse(text, &a, &err), -EINVAL);
}

static void test_host(void **state)
{
	static const char *const own[] = {"localhost", "LOCALHOST:4050", "127.0.0.1:80",
					  "[::1]",     "[::1]:4050",	 "127.0.0.1"};
	static const char *const foreign[] = {"",
					      "evil.example",
					      "evil.example:4050",
					      "localhost.evil.example",
					      "127.0.0.1.nip.io",
					      "localhost:x",
					      "user@localhost",
					      "localhost/x",
					      "[::1",
					      "[::2]",
					      "127.0.0.2",
					      "::1",
					      "evil localhost",
					      "192.0.2.1"};
	struct listen_address loop, two, any;
	struct cresset_error err;

	assert_int_equal(listen_parse("127.0.0.1:0", &loop, &err), 0);
	assert_int_equal(listen_parse("127.0.0.2:0", &two, &err), 0);
	assert_int_equal(listen_parse("0.0.0.0:0", &any, &err), 0);
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		assert_true(listen_host_allowed(&loop, NULL, own[i]));
	for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++) {
		assert_false(listen_host_allowed(&loop, NULL, foreign[i]));
		assert_false(listen_host_allowed(&loop, "", foreign[i]));
		assert_false(listen_host_allowed(&loop, "good.example, localhost2", foreign[i]));
		/* Whoever opens it to others without naming it takes any name. */
		assert_true(listen_host_allowed(&any, NULL, foreign[i]));
		assert_true(listen_host_allowed(&any, " ,", foreign[i]));
		assert_false(listen_host_allowed(&any, "good.example", foreign[i]));
	}
	assert_true(listen_host_allowed(&loop, NULL, NULL));
	assert_true(listen_host_allowed(&two, NULL, "127.0.0.2:9"));
	assert_true(listen_host_allowed(&loop, "a,good.example b", "Good.Example:4050"));
	assert_false(listen_host_allowed(&loop, "good.example", "good.exampl"));
}

static void test_listen_open(void **state)
{
	struct listen_address a;
	struct cresset_error err;
	unsigned int port, none;
	char text[64];
	int fd, other;

	assert_int_equal(listen_parse("127.0.0.1:0", &a, &err), 0);
	assert_int_equal(listen_open(&a, "127.0.0.1:0", &fd, &port, &err), 0);
	assert_true(port);
	snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	assert_int_equal(listen_parse(text, &a, &err), 0);
	assert_int_equal(listen_open(&a, text, &other, &none, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, text));
	assert_non_null(strstr(err.text, "another program has it"));
	close(fd);
	snprintf(text, sizeof(text), "unix:/tmp/cresset-test-%d.sock", getpid());
	assert_int_equal(listen_parse(text, &a, &err), 0);
	assert_int_equal(listen_open(&a, text, &fd, &none, &err), 0);
	assert_int_equal(none, 0);
	/* One that is served is not taken over, one that was left behind is. */
	assert_int_equal(listen_open(&a, text, &other, &none, &err), -EADDRINUSE);
	close(fd);
	assert_int_equal(listen_open(&a, text, &fd, &none, &err), 0);
	close(fd);
	unlink(text + 5);
}

/* ---- Passwords. */

static void write_file(char *path, const char *text)
{
	int fd;
	FILE *f;

	strcpy(path, "/tmp/cresset-test-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	f = fdopen(fd, "w");
	fputs(text, f);
	fclose(f);
}

static void test_auth(void **state)
{
	/* "joe:pa:ss" and "joe:pa:s", "joe:", "joe", all by another's base64. */
	static const char good[] = "Basic am9lOnBhOnNz";
	static const char *const bad[] = {"",
					  "Basic",
					  "Basic ",
					  "Basic am9lOnBhOnM=",
					  "Basic am9lOg==",
					  "Basic am9l",
					  "Basic am9lOnBhOnNz!",
					  "Basic am9lOnBhOnNzAA==",
					  "am9lOnBhOnNz",
					  "Bearer am9lOnBhOnNz",
					  "Bearer joe:pa:ss",
					  "Bearer token",
					  "Basic am9lOnBhOnNz am9lOnBhOnNz",
					  "Basic\tam9lOnBhOnNz",
					  "Digest am9lOnBhOnNz",
					  "Basic ====",
					  "Basic AAAA"};
	char password[64], token[64], longer[3000] = "Basic ";
	struct cresset_error err;
	struct auth a;

	write_file(password, "pa:ss\n");
	write_file(token, "t0ken\nsecond line\n");
	assert_int_equal(auth_init(&a, NULL, NULL, NULL, &err), 0);
	assert_false(auth_wanted(&a));
	assert_true(auth_allows(&a, NULL));
	assert_null(auth_challenge(&a, 0));

	assert_int_equal(auth_init(&a, "joe", password, NULL, &err), 0);
	assert_true(auth_wanted(&a));
	assert_true(auth_allows(&a, good));
	assert_true(auth_allows(&a, "basic   am9lOnBhOnNz"));
	assert_false(auth_allows(&a, NULL));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(auth_allows(&a, bad[i]));
	memset(longer + 6, 'A', sizeof(longer) - 7);
	assert_false(auth_allows(&a, longer));
	memset(longer + 6, 'a', sizeof(longer) - 7);
	assert_false(auth_allows(&a, longer));
	assert_non_null(strstr(auth_challenge(&a, 0), "Basic "));
	assert_null(auth_challenge(&a, 1));
	auth_release(&a);

	assert_int_equal(auth_init(&a, "joe", password, token, &err), 0);
	assert_true(auth_allows(&a, good));
	assert_true(auth_allows(&a, "Bearer t0ken"));
	assert_false(auth_allows(&a, "Bearer t0ke"));
	assert_false(auth_allows(&a, "Bearer t0kens"));
	assert_false(auth_allows(&a, "Bearer "));
	memcpy(longer, "Bearer ", 7);
	assert_false(auth_allows(&a, longer));
	assert_non_null(strstr(auth_challenge(&a, 1), "Bearer "));
	auth_release(&a);
	assert_false(auth_wanted(&a));

	assert_int_equal(auth_init(&a, "joe", NULL, NULL, &err), -EINVAL);
	assert_int_equal(auth_init(&a, NULL, password, NULL, &err), -EINVAL);
	assert_int_equal(auth_init(&a, "j:oe", password, NULL, &err), -EINVAL);
	assert_int_equal(auth_init(&a, "", password, NULL, &err), -EINVAL);
	assert_int_equal(auth_init(&a, "joe", "/nowhere/x", NULL, &err), -ENOENT);
	unlink(password);
	unlink(token);
}

/* ---- JSON, by someone else's reader. */

static void test_json(void **state)
{
	char bytes[256];
	struct cresset_sink *s;
	struct json j;
	const char *text;
	size_t size;
	json_t *read;

	for (int c = 1; c < 256; c++)
		bytes[c - 1] = (char)c;
	bytes[255] = '\0';
	assert_int_equal(cresset_sink_memory(&s), 0);
	json_init(&j, s);
	json_begin(&j, NULL, '{');
	json_put_string(&j, bytes, "</script>&\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa");
	json_begin(&j, "empty", '[');
	json_end(&j);
	json_begin(&j, "list", '[');
	json_put_int(&j, NULL, INT64_MIN);
	json_put_uint(&j, NULL, UINT64_MAX);
	json_put_bool(&j, NULL, true);
	json_begin(&j, NULL, '{');
	json_put_string(&j, "a", "");
	json_put_string(&j, "b", "\xf0\x9f\x99\x82 \xc3");
	json_end(&j);
	json_end(&j);
	json_end(&j);
	text = cresset_sink_data(s, &size);
	for (size_t i = 0; i < size; i++)
		assert_true(text[i] == '\n' ||
			    ((unsigned char)text[i] >= ' ' && !strchr("<>&", text[i])));
	assert_null(memmem(text, size, "\xe2\x80\xa8", 3));
	assert_non_null(memmem(text, size, "-9223372036854775808,18446744073709551615,true", 46));
	assert_non_null(memmem(text, size, "\"empty\":[],", 11));
	/* It has no place for the largest number. */
	read = json_loadb(text, size, JSON_DECODE_INT_AS_REAL, NULL);
	assert_non_null(read);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(read, "list"), 3), "b")),
			    "\xf0\x9f\x99\x82 \xef\xbf\xbd");
	json_decref(read);
	cresset_sink_abort(s);
}

/* ---- Metrics. */

static const char *metrics_text(struct cresset_sink *s, char *buf, size_t size)
{
	size_t n;
	const char *text = cresset_sink_data(s, &n);

	assert_true(n < size);
	memcpy(buf, text, n);
	buf[n] = '\0';
	return buf;
}

static void test_metrics(void **state)
{
	struct cresset_sink *s;
	struct metrics m;
	char text[2000];

	assert_int_equal(cresset_sink_memory(&s), 0);
	assert_int_equal(metrics_init(&m, s), 0);
	metrics_one(&m, "a_total", METRICS_COUNTER, "Back\\slash,\nline and \"quotes\".", 7);
	metrics_family(&m, "b_bytes", METRICS_GAUGE, "B.");
	metrics_uint(&m, UINT64_MAX,
		     (struct metrics_label[]){{"x", "q\"b\\n\nl \xff"}, {"y", NULL}}, 2);
	metrics_double(&m, 0.25, (struct metrics_label[]){{"x", "2"}}, 1);
	metrics_double(&m, NAN, (struct metrics_label[]){{"x", "3"}}, 1);
	metrics_double(&m, -INFINITY, (struct metrics_label[]){{"x", "4"}}, 1);
	metrics_one_double(&m, "c_seconds", METRICS_GAUGE, "C.", 1e-9);
	assert_int_equal(metrics_release(&m), 0);
	assert_string_equal(
		metrics_text(s, text, sizeof(text)),
		"# HELP a_total Back\\\\slash,\\nline and \"quotes\".\n"
		"# TYPE a_total counter\n"
		"a_total 7\n"
		"# HELP b_bytes B.\n"
		"# TYPE b_bytes gauge\n"
		"b_bytes{x=\"q\\\"b\\\\n\\nl \xef\xbf\xbd\",y=\"\"} 18446744073709551615\n"
		"b_bytes{x=\"2\"} 0.25\n"
		"b_bytes{x=\"3\"} NaN\n"
		"b_bytes{x=\"4\"} -Inf\n"
		"# HELP c_seconds C.\n"
		"# TYPE c_seconds gauge\n"
		"c_seconds 1e-09\n");
	cresset_sink_abort(s);
}

/* One mistake at a time: it is said, and leaves nothing in the text that a scraper would refuse. */
static void test_metrics_refused(void **state)
{
	static const struct {
		const char *family;
		enum metrics_kind kind;
		struct metrics_label labels[2];
		size_t n, lines;
		int error;
	} cases[] = {
		{"", METRICS_GAUGE, {{NULL}}, 0, 0, -EINVAL},
		{"1a", METRICS_GAUGE, {{NULL}}, 0, 0, -EINVAL},
		{"a b", METRICS_GAUGE, {{NULL}}, 0, 0, -EINVAL},
		{"a\nb", METRICS_GAUGE, {{NULL}}, 0, 0, -EINVAL},
		{"a_count", METRICS_COUNTER, {{NULL}}, 0, 0, -EINVAL},
		{"a_total", METRICS_GAUGE, {{NULL}}, 0, 0, -EINVAL},
		{"ok", METRICS_GAUGE, {{"x y", ""}}, 1, 2, -EINVAL},
		{"ok", METRICS_GAUGE, {{"", ""}}, 1, 2, -EINVAL},
		{"ok", METRICS_GAUGE, {{"a:b", ""}}, 1, 2, -EINVAL},
		{"ok", METRICS_GAUGE, {{"__name__", ""}}, 1, 2, -EINVAL},
		{"ok", METRICS_GAUGE, {{"x", "1"}, {"x", "2"}}, 2, 2, -EINVAL},
		{"before", METRICS_GAUGE, {{NULL}}, 0, 0, -EEXIST},
	};
	struct cresset_sink *s;
	struct metrics m;
	char text[2000];
	size_t lines;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(cresset_sink_memory(&s), 0);
		assert_int_equal(metrics_init(&m, s), 0);
		metrics_one(&m, "before", METRICS_GAUGE, "B.", 1);
		metrics_family(&m, cases[i].family, cases[i].kind, "H.");
		metrics_uint(&m, 1, cases[i].labels, cases[i].n);
		assert_int_equal(metrics_release(&m), cases[i].error);
		metrics_text(s, text, sizeof(text));
		lines = 0;
		for (const char *at = text; *at; at++)
			lines += *at == '\n';
		assert_int_equal(lines, 3 + cases[i].lines);
		cresset_sink_abort(s);
	}
	assert_int_equal(cresset_sink_memory(&s), 0);
	assert_int_equal(metrics_init(&m, s), 0);
	metrics_uint(&m, 1, NULL, 0);
	assert_int_equal(metrics_release(&m), -EINVAL);
	assert_int_equal(metrics_init(&m, s), 0);
	metrics_family(&m, "a", METRICS_GAUGE, "A.");
	metrics_uint(&m, 1, (struct metrics_label[]){{"x", "1"}}, 1);
	metrics_uint(&m, 2, (struct metrics_label[]){{"x", "1"}}, 1);
	assert_int_equal(metrics_release(&m), -EEXIST);
	assert_null(strstr(metrics_text(s, text, sizeof(text)), "} 2"));
	cresset_sink_abort(s);
}

/* ---- Answers. */

static char *body(struct answer *a)
{
	char *text = NULL, *copy;
	size_t size = 0;

	assert_int_equal(answer_take(a, &text, &size), 0);
	copy = strndup(text ? text : "", size);
	free(text);
	answer_release(a);
	return copy;
}

static void test_answer(void **state)
{
	struct cresset_error err = {.text = ""};
	atomic_bool stop = false;
	struct cresset_sink *s;
	struct answer a;
	char *text, *large = calloc(1, 200000);
	size_t size;

	answer_init(&a, 100000, &stop);
	assert_int_equal(answer_sink(&a, &s), 0);
	cresset_sink_puts(s, "hello");
	text = body(&a);
	assert_string_equal(text, "hello");
	free(text);

	/* Too much is an error in its place. */
	answer_init(&a, 100000, &stop);
	a.json = true;
	a.attachment = true;
	answer_filename_add(&a, "../a\"\r\n;\xff..b", 100);
	assert_string_equal(a.filename, "_._a_____._b");
	assert_int_equal(answer_sink(&a, &s), 0);
	assert_int_equal(cresset_sink_write(s, large, 200000), -EFBIG);
	assert_int_equal(answer_take(&a, &text, &size), -EFBIG);
	answer_failed(&a, -EFBIG, &err);
	assert_int_equal(a.status, 422);
	assert_string_equal(a.filename, "");
	text = body(&a);
	assert_non_null(strstr(text, "{\"error\":\"the answer is too large"));
	free(text);

	/* As is what was begun when all ends; why can still be said. */
	answer_init(&a, 100000, &stop);
	assert_int_equal(answer_sink(&a, &s), 0);
	atomic_store(&stop, true);
	cresset_sink_puts(s, "hello");
	assert_int_equal(answer_take(&a, &text, &size), -ECANCELED);
	answer_failed(&a, -ECANCELED, &err);
	assert_int_equal(a.status, 503);
	assert_true(a.retry_s);
	text = body(&a);
	assert_string_equal(text, "the agent ends\n");
	free(text);

	/* What went wrong may quote anything. */
	answer_init(&a, 100000, NULL);
	answer_error(&a, 400, "a\r\nb\x1b[31m \xff <b>");
	text = body(&a);
	assert_string_equal(text, "a  b [31m \xef\xbf\xbd <b>\n");
	free(text);
	free(large);
}

/* ---- Without memory: an error, no crash, no leak. */

static int use_all(void)
{
	struct cresset_error err;
	struct cresset_sink *s = NULL;
	struct metrics m;
	struct target t;
	struct answer a;
	int r = target_parse(&t, "/x?a=1&b=2", &err);

	target_release(&t);
	if (r < 0)
		return r;
	answer_init(&a, 1 << 20, NULL);
	r = answer_sink(&a, &s);
	if (r == 0 && metrics_init(&m, s) == 0) {
		metrics_family(&m, "a", METRICS_GAUGE, "A.");
		for (int i = 0; i < 7; i++)
			metrics_uint(&m, 1, (struct metrics_label[]){{"x", &"abcdefg"[i]}}, 1);
	}
	if (r == 0)
		r = metrics_release(&m);
	answer_release(&a);
	return r;
}

static void test_no_memory(void **state)
{
	int r = 0;

	for (unsigned int n = 1; alloc_fail_next(&n, 1000);) {
		r = use_all();
		if (!alloc_fail_end())
			break;
		assert_int_equal(r, -ENOMEM);
	}
	assert_int_equal(r, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_target),	cmocka_unit_test(test_target_bad),
		cmocka_unit_test(test_routes),	cmocka_unit_test(test_listen),
		cmocka_unit_test(test_host),	cmocka_unit_test(test_listen_open),
		cmocka_unit_test(test_auth),	cmocka_unit_test(test_json),
		cmocka_unit_test(test_metrics), cmocka_unit_test(test_metrics_refused),
		cmocka_unit_test(test_answer),	cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
