// SPDX-License-Identifier: Apache-2.0
/*
 * A writer that is killed with -9 at any point of appending, compacting and expiring, again and
 * again on the same store. After each: the store opens, for reading and for writing, SQLite finds
 * nothing wrong with its file, nothing is damaged or left over, at most the window in flight is
 * missing, and all others are what they were, compared frame by frame with what made them.
 *
 * Two times of three the writer kills itself at the n-th call that changes a file, before it, after
 * it or in the middle of a write, so that no gap between two system calls is too short to be hit;
 * the calls of SQLite are counted too. The third time its parent kills it after a random time.
 * CRASHES in the environment: how often (default 60). What it cannot show is a machine that loses
 * power: then the order of fsync() counts, which is for reading (README.md).
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "store/store.h"
#include "support/store_fill.h"

#define SECOND_NS INT64_C(1000000000)

static const struct store_type three[] = {
	{"cpu", "nanoseconds"}, {"runnable", "nanoseconds"}, {"blocked", "nanoseconds"}};
static const char *const service_comm[] = {"service", "comm"};

/* Of the writer and its parent. */
struct shared {
	uint32_t appended; /* windows that store_append() said are on disk */
	uint32_t last;	   /* window at which the writer ends by itself */
	uint64_t calls;
};
static struct shared *shared;

/* ---- Calls that change files, counted; 0: nobody is killed. */

static uint64_t kill_at;
static unsigned int kill_how; /* 0: before the call, 1: after it, 2: in the middle */

static bool is_due(void)
{
	return kill_at && ++shared->calls == kill_at;
}

static void die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static void *real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* Runs the call around which a due kill happens. */
#define COUNTED(call)                                                                              \
	({                                                                                         \
		bool due = is_due();                                                               \
		if (due && kill_how != 1)                                                          \
			die();                                                                     \
		__typeof__(call) result = (call);                                                  \
		if (due)                                                                           \
			die();                                                                     \
		result;                                                                            \
	})

#define EXPORTED __attribute__((visibility("default")))

EXPORTED ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset);
EXPORTED ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
	ssize_t (*next)(int, const void *, size_t, off64_t) = real("pwrite64");
	bool due = is_due();
	ssize_t n;

	if (due && kill_how == 0)
		die();
	n = next(fd, data, due && kill_how == 2 ? size / 2 : size, offset);
	if (due)
		die();
	return n;
}

EXPORTED ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	return pwrite64(fd, data, size, offset);
}

EXPORTED int fsync(int fd)
{
	int (*next)(int) = real("fsync");

	return COUNTED(next(fd));
}

EXPORTED int fdatasync(int fd)
{
	int (*next)(int) = real("fdatasync");

	return COUNTED(next(fd));
}

EXPORTED int ftruncate64(int fd, off64_t size)
{
	int (*next)(int, off64_t) = real("ftruncate64");

	return COUNTED(next(fd, size));
}

EXPORTED int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	int (*next)(int, const char *, int, const char *) = real("renameat");

	return COUNTED(next(from_fd, from, to_fd, to));
}

EXPORTED int unlinkat(int fd, const char *name, int flags)
{
	int (*next)(int, const char *, int) = real("unlinkat");

	return COUNTED(next(fd, name, flags));
}

/* ---- The writer. */

struct scenario {
	const char *name;
	struct store_fill fill;
	struct store_options options;
	char *folder;
	uint32_t first, next; /* windows that have to be there: first … next - 1 */
};

static int write_windows(const struct scenario *sc)
{
	const struct store_fill *f = &sc->fill;
	struct store *s;
	int r = store_open(sc->folder, &sc->options, &s, NULL);

	if (r < 0)
		return r;
	for (uint32_t i = sc->next; i < shared->last && r >= 0; i++) {
		int64_t now_ns = f->start_ns + f->step_ns * (i + 1);
		struct cresset_profile *p;

		r = store_fill_window(f, i, &p);
		r = r ?: store_append(s, p, NULL);
		if (r < 0)
			break;
		shared->appended = i + 1;
		cresset_profile_free(p);
		while ((r = store_maintain(s, now_ns, NULL)) > 0)
			;
	}
	store_close(s);
	return r;
}

