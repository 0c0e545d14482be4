// SPDX-License-Identifier: Apache-2.0
/*
 * idle - tells waits for work to come from waits that keep work from being done.
 *
 * A thread pool waits most of the time, and rightly; drawn, that hides the waits that matter. Rules
 * (idle_rules.h) say by a wait's stack and thread which ones are benign; their samples get the
 * label CRESSET_LABEL_IDLE with the rule's name. Nothing is taken away: formats hide what has that
 * label if they are asked to, and sums count it.
 *
 * A stack cannot say everything. What could be either (a read from a socket, a lock, a pipe, the
 * end of a child) is not idle: a wait shown that need not be costs a glance, one hidden costs the
 * answer.
 */
#ifndef PROFILER_IDLE_H
#define PROFILER_IDLE_H

#include <cresset/profile.h>

struct idle_rules;

/*
 * Labels the samples with state "blocked" that fit a rule; to be called when names are known.
 * Samples that have the label keep it. Where any sample is blocked it also sets the stat
 * time.idle_ns, the sum of all that are idle, if the default value is in nanoseconds. -ENOMEM,
 * -E2BIG; then p is as it was.
 */
int idle_tag(const struct idle_rules *rules, struct cresset_profile *p);

#endif
