// SPDX-License-Identifier: Apache-2.0
/*
 * Exporters as the agent uses them, over real connections to a small server in this process: one
 * that hangs holds up neither the others nor a push, the end comes in time with everything kept, a
 * changed configuration takes the spool over, and all is counted, whoever pushes meanwhile.
 *
 * No time is asserted: where something could wait for ever, the alarm ends the test.
 */
#include "export/export.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/fixture.h"

/* ---- A server: reads a request, answers as it is told, closes. */

enum mode { OK, BUSY, HANG, TOO_LARGE, REDIRECT, ECHO };
enum { SEEN_MAX = 1024, REQUEST_MAX = 1 << 20 };

struct server {
	int fd;
	unsigned int port;
	pthread_t thread;
	atomic_int mode;
	atomic_bool end;
	atomic_uint requests; /* that were read whole */
	unsigned int n;	      /* … and accepted; their numbers (paths) in order */
	unsigned int seen[SEEN_MAX];
	unsigned int other; /* where REDIRECT leads */
};

/* Until the blank line, and as much as Content-Length says. */
static bool read_request(int fd, char *buf)
{
	const char *body = NULL, *length;
	size_t n = 0, need = SIZE_MAX;
	ssize_t got;

	while (n < need) {
		got = recv(fd, buf + n, REQUEST_MAX - n, 0);
		if (got <= 0)
			return false;
		n += (size_t)got;
		buf[n] = '\0';
		body = body ? body : strstr(buf, "\r\n\r\n");
		length = body ? strstr(buf, "Content-Length: ") : NULL;
		if (length)
			need = (size_t)(body + 4 - buf) + strtoul(length + 16, NULL, 10);
	}
	return true;
}

static void reply(int fd, const char *status, const char *header, const char *body)
{
	char text[2048];
	int n = snprintf(text, sizeof(text),
			 "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
			 status, header, strlen(body), body);

	/* The client may be gone. */
	if (send(fd, text, (size_t)n, MSG_NOSIGNAL) < 0)
		return;
}

static void answer(struct server *s, int fd, const char *request)
{
	const char *authorization = strstr(request, "Authorization: ");
	char text[256];

	switch (atomic_load(&s->mode)) {
	case BUSY:
		reply(fd, "503 Busy", "", "");
		return;
	case TOO_LARGE:
		reply(fd, "413 Too Large", "", "");
		return;
	case REDIRECT:
		snprintf(text, sizeof(text), "Location: http://127.0.0.1:%u/0\r\n", s->other);
		reply(fd, "307 Elsewhere", text, "");
		return;
	case ECHO:
		snprintf(text, sizeof(text), "not you: %.*s",
			 authorization ? (int)strcspn(authorization, "\r\n") : 0,
			 authorization ? authorization : "");
		reply(fd, "403 No", "", text);
		return;
	default:
		break;
	}
	request = strchr(request, '/');
	if (request && s->n < SEEN_MAX)
		s->seen[s->n++] = (unsigned int)strtoul(request + 1, NULL, 10);
	reply(fd, "200 OK", "", "");
}

static void *serve(void *server)
{
	struct server *s = server;
	char *buf = malloc(REQUEST_MAX + 1);

	assert_non_null(buf);
	while (!s->end) {
		struct pollfd p = {.fd = s->fd, .events = POLLIN};
		int fd = poll(&p, 1, 20) == 1 ? accept(s->fd, NULL, NULL) : -1;

		if (fd < 0)
			continue;
		if (read_request(fd, buf)) {
			s->requests++;
			while (s->mode == HANG && !s->end)
				usleep(1000);
			answer(s, fd, buf);
		}
		close(fd);
	}
	free(buf);
	return NULL;
}

static void server_start(struct server *s, enum mode mode)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(at);

	memset(s, 0, sizeof(*s));
	s->mode = mode;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(s->fd, 64), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&at, &n), 0);
	s->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_end(struct server *s)
{
	s->end = true;
	pthread_join(s->thread, NULL);
	close(s->fd);
}

