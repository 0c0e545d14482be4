// SPDX-License-Identifier: Apache-2.0
/*
 * progress - the one line that a recording shows on a terminal: how long, how many samples, how
 * many lost. It is redrawn in place at most five times a second and wiped before anything else is
 * printed. Off a terminal, or when told to be quiet, it does nothing.
 */
#ifndef PROFILER_PROGRESS_H
#define PROFILER_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool on;
	bool shown;
	uint64_t last_ns; /* elapsed time at the last drawing */
};

void progress_init(struct progress *p, bool quiet);
/* limit_ns: planned length, 0: none. */
void progress_show(struct progress *p, uint64_t elapsed_ns, uint64_t limit_ns, uint64_t samples,
		   uint64_t lost);
/* Says what is being done while nothing can be counted. */
void progress_say(struct progress *p, const char *what);
void progress_wipe(struct progress *p);

#endif
