// SPDX-License-Identifier: Apache-2.0
/* See clock_watch.h. */
#include "agent/clock_watch.h"

#include "agent/clock.h"

/* Read together: a thread that is put aside between two of them would see a jump. */
enum { TRIES = 8, TOGETHER_NS = 1000000 };

void clocks_now(struct clocks *ret)
{
	for (int i = 0; i < TRIES; i++) {
		ret->mono_ns = (int64_t)clock_now_ns(CLOCK_MONOTONIC);
		ret->boot_ns = (int64_t)clock_now_ns(CLOCK_BOOTTIME);
		ret->real_ns = (int64_t)clock_now_ns(CLOCK_REALTIME);
		if ((int64_t)clock_now_ns(CLOCK_MONOTONIC) - ret->mono_ns < TOGETHER_NS)
			break;
	}
}

void clock_watch_look(struct clock_watch *w, const struct clocks *now, struct clock_event *ret)
{
	int64_t ahead = now->real_ns - now->boot_ns, slept = now->boot_ns - now->mono_ns;
	int64_t jump = w->seen ? ahead - w->ahead_ns : 0;
	int64_t sleep = w->seen ? slept - w->slept_ns : 0;

	*ret = (struct clock_event){.jump_ns = 0};
	if (jump >= CLOCK_WATCH_LEAST_NS || jump <= -CLOCK_WATCH_LEAST_NS) {
		ret->jump_ns = jump;
		w->forward += jump > 0;
		w->backward += jump < 0;
	}
	if (sleep >= CLOCK_WATCH_LEAST_NS) {
		ret->sleep_ns = sleep;
		w->sleeps++;
		w->sleep_ns += (uint64_t)sleep;
	}
	w->ahead_ns = ahead;
	w->slept_ns = slept;
	w->seen = true;
}
