// SPDX-License-Identifier: Apache-2.0
/* Windows to servers: one profile a service and kind, what is said of it, and other configurations.
 */
#include "agent/uploads.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
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

#include "support/agent_demo.h"

enum { SEEN_MAX = 64, SEEN_BYTES = 256, REQUEST_MAX = 1 << 20 };

/* Takes all that comes; keeps the paths. */
struct server {
	int fd;
	unsigned int port;
	pthread_t thread;
	atomic_bool end;
	atomic_uint n;
	char seen[SEEN_MAX][SEEN_BYTES];
};

/* Reads the whole of a request. */
static bool read_request(int fd, char *buf)
{
	size_t n = 0, want = REQUEST_MAX;

	while (n < want) {
		ssize_t got = recv(fd, buf + n, REQUEST_MAX - n, 0);
		const char *body, *length;

		if (got <= 0)
			return false;
		n += (size_t)got;
		buf[n] = '\0';
		body = strstr(buf, "\r\n\r\n");
		length = strcasestr(buf, "content-length: ");
		if (body && length)
			want = (size_t)(body + 4 - buf) + strtoul(length + 16, NULL, 10);
	}
	return true;
}

static void *serve(void *arg)
{
	static const char ok[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	char *buf = malloc(REQUEST_MAX + 1);
	struct server *s = arg;

	while (!atomic_load(&s->end)) {
		struct pollfd p = {.fd = s->fd, .events = POLLIN};
		int fd = poll(&p, 1, 20) == 1 ? accept(s->fd, NULL, NULL) : -1;
		unsigned int n = atomic_load(&s->n);
		const char *path;

		if (fd < 0)
			continue;
		if (read_request(fd, buf) && n < SEEN_MAX) {
			path = strchr(buf, ' ') + 1;
			snprintf(s->seen[n], SEEN_BYTES, "%.*s", (int)strcspn(path, " "), path);
			atomic_fetch_add(&s->n, 1);
		}
		if (send(fd, ok, sizeof(ok) - 1, MSG_NOSIGNAL) < 0)
			print_message("the client is gone\n");
		close(fd);
	}
	free(buf);
	return NULL;
}

static void server_start(struct server *s)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(at);

	memset(s, 0, sizeof(*s));
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
	atomic_store(&s->end, true);
	pthread_join(s->thread, NULL);
	close(s->fd);
}

/* How many paths begin so? */
static unsigned int count(const struct server *s, const char *begin)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < atomic_load(&s->n); i++)
		count += !strncmp(s->seen[i], begin, strlen(begin));
	return count;
}

struct demo {
	struct fixture f;
	struct agent_labels *labels;
	struct cresset_profile *window;
	struct parts parts;
	struct server server;
	struct uploads uploads;
	unsigned int n_failed;
};

static int setup(void **state)
{
	struct demo *d = calloc(1, sizeof(*d));

	fixture_init(&d->f);
	assert_int_equal(agent_demo_labels(&d->f, &d->labels), 0);
	assert_int_equal(agent_demo_window(1, &d->window), 0);
	/* Servers want none that is old. */
	cresset_profile_set_time(d->window, (int64_t)time(NULL) * 1000000000, AGENT_DEMO_LENGTH);
	assert_int_equal(parts_init(&d->parts, d->window, d->labels), 0);
	server_start(&d->server);
	uploads_init(&d->uploads);
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	struct demo *d = *state;

	uploads_release(&d->uploads);
	server_end(&d->server);
	parts_release(&d->parts);
	cresset_profile_free(d->window);
	agent_labels_free(d->labels);
	fixture_release(&d->f);
	free(d);
	return 0;
}

static void add_config(struct demo *d, struct vec *configs, const char *name, const char *path,
		       const char *spool)
{
	struct cresset_error err = {.text = ""};
	struct export_config *c = NULL;
	char url[64];
	int r = export_config_new(name, &c);

	snprintf(url, sizeof(url), "http://127.0.0.1:%u", d->server.port);
	r = r ? r : export_config_set(c, "type", "http", &err);
	r = r ? r : export_config_set(c, "url", url, &err);
	r = r ? r : export_config_set(c, "path", path, &err);
	if (!r && spool)
		r = export_config_set(c, "spool", spool, &err);
	r = r ? r : export_config_check(c, &err);
	if (r)
		fail_msg("%s", err.text);
	assert_non_null(vec_push(configs, &c, 1));
}

