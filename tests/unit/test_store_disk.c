// SPDX-License-Identifier: Apache-2.0
/*
 * The disk under a store: full while windows are appended and merged, mounted for reading only; and
 * a reader that asks again and again while another process appends, merges and drops windows. The
 * file systems are small tmpfs in a mount namespace of the test's own, so those need root.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store.h"
#include "support/store_fill.h"

#define SECOND_NS INT64_C(1000000000)

static const struct store_type three[] = {
	{"cpu", "nanoseconds"}, {"runnable", "nanoseconds"}, {"blocked", "nanoseconds"}};

static int append(struct store *s, const struct store_fill *f, uint32_t i,
		  struct cresset_error *err)
{
	struct cresset_profile *p;
	int r;

	assert_int_equal(store_fill_window(f, i, &p), 0);
	r = store_append(s, p, err);
	cresset_profile_free(p);
	return r;
}

static int maintain(struct store *s, int64_t now_ns, struct cresset_error *err)
{
	int r;

	while ((r = store_maintain(s, now_ns, err)) > 0)
		;
	return r;
}

static char *answer(struct store *s, struct store_result *result)
{
	struct store_query q = {.types = three, .n_types = 3};
	struct cresset_error err = {.text = ""};
	struct cresset_profile *p;
	char *text;

	if (store_query(s, &q, &p, result, &err) < 0)
		fail_msg("query: %s", err.text);
	text = store_fill_text(p, NULL, 0);
	cresset_profile_free(p);
	return text;
}

/* The answer of s is that of the windows first … last - 1, without damage. */
static void check(struct store *s, const struct store_fill *f, uint32_t first, uint32_t last)
{
	struct store_result result;
	char *have = answer(s, &result), *want = store_fill_expected(f, first, last, NULL, 0);

	assert_string_equal(have, want);
	assert_int_equal(result.windows, last - first);
	assert_int_equal(result.damaged + result.stacks_missing + result.names_damaged, 0);
	free(have);
	free(want);
}

/* A tmpfs of that many bytes, to be seen by this process only; false: not allowed. */
static bool mount_small(const char *folder, unsigned int bytes)
{
	char options[64];

	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return false;
	snprintf(options, sizeof(options), "size=%u", bytes);
	return mount("none", folder, "tmpfs", 0, options) == 0;
}

static void write_ballast(const char *path, size_t bytes)
{
	char block[4096] = "ballast";
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	assert_true(fd >= 0);
	for (size_t i = 0; i < bytes; i += sizeof(block))
		if (write(fd, block, sizeof(block)) != sizeof(block))
			break;
	close(fd);
}

/* Windows up to a full disk; then nothing is lost, and with room again it goes on. */
static void test_full_disk(void **state)
{
	struct store_options o = {.max_age_ns = 3650 * 86400 * SECOND_NS};
	struct store_fill f = STORE_FILL_INIT;
	struct cresset_error err = {.text = ""};
	char *folder = store_fill_folder(), path[4300], ballast[4300];
	struct store_stats stats;
	struct store *s, *reader;
	uint32_t n = 0;
	int r = 0;

	if (!mount_small(folder, 4 << 20)) {
		store_fill_remove(folder);
		skip();
	}
	snprintf(path, sizeof(path), "%s/store", folder);
	snprintf(ballast, sizeof(ballast), "%s/ballast", folder);
	f.step_ns = 20 * SECOND_NS;
	assert_int_equal(store_open(path, &o, &s, &err), 0);
	for (; n < 6; n++)
		assert_int_equal(append(s, &f, n, &err), 0);
	write_ballast(ballast, 8 << 20);
	/* What is there of the log may still take some. */
	while (n < 200 && (r = append(s, &f, n, &err)) == 0)
		n++;
	assert_int_equal(r, -ENOSPC);
	assert_non_null(strstr(err.text, "the disk is full (free some space"));
	check(s, &f, 0, n);
	/* Merging needs room too: it gives up, and leaves all as it is. */
	assert_true(maintain(s, f.start_ns + 86400 * SECOND_NS, &err) <= 0);
	assert_int_equal(append(s, &f, n, &err), -ENOSPC);
	check(s, &f, 0, n);
	o.read_only = true;
	assert_int_equal(store_open(path, &o, &reader, &err), 0);
	check(reader, &f, 0, n);
	store_close(reader);
	assert_int_equal(store_stats(s, &stats, NULL), 0);
	assert_true(stats.append_errors >= 2);
	unlink(ballast);
	assert_int_equal(append(s, &f, n++, &err), 0);
	assert_int_equal(maintain(s, f.start_ns + 2 * 86400 * SECOND_NS, &err), 0);
	check(s, &f, 0, n);
	assert_int_equal(store_stats(s, &stats, NULL), 0);
	assert_int_equal(stats.damaged, 0);
	store_close(s);
	umount2(folder, MNT_DETACH);
	store_fill_remove(folder);
}

