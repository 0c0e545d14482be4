// SPDX-License-Identifier: Apache-2.0
/*
 * targets - what to sample, and whether it still lives.
 *
 * Processes are held by pidfds and threads by their /proc directory, so that a reused pid is never
 * taken for the target. They are opened before BPF is loaded: a wrong pid fails at once.
 */
#ifndef PROFILER_TARGETS_H
#define PROFILER_TARGETS_H

#include <poll.h>

#include <cresset/recorder.h>

enum { TARGETS_MORE_FDS = 3 };

struct targets {
	/* pidfds, -1 once the process has exited; room for more for the caller to poll beside
	 * them. */
	struct pollfd *pids;
	size_t n_pids;
	int *tids; /* /proc/TID; -1 once it has exited */
	size_t n_tids;
	uint64_t cgroup_id; /* 0: none */
	int cgroup;	    /* -1: none */
};

void targets_init(struct targets *t);
void targets_release(struct targets *t);
int targets_open(struct targets *t, const struct cresset_recorder_options *options,
		 struct cresset_error *err);
/* True if a target is left, or if the targets are not processes and threads. */
bool targets_live(struct targets *t);

#endif
