// SPDX-License-Identifier: Apache-2.0
/*
 * notify - tells systemd how the agent is (sd_notify(3)), without libsystemd: one datagram of
 * NAME=VALUE lines to the socket named by NOTIFY_SOCKET ('@' first: an abstract one).
 *
 * Without that variable every call does nothing and returns 0. A full socket is no reason to wait:
 * the message is given up with -EAGAIN, and the next one is said instead.
 */
#ifndef AGENT_NOTIFY_H
#define AGENT_NOTIFY_H

#include <cresset/types.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
	int fd; /* -1: nobody listens */
	struct sockaddr_un address;
	socklen_t address_len;
	uint64_t watchdog_ns; /* notify_watchdog() is to be called this often; 0: not at all */
};

/* Reads the environment. -EINVAL: a variable is malformed (then nobody listens). */
int notify_init(struct notify *n, struct cresset_error *err);
void notify_release(struct notify *n);

/* At the start, and when a reload is over. */
int notify_ready(struct notify *n);
int notify_reloading(struct notify *n);
int notify_stopping(struct notify *n);
int notify_watchdog(struct notify *n);
/* One line for `systemctl status`. */
int notify_status(struct notify *n, const char *fmt, ...) CRESSET_PRINTF(2, 3);

#endif
