// SPDX-License-Identifier: Apache-2.0
/*
 * off_cpu.c - where threads wait: blocked, and runnable without a CPU. Times are exact, or, past
 * the overhead budget, weighted so that their expectation is.
 */
#include "session.h"
#include "sources/source.h"

static size_t off_cpu_samples(const struct session *s, const struct cresset_sample_key *key,
			      const struct cresset_count *count, struct source_sample *ret)
{
	struct source_part blocked, runnable;
	int64_t n_left = (int64_t)count->n;
	size_t n = 0;

	source_parts(key, count, &blocked, &runnable);
	if (blocked.ns) {
		ret[n++] = (struct source_sample){
			.state = blocked.state,
			.wait = blocked.wait,
			.values = {n_left, (int64_t)blocked.ns, 0, (int64_t)blocked.ns}};
		/* One wait is one event, though it is two samples. */
		n_left = 0;
	}
	if (runnable.ns || !n)
		ret[n++] = (struct source_sample){
			.state = runnable.state,
			.wait = runnable.wait,
			.bare = true,
			.values = {n_left, 0, (int64_t)runnable.ns, (int64_t)runnable.ns}};
	return n;
}

const struct source source_off_cpu = {
	.name = "off-cpu",
	.help = "where threads wait: blocked, or runnable without a CPU",
	.value_types = {{"off_cpu_events", "count"},
			{"blocked", "nanoseconds"},
			{"runnable", "nanoseconds"},
			{"off_cpu", "nanoseconds"}},
	.default_type = 3,
	.period_type = {"off_cpu", "nanoseconds"},
	.switches = true,
	.blocked = true,
	.runnable = true,
	.samples = off_cpu_samples,
};
