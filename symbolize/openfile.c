// SPDX-License-Identifier: Apache-2.0
#include "openfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

int openfile_check(int fd, struct stat *ret_st)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (ret_st)
		*ret_st = st;
	return 0;
}

static int keep_regular(int fd, struct stat *ret_st)
{
	int r;

	if (fd < 0)
		return -errno;
	r = openfile_check(fd, ret_st);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

int openfile_regular(const char *path, struct stat *ret_st)
{
	return keep_regular(open(path, OPEN_FLAGS), ret_st);
}

int openfile_in_root(const char *root, const char *path, struct stat *ret_st)
{
	struct open_how how = {.flags = OPEN_FLAGS,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (dir < 0)
		return -errno;
	fd = keep_regular((int)syscall(SYS_openat2, dir, path, &how, sizeof(how)), ret_st);
	close(dir);
	return fd;
}

ssize_t openfile_read(int fd, void *buf, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, (char *)buf + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

bool openfile_is_build_id(const char *s)
{
	size_t n = strspn(s, "0123456789abcdef");

	return n >= 2 && n <= 128 && n % 2 == 0 && s[n] == '\0';
}
