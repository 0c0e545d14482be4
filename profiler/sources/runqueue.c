// SPDX-License-Identifier: Apache-2.0
/*
 * runqueue.c - how long threads that could run wait for a CPU: preempted, or woken. The closing
 * summary has histograms of these delays and of how long threads ran in one go.
 */
#include "session.h"
#include "sources/source.h"

static size_t runqueue_samples(const struct session *s, const struct cresset_sample_key *key,
			       const struct cresset_count *count, struct source_sample *ret)
{
	struct source_part blocked, runnable;

	source_parts(key, count, &blocked, &runnable);
	ret[0] = (struct source_sample){.state = runnable.state,
					.wait = runnable.wait,
					.values = {(int64_t)count->n, (int64_t)runnable.ns}};
	return 1;
}

const struct source source_runqueue = {
	.name = "runqueue",
	.help = "how long threads that could run wait for a CPU, with histograms",
	.value_types = {{"delays", "count"}, {"runnable", "nanoseconds"}},
	.default_type = 1,
	.period_type = {"runnable", "nanoseconds"},
	.switches = true,
	.runnable = true,
	.samples = runqueue_samples,
};
