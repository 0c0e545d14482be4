// SPDX-License-Identifier: Apache-2.0
/* What systemd gets to read, on a real socket. */
#include "agent/notify.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/fixture.h"

static int listen_on(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t n = strlen(path);

	memcpy(a.sun_path, path, n);
	if (path[0] == '@')
		a.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&a,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
			 0);
	return fd;
}

static const char *heard(int fd)
{
	static char text[2000];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void say_all(const char *path)
{
	struct timespec now;
	unsigned long long us = 0;
	struct notify n;
	char large[1000];
	int fd = listen_on(path), used = 0;

	setenv("NOTIFY_SOCKET", path, 1);
	assert_int_equal(notify_init(&n, NULL), 0);
	assert_int_equal(notify_ready(&n), 0);
	assert_string_equal(heard(fd), "READY=1\n");
	assert_int_equal(notify_status(&n, "%d processes\nMAINPID=1", 7), 0);
	assert_string_equal(heard(fd), "STATUS=7 processes MAINPID=1\n");
	assert_int_equal(notify_watchdog(&n), 0);
	assert_string_equal(heard(fd), "WATCHDOG=1\n");
	assert_int_equal(notify_reloading(&n), 0);
	assert_int_equal(sscanf(heard(fd), "RELOADING=1\nMONOTONIC_USEC=%llu\n%n", &us, &used), 1);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_true(used > 0 && us > 0 && us / 1000000 <= (unsigned long long)now.tv_sec);
	assert_int_equal(notify_stopping(&n), 0);
	assert_string_equal(heard(fd), "STOPPING=1\n");
	memset(large, 'x', sizeof(large));
	assert_int_equal(notify_status(&n, "%.*s", (int)sizeof(large), large), 0);
	assert_true(strlen(heard(fd)) < 512);

	/* One that does not listen does not stop the agent. */
	for (int i = 0; i < 10000 && notify_watchdog(&n) == 0; i++)
		;
	assert_int_equal(notify_watchdog(&n), -EAGAIN);
	close(fd);
	assert_true(notify_watchdog(&n) < 0);
	notify_release(&n);
}

static void test_path(void **state)
{
	struct fixture f;

	fixture_init(&f);
	say_all(fixture_path(&f, "notify"));
	fixture_release(&f);
}

static void test_abstract(void **state)
{
	char name[60];

	snprintf(name, sizeof(name), "@cresset-test-%d", getpid());
	say_all(name);
}

static void test_nobody(void **state)
{
	struct notify n;

	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_init(&n, NULL), 0);
	assert_int_equal(n.watchdog_ns, 0);
	assert_int_equal(notify_ready(&n), 0);
	assert_int_equal(notify_status(&n, "x"), 0);
	notify_release(&n);
}

static void watchdog(const char *us, const char *pid, int result, uint64_t wanted_ns)
{
	struct cresset_error err = {.text = ""};
	struct notify n;

	setenv("NOTIFY_SOCKET", "/run/x", 1);
	setenv("WATCHDOG_USEC", us, 1);
	if (pid)
		setenv("WATCHDOG_PID", pid, 1);
	else
		unsetenv("WATCHDOG_PID");
	assert_int_equal(notify_init(&n, &err), result);
	assert_int_equal(n.watchdog_ns, wanted_ns);
	assert_int_equal(!err.text[0], !result);
	if (result < 0)
		assert_int_equal(notify_ready(&n), 0);
	notify_release(&n);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void test_watchdog(void **state)
{
	char self[20];

	snprintf(self, sizeof(self), "%d", getpid());
	watchdog("30000000", NULL, 0, UINT64_C(15000000000));
	watchdog("30000000", self, 0, UINT64_C(15000000000));
	watchdog("30000000", "1", 0, 0);
	watchdog("0", NULL, -EINVAL, 0);
	watchdog("-1", NULL, -EINVAL, 0);
	watchdog("9999999999999999999", NULL, -EINVAL, 0);
	watchdog("1", "x", -EINVAL, 0);
}

static void test_malformed(void **state)
{
	char large[200] = "/";
	struct notify n;

	memset(large + 1, 'x', sizeof(large) - 2);
	for (size_t i = 0; i < 4; i++) {
		const char *const paths[] = {"", "relative", "@", large};

		setenv("NOTIFY_SOCKET", paths[i], 1);
		assert_int_equal(notify_init(&n, NULL), -EINVAL);
		assert_int_equal(notify_ready(&n), 0);
	}
	unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),	  cmocka_unit_test(test_abstract),
		cmocka_unit_test(test_nobody),	  cmocka_unit_test(test_watchdog),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