/* Opens, appends and merges until something fails; returns how many windows were stored. */
static uint32_t fill_up(const char *path, const struct store_options *o, const struct store_fill *f,
			int *ret)
{
	struct cresset_error err = {.text = ""};
	struct store *s = NULL;
	uint32_t n = 0;
	int r = store_open(path, o, &s, &err);

	while (r == 0 && n < 12) {
		r = append(s, f, n, &err);
		n += r == 0;
		r = r ?: maintain(s, f->start_ns + f->step_ns * n, &err);
	}
	if (r < 0 && r != -ENOSPC)
		fail_msg("%d %s", r, err.text);
	if (s && n)
		check(s, f, 0, n);
	store_close(s);
	*ret = r;
	return n;
}

/* A disk that gets full at each point: some pages more are free each time. Whatever failed, what
 * was said to be stored is, and with room again the store is as good as any. */
static void test_nearly_full_disk(void **state)
{
	struct store_options o = {.max_age_ns = 3650 * 86400 * SECOND_NS};
	struct store_fill f = STORE_FILL_INIT;
	char *folder = store_fill_folder(), path[4300], ballast[4300], command[4400];
	unsigned int failed = 0, partly = 0;

	if (!mount_small(folder, 2 << 20)) {
		store_fill_remove(folder);
		skip();
	}
	snprintf(path, sizeof(path), "%s/store", folder);
	snprintf(ballast, sizeof(ballast), "%s/ballast", folder);
	snprintf(command, sizeof(command), "rm -rf '%s'", path);
	f.step_ns = 20 * SECOND_NS;
	for (unsigned int pages = 2; pages < 300; pages += 9) {
		struct store *s;
		uint32_t n;
		int r;

		write_ballast(ballast, 2 << 20);
		assert_int_equal(truncate(ballast, (2 << 20) - (pages + 4) * 4096), 0);
		n = fill_up(path, &o, &f, &r);
		failed += r < 0;
		partly += r < 0 && n;
		unlink(ballast);
		assert_int_equal(store_open(path, &o, &s, NULL), 0);
		check(s, &f, 0, n);
		assert_int_equal(append(s, &f, n, NULL), 0);
		check(s, &f, 0, n + 1);
		store_close(s);
		assert_int_equal(system(command), 0);
	}
	assert_true(failed > 3 && partly > 3);
	umount2(folder, MNT_DETACH);
	store_fill_remove(folder);
}

static void make_store(const char *path, const struct store_fill *f, uint32_t n)
{
	struct store_options o = {.max_age_ns = 3650 * 86400 * SECOND_NS};
	struct store *s;

	assert_int_equal(store_open(path, &o, &s, NULL), 0);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(append(s, f, i, NULL), 0);
	store_close(s);
}