static void wait_requests(struct server *s, unsigned int n)
{
	while (s->requests < n)
		usleep(1000);
}

/* ---- What is sent. */

static void set(struct export_config *c, const char *key, const char *value)
{
	struct cresset_error err = {.text = ""};

	if (export_config_set(c, key, value, &err) < 0)
		fail_msg("%s: %s", key, err.text);
}

/* spool: NULL for none. */
static struct export_config *config(const struct server *s, const char *spool)
{
	struct export_config *c = NULL;
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u", s->port);
	assert_int_equal(export_config_new("test", &c), 0);
	set(c, "type", "http");
	set(c, "url", url);
	set(c, "path", "/{seq}");
	set(c, "timeout", "1000s");
	set(c, "retry_min", "5ms");
	set(c, "retry_max", "20ms");
	if (spool)
		set(c, "spool", spool);
	return c;
}

static struct exporter *start(struct export_config *c)
{
	struct cresset_error err = {.text = ""};
	struct exporter *e = NULL;

	if (exporter_new(c, &e, &err) < 0)
		fail_msg("%s", err.text);
	return e;
}

static struct cresset_profile *profile_of(size_t name_bytes)
{
	struct cresset_profile *p = NULL;
	uint32_t frame = 0, stack = 0, x = 7;
	char *name = calloc(1, name_bytes + 1);
	struct timespec t;

	assert_non_null(name);
	for (size_t i = 0; i < name_bytes; i++) {
		x = x * 1103515245 + 12345;
		name[i] = (char)('a' + x / 65536 % 26);
	}
	clock_gettime(CLOCK_REALTIME, &t);
	assert_int_equal(cresset_profile_new(&p), 0);
	assert_int_equal(cresset_profile_add_value_type(p, "cpu", "nanoseconds"), 0);
	cresset_profile_set_time(p, (int64_t)t.tv_sec * 1000000000 + t.tv_nsec - 10, 10);
	assert_int_equal(cresset_profile_add_frame(p, name, name_bytes, 0, &frame), 0);
	assert_int_equal(cresset_profile_add_stack(p, &frame, 1, &stack), 0);
	assert_int_equal(cresset_profile_add_sample(p, stack, 0, (int64_t[]){1}), 0);
	free(name);
	return p;
}

static int push_wide(struct exporter *e, unsigned int seq, size_t name_bytes)
{
	struct cresset_profile *p = profile_of(name_bytes);
	char text[16];
	int r;

	snprintf(text, sizeof(text), "%u", seq);
	r = exporter_push(e, p, &(struct export_label){"seq", text}, 1, NULL);
	cresset_profile_free(p);
	return r;
}

static void push(struct exporter *e, unsigned int first, unsigned int last)
{
	for (unsigned int seq = first; seq <= last; seq++)
		assert_int_equal(push_wide(e, seq, 10), 0);
}

static struct exporter_stats stats_of(struct exporter *e)
{
	struct exporter_stats s;
	uint64_t dropped = 0;

	exporter_get_stats(e, &s);
	for (int i = 0; i < EXPORT_DROP_COUNT; i++)
		dropped += s.dropped[i];
	assert_int_equal(s.pushed + s.restored, s.sent + s.queued + s.spooled + dropped);
	return s;
}

static void wait_spooled(struct exporter *e, uint64_t n)
{
	while (stats_of(e).spooled < n)
		usleep(1000);
}

static void expect_seen(const struct server *s, unsigned int first, unsigned int last)
{
	assert_int_equal(s->n, last - first + 1);
	for (unsigned int i = 0; i < s->n; i++)
		assert_int_equal(s->seen[i], first + i);
}

/* ---- The tests. */

