// SPDX-License-Identifier: Apache-2.0
/*
 * workload - the command that `cresset record -- COMMAND` starts.
 *
 * It is forked but held on a pipe before its exec, so that the recorder can be attached to a pid
 * that has not run yet; then it is released. A second pipe, closed by a successful exec, brings
 * back the reason of a failed one. A held workload whose recorder never comes ends by itself when
 * the pipe closes.
 */
#ifndef PROFILER_WORKLOAD_H
#define PROFILER_WORKLOAD_H

#include <stdbool.h>
#include <sys/types.h>

struct interrupt;

struct workload {
	pid_t pid;   /* 0: none was started */
	int hold_fd; /* -1: released */
	int error_fd;
	bool ended;
	int status; /* as wait() has it, once ended */
};

/* Forks argv (NULL-terminated), held. */
int workload_start(struct workload *w, char *const *argv, const struct interrupt *interrupt);
/* Lets it run. -errno if it could not be executed. */
int workload_release(struct workload *w);
/* True once it has ended; never waits. */
bool workload_ended(struct workload *w);
/* Waits for its end. */
void workload_wait(struct workload *w);
/* Its exit status, 128 + signal if it was killed. */
int workload_exit_code(const struct workload *w);
/* Ends a held one; one that runs is left alone. */
void workload_release_fds(struct workload *w);

#endif
