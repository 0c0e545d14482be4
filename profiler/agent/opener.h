// SPDX-License-Identifier: Apache-2.0
/*
 * opener - files of a window, opened by the thread that owns its recorder.
 *
 * Names are looked up by the writing thread, which may take its time; but only the recorder knows
 * how to get at a binary that was deleted or lies in another mount namespace, and a recorder
 * belongs to the sampling thread. So the one asks (opener_ask, the symbolizer's open function) and
 * sleeps, and the other answers between two polls: some microseconds for each binary that is new.
 */
#ifndef AGENT_OPENER_H
#define AGENT_OPENER_H

#include <cresset/recorder.h>
#include <pthread.h>

#include "agent/nudge.h"

struct opener {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	const struct nudge *nudge;	   /* given with each question; or NULL */
	cresset_open_fn open;		   /* cresset_recorder_open(), but in tests */
	struct cresset_recorder *recorder; /* of the window at hand: set by the asking thread */
	const struct cresset_profile *profile;
	uint32_t mapping;
	enum cresset_open_what what;
	int answer;
	bool asked;
	bool serving;
	bool closed;
};

void opener_init(struct opener *o);
void opener_release(struct opener *o);
/* A cresset_open_fn; arg is the opener. -ECANCELED: nobody answers any more. */
int opener_ask(void *arg, const struct cresset_profile *p, uint32_t mapping,
	       enum cresset_open_what what);
/* Answers what is asked; goes on as long as there is a question at least every millisecond, for
 * some milliseconds at most. Returns whether there was any. */
bool opener_serve(struct opener *o);
/* Questions fail from now on. */
void opener_close(struct opener *o);

#endif
