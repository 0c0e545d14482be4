// SPDX-License-Identifier: Apache-2.0
/*
 * What a client sends, through everything that reads it before a handler does. The input is lines:
 * the request's target, Host, Authorization, and an address to listen on. What the target asks for
 * is parsed as far as a store: numbers, moments, a match; and what is said about it comes out as
 * JSON that another reader takes, and as a file name and metrics that are harmless.
 */
#include "store/ask.h"
#include "web/answer.h"
#include "web/auth.h"
#include "web/inside.h"
#include "web/metrics.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_answer(const struct target *t, const char *text)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	struct answer a;
	char *body = NULL;
	size_t n = 0;
	json_t *read;

	answer_init(&a, 1 << 20, NULL);
	a.json = true;
	for (size_t i = 0; i < t->n; i++)
		answer_filename_add(&a, t->params[i].value, 40);
	check(strspn(a.filename, plain) == strlen(a.filename));
	check(a.filename[0] != '.' && !strstr(a.filename, ".."));
	answer_error(&a, 400, text);
	check(answer_take(&a, &body, &n) == 0);
	read = json_loadb(body, n, 0, NULL);
	check(json_is_object(read));
	json_decref(read);
	free(body);
	answer_release(&a);
}

static void check_metrics(const struct target *t)
{
	struct cresset_sink *s;
	struct metrics m;
	const char *text;
	size_t n, lines = 0;

	check(cresset_sink_memory(&s) == 0 && metrics_init(&m, s) == 0);
	metrics_family(&m, "cresset_fuzz", METRICS_GAUGE, t->path);
	for (size_t i = 0; i < t->n; i++)
		metrics_uint(&m, i,
			     (struct metrics_label[]){{"x", t->params[i].name},
						      {"y", t->params[i].value}},
			     2);
	metrics_release(&m);
	text = cresset_sink_data(s, &n);
	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	/* A series may stand there twice: names that differ in what is no UTF-8 are alike. */
	check(lines >= 2 && lines <= 2 + t->n);
	cresset_sink_abort(s);
}

static void run_target(const char *raw)
{
	struct cresset_error err = {.text = ""};
	struct ask ask = {.from = NULL};
	struct asked asked;
	struct target t;
	unsigned int n;
	size_t index;
	bool yes;
	int r = target_parse(&t, raw, &err);
	const struct route *route = route_find(t.path, &index);

	if (r == 0 && route && route->params)
		r = target_check(&t, route->params, &err);
	r = r ?: target_uint(&t, "seconds", 1, WEB_CAPTURE_MAX_S, 30, &n, &err);
	r = r ?: target_bool(&t, "idle", &yes, &err);
	ask.from = target_get(&t, "from");
	ask.to = target_get(&t, "to");
	ask.match = target_get(&t, "match");
	ask.event = target_get(&t, "event");
	ask.diff_from = target_get(&t, "diff-from");
	r = r ?: ask_parse(&ask, INT64_C(1700000000000000000), &asked, &err);
	if (r == 0) {
		check(asked.query.from_ns < asked.query.to_ns);
		asked_release(&asked);
	} else {
		check(err.text[0]);
	}
	check_answer(&t, err.text);
	check_metrics(&t);
	target_release(&t);
}

static void run_header(const char *host, const char *authorization, const char *address)
{
	struct auth auth = {.basic_set = true, .bearer_set = true};
	struct cresset_error err = {.text = ""};
	struct listen_address a;

	strcpy(auth.basic, "joe:secret");
	strcpy(auth.bearer, "token");
	if (auth_allows(&auth, authorization))
		check(strstr(authorization, "am9lOnNlY3JldA") || strstr(authorization, "token"));
	check(listen_parse("127.0.0.1:0", &a, &err) == 0);
	if (listen_host_allowed(&a, NULL, host))
		check(!strncasecmp(host, "localhost", 9) || !strncmp(host, "127.0.0.1", 9) ||
		      !strncmp(host, "[::1]", 5));
	listen_host_allowed(&a, host, authorization);
	if (listen_parse(address, &a, &err) < 0)
		check(err.text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *lines[4], *rest = text, none[] = "";

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < 4; i++)
		lines[i] = rest ? strsep(&rest, "\n") : none;
	run_target(lines[0]);
	run_header(lines[1], lines[2], lines[3]);
	free(text);
	return 0;
}
