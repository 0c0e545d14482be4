// SPDX-License-Identifier: Apache-2.0
/*
 * See perf_event.h. perf_event_open is asked on CPU 0 … of all tasks, so it needs CAP_PERFMON where
 * kernel.perf_event_paranoid is above 0. Its error numbers say little; describe() says what each
 * one means here and what to do.
 */
#include "perf_event.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int event_open(const struct perf_event_kind *kind, int cpu)
{
	struct perf_event_attr attr;
	long fd;

	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = kind->hardware ? PERF_TYPE_HARDWARE : PERF_TYPE_SOFTWARE;
	attr.config = kind->hardware ? (uint64_t)PERF_COUNT_HW_CPU_CYCLES
				     : (uint64_t)PERF_COUNT_SW_CPU_CLOCK;
	attr.freq = 1;
	attr.sample_freq = kind->freq_hz;
	attr.exclude_idle = 1;
	attr.disabled = 1;
	fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

static int describe(int code, const struct perf_event_kind *kind, int cpu,
		    struct cresset_error *err)
{
	const char *remedy;

	switch (code) {
	case -EPERM:
	case -EACCES:
		remedy = "needs CAP_PERFMON; try sudo, or 'cresset doctor'";
		break;
	case -EMFILE:
		remedy = "too many open files: raise 'ulimit -n'";
		break;
	case -EBUSY:
	case -ENOSPC:
		remedy = "the counter is in use: stop other profilers";
		break;
	case -EINVAL:
		remedy = "see kernel.perf_event_max_sample_rate, and lower the frequency";
		break;
	case -ENOSYS:
	case -ENOENT:
		remedy = "this kernel is built without perf events (CONFIG_PERF_EVENTS)";
		break;
	default:
		remedy = "try 'cresset doctor'";
		break;
	}
	return cresset_error_set(err, code, "cannot open the %s event of CPU %d at %u Hz: %s (%s)",
				 perf_event_name(kind), cpu, kind->freq_hz, strerror(-code),
				 remedy);
}

static unsigned int max_sample_rate(void)
{
	unsigned int rate = 0;
	FILE *f = fopen("/proc/sys/kernel/perf_event_max_sample_rate", "re");

	if (!f)
		return 0;
	if (fscanf(f, "%u", &rate) != 1)
		rate = 0;
	fclose(f);
	return rate;
}

int perf_event_choose(unsigned int want_hz, struct perf_event_kind *ret, struct cresset_error *err)
{
	struct perf_event_kind kind = {.hardware = true, .freq_hz = want_hz};
	unsigned int limit = max_sample_rate();
	int fd;

	if (limit && kind.freq_hz > limit)
		kind.freq_hz = limit;
	fd = event_open(&kind, 0);
	if (fd < 0) {
		kind.hardware = false;
		fd = event_open(&kind, 0);
	}
	/* CPU 0 may be offline, then any error will show at perf_event_start(). */
	if (fd < 0 && fd != -ENODEV)
		return describe(fd, &kind, 0, err);
	if (fd >= 0)
		close(fd);
	*ret = kind;
	return 0;
}

const char *perf_event_name(const struct perf_event_kind *kind)
{
	return kind->hardware ? "cycles" : "cpu-clock";
}

int perf_event_start(const struct perf_event_kind *kind, int cpu, int program_fd, int *ret_fd,
		     struct cresset_error *err)
{
	int fd, r;

	fd = event_open(kind, cpu);
	if (fd < 0)
		return describe(fd, kind, cpu, err);
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, program_fd) || ioctl(fd, PERF_EVENT_IOC_ENABLE, 0)) {
		r = -errno;
		close(fd);
		return cresset_error_set(err, r,
					 "cannot attach to the %s event of CPU %d: %s "
					 "(needs CAP_BPF and CAP_PERFMON; try 'cresset doctor')",
					 perf_event_name(kind), cpu, strerror(-r));
	}
	*ret_fd = fd;
	return 0;
}

/* The kernel makes the timer's frequency a period when it opens it, and keeps only that. */
int perf_event_set_freq(const struct perf_event_kind *kind, int fd)
{
	uint64_t value = kind->hardware ? kind->freq_hz : 1000000000 / kind->freq_hz;

	return ioctl(fd, PERF_EVENT_IOC_PERIOD, &value) ? -errno : 0;
}
