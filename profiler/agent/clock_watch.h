// SPDX-License-Identifier: Apache-2.0
/*
 * clock_watch - was the wall clock set, did the machine sleep?
 *
 * Windows are measured by CLOCK_MONOTONIC and dated by the wall clock. Against CLOCK_BOOTTIME,
 * which nobody sets, the wall clock shows that it was set; against CLOCK_MONOTONIC, which stands
 * still meanwhile, that shows that the machine slept. Either ends the window at hand, so that none
 * has time on both sides of it. No I/O; the clocks are given.
 */
#ifndef AGENT_CLOCK_WATCH_H
#define AGENT_CLOCK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* Less is slewing and rounding, and changes no date that is shown. */
#define CLOCK_WATCH_LEAST_NS INT64_C(500000000)

struct clocks {
	int64_t real_ns, boot_ns, mono_ns;
};

struct clock_watch {
	bool seen;
	int64_t ahead_ns;	    /* the wall clock of CLOCK_BOOTTIME … */
	int64_t slept_ns;	    /* … and that of CLOCK_MONOTONIC, at the last look */
	uint64_t forward, backward; /* how often the wall clock was set */
	uint64_t sleeps, sleep_ns;
};

/* What has happened since the last look: 0 for nothing. */
struct clock_event {
	int64_t jump_ns, sleep_ns;
};
void clock_watch_look(struct clock_watch *w, const struct clocks *now, struct clock_event *ret);
void clocks_now(struct clocks *ret);

#endif
