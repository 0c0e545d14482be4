// SPDX-License-Identifier: Apache-2.0
/*
 * deep.c - a stack of a given depth, for costs and limits.
 *
 *     deep [SECONDS [FRAMES]]     main;descend;descend;…;bottom
 */
#include "work.h"

static NOINLINE void bottom(double seconds)
{
	uint64_t end = work_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);

	while (work_clock_ns(CLOCK_MONOTONIC) < end)
		WORK_SPIN(200);
}

static NOINLINE void descend(double seconds, int frames)
{
	if (frames > 0)
		descend(seconds, frames - 1);
	else
		bottom(seconds);
	work_tick();
}

int main(int argc, char **argv)
{
	double seconds = work_seconds(argc, argv, 1);

	descend(seconds, argc > 2 ? atoi(argv[2]) : 16);
	return 0;
}
