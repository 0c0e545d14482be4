// SPDX-License-Identifier: Apache-2.0
/*
 * See cpus.h. The list is read anew at each drain: one small read, which notices CPUs that come and
 * go within a second without a socket for the kernel's uevents.
 */
#include "cpus.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CPUS_MAX = 1 << 20 };

/* A number at *at; moves *at behind it. */
static int parse_number(const char **at, size_t *ret)
{
	size_t n = 0;

	if (!isdigit((unsigned char)**at))
		return -EINVAL;
	for (; isdigit((unsigned char)**at); (*at)++) {
		n = n * 10 + (size_t)(**at - '0');
		if (n > CPUS_MAX)
			return -EINVAL;
	}
	*ret = n;
	return 0;
}

static int parse_list(const char *at, bool *set, size_t n)
{
	size_t first, last;

	while (*at && *at != '\n') {
		if (parse_number(&at, &first))
			return -EINVAL;
		last = first;
		if (*at == '-' && (at++, parse_number(&at, &last)))
			return -EINVAL;
		if (last < first)
			return -EINVAL;
		for (size_t i = first; i <= last && i < n; i++)
			set[i] = true;
		if (*at == ',')
			at++;
		else if (*at && *at != '\n')
			return -EINVAL;
	}
	return 0;
}

int cpus_parse(const char *text, bool *ret_set, size_t n)
{
	int r;

	memset(ret_set, 0, n * sizeof(*ret_set));
	r = parse_list(text, ret_set, n);
	if (r)
		memset(ret_set, 0, n * sizeof(*ret_set));
	return r;
}

int cpus_online(bool *ret_set, size_t n)
{
	char text[4096];
	ssize_t size;
	int fd;

	fd = open("/sys/devices/system/cpu/online", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size = read(fd, text, sizeof(text) - 1);
	if (size < 0)
		size = -errno;
	close(fd);
	if (size < 0)
		return (int)size;
	text[size] = '\0';
	return cpus_parse(text, ret_set, n);
}

size_t cpus_count(const bool *set, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += set[i];
	return count;
}
