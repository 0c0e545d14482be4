// SPDX-License-Identifier: Apache-2.0
/*
 * cpu.c - what the CPUs run. Each sample stands for one period of CPU time, whether or not the
 * timer was late.
 */
#include "session.h"
#include "sources/source.h"

static size_t cpu_samples(const struct session *s, const struct cresset_sample_key *key,
			  const struct cresset_count *count, struct source_sample *ret)
{
	ret[0] = (struct source_sample){
		.values = {(int64_t)count->n, (int64_t)count->n * s->period}};
	return 1;
}

const struct source source_cpu = {
	.name = "cpu",
	.help = "what the CPUs run (cycles of a hardware counter, else the cpu-clock timer)",
	.value_types = {{"samples", "count"}, {"cpu", "nanoseconds"}},
	.period_type = {"cpu", "nanoseconds"},
	.ticks = true,
	.samples = cpu_samples,
};