/* Runs a writer in its own process, to its end or to that which is chosen for it. *ret_killed. */
static void run_writer(const struct scenario *sc, long kill_after_us, bool *ret_killed)
{
	struct timespec wait = {.tv_sec = kill_after_us / 1000000,
				.tv_nsec = kill_after_us % 1000000 * 1000};
	int status;
	pid_t pid;

	fflush(NULL);
	shared->appended = sc->next;
	shared->calls = 0;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(write_windows(sc) < 0 ? 3 : 0);
	if (kill_after_us >= 0) {
		nanosleep(&wait, NULL);
		kill(pid, SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	*ret_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	if (!*ret_killed && status != 0)
		fail_msg("%s: the writer failed: status %#x", sc->name, status);
}

/* ---- What is left. */

static void check_integrity(const struct scenario *sc)
{
	char path[4200];
	sqlite3_stmt *s;
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/catalog.db", sc->folder);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(s, 0), "ok");
	sqlite3_finalize(s);
	sqlite3_close(db);
}

static unsigned int count_files(const struct scenario *sc)
{
	char path[4200];
	struct dirent *e;
	unsigned int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/segments", sc->folder);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* All windows are there and equal; finds out which is the first. */
static void check_content(struct scenario *sc, struct store *s)
{
	struct store_query q = {
		.types = three, .n_types = 3, .keep_labels = service_comm, .n_keep_labels = 2};
	struct store_result result;
	struct cresset_profile *p;
	struct store_stats stats;
	uint32_t next = shared->appended;
	char *have, *want;

	assert_int_equal(store_stats(s, &stats, NULL), 0);
	assert_int_equal(store_query(s, &q, &p, &result, NULL), 0);
	assert_int_equal(result.damaged, 0);
	assert_int_equal(result.stacks_missing, 0);
	assert_int_equal(stats.damaged, 0);
	assert_int_equal(stats.windows, result.windows);
	/* The one in flight may be there, whole. */
	if (stats.last_ns == sc->fill.start_ns + sc->fill.step_ns * (next + 1))
		next++;
	assert_true(!next || stats.last_ns == sc->fill.start_ns + sc->fill.step_ns * next);
	assert_true(result.windows <= next);
	have = store_fill_text(p, service_comm, 2);
	want = store_fill_expected(&sc->fill, next - (uint32_t)result.windows, next, service_comm,
				   2);
	assert_string_equal(have, want);
	sc->first = next - (uint32_t)result.windows;
	sc->next = next;
	free(have);
	free(want);
	cresset_profile_free(p);
}

static struct store *open_store(const struct scenario *sc, bool read_only)
{
	struct store_options o = sc->options;
	struct cresset_error err = {.text = ""};
	struct store *s = NULL;
	int r;

	o.read_only = read_only;
	r = store_open(sc->folder, &o, &s, &err);
	if (r < 0)
		fail_msg("%s: open %s: %s", sc->name, read_only ? "to read" : "to write", err.text);
	return s;
}

static void check_store(struct scenario *sc)
{
	uint32_t first = sc->first, before = shared->appended;
	int64_t oldest_ns = sc->fill.start_ns + sc->fill.step_ns * (before + 1);
	struct store_stats stats;
	char path[4200];
	struct store *s;

	snprintf(path, sizeof(path), "%s/catalog.db", sc->folder);
	if (before || access(path, F_OK) == 0)
		check_integrity(sc);
	/* As it lies there, then after a writer has tidied up. */
	if (before) {
		s = open_store(sc, true);
		check_content(sc, s);
		store_close(s);
	}
	s = open_store(sc, false);
	check_content(sc, s);
	assert_int_equal(store_stats(s, &stats, NULL), 0);
	assert_int_equal(count_files(sc), stats.segments);
	store_close(s);
	/* Nothing has gone that was not old. */
	assert_true(sc->first >= first);
	if (sc->first > first)
		assert_true(sc->fill.start_ns + sc->fill.step_ns * sc->first <
			    oldest_ns - sc->options.max_age_ns);
}

static long random_below(unsigned int *seed, long n)
{
	return rand_r(seed) % n;
}

/* Opening and the first window take some 20 calls, and then come windows, minutes and hours. */
static uint64_t random_call(unsigned int *seed, unsigned int i)
{
	return 1 + (uint64_t)random_below(seed, i % 4 == 3 ? 400 : 40);
}

static void crash(struct scenario *sc, unsigned int i, unsigned int *seed, unsigned int *killed)
{
	bool was_killed;
	long after_us = -1;

	shared->last = sc->next + 200;
	if (i % 3) {
		kill_at = random_call(seed, i);
		kill_how = (unsigned int)random_below(seed, 3);
	} else {
		after_us = random_below(seed, 60000);
	}
	run_writer(sc, after_us, &was_killed);
	kill_at = 0;
	kill_how = 0;
	*killed += was_killed;
	check_store(sc);
}

static void test_crashes(void **state)
{
	struct scenario scenarios[] = {
		{.name = "minutes",
		 .fill = STORE_FILL_INIT,
		 .options = {.max_age_ns = 700 * SECOND_NS}},
		{.name = "hours and days",
		 .fill = STORE_FILL_INIT,
		 .options = {.max_age_ns = 40 * 3600 * SECOND_NS}},
	};
	const char *text = getenv("CRASHES");
	unsigned int n = text ? (unsigned int)atoi(text) : 60, killed = 0, seed = 4711;
	bool was_killed;

	scenarios[0].fill.step_ns = 20 * SECOND_NS;
	scenarios[1].fill.step_ns = 1800 * SECOND_NS;
	for (size_t k = 0; k < 2; k++) {
		scenarios[k].fill.services = 2;
		scenarios[k].fill.series_each = 1;
		scenarios[k].fill.stacks_each = 3;
		scenarios[k].folder = store_fill_folder();
	}
	for (unsigned int i = 0; i < n; i++)
		crash(&scenarios[i % 2], i, &seed, &killed);
	for (size_t k = 0; k < 2; k++) {
		struct scenario *sc = &scenarios[k];

		/* And it goes on to its end as if nothing had been. */
		for (uint32_t more = 100; more; more /= 10) {
			shared->last = sc->next + more;
			run_writer(sc, -1, &was_killed);
			assert_false(was_killed);
			check_store(sc);
		}
		printf("%s: windows %u to %u are there\n", sc->name, sc->first, sc->next);
		assert_true(sc->first > 0); /* something had become too old */
		store_fill_remove(sc->folder);
	}
	printf("killed %u of %u times\n", killed, n);
	assert_true(killed > n * 3 / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_crashes)};

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
