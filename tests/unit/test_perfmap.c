// SPDX-License-Identifier: Apache-2.0
/* perfmap: what each byte belongs to, and whose file is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "perfmap.h"
#include "support/alloc_fail.h"
#include "support/fixture.h"

static struct perfmap *parse(const char *text)
{
	struct perfmap *m;

	assert_int_equal(perfmap_parse(text, strlen(text), &m), 0);
	return m;
}

static void assert_owner(const struct perfmap *m, uint64_t address, const char *name)
{
	const char *found = perfmap_lookup(m, address);

	if (name) {
		assert_non_null(found);
		assert_string_equal(found, name);
	} else {
		assert_null(found);
	}
}

static void a_line_is_a_range_and_a_name(void **state)
{
	struct perfmap *m = parse("7f0000001000 40 LazyCompile:~main /app/x.js:12:3\n"
				  "0x7f0000002000 0x10 with 0x\n"
				  "7F0000003000 A0 upper\r\n"
				  "10 10   padded  \n");

	assert_owner(m, 0x7f0000001000, "LazyCompile:~main /app/x.js:12:3");
	assert_owner(m, 0x7f000000103f, "LazyCompile:~main /app/x.js:12:3");
	assert_owner(m, 0x7f0000001040, NULL);
	assert_owner(m, 0x7f0000000fff, NULL);
	assert_owner(m, 0x7f000000200f, "with 0x");
	assert_owner(m, 0x7f000000309f, "upper");
	assert_owner(m, 0x1f, "padded");
	assert_owner(m, 0, NULL);
	assert_owner(m, UINT64_MAX, NULL);
	perfmap_free(m);
}

static void later_lines_win(void **state)
{
	struct perfmap *m = parse("1000 1000 old\n"
				  "1400 100 inner\n"
				  "1480 200 newer\n"
				  "1000 10 first\n"
				  "1ff0 20 over the end\n");

	assert_owner(m, 0x100f, "first");
	assert_owner(m, 0x1010, "old");
	assert_owner(m, 0x13ff, "old");
	assert_owner(m, 0x1400, "inner");
	assert_owner(m, 0x147f, "inner");
	assert_owner(m, 0x1480, "newer");
	assert_owner(m, 0x167f, "newer");
	assert_owner(m, 0x1680, "old");
	assert_owner(m, 0x1fef, "old");
	assert_owner(m, 0x200f, "over the end");
	assert_owner(m, 0x2010, NULL);
	perfmap_free(m);
}

static void other_lines_are_passed_over(void **state)
{
	struct perfmap *m = parse("\n"
				  "x\n"
				  "1000\n"
				  "1000 10\n"
				  "1000 10 \n"
				  "1000 0 empty\n"
				  "-1 10 minus\n"
				  "11112222333344445 10 too long\n"
				  "1000 zz bad size\n"
				  "ffffffffffffff00 ffffffffffffffff to the end\n"
				  "2000 10 good\n"
				  "3000 10 still being writ");

	assert_owner(m, 0x1000, NULL);
	assert_owner(m, 0x2000, "good");
	assert_owner(m, 0x3000, NULL);
	assert_owner(m, 0xffffffffffffff00, "to the end");
	assert_owner(m, 0xfffffffffffffffe, "to the end");
	perfmap_free(m);
	m = parse("");
	assert_owner(m, 0, NULL);
	perfmap_free(m);
}

/* Random lines over a small space, against an array that each line paints over. */
static void overlaps_agree_with_painting(void **state)
{
	enum { SPACE = 512, LINES = 60 };
	uint32_t x = 1;

	for (int round = 0; round < 300; round++) {
		int painted[SPACE + 64] = {0};
		char text[LINES * 32];
		size_t at = 0;
		struct perfmap *m;

		for (int line = 1; line <= LINES; line++) {
			unsigned int start, size;

			x = x * 1664525 + 1013904223;
			start = x >> 8 & (SPACE - 1);
			size = 1 + (x >> 20) % (round % 2 ? 60 : 8);
			at += (size_t)sprintf(text + at, "%x %x n%d\n", start, size, line);
			for (unsigned int i = start; i < start + size; i++)
				painted[i] = line;
		}
		m = parse(text);
		for (unsigned int i = 0; i < SPACE + 64; i++) {
			char name[16];

			snprintf(name, sizeof(name), "n%d", painted[i]);
			assert_owner(m, i, painted[i] ? name : NULL);
		}
		perfmap_free(m);
	}
}

