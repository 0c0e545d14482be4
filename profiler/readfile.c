// SPDX-License-Identifier: Apache-2.0
/* readfile - see readfile.h. */
#include "readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

ssize_t readfile_at(int dir, const char *name, void *buf, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t used = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (n > 0 && used < size) {
		n = read(fd, (char *)buf + used, size - used);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			used += (size_t)n;
	}
	n = n < 0 ? -errno : (ssize_t)used;
	close(fd);
	return n;
}
