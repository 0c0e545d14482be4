// SPDX-License-Identifier: Apache-2.0
/* pread_exact - see pread_exact.h. */
#include "pread_exact.h"

#include <errno.h>
#include <unistd.h>

int pread_exact(int fd, void *buf, size_t size, uint64_t offset)
{
	size_t have = 0;

	if (offset > INT64_MAX - size)
		return -ENOEXEC;
	while (have < size) {
		ssize_t n = pread(fd, (char *)buf + have, size - have, (off_t)(offset + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENOEXEC;
		have += (size_t)n;
	}
	return 0;
}