static void test_hang_delays_nobody(void **state)
{
	struct server bad, good;
	struct exporter *to_bad, *to_good;
	struct fixture f;

	fixture_init(&f);
	server_start(&bad, HANG);
	server_start(&good, OK);
	to_bad = start(config(&bad, fixture_path(&f, "bad")));
	to_good = start(config(&good, fixture_path(&f, "good")));
	for (unsigned int i = 1; i <= 40; i++) {
		push(to_bad, i, i);
		push(to_good, i, i);
	}
	wait_requests(&bad, 1);
	assert_int_equal(exporter_flush(to_good, 60000), 0);
	assert_int_equal(stats_of(to_good).sent, 40);
	assert_int_equal(exporter_flush(to_bad, 1), -ETIMEDOUT);
	/* Both ends run side by side; the request on its way is kept as well. */
	exporter_begin_stop(to_bad, 400);
	exporter_begin_stop(to_good, 400);
	assert_int_equal(push_wide(to_bad, 41, 10), -ESHUTDOWN);
	assert_int_equal(exporter_stop(to_bad, 400), 40);
	assert_int_equal(exporter_stop(to_good, 400), 0);
	assert_int_equal(exporter_stop(to_bad, 400), 0);
	assert_int_equal(stats_of(to_bad).spooled, 40);
	assert_int_equal(stats_of(to_bad).dropped[EXPORT_DROP_stopped], 1);
	exporter_free(to_bad);
	exporter_free(to_good);
	server_end(&good);
	expect_seen(&good, 1, 40);

	/* The next process finds all 40. */
	bad.mode = OK;
	to_bad = start(config(&bad, fixture_path(&f, "bad")));
	assert_int_equal(stats_of(to_bad).restored, 40);
	assert_int_equal(exporter_flush(to_bad, 60000), 0);
	assert_int_equal(stats_of(to_bad).sent, 40);
	exporter_free(to_bad);
	server_end(&bad);
	fixture_release(&f);
}

/* A full queue goes to disk in time too: not one fsync for each of 600. */
static void test_stop_with_full_queue(void **state)
{
	struct exporter *e;
	struct server s;
	struct fixture f;

	fixture_init(&f);
	server_start(&s, HANG);
	e = start(config(&s, fixture_path(&f, "spool")));
	push(e, 1, 600);
	assert_int_equal(exporter_stop(e, 0), 600);
	assert_int_equal(stats_of(e).spooled, 600);
	exporter_free(e);
	server_end(&s);
	fixture_release(&f);
}

/* The agent's bound holds whatever the configuration says: the oldest fall out, and are counted. */
static void test_queue_is_limited(void **state)
{
	struct exporter_stats stats;
	struct exporter *e;
	struct server s;

	server_start(&s, HANG);
	e = start(config(&s, NULL));
	assert_int_equal(stats_of(e).queue_max_bytes, EXPORT_DEFAULT_QUEUE_BYTES);
	exporter_limit_queue(e, UINT64_C(1) << 40);
	assert_int_equal(stats_of(e).queue_max_bytes, EXPORT_DEFAULT_QUEUE_BYTES);
	exporter_limit_queue(e, 20000);
	assert_int_equal(stats_of(e).queue_max_bytes, 20000);
	push(e, 1, 300);
	stats = stats_of(e);
	assert_true(stats.dropped[EXPORT_DROP_queue_full] > 0);
	assert_true(stats.queued_bytes <= 20000 + 1000);
	exporter_limit_queue(e, 0);
	assert_int_equal(stats_of(e).queue_max_bytes, EXPORT_DEFAULT_QUEUE_BYTES);
	exporter_free(e);
	server_end(&s);
}