/* Closed, and left by a writer that was killed: with a log. */
static void test_read_only_disk(void **state)
{
	struct store_options ro = {.read_only = true};
	struct store_fill f = STORE_FILL_INIT;
	struct cresset_error err = {.text = ""};
	char *folder = store_fill_folder(), path[4300];
	struct store *s = NULL;
	int status;
	pid_t pid;

	if (!mount_small(folder, 4 << 20)) {
		store_fill_remove(folder);
		skip();
	}
	for (unsigned int killed = 0; killed < 2; killed++) {
		snprintf(path, sizeof(path), "%s/store%u", folder, killed);
		pid = fork();
		if (pid == 0) {
			struct store *left;

			make_store(path, &f, 3);
			if (killed && store_open(path, NULL, &left, NULL) == 0)
				append(left, &f, 3, NULL);
			_exit(0); /* without closing it */
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_int_equal(mount("none", folder, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
		assert_int_equal(store_open(path, NULL, &s, &err), -EROFS);
		assert_non_null(strstr(err.text, path));
		if (store_open(path, &ro, &s, &err) < 0)
			fail_msg("store%u: %s", killed, err.text);
		check(s, &f, 0, killed ? 4 : 3);
		store_close(s);
		assert_int_equal(mount("none", folder, NULL, MS_REMOUNT, NULL), 0);
	}
	umount2(folder, MNT_DETACH);
	store_fill_remove(folder);
}

/* ---- A reader beside a writer. */

struct progress {
	uint32_t begun, stored; /* windows */
	bool end;
};

static void write_on(const char *path, const struct store_fill *f, struct progress *progress)
{
	struct store_options o = {.max_age_ns = 600 * SECOND_NS};
	struct store *s;

	if (store_open(path, &o, &s, NULL) < 0)
		_exit(2);
	for (uint32_t i = 0; i < 400 && !progress->end; i++) {
		progress->begun = i + 1;
		if (append(s, f, i, NULL) < 0)
			_exit(3);
		progress->stored = i + 1;
		if (maintain(s, f->start_ns + f->step_ns * (i + 1), NULL) < 0)
			_exit(4);
	}
	store_close(s);
	_exit(0);
}

/* Each answer is a stretch of whole windows that ends at or after what was stored before. */
static void check_beside(struct store *s, const struct store_fill *f, struct progress *progress)
{
	uint32_t before = progress->stored, last;
	struct store_result result;
	char *have = answer(s, &result), *want;

	last = (uint32_t)((result.last_ns - f->start_ns) / f->step_ns);
	assert_int_equal(result.damaged + result.stacks_missing + result.names_damaged, 0);
	assert_true(last >= before && last <= progress->begun);
	assert_true(result.windows <= last);
	want = store_fill_expected(f, last - (uint32_t)result.windows, last, NULL, 0);
	assert_string_equal(have, want);
	free(have);
	free(want);
}

static void test_reader_beside_writer(void **state)
{
	struct store_options ro = {.read_only = true};
	struct store_fill f = STORE_FILL_INIT;
	char *folder = store_fill_folder();
	struct progress *progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct store *s, *again;
	unsigned int n = 0;
	int status;
	pid_t pid;

	assert_true(progress != MAP_FAILED);
	f.services = 2;
	f.series_each = 1;
	f.stacks_each = 3;
	f.step_ns = 20 * SECOND_NS;
	pid = fork();
	if (pid == 0)
		write_on(folder, &f, progress);
	while (!progress->stored)
		usleep(1000);
	assert_int_equal(store_open(folder, &ro, &s, NULL), 0);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		check_beside(s, &f, progress);
		assert_int_equal(store_open(folder, &ro, &again, NULL), 0);
		check_beside(again, &f, progress);
		store_close(again);
		if (++n == 60)
			progress->end = true;
	}
	assert_int_equal(status, 0);
	assert_true(n > 3);
	store_close(s);
	munmap(progress, sizeof(*progress));
	store_fill_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_nearly_full_disk),
		cmocka_unit_test(test_read_only_disk),
		cmocka_unit_test(test_reader_beside_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
