// SPDX-License-Identifier: Apache-2.0
/*
 * ticks - one perf event on each online CPU, with BPF in its overflow: what the sources share that
 * look at the CPUs at a steady rate.
 *
 * Events are per CPU and the targets are filtered in BPF: an event per process is re-armed at every
 * context switch, which loses up to 8 % of the samples of a thread that switches often. The price
 * is a tick on CPUs that run no target.
 */
#ifndef PROFILER_TICKS_H
#define PROFILER_TICKS_H

#include <cresset/types.h>

struct session;

/* Chooses the event; sets the session's event, event_name, period (ns) and rate_hz. */
int ticks_configure(struct session *s, struct cresset_error *err);
int ticks_attach(struct session *s, struct cresset_error *err);
void ticks_detach(struct session *s);
int ticks_cpu_online(struct session *s, int cpu, struct cresset_error *err);
void ticks_cpu_offline(struct session *s, int cpu);
/* From now on, also on CPUs that come later. Some may have it already if it fails. */
int ticks_set_freq(struct session *s, unsigned int hz);

#endif
