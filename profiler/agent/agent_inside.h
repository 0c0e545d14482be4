// SPDX-License-Identifier: Apache-2.0
/*
 * agent_inside - what the three files of the agent (start, reload, end) share. Nobody else's.
 */
#ifndef AGENT_AGENT_INSIDE_H
#define AGENT_AGENT_INSIDE_H

#include "agent/agent.h"

void agent_say(struct agent *a, bool is_error, const char *fmt, ...) CRESSET_PRINTF(3, 4);
/* *ret stays as it was if nothing is to be served. */
int agent_start_web(struct agent *a, const struct agent_http_config *http, struct web **ret,
		    struct cresset_error *err);
/*
 * Servers to upload to and, if http is not NULL, another HTTP server, by a thread without rights.
 * If the server cannot be had the one that there is stays. -EINTR: a signal to end waits, and the
 * thread is left to agent_stop().
 */
int agent_network(struct agent *a, struct vec *uploads, const struct agent_http_config *http,
		  struct cresset_error *err);
/* Of the configuration in force, for metrics. */
void agent_note_digest(struct agent *a);
/* Until a time of CLOCK_MONOTONIC; true: *started is false now. */
bool agent_join_until(pthread_t thread, bool *started, uint64_t end_ns);

#endif
