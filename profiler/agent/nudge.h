// SPDX-License-Identifier: Apache-2.0
/*
 * nudge - "there is something for you": how other threads wake the sampler.
 *
 * The sampler waits in cresset_recorder_poll(), which watches the nudge's descriptor. So it need
 * not look every few milliseconds whether there is a question, a capture or the end: while a disk
 * took ten seconds for an fsync, that had been two thirds of what the agent cost. A nudge says
 * nothing but itself; several before it is taken are one.
 */
#ifndef AGENT_NUDGE_H
#define AGENT_NUDGE_H

#include <stdbool.h>

struct nudge {
	int fd; /* readable from nudge_give() to nudge_take() */
	bool made;
};

int nudge_init(struct nudge *n);
/* This and what follows also of one that was never made, all zero. */
void nudge_release(struct nudge *n);
/* From any thread. */
void nudge_give(const struct nudge *n);
/* What is to be done must be looked for after this, not before. */
void nudge_take(const struct nudge *n);

#endif
