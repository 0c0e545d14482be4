// SPDX-License-Identifier: Apache-2.0
/*
 * states - what a thread was doing while a sample's time went by, as graphs show it.
 *
 * A sample of waiting says so in its labels (see cresset/profile.h). Where stacks are drawn or
 * folded it gets one more leaf, "[blocked]", "[runnable]" or "[idle]", so that waiting and running
 * share their callers and stand side by side. Folded text has no labels: there that leaf, read back
 * as a frame, is all that is left, so it counts as the label would. Idle is blocked time that a
 * rule calls benign; a runnable or running thread is never idle, whatever its labels say.
 *
 * A stack may go on past the thread's own frames, behind a frame "--": with whoever woke it.
 */
#ifndef FORMATS_STATES_H
#define FORMATS_STATES_H

#include <cresset/profile.h>

enum state {
	STATE_CPU, /* or not known to be any other */
	STATE_RUNNABLE,
	STATE_BLOCKED,
	STATE_IDLE,
	N_STATES,
};

/* "[blocked]"; of STATE_CPU: "". */
const char *state_leaf(enum state s);
/* "blocked", for a legend; of STATE_CPU: "on CPU". */
const char *state_word(enum state s);
/* By the text of a leaf; STATE_CPU: it is a frame like any other. */
enum state state_of_leaf(const char *text);
/*
 * The state of a sample with this label set and these frames, root first. If its last frame is what
 * tells it, that is taken off *n.
 */
enum state state_of_sample(const struct cresset_profile *p, uint32_t labels,
			   const struct cresset_frame *frames, size_t *n);
/* Is it the frame "--", behind which the waker's frames begin? */
bool state_is_separator(const struct cresset_profile *p, const struct cresset_frame *frame);

#endif