static void failed(void *arg, const char *name, const struct cresset_error *err)
{
	struct demo *d = arg;

	print_message("%s: %s\n", name, err->text);
	d->n_failed++;
}

static void configure(struct demo *d, struct vec *configs)
{
	uploads_configure(&d->uploads, configs, 0, failed, d);
	assert_int_equal(configs->n, 0);
	vec_release(configs);
}

static uint64_t pushed(struct demo *d, size_t i)
{
	struct upload_stats stats;

	assert_true(uploads_stats(&d->uploads, i, &stats));
	return stats.stats.pushed;
}

static void test_services(void **state)
{
	struct demo *d = *state;
	struct vec configs;

	vec_init(&configs, sizeof(struct export_config *));
	add_config(d, &configs, "one", "/{service}/{name}/{exe}/{region}/{id}", NULL);
	configure(d, &configs);
	assert_int_equal(uploads_push(&d->uploads, &d->parts), 0);
	uploads_stop(&d->uploads, 10000);
	/* Three services, two kinds of time each; what its programs do not have in common (exe) is
	 * not said of the whole service. */
	assert_int_equal(atomic_load(&d->server.n), 6);
	assert_int_equal(count(&d->server, "/shop/process_cpu/_/eu/"), 1);
	assert_int_equal(count(&d->server, "/shop/off_cpu/_/eu/"), 1);
	assert_int_equal(count(&d->server, "/kernel/"), 2);
	assert_int_equal(count(&d->server, "/gone/"), 2);
	/* It takes no more: counted, and not sent. */
	assert_int_equal(uploads_push(&d->uploads, &d->parts), 6);
}

/* One that is as it was goes on, with its counts; others end and begin. */
static void test_configurations(void **state)
{
	struct demo *d = *state;
	struct vec configs;
	struct upload_stats stats;

	vec_init(&configs, sizeof(struct export_config *));
	add_config(d, &configs, "kept", "/kept/{service}", NULL);
	add_config(d, &configs, "changed", "/before/{service}", fixture_path(&d->f, "spool"));
	configure(d, &configs);
	assert_int_equal(uploads_count(&d->uploads), 2);
	assert_int_equal(uploads_push(&d->uploads, &d->parts), 0);

	vec_init(&configs, sizeof(struct export_config *));
	/* The spool is handed on. */
	add_config(d, &configs, "changed", "/after/{service}", fixture_path(&d->f, "spool"));
	add_config(d, &configs, "kept", "/kept/{service}", NULL);
	/* Nobody else may have it: said, and the others are served all the same. */
	add_config(d, &configs, "greedy", "/greedy/{service}", fixture_path(&d->f, "spool"));
	configure(d, &configs);
	assert_int_equal(d->n_failed, 1);
	assert_int_equal(uploads_count(&d->uploads), 2);
	assert_int_equal(pushed(d, 0), 0);
	assert_int_equal(pushed(d, 1), 6);
	assert_true(uploads_stats(&d->uploads, 1, &stats));
	assert_string_equal(stats.name, "kept");
	assert_string_equal(stats.type, "http");
	assert_false(uploads_stats(&d->uploads, 2, &stats));

	assert_int_equal(uploads_push(&d->uploads, &d->parts), 0);
	uploads_stop(&d->uploads, 10000);
	assert_int_equal(count(&d->server, "/kept/"), 12);
	assert_int_equal(count(&d->server, "/before/") + count(&d->server, "/after/"), 12);
	assert_true(count(&d->server, "/after/") >= 6);

	vec_init(&configs, sizeof(struct export_config *));
	configure(d, &configs);
	assert_int_equal(uploads_count(&d->uploads), 0);
	assert_int_equal(uploads_push(&d->uploads, &d->parts), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_services, setup, teardown),
		cmocka_unit_test_setup_teardown(test_configurations, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
