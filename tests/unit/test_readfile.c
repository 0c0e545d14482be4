// SPDX-License-Identifier: Apache-2.0
/*
 * readfile: whole, cut at the size of the buffer, and what is no file to read.
 */
#include "readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static int setup(void **state)
{
	FILE *f;

	snprintf(folder, sizeof(folder), "/tmp/cresset-readfile-XXXXXX");
	if (!mkdtemp(folder) || chdir(folder))
		return -1;
	f = fopen("ten", "w");
	if (!f)
		return -1;
	fputs("0123456789", f);
	return fclose(f) || mkfifo("fifo", 0600) || mkdir("folder", 0700);
}

static int teardown(void **state)
{
	unlink("ten");
	unlink("fifo");
	rmdir("folder");
	return chdir("/") || rmdir(folder);
}

static void test_whole_and_cut(void **state)
{
	char buf[32] = "";

	assert_int_equal(readfile_at(AT_FDCWD, "ten", buf, sizeof(buf)), 10);
	assert_memory_equal(buf, "0123456789", 10);
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(readfile_at(AT_FDCWD, "ten", buf, 4), 4);
	assert_memory_equal(buf, "0123xxxx", 8);
	assert_int_equal(readfile_at(AT_FDCWD, "ten", buf, 0), 0);
}

/* Files of /proc come a page at a time, or less. */
static void test_in_pieces(void **state)
{
	static char maps[1 << 20];
	ssize_t n = readfile_at(AT_FDCWD, "/proc/self/maps", maps, sizeof(maps));

	assert_true(n > 0 && n < (ssize_t)sizeof(maps));
	assert_int_equal(maps[n - 1], '\n');
	assert_non_null(memmem(maps, (size_t)n, "[vdso]", 6));
}

static void test_below_a_directory(void **state)
{
	int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char buf[32];

	assert_true(dir >= 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(readfile_at(dir, "ten", buf, sizeof(buf)), 10);
	assert_int_equal(fchdir(dir), 0);
	close(dir);
}

static void test_no_file_to_read(void **state)
{
	char buf[32];

	assert_int_equal(readfile_at(AT_FDCWD, "none", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(readfile_at(AT_FDCWD, "folder", buf, sizeof(buf)), -EISDIR);
	assert_int_equal(readfile_at(AT_FDCWD, "fifo", buf, sizeof(buf)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_and_cut),
		cmocka_unit_test(test_in_pieces),
		cmocka_unit_test(test_below_a_directory),
		cmocka_unit_test(test_no_file_to_read),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
