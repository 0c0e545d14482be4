// SPDX-License-Identifier: Apache-2.0
/*
 * parts - a window's samples as others want them: by process labels, with some of the values.
 *
 * A window comes from the recorder with the values of its event and with pid, tid and names of
 * threads as labels. The store wants the three times that add up, and the labels of processes;
 * servers want CPU time and time off the CPU as two profiles, one for each service; whoever asks
 * over HTTP wants one of them, of what matches. Each is a copy of some samples.
 */
#ifndef AGENT_PARTS_H
#define AGENT_PARTS_H

#include "agent/labels.h"
#include "store/match.h"

#include <cresset/profile.h>

enum parts_kind {
	PARTS_CPU,     /* cpu */
	PARTS_OFF_CPU, /* blocked, runnable, off_cpu: their sum */
	PARTS_STORED,  /* cpu, runnable, blocked */
};

enum { PARTS_MAX_VALUES = 3 };

struct parts {
	const struct cresset_profile *window;
	struct agent_labels *labels;
	uint32_t *sets;	  /* of sample i: its process's label set */
	uint32_t max_set; /* the largest of them */
	/* Where in the window: cpu, runnable, blocked, and the sum of those two for samples that
	 * are off the CPU. Past the end: not recorded. */
	size_t cpu, runnable, blocked, off_cpu;
};

/* An empty profile of a kind. period_ns of CPU samples; 0: not known yet. */
int parts_new(enum parts_kind kind, int64_t period_ns, struct cresset_profile **ret);

/* Finds each sample's label set. The window and the labels are to outlive it. */
int parts_init(struct parts *parts, const struct cresset_profile *window,
	       struct agent_labels *labels);
void parts_release(struct parts *parts);

void parts_take_period(const struct parts *parts, struct cresset_profile *p);
/* All samples, with the labels of their processes: for the store. */
int parts_add_stored(const struct parts *parts, struct cresset_profile *p);
/* Samples of one service, with the labels of their processes but service and host, and the state.
 */
int parts_add_service(const struct parts *parts, enum parts_kind kind, const char *service,
		      struct cresset_profile *p);
/* Samples of processes that match (NULL: all), with the labels that the recorder gave them. */
int parts_add_matching(const struct parts *parts, enum parts_kind kind, const struct match *match,
		       struct cresset_profile *p);

#endif
