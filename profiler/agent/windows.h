// SPDX-License-Identifier: Apache-2.0
/*
 * windows - finished windows on their way from the thread that samples to the one that writes.
 *
 * A queue that is bounded in number and in bytes: sampling never waits for names, disk or network.
 * If the writer is that far behind, the newest window is given up and counted, as the older ones
 * are nearer to being written.
 */
#ifndef AGENT_WINDOWS_H
#define AGENT_WINDOWS_H

#include <cresset/profile.h>
#include <cresset/recorder.h>
#include <pthread.h>

enum { WINDOWS_MAX = 8 };

/* Why a window is given up; the names are for metrics. */
enum windows_drop { WINDOWS_DROP_QUEUE, WINDOWS_DROP_MEMORY, WINDOWS_DROP_STOPPED, WINDOWS_DROPS };
const char *windows_drop_name(enum windows_drop drop);

struct window {
	struct cresset_profile *profile;   /* without names */
	struct cresset_recorder *recorder; /* that knows its files */
	uint64_t sequence;		   /* from 1, without gaps but for those given up */
	size_t bytes;			   /* of the profile when it came; windows_push() sets it */
};

struct windows {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct window list[WINDOWS_MAX];
	size_t n;
	uint64_t bytes, max_bytes; /* of all that are in it */
	uint64_t done;		   /* all up to this sequence have been written, or given up */
	uint64_t dropped[WINDOWS_DROPS];
	bool closed;
};

/* max_bytes 0: no limit. A single window is taken whatever its size. */
void windows_init(struct windows *w, uint64_t max_bytes);
/* Frees what is left in it. */
void windows_release(struct windows *w);
/* Takes over the profile; if there is no room it is freed, counted and false is returned. */
bool windows_push(struct windows *w, const struct window *window);
/* No more will come. */
void windows_close(struct windows *w);
/* The oldest one, which stays in the queue until windows_pop(). False: closed and empty. */
bool windows_next(struct windows *w, struct window *ret);
/* It has been written; frees its profile. */
void windows_pop(struct windows *w);
/* Has this one been written? */
bool windows_is_done(struct windows *w, uint64_t sequence);
struct windows_state {
	size_t n;
	uint64_t bytes;
	uint64_t dropped[WINDOWS_DROPS];
};
void windows_get_state(struct windows *w, struct windows_state *ret);

#endif
