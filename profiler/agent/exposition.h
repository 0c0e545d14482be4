// SPDX-License-Identifier: Apache-2.0
/* exposition - all of the agent's metrics, as Prometheus text (web/metrics.h). */
#ifndef AGENT_EXPOSITION_H
#define AGENT_EXPOSITION_H

#include "agent/agent.h"

/* Any thread. */
int exposition_write(struct agent *a, struct cresset_sink *sink);

#endif
