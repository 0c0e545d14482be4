// SPDX-License-Identifier: Apache-2.0
/* See startup.h. */
#include "startup.h"

#include <string.h>

#include "quiet_thread.h"

static void *work(void *startup)
{
	struct startup *u = startup;
	struct session *s = u->session;

	u->result = procmap_scan(s->procmap, &u->error);
	if (!u->result && s->unwinder->scanned) {
		u->result = s->unwinder->scanned(s);
		if (u->result)
			cresset_error_set(&u->error, u->result, "cannot prepare to unwind: %s",
					  strerror(-u->result));
	}
	return NULL;
}

int startup_begin(struct startup *u, struct session *s, struct cresset_error *err)
{
	int r;

	memset(u, 0, sizeof(*u));
	u->session = s;
	r = quiet_thread_start(&u->thread, NULL, work, u);
	return r ? cresset_error_set(err, r, "cannot start a thread: %s", strerror(-r)) : 0;
}

int startup_end(struct startup *u, struct cresset_error *err)
{
	pthread_join(u->thread, NULL);
	if (u->result && err)
		*err = u->error;
	return u->result;
}
