// SPDX-License-Identifier: Apache-2.0
/*
 * debuginfod: what is not on this host comes from a server, and a dead server costs one time-out.
 *
 * The server is the real one (Debian's debuginfod), on the loopback interface and a port of its
 * own. The dead one is a socket that listens and never answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cresset/symbolizer.h>

#include "debuginfod.h"
#include "support/sample.h"

static struct fixture fixture;
static bool ready; /* there is a sample, and the client library */

static int build(void **state)
{
	void *library = dlopen("libdebuginfod.so.1", RTLD_LAZY | RTLD_NODELETE);

	if (!library) {
		print_message("skipped: needs libdebuginfod1\n");
		return 0;
	}
	dlclose(library);
	ready = sample_build(&fixture);
	if (!ready)
		return 0;
	setenv("DEBUGINFOD_CACHE_PATH", fixture_path(&fixture, "cache"), 1);
	setenv("DEBUGINFOD_TIMEOUT", "1", 1);
	unsetenv("DEBUGINFOD_PROGRESS");
	unsetenv("DEBUGINFOD_VERBOSE");
	unsetenv("http_proxy");
	return 0;
}

static int clean(void **state)
{
	if (ready)
		fixture_release(&fixture);
	return 0;
}

/* A socket that listens on a free port of the loopback interface. */
static int listen_somewhere(uint16_t *ret_port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*ret_port = ntohs(a.sin_port);
	return fd;
}

static void use_server(uint16_t port)
{
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
	setenv("DEBUGINFOD_URLS", url, 1);
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Asks by hand, since the client would remember the "no" of a server that is still scanning. */
static bool server_has(uint16_t port, const char *build_id)
{
	char text[512], *end;
	int fd = connect_to(port), n;

	if (fd < 0)
		return false;
	n = snprintf(text, sizeof(text), "GET /buildid/%s/debuginfo HTTP/1.0\r\n\r\n", build_id);
	if (write(fd, text, (size_t)n) != n || (n = (int)read(fd, text, sizeof(text) - 1)) < 12)
		n = 0;
	text[n] = '\0';
	close(fd);
	end = strchr(text, ' ');
	return end && strncmp(end, " 200", 4) == 0;
}

static pid_t start_server(uint16_t *ret_port)
{
	char port[16], log[512], files[512];
	int fd = listen_somewhere(ret_port);
	pid_t pid;

	close(fd);
	snprintf(port, sizeof(port), "%d", *ret_port);
	snprintf(log, sizeof(log), "%s", fixture_path(&fixture, "server.log"));
	snprintf(files, sizeof(files), "%s", fixture_path(&fixture, "served"));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(fd, 1);
		dup2(fd, 2);
		unsetenv("DEBUGINFOD_URLS");
		execlp("debuginfod", "debuginfod", "-F", "-p", port, "-d", ":memory:", files,
		       (char *)NULL);
		_exit(127);
	}
	return pid;
}

/* A server of served/ that has the file of that build-id; 0, with the reason printed, if none. */
static pid_t need_server(uint16_t *ret_port, const char *build_id)
{
	pid_t pid;

	if (!fixture_try(&fixture, "command -v debuginfod >/dev/null")) {
		print_message("skipped: needs debuginfod\n");
		return 0;
	}
	pid = start_server(ret_port);
	for (int i = 0; i < 300; i++) {
		if (server_has(*ret_port, build_id))
			return pid;
		if (waitpid(pid, NULL, WNOHANG) == pid)
			break;
		usleep(100000);
	}
	fail_msg("debuginfod does not serve the sample");
	return 0;
}