static void test_reload(void **state)
{
	struct export_config *c, *same, *changed;
	struct server busy, good;
	struct exporter *e;
	struct fixture f;

	fixture_init(&f);
	server_start(&busy, BUSY);
	server_start(&good, OK);
	e = start(config(&busy, fixture_path(&f, "spool")));
	push(e, 1, 5);
	wait_spooled(e, 5);
	same = config(&busy, fixture_path(&f, "spool"));
	changed = config(&good, fixture_path(&f, "spool"));
	assert_int_equal(export_config_check(same, NULL), 0);
	assert_int_equal(export_config_check(changed, NULL), 0);
	assert_true(export_config_equal(exporter_config(e), same));
	assert_false(export_config_equal(exporter_config(e), changed));
	export_config_free(same);

	/* The spool has one user at a time; who is refused keeps its configuration. */
	c = changed;
	assert_int_equal(exporter_new(changed, &e, NULL), -EBUSY);
	assert_int_equal(exporter_stop(e, 100), 5);
	exporter_free(e);
	e = start(c);
	assert_int_equal(stats_of(e).restored, 5);
	push(e, 6, 7);
	assert_int_equal(exporter_flush(e, 60000), 0);
	assert_int_equal(stats_of(e).sent, 7);
	exporter_free(e);
	server_end(&busy);
	server_end(&good);
	expect_seen(&good, 1, 7);
	fixture_release(&f);
}

/* Grown too old while it is under way: what the server says counts, and nothing counts twice. */
static void test_too_old_in_flight(void **state)
{
	struct export_config *c;
	struct exporter *e;
	struct server s;
	struct fixture f;

	fixture_init(&f);
	server_start(&s, BUSY);
	c = config(&s, fixture_path(&f, "spool"));
	set(c, "max_age", "3s");
	e = start(c);
	push(e, 1, 1);
	wait_spooled(e, 1);
	s.mode = HANG;
	wait_requests(&s, s.requests + 1);
	sleep(4);
	push(e, 2, 2); /* wakes the thread, which looks for what is too old */
	wait_spooled(e, 2);
	s.mode = OK;
	assert_int_equal(exporter_flush(e, 60000), 0);
	assert_int_equal(stats_of(e).sent, 2);
	assert_int_equal(stats_of(e).dropped[EXPORT_DROP_too_old], 0);
	exporter_free(e);
	server_end(&s);
	expect_seen(&s, 1, 2);
	fixture_release(&f);
}

