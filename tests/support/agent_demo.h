// SPDX-License-Identifier: Apache-2.0
/*
 * agent_demo.h - a window as the recorder gives it, and the processes that it tells of.
 *
 * Value types as of the event "wall" (samples, cpu, runnable, blocked, wall), labels comm, thread,
 * pid, tid and state. Processes 10 and 11 are two programs of the service "shop", 12 is a kernel
 * thread, 13 is gone.
 */
#ifndef TESTS_SUPPORT_AGENT_DEMO_H
#define TESTS_SUPPORT_AGENT_DEMO_H

#include "agent/labels.h"
#include "support/fixture.h"

#define AGENT_DEMO_PERIOD INT64_C(52631578)
#define AGENT_DEMO_TIME	  INT64_C(1700000000000000000)
#define AGENT_DEMO_LENGTH INT64_C(10000000000)

/* Their files in f->dir, and labels that read them. */
int agent_demo_labels(const struct fixture *f, struct agent_labels **ret);
/* Each process has 10 * pid of CPU time, 100 * pid runnable, 1000 * pid blocked, times scale. */
int agent_demo_window(int64_t scale, struct cresset_profile **ret);

#endif