static void stop_server(pid_t pid)
{
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

static struct cresset_symbolizer *new_symbolizer(bool debuginfod)
{
	struct cresset_symbolizer_options o = CRESSET_SYMBOLIZER_OPTIONS_INIT;
	struct cresset_symbolizer *s;

	o.debug_dirs = "/nowhere";
	o.debuginfod = debuginfod;
	assert_int_equal(cresset_symbolizer_new(&o, &s), 0);
	return s;
}

/* hidden() of the sample, asked of a file that may not have it. */
static uint32_t add_hidden(struct cresset_profile *p, const char *file, const char *build_id)
{
	uint64_t size, address = fixture_symbol(&fixture, "full", "hidden", &size);
	uint32_t mapping =
		fixture_mapping(p, CRESSET_MAPPING_FILE, fixture_path(&fixture, file), build_id, 0);

	return fixture_location(p, mapping, address + size / 2);
}

/* A resolver and a profile for one location; name NULL: it must get none. */
static void resolve_hidden(const char *file, const char *build_id, bool debuginfod,
			   struct cresset_symbolizer_stats *ret, const char *name)
{
	struct cresset_symbolizer *s = new_symbolizer(debuginfod);
	struct cresset_profile *p;
	uint32_t id;

	assert_int_equal(cresset_profile_new(&p), 0);
	id = add_hidden(p, file, build_id);
	assert_int_equal(cresset_symbolizer_resolve(s, p, CRESSET_RESOLVE_ALL), 0);
	cresset_symbolizer_get_stats(s, ret);
	assert_string_equal(fixture_name(p, id, 0), name ? name : "");
	if (name)
		assert_in_range(fixture_line(p, id, 0), SAMPLE_HIDDEN_LINE, SAMPLE_HIDDEN_LINE + 4);
	cresset_symbolizer_free(s);
	cresset_profile_free(p);
}

static void debug_files_come_from_the_server(void **state)
{
	struct cresset_symbolizer_stats stats;
	char id[160];
	uint16_t port;
	pid_t server;

	if (!ready)
		skip();
	snprintf(id, sizeof(id), "%s", sample_build_id(&fixture, "full"));
	fixture_run(&fixture, "mkdir served && cp full.debug served");
	server = need_server(&port, id);
	if (!server)
		skip();
	use_server(port);
	/* Not unless asked for. */
	resolve_hidden("stripped", "", false, &stats, NULL);
	assert_int_equal(stats.debuginfod_hits + stats.debuginfod_misses, 0);
	resolve_hidden("stripped", "", true, &stats, "hidden");
	assert_int_equal(stats.debuginfod_hits, 1);
	assert_int_equal(stats.debuginfod_misses, 0);
	resolve_hidden("no such file", id, true, &stats, "hidden");
	assert_int_equal(stats.debuginfod_hits, 1);
	assert_int_equal(stats.binaries_missing, 1);
	stop_server(server);
}

static void what_no_server_has_is_a_miss(void **state)
{
	struct cresset_symbolizer_stats stats;
	struct cresset_symbolizer *s;
	struct cresset_profile *p;
	char id[160], other[160];
	uint32_t unknown, known;
	uint16_t port;
	pid_t server;

	if (!ready)
		skip();
	snprintf(id, sizeof(id), "%s", sample_build_id(&fixture, "full"));
	fixture_run(&fixture, "mkdir -p served && cp full.debug served && rm -rf cache");
	fixture_run(&fixture, "cc -O2 -Wl,--build-id=sha1 -DX -o other sample.c && strip other");
	snprintf(other, sizeof(other), "%s", sample_build_id(&fixture, "other"));
	assert_string_not_equal(id, other);
	server = need_server(&port, id);
	if (!server)
		skip();
	use_server(port);
	assert_int_equal(cresset_profile_new(&p), 0);
	unknown = add_hidden(p, "other", "");
	known = add_hidden(p, "stripped", "");
	s = new_symbolizer(true);
	assert_int_equal(cresset_symbolizer_resolve(s, p, CRESSET_RESOLVE_ALL), 0);
	cresset_symbolizer_get_stats(s, &stats);
	assert_string_equal(fixture_name(p, unknown, 0), "");
	assert_int_equal(stats.debuginfod_misses, 1);
	/* A "no" is an answer: the server is asked again. */
	assert_string_equal(fixture_name(p, known, 0), "hidden");
	assert_int_equal(stats.debuginfod_hits, 1);
	cresset_symbolizer_free(s);
	cresset_profile_free(p);
	stop_server(server);
}

static int count_connections(int listener)
{
	int n = 0, fd;

	for (; (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0; n++)
		close(fd);
	return n;
}

static void a_dead_server_is_asked_once(void **state)
{
	struct cresset_symbolizer_stats stats;
	struct cresset_symbolizer *s;
	struct cresset_profile *p;
	char id[160];
	uint16_t port;
	int listener;

	if (!ready)
		skip();
	snprintf(id, sizeof(id), "%s", sample_build_id(&fixture, "full"));
	fixture_run(&fixture, "rm -rf cache");
	listener = listen_somewhere(&port);
	use_server(port);
	assert_int_equal(cresset_profile_new(&p), 0);
	add_hidden(p, "stripped", "");
	s = new_symbolizer(true);
	assert_int_equal(cresset_symbolizer_resolve(s, p, CRESSET_RESOLVE_ALL), 0);
	assert_true(count_connections(listener) > 0);
	cresset_profile_free(p);
	assert_int_equal(cresset_profile_new(&p), 0);
	/* Two questions that are not put any more: the debug file and the executable. */
	add_hidden(p, "no such file", "00112233445566778899aabbccddeeff00112233");
	assert_int_equal(cresset_symbolizer_resolve(s, p, CRESSET_RESOLVE_ALL), 0);
	assert_int_equal(count_connections(listener), 0);
	cresset_symbolizer_get_stats(s, &stats);
	assert_int_equal(stats.debuginfod_hits, 0);
	assert_int_equal(stats.debuginfod_misses, 3);
	cresset_symbolizer_free(s);
	cresset_profile_free(p);
	close(listener);
}

static void without_servers_nothing_is_asked(void **state)
{
	struct debuginfod *d;

	assert_int_equal(debuginfod_new(&d), 0);
	unsetenv("DEBUGINFOD_URLS");
	assert_int_equal(debuginfod_fetch(d, "0011223344556677", DEBUGINFOD_DEBUGINFO), -ENOENT);
	setenv("DEBUGINFOD_URLS", "", 1);
	assert_int_equal(debuginfod_fetch(d, "0011223344556677", DEBUGINFOD_DEBUGINFO), -ENOENT);
	setenv("DEBUGINFOD_URLS", "http://127.0.0.1:1/", 1);
	assert_int_equal(debuginfod_fetch(d, "../../x", DEBUGINFOD_DEBUGINFO), -EINVAL);
	assert_int_equal(debuginfod_fetch(d, "", DEBUGINFOD_EXECUTABLE), -EINVAL);
	debuginfod_free(d);
	debuginfod_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(debug_files_come_from_the_server),
		cmocka_unit_test(what_no_server_has_is_a_miss),
		cmocka_unit_test(a_dead_server_is_asked_once),
		cmocka_unit_test(without_servers_nothing_is_asked),
	};

	return cmocka_run_group_tests_name("debuginfod", tests, build, clean);
}
