// SPDX-License-Identifier: Apache-2.0
/*
 * binfile.c - see binfile.h. openat2(2) has no wrapper in glibc 2.36, so it is called by number.
 */
#include "binfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { LINK_BYTES = 4352 };

int binfile_reopen(int fd)
{
	char link[32];
	int again;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	again = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return again < 0 ? -errno : again;
}

/* Takes an O_PATH descriptor (or -1 with errno) and gives one to read from. */
static int open_looked_at(int looked)
{
	struct stat st;
	int fd;

	if (looked < 0)
		return -errno;
	if (fstat(looked, &st))
		fd = -errno;
	else if (!S_ISREG(st.st_mode))
		fd = -EINVAL;
	else
		fd = binfile_reopen(looked);
	close(looked);
	return fd;
}

int binfile_open(const char *path, bool no_follow)
{
	return open_looked_at(open(path, O_PATH | O_CLOEXEC | (no_follow ? O_NOFOLLOW : 0)));
}

int binfile_open_in_root(uint32_t pid, const char *path, bool no_follow)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | (no_follow ? O_NOFOLLOW : 0),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	char root[32];
	int root_fd, fd;

	snprintf(root, sizeof(root), "/proc/%u/root", pid);
	root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return -errno;
	fd = open_looked_at((int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how)));
	close(root_fd);
	return fd;
}

int binfile_open_mapped(uint32_t pid, uint64_t start, uint64_t end, const char *path,
			bool *ret_same)
{
	char link[80], target[LINK_BYTES];
	ssize_t n;
	int fd;

	snprintf(link, sizeof(link), "/proc/%u/map_files/%llx-%llx", pid, (unsigned long long)start,
		 (unsigned long long)end);
	fd = open_looked_at(open(link, O_PATH | O_CLOEXEC));
	if (fd < 0)
		return fd;
	n = readlink(link, target, sizeof(target));
	*ret_same = n > 0 && (size_t)n == strlen(path) && !memcmp(target, path, (size_t)n);
	return fd;
}