static void test_larger_than_the_spool(void **state)
{
	struct export_config *c;
	struct exporter *e;
	struct server s;
	struct fixture f;

	fixture_init(&f);
	server_start(&s, HANG);
	c = config(&s, fixture_path(&f, "spool"));
	set(c, "spool_max_bytes", "32k");
	e = start(c);
	push(e, 1, 1);
	wait_requests(&s, 1);
	assert_int_equal(push_wide(e, 2, 200000), 0);
	push(e, 3, 5);
	assert_int_equal(exporter_stop(e, 100), 4);
	assert_int_equal(stats_of(e).dropped[EXPORT_DROP_spool_full], 1);
	assert_int_equal(stats_of(e).spooled, 4);
	exporter_free(e);
	server_end(&s);
	fixture_release(&f);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* Tokens are renewed under a running exporter, and may be away for a moment. */
static void test_secret_comes_and_goes(void **state)
{
	struct export_config *c;
	struct exporter_stats stats;
	struct exporter *e;
	struct server s;
	struct fixture f;
	char token[4096];

	fixture_init(&f);
	server_start(&s, ECHO);
	snprintf(token, sizeof(token), "%s", fixture_path(&f, "token"));
	write_text(token, "first-s3cr3t\n");
	c = config(&s, fixture_path(&f, "spool"));
	set(c, "bearer_file", token);
	e = start(c);
	push(e, 1, 1);
	assert_int_equal(exporter_flush(e, 60000), 0);
	stats = stats_of(e);
	assert_int_equal(stats.dropped[EXPORT_DROP_refused], 1);
	assert_int_equal(stats.refused_by[0].code, 403);
	assert_non_null(strstr(stats.last_error, "not you: Authorization: "));
	assert_null(strstr(stats.last_error, "s3cr3t"));

	assert_int_equal(unlink(token), 0);
	s.mode = OK;
	push(e, 2, 3);
	wait_spooled(e, 2);
	stats = stats_of(e);
	assert_non_null(strstr(stats.last_error, "cannot read"));
	assert_int_equal(stats.sent, 0);
	write_text(token, "second-s3cr3t\n");
	assert_int_equal(exporter_flush(e, 60000), 0);
	assert_int_equal(stats_of(e).sent, 2);
	exporter_free(e);
	server_end(&s);
	expect_seen(&s, 2, 3);
	fixture_release(&f);
}

/* Neither body nor credentials follow a redirect; a body that is too large is not tried again. */
static void test_refusals(void **state)
{
	struct server s, elsewhere;
	struct exporter_stats stats;
	struct exporter *e;

	server_start(&s, REDIRECT);
	server_start(&elsewhere, OK);
	s.other = elsewhere.port;
	e = start(config(&s, NULL));
	push(e, 1, 2);
	assert_int_equal(exporter_flush(e, 60000), 0);
	stats = stats_of(e);
	assert_int_equal(stats.dropped[EXPORT_DROP_refused], 2);
	assert_int_equal(stats.refused_by[0].code, 307);
	assert_non_null(strstr(stats.last_error, "redirect"));
	s.mode = TOO_LARGE;
	push(e, 3, 3);
	assert_int_equal(exporter_flush(e, 60000), 0);
	stats = stats_of(e);
	assert_int_equal(stats.dropped[EXPORT_DROP_refused], 3);
	assert_int_equal(stats.refused_by[1].code, 413);
	assert_int_equal(stats.tries, 3);
	exporter_free(e);
	server_end(&s);
	server_end(&elsewhere);
	assert_int_equal(elsewhere.requests, 0);
}

enum { THREADS = 4, PUSHES = 50 };

static void *push_many(void *exporter)
{
	for (unsigned int i = 1; i <= PUSHES; i++) {
		(void)push_wide(exporter, i, 100);
		usleep(500);
	}
	return NULL;
}

static void *watch(void *exporter)
{
	for (unsigned int i = 0; i < 200; i++) {
		(void)stats_of(exporter);
		usleep(500);
	}
	return NULL;
}

/* The server comes and goes while several push and one looks; also for ThreadSanitizer. */
static void test_threads(void **state)
{
	pthread_t threads[THREADS + 1];
	struct exporter_stats stats;
	struct export_config *c;
	struct exporter *e;
	struct server s;
	struct fixture f;

	fixture_init(&f);
	server_start(&s, OK);
	c = config(&s, fixture_path(&f, "spool"));
	set(c, "spool_max_bytes", "128k");
	e = start(c);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, push_many, e), 0);
	assert_int_equal(pthread_create(&threads[THREADS], NULL, watch, e), 0);
	for (int i = 0; i < 10; i++) {
		s.mode = i % 2 ? OK : BUSY;
		usleep(10000);
	}
	s.mode = OK;
	for (int i = 0; i <= THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(exporter_flush(e, 60000), 0);
	stats = stats_of(e);
	assert_int_equal(stats.pushed, THREADS * PUSHES);
	assert_int_equal(stats.sent + stats.dropped[EXPORT_DROP_spool_full], THREADS * PUSHES);
	exporter_free(e);
	server_end(&s);
	assert_int_equal(s.n, stats.sent);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hang_delays_nobody),
		cmocka_unit_test(test_stop_with_full_queue),
		cmocka_unit_test(test_queue_is_limited),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_too_old_in_flight),
		cmocka_unit_test(test_larger_than_the_spool),
		cmocka_unit_test(test_secret_comes_and_goes),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_threads),
	};
	static const char *const proxies[] = {"http_proxy", "https_proxy", "all_proxy",
					      "HTTPS_PROXY", "ALL_PROXY"};

	for (size_t i = 0; i < sizeof(proxies) / sizeof(*proxies); i++)
		unsetenv(proxies[i]);
	alarm(110);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
