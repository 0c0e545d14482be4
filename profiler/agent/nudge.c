// SPDX-License-Identifier: Apache-2.0
/* See nudge.h. */
#include "agent/nudge.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int nudge_init(struct nudge *n)
{
	n->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	n->made = n->fd >= 0;
	return n->made ? 0 : -errno;
}

void nudge_release(struct nudge *n)
{
	if (n->made)
		close(n->fd);
	n->made = false;
}

void nudge_give(const struct nudge *n)
{
	/* It can only fail when it has been given 2^64 times already. */
	if (n->made)
		(void)!eventfd_write(n->fd, 1);
}

void nudge_take(const struct nudge *n)
{
	eventfd_t times;

	if (n->made)
		(void)!eventfd_read(n->fd, &times);
}
