// SPDX-License-Identifier: Apache-2.0
/* Sinks: what arrives, what stays behind, and that the first error is the one reported. */
#include <dirent.h>
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
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include <cresset/sink.h>

#include "support/alloc_fail.h"

struct folder {
	char path[64];
};

static int setup(void **state)
{
	struct folder *f = malloc(sizeof(*f));

	if (!f)
		return -1;
	strcpy(f->path, "/tmp/test_sink.XXXXXX");
	*state = f;
	return mkdtemp(f->path) ? 0 : -1;
}

static void path_in(const struct folder *f, const char *name, char buf[256])
{
	snprintf(buf, 256, "%s/%s", f->path, name);
}

/* How many names there are; removes them. */
static int count_names(const struct folder *f, bool remove)
{
	DIR *d = opendir(f->path);
	struct dirent *e;
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		char path[512];

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", f->path, e->d_name);
		if (remove)
			unlink(path);
		n++;
	}
	closedir(d);
	return n;
}

static int teardown(void **state)
{
	struct folder *f = *state;

	count_names(f, true);
	rmdir(f->path);
	free(f);
	return 0;
}

static void assert_file(const char *path, const char *expected)
{
	char buf[256] = "";
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_int_equal(fread(buf, 1, sizeof(buf) - 1, f), strlen(expected));
	fclose(f);
	assert_string_equal(buf, expected);
}

static void test_memory(void **state)
{
	static char large[200000];
	struct cresset_sink *s;
	const char *data;
	size_t n;

	memset(large, 'x', sizeof(large));
	assert_int_equal(cresset_sink_memory(&s), 0);
	data = cresset_sink_data(s, &n);
	assert_non_null(data);
	assert_int_equal(n, 0);
	assert_int_equal(cresset_sink_puts(s, "ab"), 0);
	assert_int_equal(cresset_sink_printf(s, "%d-%s", 7, "c"), 0);
	data = cresset_sink_data(s, &n);
	assert_int_equal(n, 5);
	assert_memory_equal(data, "ab7-c", 5);
	/* Longer than the formatting buffer and than the sink's own. */
	assert_int_equal(cresset_sink_printf(s, "%.*s", 2000, large), 0);
	assert_int_equal(cresset_sink_write(s, large, sizeof(large)), 0);
	assert_int_equal(cresset_sink_puts(s, "end"), 0);
	data = cresset_sink_data(s, &n);
	assert_int_equal(n, 5 + 2000 + sizeof(large) + 3);
	assert_memory_equal(data + n - 3, "end", 3);
	assert_int_equal(cresset_sink_close(s), 0);
	assert_int_equal(cresset_sink_close(NULL), 0);
	cresset_sink_abort(NULL);
	assert_int_equal(cresset_sink_finish(NULL, 0), 0);
}

static void test_file(void **state)
{
	struct folder *f = *state;
	struct cresset_sink *s;
	struct stat st;
	char path[256];

	path_in(f, "new", path);
	umask(022);
	assert_int_equal(cresset_sink_file(path, &s), 0);
	assert_int_equal(cresset_sink_puts(s, "one"), 0);
	/* Not there before it is whole. */
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(cresset_sink_finish(s, 0), 0);
	assert_file(path, "one");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	/* An old one keeps its mode, and its content if the new one fails. */
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(cresset_sink_file(path, &s), 0);
	cresset_sink_puts(s, "two");
	assert_int_equal(cresset_sink_finish(s, -EIO), -EIO);
	assert_file(path, "one");
	assert_int_equal(cresset_sink_file(path, &s), 0);
	cresset_sink_puts(s, "three");
	assert_int_equal(cresset_sink_close(s), 0);
	assert_file(path, "three");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(count_names(f, false), 1);
}

static void test_file_link(void **state)
{
	struct folder *f = *state;
	char path[256], link[256];
	struct cresset_sink *s;
	struct stat st;

	path_in(f, "target", path);
	path_in(f, "link", link);
	assert_int_equal(cresset_sink_file(path, &s), 0);
	assert_int_equal(cresset_sink_close(s), 0);
	assert_int_equal(symlink("target", link), 0);
	assert_int_equal(cresset_sink_file(link, &s), 0);
	cresset_sink_puts(s, "through");
	assert_int_equal(cresset_sink_close(s), 0);
	assert_file(path, "through");
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void test_file_refused(void **state)
{
	struct folder *f = *state;
	struct cresset_sink *s;
	char path[256], name[300];

	path_in(f, "no/such/folder", path);
	assert_int_equal(cresset_sink_file(path, &s), -ENOENT);
	assert_int_equal(cresset_sink_file(f->path, &s), -EISDIR);
	assert_int_equal(cresset_sink_file("", &s), -ENOENT);
	assert_int_equal(cresset_sink_fd(-1, &s), -EBADF);
	/* A name as long as names may be still has room for its temporary one. */
	memset(name, 'n', 255);
	name[255] = '\0';
	snprintf(path, sizeof(path), "%.180s", f->path);
	assert_int_equal(chdir(f->path), 0);
	assert_int_equal(cresset_sink_file(name, &s), 0);
	assert_int_equal(cresset_sink_close(s), 0);
	assert_int_equal(access(name, F_OK), 0);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(count_names(f, false), 0);
}

static void test_full(void **state)
{
	static char large[100000];
	struct cresset_sink *s;

	assert_int_equal(cresset_sink_file("/dev/full", &s), 0);
	cresset_sink_puts(s, "buffered, so that the write goes well");
	assert_int_equal(cresset_sink_error(s), 0);
	assert_int_equal(cresset_sink_close(s), -ENOSPC);
	assert_int_equal(cresset_sink_file("/dev/full", &s), 0);
	assert_int_equal(cresset_sink_write(s, large, sizeof(large)), -ENOSPC);
	assert_int_equal(cresset_sink_puts(s, "later"), -ENOSPC);
	assert_int_equal(cresset_sink_error(s), -ENOSPC);
	assert_int_equal(cresset_sink_finish(s, 0), -ENOSPC);
	/* Through a compressor, which hears of it only when it is closed. */
	assert_int_equal(cresset_sink_file("/dev/full", &s), 0);
	assert_int_equal(cresset_sink_gzip(s, 0, &s), 0);
	cresset_sink_puts(s, "x");
	assert_int_equal(cresset_sink_close(s), -ENOSPC);
}

static void test_descriptor(void **state)
{
	struct cresset_sink *s;
	char buf[16] = "", path[32];
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(cresset_sink_fd(fds[1], &s), 0);
	cresset_sink_puts(s, "one ");
	assert_int_equal(cresset_sink_close(s), 0);
	/* Still open, and reached by its name as well. */
	snprintf(path, sizeof(path), "/dev/fd/%d", fds[1]);
	assert_int_equal(cresset_sink_file(path, &s), 0);
	cresset_sink_puts(s, "two");
	assert_int_equal(cresset_sink_close(s), 0);
	assert_int_equal(read(fds[0], buf, sizeof(buf) - 1), 7);
	assert_string_equal(buf, "one two");
	/* Nobody reads any more: an error and no signal is for the caller to arrange. */
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(cresset_sink_fd(fds[1], &s), 0);
	cresset_sink_puts(s, "x");
	assert_int_equal(cresset_sink_close(s), -EBADF);
}

/* Bytes that compress, but not to nothing. */
static void fill(char *buf, size_t n)
{
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		buf[i] = (char)('a' + (x >> 28));
	}
}

