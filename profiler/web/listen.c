// SPDX-License-Identifier: Apache-2.0
/* listen - see listen.h. */
#include "web/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 64, SOCKET_MODE = 0660 };

static int parse_unix(const char *path, struct listen_address *a, struct cresset_error *err)
{
	if (path[0] != '/' || strlen(path) >= sizeof(a->u.un.sun_path))
		return cresset_error_set(err, -EINVAL,
					 "listen=unix:%.100s is no absolute path of at most %zu "
					 "bytes",
					 path, sizeof(a->u.un.sun_path) - 1);
	a->u.un.sun_family = AF_UNIX;
	snprintf(a->u.un.sun_path, sizeof(a->u.un.sun_path), "%s", path);
	a->size = sizeof(a->u.un);
	a->loopback = true;
	return 0;
}

/* Splits "host:port"; the host without brackets. */
static bool split(const char *text, char host[64], unsigned long *port)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;

	if (!colon || n >= 64 || strlen(colon + 1) > 5 || !colon[1] ||
	    colon[1 + strspn(colon + 1, "0123456789")])
		return false;
	*port = strtoul(colon + 1, NULL, 10);
	if (text[0] == '[') {
		if (n < 2 || text[n - 1] != ']')
			return false;
		text++;
		n -= 2;
	} else if (memchr(text, ':', n)) {
		return false;
	}
	memcpy(host, text, n);
	host[n] = '\0';
	return *port <= 65535;
}

int listen_parse(const char *text, struct listen_address *ret, struct cresset_error *err)
{
	struct listen_address a = {.size = 0};
	unsigned long port = 0;
	char host[64];
	int r;

	if (!strncmp(text, "unix:", 5)) {
		r = parse_unix(text + 5, &a, err);
		if (r == 0)
			*ret = a;
		return r;
	}
	if (!split(text, host, &port))
		return cresset_error_set(err, -EINVAL,
					 "listen=%.100s is no ADDRESS:PORT (as 127.0.0.1:4050 or "
					 "[::1]:4050) or unix:/PATH",
					 text);
	if (!host[0] || !strcasecmp(host, "localhost"))
		snprintf(host, sizeof(host), "127.0.0.1");
	if (inet_pton(AF_INET, host, &a.u.in.sin_addr) == 1) {
		a.u.in.sin_family = AF_INET;
		a.u.in.sin_port = htons((uint16_t)port);
		a.size = sizeof(a.u.in);
		a.loopback = ntohl(a.u.in.sin_addr.s_addr) >> 24 == 127;
	} else if (inet_pton(AF_INET6, host, &a.u.in6.sin6_addr) == 1) {
		a.u.in6.sin6_family = AF_INET6;
		a.u.in6.sin6_port = htons((uint16_t)port);
		a.size = sizeof(a.u.in6);
		a.loopback = IN6_IS_ADDR_LOOPBACK(&a.u.in6.sin6_addr);
	} else {
		return cresset_error_set(err, -EINVAL,
					 "listen=%.100s: '%s' is no address (a number such as "
					 "127.0.0.1, not a name)",
					 text, host);
	}
	*ret = a;
	return 0;
}

/* A file that a server which is gone has left. */
static void remove_stale(const struct listen_address *a)
{
	const char *path = a->u.un.sun_path;
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, &a->u.any, a->size) < 0 && errno == ECONNREFUSED)
		unlink(path);
	close(fd);
}

static int say(int r, const char *text, struct cresset_error *err)
{
	const char *remedy = "";

	if (r == -EADDRINUSE)
		remedy = " (another program has it, perhaps another agent: see 'ss -ltnp', or "
			 "choose another listen=)";
	else if (r == -EACCES)
		remedy = " (ports below 1024 need CAP_NET_BIND_SERVICE)";
	else if (r == -EADDRNOTAVAIL)
		remedy = " (no network interface has that address)";
	return cresset_error_set(err, r, "cannot listen on %s: %s%s", text, strerror(-r), remedy);
}

static int bind_to(int fd, const struct listen_address *a)
{
	int on = 1, off = 0;
	int r;

	if (a->u.any.sa_family != AF_UNIX) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		/* "::" is every address of both families, and "::1" only itself. */
		if (a->u.any.sa_family == AF_INET6)
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
		return bind(fd, &a->u.any, a->size) < 0 ? -errno : 0;
	}
	remove_stale(a);
	/* The file gets the socket's mode less the umask, so never more than it is to have. */
	r = fchmod(fd, SOCKET_MODE) < 0 || bind(fd, &a->u.any, a->size) < 0 ? -errno : 0;
	if (r == 0 && chmod(a->u.un.sun_path, SOCKET_MODE) < 0)
		r = -errno;
	return r;
}

int listen_open(const struct listen_address *a, const char *text, int *ret_fd,
		unsigned int *ret_port, struct cresset_error *err)
{
	struct listen_address bound = {.size = sizeof(bound.u)};
	int r, fd = socket(a->u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return say(-errno, text, err);
	r = bind_to(fd, a);
	if (r == 0 && listen(fd, BACKLOG) < 0)
		r = -errno;
	if (r == 0 && getsockname(fd, &bound.u.any, &bound.size) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return say(r, text, err);
	}
	*ret_fd = fd;
	*ret_port = a->u.any.sa_family == AF_INET    ? ntohs(bound.u.in.sin_port)
		    : a->u.any.sa_family == AF_INET6 ? ntohs(bound.u.in6.sin6_port)
						     : 0;
	return 0;
}

/* Is name (of n bytes) one of those in list? */
static bool is_listed(const char *list, const char *name, size_t n)
{
	while (list && *(list += strspn(list, " ,\t"))) {
		size_t k = strcspn(list, " ,\t");

		if (k == n && !strncasecmp(list, name, n))
			return true;
		list += k;
	}
	return false;
}

static bool is_own_number(const struct listen_address *a, const char *name, size_t n)
{
	char text[INET6_ADDRSTRLEN + 2] = "";

	if (a->u.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->u.in.sin_addr, text, sizeof(text));
	} else if (a->u.any.sa_family == AF_INET6) {
		text[0] = '[';
		inet_ntop(AF_INET6, &a->u.in6.sin6_addr, text + 1, sizeof(text) - 2);
		strcat(text, "]");
	}
	return strlen(text) == n && !strncasecmp(text, name, n);
}

bool listen_host_allowed(const struct listen_address *a, const char *names, const char *host)
{
	const char *port;
	size_t n;

	/* No browser opens a socket file. */
	if (!host || a->u.any.sa_family == AF_UNIX ||
	    (!a->loopback && !(names && names[strspn(names, " ,\t")])))
		return true;
	n = strcspn(host, "/@ \t");
	if (host[n])
		return false;
	port = host[0] == '[' ? strchr(host, ']') : host;
	port = port ? strchr(port, ':') : NULL;
	if (port && strspn(port + 1, "0123456789") != strlen(port + 1))
		return false;
	if (port)
		n = (size_t)(port - host);
	return is_listed("localhost 127.0.0.1 [::1]", host, n) || is_listed(names, host, n) ||
	       is_own_number(a, host, n);
}
