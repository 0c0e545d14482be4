// SPDX-License-Identifier: Apache-2.0
/* notify - see notify.h. */
#include "agent/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int set_address(struct notify *n, const char *path, struct cresset_error *err)
{
	size_t len = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof(n->address.sun_path))
		return cresset_error_set(err, -EINVAL,
					 "NOTIFY_SOCKET is no path of a socket: '%.100s'", path);
	n->address.sun_family = AF_UNIX;
	memcpy(n->address.sun_path, path, len);
	if (path[0] == '@')
		n->address.sun_path[0] = '\0';
	/* An abstract name ends with its length, a path with its NUL. */
	n->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len +
				     (path[0] == '/' ? 1 : 0));
	return 0;
}

static bool read_number(const char *text, uint64_t *ret)
{
	uint64_t number = 0;
	size_t digits = strspn(text, "0123456789");

	if (!digits || digits > 18 || text[digits])
		return false;
	for (; *text; text++)
		number = number * 10 + (uint64_t)(*text - '0');
	*ret = number;
	return true;
}

/* Half of what systemd waits for, as it advises. WATCHDOG_PID may mean another process. */
static int set_watchdog(struct notify *n, struct cresset_error *err)
{
	const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t us_number, pid_number;

	if (!us)
		return 0;
	if (!read_number(us, &us_number) || !us_number)
		return cresset_error_set(err, -EINVAL, "WATCHDOG_USEC is no number: '%.40s'", us);
	if (pid && !read_number(pid, &pid_number))
		return cresset_error_set(err, -EINVAL, "WATCHDOG_PID is no number: '%.40s'", pid);
	if (!pid || pid_number == (uint64_t)getpid())
		n->watchdog_ns = us_number * 1000 / 2;
	return 0;
}

int notify_init(struct notify *n, struct cresset_error *err)
{
	const char *path = getenv("NOTIFY_SOCKET");
	int r;

	*n = (struct notify){.fd = -1};
	if (!path)
		return 0;
	r = set_address(n, path, err);
	if (r == 0)
		r = set_watchdog(n, err);
	if (r < 0)
		return r;
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (n->fd < 0)
		return cresset_error_set(err, -errno, "cannot make a socket: %s", strerror(errno));
	return 0;
}

void notify_release(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

static int say(struct notify *n, const char *text)
{
	size_t size = strlen(text);

	if (n->fd < 0)
		return 0;
	if (sendto(n->fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT,
		   (const struct sockaddr *)&n->address, n->address_len) != (ssize_t)size)
		return -errno;
	return 0;
}

int notify_ready(struct notify *n)
{
	return say(n, "READY=1\n");
}

int notify_reloading(struct notify *n)
{
	struct timespec now;
	char text[80];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu\n",
		 (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
	return say(n, text);
}

int notify_stopping(struct notify *n)
{
	return say(n, "STOPPING=1\n");
}

int notify_watchdog(struct notify *n)
{
	return say(n, "WATCHDOG=1\n");
}

int notify_status(struct notify *n, const char *fmt, ...)
{
	char text[512] = "STATUS=";
	size_t used = strlen(text);
	va_list args;

	va_start(args, fmt);
	vsnprintf(text + used, sizeof(text) - used - 1, fmt, args);
	va_end(args);
	/* A newline would begin another message, "MAINPID=1" for one. */
	for (char *s = text; *s; s++)
		if ((unsigned char)*s < 0x20)
			*s = ' ';
	strcat(text, "\n");
	return say(n, text);
}