static void a_file_reads_as_the_text_does(void **state)
{
	size_t size = 1 << 20, at = 0, n = 0;
	char *text = malloc(size);
	struct perfmap *m;
	struct fixture f;
	int fd;

	assert_non_null(text);
	for (; at < 200000; n++)
		at += (size_t)sprintf(text + at, "%zx 10 name %zu\n", 0x1000 + n * 16, n);
	at += (size_t)sprintf(text + at, "10 10 ");
	memset(text + at, 'y', 300000);
	at += 300000;
	at += (size_t)sprintf(text + at, "\n20 10 %08000d\n30 10 last\n40 10 cut", 0);
	fixture_init(&f);
	fixture_write(&f, "map", text, at);
	fd = open(fixture_path(&f, "map"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	/* The descriptor may be one of several on one open file. */
	assert_true(lseek(fd, 1000, SEEK_SET) == 1000);
	assert_int_equal(perfmap_load(fd, &m), 0);
	close(fd);
	for (size_t i = 0; i < n; i++) {
		char name[32];

		snprintf(name, sizeof(name), "name %zu", i);
		assert_owner(m, 0x1000 + i * 16 + 15, name);
	}
	assert_owner(m, 0x10, NULL);
	assert_int_equal(strlen(perfmap_lookup(m, 0x20)), PERFMAP_MAX_NAME);
	assert_owner(m, 0x30, "last");
	assert_owner(m, 0x40, NULL);
	assert_true(perfmap_bytes(m) > 100000);
	perfmap_free(m);
	free(text);
	fixture_release(&f);
}

static void own_map_is_found_and_others_are_not_believed(void **state)
{
	struct stat st = {.st_uid = geteuid()};
	char path[64];
	FILE *file;
	int fd;

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	unlink(path);
	assert_int_equal(perfmap_open(getpid()), -ENOENT);
	assert_int_equal(perfmap_open(0), -ESRCH);
	file = fopen(path, "we");
	assert_non_null(file);
	fclose(file);
	fd = perfmap_open(getpid());
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	/* A FIFO there must not make us wait. */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(perfmap_open(getpid()), -EINVAL);
	unlink(path);
	assert_int_equal(perfmap_check_owner(&st, getpid()), 0);
	st.st_uid = 54321;
	assert_int_equal(perfmap_check_owner(&st, getpid()), -EPERM);
	assert_int_equal(perfmap_check_owner(&st, 0x7ffffff0), -ESRCH);
	st.st_uid = 0;
	assert_int_equal(perfmap_check_owner(&st, 0x7ffffff0), 0);
}

/* The process that is pid 1 in its own namespace, with a /tmp of its own. */
static int run_inside(int ready, int done)
{
	static const char line[] = "5000 100 inside\n";
	char byte;
	int fd;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/tmp", "tmpfs", 0, NULL) < 0)
		return 77;
	fd = open("/tmp/perf-1.map", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line, strlen(line)) != (ssize_t)strlen(line))
		return 1;
	close(fd);
	/* Ends when the test closes its end, too. */
	if (write(ready, "r", 1) != 1 || read(done, &byte, 1) < 0)
		return 1;
	return 0;
}

/* Starts it through a child of ours, since unshare() gives new pids to children only. */
static int start_inside(int pids, int ready, int done)
{
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
		return 77;
	pid = fork();
	if (pid == 0)
		_exit(run_inside(ready, done));
	if (pid < 0 || write(pids, &pid, sizeof(pid)) != sizeof(pid))
		return 1;
	close(ready);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}

static void namespaced_process_is_known_by_its_inner_pid(void **state)
{
	int pids[2], ready[2], done[2], status, fd;
	struct perfmap *m;
	pid_t middle, pid;
	bool runs;
	char byte;

	assert_int_equal(pipe2(pids, O_CLOEXEC), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(done, O_CLOEXEC), 0);
	middle = fork();
	assert_true(middle >= 0);
	if (middle == 0) {
		close(done[1]);
		_exit(start_inside(pids[1], ready[1], done[0]));
	}
	close(pids[1]);
	close(ready[1]);
	close(done[0]);
	/* Both reads end without data if the other side could not get so far. */
	runs = read(pids[0], &pid, sizeof(pid)) == sizeof(pid) && read(ready[0], &byte, 1) == 1;
	if (runs) {
		fd = perfmap_open(pid);
		assert_true(fd >= 0);
		assert_int_equal(perfmap_load(fd, &m), 0);
		close(fd);
		assert_owner(m, 0x5080, "inside");
		perfmap_free(m);
	}
	close(done[1]);
	close(pids[0]);
	close(ready[0]);
	assert_int_equal(waitpid(middle, &status, 0), middle);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("skipped: no new namespaces here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(runs);
}

static void every_allocation_may_fail(void **state)
{
	static const char text[] = "1000 1000 old\n1400 100 inner\n1480 200 newer\n";
	struct perfmap *m;

	for (unsigned int n = 1; alloc_fail_next(&n, 1000);) {
		int r = perfmap_parse(text, strlen(text), &m);

		if (!alloc_fail_end()) {
			assert_int_equal(r, 0);
			perfmap_free(m);
			return;
		}
		assert_int_equal(r, -ENOMEM);
	}
	fail();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_a_range_and_a_name),
		cmocka_unit_test(later_lines_win),
		cmocka_unit_test(other_lines_are_passed_over),
		cmocka_unit_test(overlaps_agree_with_painting),
		cmocka_unit_test(a_file_reads_as_the_text_does),
		cmocka_unit_test(own_map_is_found_and_others_are_not_believed),
		cmocka_unit_test(namespaced_process_is_known_by_its_inner_pid),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("perfmap", tests, NULL, NULL);
}
