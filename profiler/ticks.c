// SPDX-License-Identifier: Apache-2.0
/* See ticks.h. */
#include "ticks.h"

#include <errno.h>
#include <unistd.h>

#include "perf_event.h"
#include "session.h"

enum { DEFAULT_HZ = 99 };

int ticks_configure(struct session *s, struct cresset_error *err)
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

int ticks_cpu_online(struct session *s, int cpu, struct cresset_error *err)
{
	return perf_event_start(&s->event, cpu, bpf_program__fd(s->bpf->progs.cresset_cpu),
				&s->cpu_fds[cpu], err);
}

int ticks_set_freq(struct session *s, unsigned int hz)
{
	struct perf_event_kind kind = {.hardware = s->event.hardware, .freq_hz = hz};
	int r = hz ? 0 : -EINVAL;

	for (size_t cpu = 0; !r && cpu < s->n_cpus; cpu++)
		if (s->cpu_fds[cpu] >= 0)
			r = perf_event_set_freq(&kind, s->cpu_fds[cpu]);
	if (r)
		return r;
	s->event = kind;
	s->period = 1000000000 / hz;
	s->rate_hz = hz;
	return 0;
}

void ticks_cpu_offline(struct session *s, int cpu)
{
	if (s->cpu_fds[cpu] >= 0)
		close(s->cpu_fds[cpu]);
	s->cpu_fds[cpu] = -1;
}

void ticks_detach(struct session *s)
{
	for (size_t cpu = 0; cpu < s->n_cpus; cpu++)
		ticks_cpu_offline(s, (int)cpu);
}

int ticks_attach(struct session *s, struct cresset_error *err)
{
	for (size_t cpu = 0; cpu < s->n_cpus; cpu++) {
		int r = s->online[cpu] ? ticks_cpu_online(s, (int)cpu, err) : 0;

		/* It has just gone offline; the next drain will see that. */
		if (r == -ENODEV)
			continue;
		if (r)
			return r;
	}
	return 0;
}
