// SPDX-License-Identifier: Apache-2.0
/*
 * wall.c - where the time of threads goes: on a CPU + runnable + blocked = wall.
 *
 * Waits come with their stacks and their lengths. Time on a CPU is known exactly for each thread,
 * from the same switches; where in the program it went is known from samples. So at the end the
 * samples of a thread share its time on a CPU among them. A thread that ran too briefly to be
 * sampled has its time in a frame that says so.
 */
#include "session.h"
#include "sources/source.h"
#include "switches.h"

static size_t wall_samples(const struct session *s, const struct cresset_sample_key *key,
			   const struct cresset_count *count, struct source_sample *ret)
{
	struct source_part blocked, runnable;
	int64_t ns = (int64_t)count->n * s->period;
	size_t n = 0;

	if (key->source == CRESSET_SOURCE_cpu) {
		ret[0] = (struct source_sample){.values = {ns, 0, 0, ns}};
		return 1;
	}
	source_parts(key, count, &blocked, &runnable);
	if (runnable.ns)
		ret[n++] = (struct source_sample){
			.state = runnable.state,
			.wait = runnable.wait,
			.bare = true,
			.values = {0, (int64_t)runnable.ns, 0, (int64_t)runnable.ns}};
	if (blocked.ns)
		ret[n++] = (struct source_sample){
			.state = blocked.state,
			.wait = blocked.wait,
			.values = {0, 0, (int64_t)blocked.ns, (int64_t)blocked.ns}};
	return n;
}

const struct source source_wall = {
	.name = "wall",
	.help = "where the time of threads goes: on a CPU, runnable, blocked; it adds up to wall "
		"time",
	.value_types = {{"cpu", "nanoseconds"},
			{"runnable", "nanoseconds"},
			{"blocked", "nanoseconds"},
			{"wall", "nanoseconds"}},
	.default_type = 3,
	.period_type = {"cpu", "nanoseconds"},
	.ticks = true,
	.switches = true,
	.blocked = true,
	.runnable = true,
	.samples = wall_samples,
	.finish = switches_spread_cpu,
};