/* What a folder's file holds after being written through a compressing sink. */
static void *compressed(struct folder *f,
			int (*sink)(struct cresset_sink *, int, struct cresset_sink **),
			const char *content, size_t size, size_t *ret_size)
{
	struct cresset_sink *s;
	char path[256];
	struct stat st;
	void *data;
	FILE *file;

	path_in(f, "packed", path);
	assert_int_equal(cresset_sink_file(path, &s), 0);
	assert_int_equal(sink(s, 0, &s), 0);
	for (size_t i = 0; i < size; i += 1000)
		cresset_sink_write(s, content + i, size - i < 1000 ? size - i : 1000);
	assert_int_equal(cresset_sink_close(s), 0);
	assert_int_equal(stat(path, &st), 0);
	data = malloc((size_t)st.st_size);
	file = fopen(path, "r");
	assert_non_null(data);
	assert_non_null(file);
	assert_int_equal(fread(data, 1, (size_t)st.st_size, file), st.st_size);
	fclose(file);
	*ret_size = (size_t)st.st_size;
	return data;
}

static void test_compressed(void **state)
{
	enum { SIZE = 300000 };
	char *content = malloc(SIZE), *back = malloc(SIZE);
	z_stream z = {0};
	void *packed;
	size_t n;

	assert_non_null(content);
	assert_non_null(back);
	fill(content, SIZE);
	packed = compressed(*state, cresset_sink_gzip, content, SIZE, &n);
	assert_true(n < SIZE * 3 / 4);
	z = (z_stream){.next_in = packed,
		       .avail_in = (uInt)n,
		       .next_out = (Bytef *)back,
		       .avail_out = SIZE};
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, SIZE);
	assert_int_equal(z.avail_in, 0);
	inflateEnd(&z);
	assert_memory_equal(content, back, SIZE);
	free(packed);
	memset(back, 0, SIZE);
	packed = compressed(*state, cresset_sink_zstd, content, SIZE, &n);
	assert_true(n < SIZE * 3 / 4);
	assert_int_equal(ZSTD_decompress(back, SIZE, packed, n), SIZE);
	assert_memory_equal(content, back, SIZE);
	free(packed);
	free(content);
	free(back);
}

/* An aborted compressor leaves no file either. */
static void test_abort_stacked(void **state)
{
	struct folder *f = *state;
	struct cresset_sink *s;
	char path[256];

	path_in(f, "never", path);
	assert_int_equal(cresset_sink_file(path, &s), 0);
	assert_int_equal(cresset_sink_zstd(s, 0, &s), 0);
	cresset_sink_puts(s, "x");
	cresset_sink_abort(s);
	assert_int_equal(cresset_sink_file(path, &s), 0);
	assert_int_equal(cresset_sink_gzip(s, 0, &s), 0);
	cresset_sink_puts(s, "x");
	assert_int_equal(cresset_sink_finish(s, -EINTR), -EINTR);
	assert_int_equal(count_names(f, false), 0);
}

static int write_stacked(const char *path)
{
	struct cresset_sink *inner, *s;
	int r = cresset_sink_file(path, &inner);

	if (r < 0)
		return r;
	r = cresset_sink_zstd(inner, 0, &s);
	if (r < 0)
		return cresset_sink_finish(inner, r);
	cresset_sink_puts(s, "content");
	return cresset_sink_close(s);
}

static void test_allocations(void **state)
{
	struct folder *f = *state;
	char path[256];
	unsigned int n;

	path_in(f, "file", path);
	for (n = 1; alloc_fail_next(&n, 100);) {
		int r = write_stacked(path);

		if (!alloc_fail_end())
			break;
		assert_int_equal(r, -ENOMEM);
		assert_int_equal(count_names(f, false), 0);
	}
	assert_true(n > 3);
	assert_int_equal(access(path, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_refused, setup, teardown),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test_setup_teardown(test_compressed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_abort_stacked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_allocations, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
