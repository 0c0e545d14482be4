// SPDX-License-Identifier: Apache-2.0
/*
 * listen - where the server can be reached, and under which names.
 *
 * An address is a number, never a name that DNS could move: "127.0.0.1:4050", "[::1]:4050",
 * "localhost:4050" (127.0.0.1), ":4050" (that too), "0.0.0.0:4050", "[::]:4050" (both families), or
 * "unix:/run/cresset/http.sock".
 *
 * A page of some other site can point a name of its own at 127.0.0.1, and the browser then lets its
 * script read what we answer (DNS rebinding). Its requests carry that name in "Host". So while only
 * this machine can reach us, only names that mean this machine are answered, and those that the
 * options add.
 */
#ifndef WEB_LISTEN_H
#define WEB_LISTEN_H

#include <cresset/types.h>

#include <netinet/in.h>
#include <sys/un.h>

struct listen_address {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} u;
	socklen_t size;
	bool loopback; /* only this machine reaches it */
};

/* -EINVAL with err. */
int listen_parse(const char *text, struct listen_address *ret, struct cresset_error *err);
/*
 * A listening socket. A socket file that nobody listens at is replaced; it gets mode 0660. With
 * -EADDRINUSE, -EACCES, -EADDRNOTAVAIL err has a remedy. ret_port is 0 for a file.
 */
int listen_open(const struct listen_address *a, const char *text, int *ret_fd,
		unsigned int *ret_port, struct cresset_error *err);

/*
 * May a request with this "Host" be answered? host NULL (HTTP/1.0): yes, no browser leaves it out.
 * names: those that are allowed too, between blanks or commas; NULL: none. Not at loopback, and
 * without names: any.
 */
bool listen_host_allowed(const struct listen_address *a, const char *names, const char *host);

#endif
