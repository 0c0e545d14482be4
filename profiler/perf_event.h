// SPDX-License-Identifier: Apache-2.0
/*
 * perf_event - a sampling event on one CPU that runs a BPF program.
 *
 * Cycles of a hardware counter where there is one, else the cpu-clock timer, which every kernel
 * has. Both tick only while the CPU is not idle, at a frequency: so each sample stands for
 * 1/frequency of CPU time.
 */
#ifndef PROFILER_PERF_EVENT_H
#define PROFILER_PERF_EVENT_H

#include <cresset/types.h>

struct perf_event_kind {
	bool hardware;
	unsigned int freq_hz;
};

/* Which event there is, and the frequency that the kernel allows of the one wanted. */
int perf_event_choose(unsigned int want_hz, struct perf_event_kind *ret, struct cresset_error *err);
const char *perf_event_name(const struct perf_event_kind *kind);
/*
 * Opens and starts the event; closing *ret_fd ends it. -ENODEV: that CPU is not online.
 */
int perf_event_start(const struct perf_event_kind *kind, int cpu, int program_fd, int *ret_fd,
		     struct cresset_error *err);

/* Changes the frequency of a started event to the kind's. */
int perf_event_set_freq(const struct perf_event_kind *kind, int fd);

#endif
