// SPDX-License-Identifier: Apache-2.0
/* exposition - all of the agent's metrics, as Prometheus text (web/metrics.h). */
#ifndef AGENT_EXPOSITION_H
#define AGENT_EXPOSITION_H

#include "agent/agent.h"

struct metrics;

/* Any thread. */
int exposition_write(struct agent *a, struct cresset_sink *sink);
/* exposition_limits.c: of it, what the agent takes of its limits. With the tally's lock held. */
void exposition_limits(struct metrics *m, struct agent *a);

#endif
