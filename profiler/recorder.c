// SPDX-License-Identifier: Apache-2.0
/*
 * recorder.c - the public API (cresset/recorder.h): a session, and nothing else.
 */
#include <cresset/recorder.h>

#include <errno.h>
#include <stdlib.h>

#include "session.h"

struct cresset_recorder {
	struct session *session;
};

int cresset_recorder_new(const struct cresset_recorder_options *options,
			 struct cresset_recorder **ret, struct cresset_error *err)
{
	struct cresset_recorder *r = calloc(1, sizeof(*r));
	int code;

	if (!r)
		return cresset_error_set(err, -ENOMEM, "out of memory");
	code = session_new(options, NULL, &r->session, err);
	if (code) {
		free(r);
		return code;
	}
	*ret = r;
	return 0;
}

void cresset_recorder_free(struct cresset_recorder *r)
{
	if (!r)
		return;
	session_free(r->session);
	free(r);
}

int cresset_recorder_start(struct cresset_recorder *r, struct cresset_error *err)
{
	return session_start(r->session, err);
}

int cresset_recorder_poll(struct cresset_recorder *r, int timeout_ms)
{
	return session_poll(r->session, timeout_ms);
}

void cresset_recorder_watch(struct cresset_recorder *r, int fd)
{
	r->session->watch_fd = fd;
}

int cresset_recorder_take(struct cresset_recorder *r, struct cresset_profile **ret,
			  struct cresset_error *err)
{
	return session_take(r->session, ret, err);
}

int cresset_recorder_set_freq(struct cresset_recorder *r, unsigned int freq_hz,
			      struct cresset_error *err)
{
	return session_set_freq(r->session, freq_hz, err);
}

size_t cresset_recorder_window_bytes(const struct cresset_recorder *r)
{
	return r->session->profile ? cresset_profile_bytes(r->session->profile) : 0;
}

int cresset_recorder_stop(struct cresset_recorder *r, struct cresset_profile **ret,
			  struct cresset_error *err)
{
	return session_stop(r->session, ret, err);
}

void cresset_recorder_get_stats(const struct cresset_recorder *r,
				struct cresset_recorder_stats *ret)
{
	session_get_stats(r->session, ret);
}

int cresset_recorder_open(void *arg, const struct cresset_profile *p, uint32_t mapping,
			  enum cresset_open_what what)
{
	struct cresset_recorder *r = arg;

	return procmap_open(r->session->procmap, p, mapping, what);
}
