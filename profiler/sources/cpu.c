// SPDX-License-Identifier: Apache-2.0
/*
 * cpu.c - what the CPUs run: one perf event on each online CPU, BPF in its overflow.
 *
 * Events are per CPU and the targets are filtered in BPF: an event per process is re-armed at every
 * context switch, which loses up to 8 % of the samples of a thread that switches often. The price
 * is a tick on CPUs that run no target.
 *
 * Each sample stands for one period of CPU time, whether or not the timer was late.
 */
#include <errno.h>
#include <unistd.h>

#include "perf_event.h"
#include "session.h"
#include "sources/source.h"

enum { DEFAULT_HZ = 99 };

static int cpu_configure(struct session *s, struct cresset_error *err)
{
	unsigned int hz = s->options.freq_hz ? s->options.freq_hz : DEFAULT_HZ;
	int r = perf_event_choose(hz, &s->event, err);

	if (r)
		return r;
	s->event_name = perf_event_name(&s->event);
	s->period = 1000000000 / s->event.freq_hz;
	s->rate_hz = s->event.freq_hz;
	return 0;
}

static int cpu_online(struct session *s, int cpu, struct cresset_error *err)
{
	return perf_event_start(&s->event, cpu, bpf_program__fd(s->bpf->progs.cresset_cpu),
				&s->cpu_fds[cpu], err);
}

static void cpu_offline(struct session *s, int cpu)
{
	if (s->cpu_fds[cpu] >= 0)
		close(s->cpu_fds[cpu]);
	s->cpu_fds[cpu] = -1;
}

static void cpu_detach(struct session *s)
{
	for (size_t cpu = 0; cpu < s->n_cpus; cpu++)
		cpu_offline(s, (int)cpu);
}

static int cpu_attach(struct session *s, struct cresset_error *err)
{
	for (size_t cpu = 0; cpu < s->n_cpus; cpu++) {
		int r = s->online[cpu] ? cpu_online(s, (int)cpu, err) : 0;

		/* It has just gone offline; the next drain will see that. */
		if (r == -ENODEV)
			continue;
		if (r)
			return r;
	}
	return 0;
}

static void cpu_values(const struct session *s, const struct cresset_sample_key *key,
		       uint64_t count, int64_t *ret_values)
{
	ret_values[0] = (int64_t)count;
	ret_values[1] = (int64_t)count * s->period;
}

const struct source source_cpu = {
	.name = "cpu",
	.help = "what the CPUs run (cycles of a hardware counter, else the cpu-clock timer)",
	.value_types = {{"samples", "count"}, {"cpu", "nanoseconds"}},
	.period_type = {"cpu", "nanoseconds"},
	.configure = cpu_configure,
	.attach = cpu_attach,
	.detach = cpu_detach,
	.cpu_online = cpu_online,
	.cpu_offline = cpu_offline,
	.values = cpu_values,
};
