// SPDX-License-Identifier: Apache-2.0
/*
 * web_driver [KEY=VALUE]... - the HTTP server on its own, for tests that ask it things.
 *
 *     listen=, hosts=, user=, password_file=, bearer_file=, tls_cert=, tls_key=, connections=,
 *     captures=, queries=, read_timeout=, send_timeout=, answer_bytes=    as of struct web_options
 *     store=PATH     filled first, with windows=N of store_fill.h (services "service0" …),
 *                    demo=N of store_demo.h, and hostile=1: one of hostile names; the last ends now
 *     capture=FILE   what a capture gives, after so many seconds as were asked for
 *     ready=no       why it is not ready: "store: the disk is full"
 *
 * Prints the URL and the port, each on a line, serves until SIGTERM (two minutes at most), and
 * prints "ended" once web_free() is back.
 */
#include "store/store.h"
#include "support/store_demo.h"
#include "support/store_fill.h"
#include "web/metrics.h"
#include "web/web.h"

#include <cresset/format.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LIFE_S = 120 };

struct driver {
	pthread_mutex_t lock;
	pthread_cond_t end;
	bool ending;
	const char *capture;
	const char *ready;
	atomic_ullong captures;
};

static void must(int r, const char *what, const struct cresset_error *err)
{
	if (r >= 0)
		return;
	fprintf(stderr, "web_driver: %s: %s\n", what,
		err && err->text[0] ? err->text : strerror(-r));
	exit(1);
}

static const char *get(char *const *args, const char *key)
{
	size_t n = strlen(key);

	for (; *args; args++)
		if (!strncmp(*args, key, n) && (*args)[n] == '=')
			return *args + n + 1;
	return NULL;
}

static unsigned int number(char *const *args, const char *key)
{
	const char *s = get(args, key);

	return s ? (unsigned int)strtoul(s, NULL, 10) : 0;
}

/* ---- The backend. */

static int metrics(void *arg, struct cresset_sink *sink)
{
	struct driver *d = arg;
	struct metrics m;

	if (metrics_init(&m, sink) == 0) {
		metrics_one(&m, "cresset_captures_total", METRICS_COUNTER, "Captures begun.",
			    atomic_load(&d->captures));
		metrics_family(&m, "cresset_test_info", METRICS_GAUGE, "Hostile \\ text\nhere.");
		metrics_uint(&m, 1, (struct metrics_label[]){{"name", STORE_DEMO_HOSTILE}}, 1);
	}
	return metrics_release(&m);
}

static int capture(void *arg, const char *event, unsigned int seconds, const struct match *match,
		   struct cresset_profile **ret, struct cresset_error *err)
{
	struct driver *d = arg;
	struct timespec end;
	bool ending;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += seconds;
	pthread_mutex_lock(&d->lock);
	atomic_fetch_add(&d->captures, 1);
	while (!d->ending && pthread_cond_timedwait(&d->end, &d->lock, &end) != ETIMEDOUT)
		;
	ending = d->ending;
	pthread_mutex_unlock(&d->lock);
	if (ending)
		return -ECANCELED;
	if (!d->capture)
		return cresset_error_set(err, -EBUSY, "no capture=FILE for '%s'", event);
	return cresset_format_read_file(d->capture, ret, NULL, err);
}

static void cancel(void *arg)
{
	struct driver *d = arg;

	pthread_mutex_lock(&d->lock);
	d->ending = true;
	pthread_cond_broadcast(&d->end);
	pthread_mutex_unlock(&d->lock);
}

static bool ready(void *arg, char *why, size_t size)
{
	struct driver *d = arg;

	if (!d->ready)
		return true;
	snprintf(why, size, "%s", d->ready);
	return false;
}

/* ---- The store. */

static void append(struct store *s, int r, struct cresset_profile *p)
{
	struct cresset_error err = {.text = ""};

	must(r, "a window", NULL);
	must(store_append(s, p, &err), "append", &err);
	cresset_profile_free(p);
}

static void fill(char *const *args)
{
	unsigned int windows = number(args, "windows"), demo = number(args, "demo");
	struct store_options options = {.read_only = false};
	struct store_fill f = STORE_FILL_INIT;
	struct cresset_error err = {.text = ""};
	struct cresset_profile *p = NULL;
	struct timespec t;
	struct store *s;
	int64_t now;
	int r;

	must(store_open(get(args, "store"), &options, &s, &err), "store", &err);
	clock_gettime(CLOCK_REALTIME, &t);
	now = (int64_t)t.tv_sec * 1000000000;
	f.start_ns = now - f.step_ns * windows;
	for (unsigned int i = 0; i < windows; i++) {
		r = store_fill_window(&f, i, &p);
		append(s, r, p);
	}
	for (unsigned int i = 0; i < demo; i++) {
		r = store_demo_window(i, now - INT64_C(10000000000) * (demo - i), &p);
		append(s, r, p);
	}
	if (number(args, "hostile")) {
		r = store_demo_hostile(now - INT64_C(10000000000), &p);
		append(s, r, p);
	}
	while ((r = store_maintain(s, now, &err)) > 0)
		;
	must(r, "maintain", &err);
	store_close(s);
}

int main(int argc, char **argv)
{
	char *const *args = argv + 1;
	struct web_options o = {
		.listen = get(args, "listen") ?: "127.0.0.1:0",
		.hosts = get(args, "hosts"),
		.user = get(args, "user"),
		.password_file = get(args, "password_file"),
		.bearer_file = get(args, "bearer_file"),
		.tls_cert = get(args, "tls_cert"),
		.tls_key = get(args, "tls_key"),
		.max_connections = number(args, "connections"),
		.max_captures = number(args, "captures"),
		.max_queries = number(args, "queries"),
		.read_timeout_s = number(args, "read_timeout"),
		.send_timeout_s = number(args, "send_timeout"),
		.max_answer_bytes = number(args, "answer_bytes"),
	};
	struct driver d = {.lock = PTHREAD_MUTEX_INITIALIZER,
			   .end = PTHREAD_COND_INITIALIZER,
			   .capture = get(args, "capture"),
			   .ready = get(args, "ready")};
	struct web_backend b = {.arg = &d,
				.metrics = metrics,
				.capture = capture,
				.cancel = cancel,
				.ready = ready,
				.store_path = get(args, "store")};
	struct cresset_error err = {.text = ""};
	struct timespec life = {.tv_sec = LIFE_S};
	struct web *w;
	sigset_t set;

	if (b.store_path)
		fill(args);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	must(web_new(&o, &b, &w, &err), "web_new", &err);
	printf("%s\n%u\n", web_url(w), web_port(w));
	if (web_warning(w))
		fprintf(stderr, "%s\n", web_warning(w));
	fflush(stdout);
	sigtimedwait(&set, NULL, &life);
	web_free(w);
	printf("ended\n");
	return 0;
}
