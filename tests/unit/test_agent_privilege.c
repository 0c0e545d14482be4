// SPDX-License-Identifier: Apache-2.0
/*
 * Privileges and the system call filter, each tried in a child process: what is given up is given
 * up for good. The filter's file is compiled in to reach the part that sanitizers do not stop; the
 * children end without a report.
 */
#include "agent/privilege.h"
#include "agent/seccomp.c"

#include <curl/curl.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/fixture.h"

/* Runs fn in a child. Returns its exit status, or minus the signal that ended it. */
static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* In a child: the line that failed is its status. */
#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #what,             \
				strerror(errno));                                                  \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

static bool has_capability(cap_value_t cap, cap_flag_t set)
{
	cap_flag_value_t value = CAP_CLEAR;
	cap_t caps = cap_get_proc();

	cap_get_flag(caps, cap, set, &value);
	cap_free(caps);
	return value == CAP_SET;
}

static int no_way_back(void)
{
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHECK(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	CHECK(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0) == 0);
	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++) {
		bool listed_here = false;
		const char *name, *help;

		for (size_t i = 0; privilege_at(i, &name, &help); i++) {
			cap_value_t one;
			char full[40];

			snprintf(full, sizeof(full), "cap_%s", name);
			CHECK(*help && cap_from_name(full, &one) == 0);
			listed_here |= one == cap;
		}
		CHECK(listed_here || !has_capability(cap, CAP_PERMITTED));
		CHECK(has_capability(cap, CAP_PERMITTED) == has_capability(cap, CAP_EFFECTIVE));
		CHECK(!has_capability(cap, CAP_INHERITABLE));
		CHECK(cap_get_ambient(cap) == 0);
		CHECK(listed_here || geteuid() || cap_get_bound(cap) == 0);
	}
	return 0;
}

static int as_nobody(void)
{
	struct cresset_error err = {.text = ""};
	char missing[200];
	gid_t groups[4];

	CHECK(privilege_drop("nobody", &err) == 0);
	CHECK(getuid() == 65534 && geteuid() == 65534 && getgid() == 65534);
	CHECK(getgroups(4, groups) == 0);
	CHECK(setuid(0) < 0 && seteuid(0) < 0 && setgid(0) < 0);
	CHECK(open("/etc/shadow", O_WRONLY | O_CLOEXEC) < 0);
	CHECK(!strcmp(privilege_missing(missing, sizeof(missing)), ""));
	CHECK(no_way_back() == 0);
	/* Again is no error, and changes nothing. */
	CHECK(privilege_drop("nobody", &err) == 0 && privilege_drop(NULL, &err) == 0);
	CHECK(!strcmp(privilege_missing(missing, sizeof(missing)), ""));
	CHECK(privilege_drop("root", &err) == -EPERM && strstr(err.text, "only root"));
	return no_way_back();
}

/* Root has CAP_SYS_ADMIN; what the agent keeps has not. */
static int check_perf(void)
{
	struct cresset_error err = {.text = ""};
	FILE *file = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
	int paranoid = 0;

	CHECK(file && fscanf(file, "%d", &paranoid) == 1);
	fclose(file);
	CHECK(!has_capability(CAP_SYS_ADMIN, CAP_EFFECTIVE) || privilege_check(&err) == 0);
	CHECK(privilege_drop(NULL, NULL) == 0);
	CHECK(privilege_check(&err) == (paranoid > 2 ? -EPERM : 0));
	CHECK((paranoid > 2) == !!strstr(err.text, "paranoid=2"));
	return 0;
}

static int as_root(void)
{
	char missing[200];

	CHECK(privilege_drop(NULL, NULL) == 0);
	CHECK(geteuid() == 0);
	CHECK(setgroups(0, NULL) < 0 && errno == EPERM);
	CHECK(!strcmp(privilege_missing(missing, sizeof(missing)), ""));
	return no_way_back();
}

static void *drop_in_thread(void *arg)
{
	int *ok = arg;
	char missing[200];

	*ok = privilege_drop_thread(NULL) == 0 &&
	      strstr(privilege_missing(missing, sizeof(missing)), "bpf, perfmon, sys_ptrace") &&
	      !has_capability(CAP_SYS_PTRACE, CAP_PERMITTED);
	return NULL;
}

