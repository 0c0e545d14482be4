// SPDX-License-Identifier: Apache-2.0
/*
 * startup - what a session does while its BPF programs are being loaded.
 *
 * Loading takes 45 ms of one CPU, nearly all of it the verifier's work. The scan of the running
 * processes has programs of its own; the two do not need each other. So the scan runs on a thread
 * of its own, and then the unwinder begins with what it can begin with. Measured 2026-11-22, 2 CPUs
 * at rest: first sample 75 ms after exec in turn, 50 beside.
 *
 * Between startup_begin() and startup_end() the process map belongs to the thread.
 */
#ifndef PROFILER_STARTUP_H
#define PROFILER_STARTUP_H

#include <pthread.h>

#include "session.h"

struct startup {
	struct session *session;
	pthread_t thread;
	int result;
	struct cresset_error error;
};

int startup_begin(struct startup *u, struct session *s, struct cresset_error *err);
/* Waits for it; always to be called once it has begun. What it returns is the thread's error. */
int startup_end(struct startup *u, struct cresset_error *err);

#endif
