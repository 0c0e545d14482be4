// SPDX-License-Identifier: Apache-2.0
/*
 * captures - "what does the machine do in the next N seconds", out of the recording that runs
 * anyway.
 *
 * A capture has no recorder of its own: the window at hand is cut when it begins and when it ends,
 * and the windows between are added up for it as they are written. So it costs next to nothing, and
 * it is as exact as any window. Whoever asks sleeps meanwhile.
 *
 * Three threads: the asking one (captures_run), the sampling one (captures_cut), the writing one
 * (captures_feed).
 */
#ifndef AGENT_CAPTURES_H
#define AGENT_CAPTURES_H

#include "agent/labels.h"
#include "agent/nudge.h"
#include "agent/parts.h"
#include "store/match.h"

#include <pthread.h>

enum { CAPTURES_MAX = 4 };

struct capture;

struct captures {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct capture *list[CAPTURES_MAX];
	uint64_t max_bytes; /* of all their profiles */
	uint64_t too_large; /* captures that ended for that */
	bool closed;
	const struct nudge *nudge; /* given when one begins; or NULL */
};

/* max_bytes 0: no limit. */
void captures_init(struct captures *c, uint64_t max_bytes);
void captures_release(struct captures *c);
/* As web_backend.capture. */
int captures_run(struct captures *c, const char *event, unsigned int seconds,
		 const struct match *match, struct cresset_profile **ret,
		 struct cresset_error *err);
/* When is the window to be cut? 0: at once; UINT64_MAX: no capture wants it. */
uint64_t captures_next_cut_ns(struct captures *c);
/* It was, and had this sequence; the next one has begun. Also for cuts that no capture wanted. */
void captures_cut(struct captures *c, uint64_t now_ns, uint64_t sequence);
/* A window with names. */
void captures_feed(struct captures *c, uint64_t sequence, const struct parts *parts);
/* All that run end with -ECANCELED, and so does what comes, until captures_open(). */
void captures_cancel(struct captures *c);
void captures_open(struct captures *c);
struct captures_state {
	size_t n;
	uint64_t bytes, too_large;
};
void captures_get_state(struct captures *c, struct captures_state *ret);

#endif