/* A thread without any, beside one that keeps them. */
static int one_thread(void)
{
	char missing[200];
	pthread_t thread;
	int ok = 0;

	CHECK(privilege_drop("nobody", NULL) == 0);
	CHECK(pthread_create(&thread, NULL, drop_in_thread, &ok) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(ok);
	CHECK(!strcmp(privilege_missing(missing, sizeof(missing)), ""));
	return 0;
}

static int small_buffer(void)
{
	char missing[5];

	CHECK(privilege_drop_thread(NULL) == 0);
	CHECK(strlen(privilege_missing(missing, sizeof(missing))) == 4);
	return 0;
}

static int no_user(void)
{
	struct cresset_error err = {.text = ""};

	CHECK(privilege_drop("no-such-user-here", &err) == -ENOENT);
	CHECK(strstr(err.text, "systemd-sysusers"));
	return 0;
}

static void test_privileges(void **state)
{
	assert_int_equal(in_child(no_user), 0);
	assert_int_equal(in_child(check_perf), 0);
	assert_int_equal(in_child(small_buffer), 0);
	if (geteuid() != 0) {
		print_message("not root: becoming another user was not tried\n");
		return;
	}
	assert_int_equal(in_child(as_nobody), 0);
	assert_int_equal(in_child(as_root), 0);
	assert_int_equal(in_child(one_thread), 0);
}

/* ---- The filter. */

static const char *tried; /* the call that a child is to make */

static int make_call(void)
{
	int nr = seccomp_syscall_resolve_name(tried);

	if (load_filter(NULL) < 0)
		return 99;
	errno = 0;
	/* Arguments that no call can do anything with. */
	return syscall(nr, -1, -1, -1, -1, -1, -1) < 0 && errno == EPERM ? 42 : 43;
}

static void test_refused(void **state)
{
	size_t n = 0;
	bool kills;

	for (size_t i = 0; agent_seccomp_at(i, &tried, &kills); i++) {
		int r;

		if (seccomp_syscall_resolve_name(tried) < 0)
			continue;
		r = in_child(make_call);
		if (r != (kills ? -SIGSYS : 42)) {
			print_error("%s: %d\n", tried, r);
			fail();
		}
		n++;
	}
	assert_true(n > 50);
}

static int arguments(void)
{
	void *p;

	CHECK(load_filter(NULL) == 0);
	CHECK(socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EAFNOSUPPORT);
	CHECK(socket(AF_VSOCK, SOCK_STREAM, 0) < 0 && errno == EAFNOSUPPORT);
	CHECK(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) < 0 && errno == EPERM);
	CHECK(syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   0) == MAP_FAILED &&
	      errno == EPERM);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK(mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0 && errno == EPERM);
	CHECK(mprotect(p, 4096, PROT_READ) == 0);
	CHECK(ioctl(0, TIOCSTI, "x") < 0 && errno == EPERM);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHECK(load_filter(NULL) == 0);
	return 0;
}

static void *in_thread(void *arg)
{
	return arg;
}

static int exec_sql(const char *path)
{
	sqlite3 *db = NULL;
	int r = sqlite3_open(path, &db);

	r = r ? r
	      : sqlite3_exec(db,
			     "PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1);"
			     "PRAGMA wal_checkpoint",
			     NULL, NULL, NULL);
	sqlite3_close(db);
	return r;
}

static char sql_path[200];

/* What the agent lives by goes on: threads, files, SQLite, name lookups, TLS, a child. */
static int allowed(void)
{
	pthread_t thread;
	char random[16];
	CURL *curl;
	pid_t pid;
	int fds[2];

	CHECK(load_filter(NULL) == 0);
	CHECK(pthread_create(&thread, NULL, in_thread, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(getrandom(random, sizeof(random), 0) == sizeof(random));
	CHECK(exec_sql(sql_path) == SQLITE_OK);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	CHECK(cap_reset_ambient() == 0 && privilege_drop_thread(NULL) == 0);
	curl = curl_easy_init();
	CHECK(curl != NULL);
	/* Port 9 of this machine: nobody is there, but the name is looked up and TLS is set up. */
	curl_easy_setopt(curl, CURLOPT_URL, "https://localhost:9/");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
	CHECK(curl_easy_perform(curl) == CURLE_COULDNT_CONNECT);
	curl_easy_cleanup(curl);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(0);
	CHECK(waitpid(pid, NULL, 0) == pid);
	return 0;
}

/* Threads that run already are filtered too. */
static int barrier[2];

static void *wait_then_mount(void *arg)
{
	int *result = arg;
	char byte;

	if (read(barrier[0], &byte, 1) == 1)
		*result = unshare(CLONE_FS) < 0 ? errno : 0;
	return NULL;
}

static int all_threads(void)
{
	pthread_t thread;
	int result = -1;

	CHECK(pipe(barrier) == 0);
	CHECK(pthread_create(&thread, NULL, wait_then_mount, &result) == 0);
	CHECK(load_filter(NULL) == 0);
	CHECK(write(barrier[1], "", 1) == 1);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(result == EPERM);
	return 0;
}

static void test_filter(void **state)
{
	struct fixture f;

	fixture_init(&f);
	snprintf(sql_path, sizeof(sql_path), "%s", fixture_path(&f, "db"));
	assert_int_equal(in_child(arguments), 0);
	assert_int_equal(in_child(allowed), 0);
	assert_int_equal(in_child(all_threads), 0);
	if (sanitized())
		assert_int_equal(agent_seccomp_apply(NULL), -EOPNOTSUPP);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_privileges),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_filter),
	};

	curl_global_init(CURL_GLOBAL_ALL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
