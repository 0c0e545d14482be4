// SPDX-License-Identifier: Apache-2.0
/*
 * See session.h. A drain that fails half way leaves what it could not read in the maps or counts it
 * as lost; the next one goes on. The last drain, after detaching, takes both generations.
 */
#include "session.h"
#include "startup.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "ticks.h"

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

enum { SERVE_GAP_MS = 1, CPUS_MS = 1000, MEMORY_MS = 1000 };

#define MS UINT64_C(1000000)

uint64_t session_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static size_t kernel_frame_limit(void)
{
	unsigned int limit = CRESSET_MAX_KERNEL_FRAMES;
	FILE *f = fopen("/proc/sys/kernel/perf_event_max_stack", "re");

	if (!f)
		return limit;
	if (fscanf(f, "%u", &limit) != 1 || limit > CRESSET_MAX_KERNEL_FRAMES || !limit)
		limit = CRESSET_MAX_KERNEL_FRAMES;
	fclose(f);
	return limit;
}

static int check_options(const struct cresset_recorder_options *o, struct cresset_error *err)
{
	if (o->size != sizeof(*o))
		return cresset_error_set(
			err, -EINVAL, "recorder options of an unknown size (%zu bytes)", o->size);
	if (o->max_wait_ns && o->min_wait_ns > o->max_wait_ns)
		return cresset_error_set(
			err, -EINVAL,
			"the shortest wait is longer than the longest one: nothing is left");
	if (o->waker_depth > CRESSET_MAX_WAKERS)
		return cresset_error_set(err, -EINVAL, "more than %d wakers of one wait",
					 CRESSET_MAX_WAKERS);
	if (o->user_only && o->kernel_only)
		return cresset_error_set(
			err, -EINVAL, "user frames only and kernel frames only: nothing is left");
	if ((o->n_pids && !o->pids) || (o->n_tids && !o->tids) || o->n_pids > UINT16_MAX ||
	    o->n_tids > UINT16_MAX)
		return cresset_error_set(err, -EINVAL, "more than %u targets", UINT16_MAX);
	return 0;
}

static int find_cpus(struct session *s, struct cresset_error *err)
{
	int n = libbpf_num_possible_cpus(), r;

	if (n <= 0)
		return cresset_error_set(err, n ? n : -EINVAL,
					 "cannot tell the number of CPUs (is /sys mounted?)");
	s->n_cpus = (size_t)n;
	s->online = calloc(s->n_cpus, sizeof(*s->online));
	s->cpu_fds = calloc(s->n_cpus, sizeof(*s->cpu_fds));
	if (!s->online || !s->cpu_fds)
		return cresset_error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < s->n_cpus; i++)
		s->cpu_fds[i] = -1;
	r = cpus_online(s->online, s->n_cpus);
	if (r)
		return cresset_error_set(err, r, "cannot read /sys/devices/system/cpu/online: %s",
					 strerror(-r));
	return 0;
}

static int no_event(const char *name, struct cresset_error *err)
{
	char known[256] = "";
	size_t at = 0;

	for (int i = 0; i < CRESSET_N_SOURCES && at < sizeof(known); i++)
		at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s", i ? ", " : "",
				       source_at(i)->name);
	return cresset_error_set(err, -EINVAL, "no event '%s' (there are: %s)", name, known);
}

static int choose_source(struct session *s, struct cresset_error *err)
{
	const char *name = s->options.event ? s->options.event : source_at(0)->name;

	s->source = source_by_name(name);
	if (!s->source)
		return no_event(name, err);
	if (s->options.waker_depth &&
	    (!s->source->blocked || s->options.states == CRESSET_RECORD_RUNNABLE))
		return cresset_error_set(err, -EINVAL,
					 "wakers end time blocked, and none is recorded here");
	return s->source->ticks ? ticks_configure(s, err) : 0;
}

static int choose_unwinder(struct session *s, struct cresset_error *err)
{
	switch (s->options.unwind) {
	case CRESSET_UNWIND_AUTO:
	case CRESSET_UNWIND_DWARF:
		s->unwinder = unwinder_at(CRESSET_UNWINDER_native);
		/* Nothing to walk. */
		if (s->options.kernel_only)
			s->unwinder = unwinder_at(CRESSET_UNWINDER_fp);
		return 0;
	case CRESSET_UNWIND_FP:
		s->unwinder = unwinder_at(CRESSET_UNWINDER_fp);
		return 0;
	}
	return cresset_error_set(err, -EINVAL, "no unwinder of number %d", s->options.unwind);
}

static int new_profile(struct session *s, struct cresset_profile **ret, struct cresset_error *err)
{
	struct cresset_profile *p = NULL;
	int r = cresset_profile_new(&p);

	if (!r)
		r = session_describe(s, p);
	if (r) {
		cresset_profile_free(p);
		return cresset_error_set(err, r, "cannot make a profile: %s", strerror(-r));
	}
	*ret = p;
	return 0;
}

static int begin_rows(struct session *s, struct cresset_error *err)
{
	int r = new_profile(s, &s->profile, err);

	if (r)
		return r;
	s->rows = (struct rows){
		.session = s,
		.switches = s->switches,
		.source = s->source,
		.unwinder = s->unwinder,
		.procmap = s->procmap,
		.profile = s->profile,
		.kernel_limit = kernel_frame_limit(),
		.waker_depth = s->options.waker_depth,
	};
	return 0;
}

/* The programs and the process map, side by side (startup.h). */
static int load(struct session *s, struct cresset_error *err)
{
	struct cresset_error later;
	struct startup startup;
	int r, r2;

	if (s->unwinder->begin) {
		r = s->unwinder->begin(s);
		if (r)
			return cresset_error_set(err, r, "cannot unwind: %s", strerror(-r));
	}
	r = procmap_new(&s->procmap, s->unwinder->serve, &later);
	if (!r) {
		procmap_limit_files(s->procmap, s->options.max_files);
		r = startup_begin(&startup, s, &later);
	}
	/* Whoever may not do the one may not do the other, and this one's error says more. */
	if (r) {
		r2 = session_load(s, err);
		*err = r2 ? *err : later;
		return r2 ? r2 : r;
	}
	r = session_load(s, err);
	r2 = startup_end(&startup, r ? NULL : err);
	return r ? r : r2;
}

int session_new(const struct cresset_recorder_options *options, const struct session_limits *limits,
		struct session **ret, struct cresset_error *err)
{
	struct session *s;
	int r = check_options(options, err);

	if (r)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return cresset_error_set(err, -ENOMEM, "out of memory");
	targets_init(&s->targets);
	drain_init(&s->drain);
	s->watch_fd = -1;
	s->options = *options;
	if (limits)
		s->limits = *limits;
	r = targets_open(&s->targets, options, err);
	if (!r)
		r = find_cpus(s, err);
	if (!r)
		r = choose_source(s, err);
	if (!r)
		r = choose_unwinder(s, err);
	if (!r)
		r = load(s, err);
	if (!r)
		r = begin_rows(s, err);
	if (!r && s->unwinder->open)
		r = s->unwinder->open(s, err);
	if (!r && s->source->switches)
		r = switches_new(s, &s->switches, err);
	s->rows.switches = s->switches;
	if (r) {
		session_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	if (s->cpu_fds)
		ticks_detach(s);
	switches_free(s->switches);
	if (s->unwinder && s->unwinder->release)
		s->unwinder->release(s);
	if (s->slots)
		munmap(s->slots, s->slots_bytes);
	cresset_bpf__destroy(s->bpf);
	procmap_free(s->procmap);
	cresset_profile_free(s->profile);
	targets_release(&s->targets);
	drain_release(&s->drain);
	free(s->online);
	free(s->cpu_fds);
	free(s);
}

/* Programs that follow forks; only loaded if asked for. */
static int attach_followers(struct session *s, struct cresset_error *err)
{
	if (!bpf_program__autoload(s->bpf->progs.cresset_fork))
		return 0;
	s->bpf->links.cresset_fork = bpf_program__attach(s->bpf->progs.cresset_fork);
	if (s->bpf->links.cresset_fork)
		s->bpf->links.cresset_free = bpf_program__attach(s->bpf->progs.cresset_free);
	if (!s->bpf->links.cresset_free)
		return cresset_error_set(err, -errno,
					 "cannot follow new processes: %s (try --no-inherit)",
					 strerror(errno));
	return 0;
}

/*
 * Mappings before samples: the side-band has been on since before the scan, so nothing falls
 * between, and the first samples of a target find it known. If the rings have overflowed since, as
 * nobody began for long, all is looked at again.
 */
static int learn_rest(struct session *s, struct cresset_error *err)
{
	struct procmap_stats stats;
	int r = procmap_poll(s->procmap);

	procmap_get_stats(s->procmap, &stats);
	if (!r && stats.sideband_lost)
		return procmap_scan(s->procmap, err);
	return r ? cresset_error_set(err, r, "cannot follow processes: %s", strerror(-r)) : 0;
}

static uint64_t map_bytes(const struct bpf_map *map)
{
	char path[64], line[128];
	unsigned long long bytes = 0;
	int fd = bpf_map__fd(map);
	FILE *f;

	if (fd < 0) /* not made for this event */
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	fclose(f);
	return bytes;
}

/* Some maps grow. A file for each: half a millisecond, so not whenever somebody asks. */
static void measure_memory(struct session *s)
{
	struct bpf_map *map;

	s->memory_ns = session_now_ns();
	s->memory_bytes = 0;
	bpf_object__for_each_map(map, s->bpf->obj) s->memory_bytes += map_bytes(map);
}

int session_start(struct session *s, struct cresset_error *err)
{
	int r;

	if (s->start_ns)
		return cresset_error_set(err, -EALREADY, "the recording has been started already");
	r = attach_followers(s, err);
	if (!r && s->unwinder->attach)
		r = s->unwinder->attach(s, err);
	if (!r)
		r = learn_rest(s, err);
	if (!r && s->unwinder->start) {
		r = s->unwinder->start(s);
		if (r)
			cresset_error_set(err, r, "cannot begin to unwind: %s", strerror(-r));
	}
	if (r)
		return r;
	s->start_ns = s->drained_ns = clock_ns(CLOCK_MONOTONIC);
	if (s->switches)
		r = switches_attach(s->switches, err);
	session_window_begin(s, s->start_ns);
	if (!r && s->source->ticks)
		r = ticks_attach(s, err);
	s->attached = !r;
	measure_memory(s);
	if (r) {
		ticks_detach(s);
		if (s->switches)
			switches_detach(s->switches);
	}
	return r;
}

/* A CPU that cannot be opened is asked again at the next drain. */
static void follow_cpus(struct session *s)
{
	bool now[s->n_cpus];

	if (cpus_online(now, s->n_cpus))
		return;
	for (size_t i = 0; i < s->n_cpus; i++) {
		int cpu = (int)i;

		if (now[i] == s->online[i])
			continue;
		if (!now[i]) {
			ticks_cpu_offline(s, cpu);
			procmap_cpu_offline(s->procmap, cpu);
			s->online[i] = false;
		} else if (!procmap_cpu_online(s->procmap, cpu)) {
			s->online[i] = !s->source->ticks || !ticks_cpu_online(s, cpu, NULL);
			if (!s->online[i])
				procmap_cpu_offline(s->procmap, cpu);
		}
	}
}

int session_drain(struct session *s)
{
	uint32_t old;
	int r, r2;

	s->drained_ns = clock_ns(CLOCK_MONOTONIC);
	if (s->drained_ns - s->memory_ns >= MEMORY_MS * MS)
		measure_memory(s);
	r = drain_switch(&s->drain, &old);
	if (r)
		return r;
	r = procmap_poll(s->procmap);
	r2 = s->switches ? switches_drain(s->switches) : 0;
	r = r ? r : r2;
	r2 = drain_read(&s->drain, old);
	r = r ? r : r2;
	r2 = s->switches ? switches_rows(s->switches, &s->drain) : 0;
	r = r ? r : r2;
	r2 = rows_write(&s->rows, &s->drain);
	r = r ? r : r2;
	r2 = s->switches ? switches_drained(s->switches) : 0;
	r = r ? r : r2;
	procmap_expire(s->procmap);
	r2 = s->unwinder->drained ? s->unwinder->drained(s) : 0;
	return r ? r : r2;
}

/* What is to be done by a certain time, and was last done at another. */
struct due {
	uint64_t done_ns;
	uint64_t at_ns; /* UINT64_MAX: never */
};

static struct due due_drain(const struct session *s)
{
	return (struct due){s->drained_ns, s->drained_ns + s->limits.drain_ms * MS};
}

static struct due due_serving(const struct session *s)
{
	return (struct due){s->served_ns, s->unwinder->serve ? s->serve_ns : UINT64_MAX};
}

static struct due due_switches(const struct session *s)
{
	return (struct due){s->switches_served_ns, s->switches ? s->switches_ns : UINT64_MAX};
}

static bool is_due(struct due due, uint64_t now)
{
	return due.at_ns <= now;
}

/* Each time that this thread wakes up costs more than what it then does: so what would be due
 * before long is done along with what is. */
static bool is_nearly_due(struct due due, uint64_t now)
{
	return is_due(due, now) || (due.at_ns != UINT64_MAX && due.at_ns > due.done_ns &&
				    due.at_ns - now <= (due.at_ns - due.done_ns) / 4);
}

/* In milliseconds, rounded up. */
static int until(struct due due, uint64_t now)
{
	uint64_t ms = is_due(due, now) ? 0 : (due.at_ns - now) / MS + ((due.at_ns - now) % MS > 0);

	return ms < INT_MAX ? (int)ms : INT_MAX;
}

static void serve_switches(struct session *s)
{
	unsigned int ms;

	switches_serve(s->switches, &ms);
	s->switches_served_ns = session_now_ns();
	s->switches_ns = s->switches_served_ns + ms * MS;
}

static int serve(struct session *s)
{
	unsigned int ms;
	int r = s->unwinder->serve(s, &ms);
	uint64_t now = session_now_ns();

	s->served_ns = now;
	s->serve_ns = now + ms * MS;
	return r;
}

/*
 * Something has happened. Programs begin with a burst of mappings, so the unwinder gets all of it
 * at once, and not too often on a machine where programs begin all the time.
 */
static void serve_soon(struct session *s)
{
	uint64_t at = s->served_ns + SERVE_GAP_MS * MS;

	if (at < s->serve_ns)
		s->serve_ns = at;
}

/* Until the time is over, a target exits or the caller is called for (true), or there is something
 * to read. */
static bool wait_for_something(struct session *s, int timeout_ms)
{
	struct pollfd *fds = s->targets.pids, *more = &fds[s->targets.n_pids];
	bool ended = false, soon = until(due_serving(s), session_now_ns()) <= SERVE_GAP_MS;

	/* What has been heard need not be heard again. */
	more[0] = (struct pollfd){.fd = soon ? -1 : procmap_fd(s->procmap), .events = POLLIN};
	more[1] =
		(struct pollfd){.fd = s->unwinder->fd ? s->unwinder->fd(s) : -1, .events = POLLIN};
	more[2] = (struct pollfd){.fd = s->watch_fd, .events = POLLIN};
	if (poll(fds, s->targets.n_pids + 3, timeout_ms) <= 0)
		return false;
	if (more[0].revents && s->unwinder->serve)
		serve_soon(s);
	else if (more[0].revents)
		procmap_poll(s->procmap);
	if (more[1].revents)
		s->serve_ns = 0;
	ended = more[2].revents;
	for (size_t i = 0; i < s->targets.n_pids; i++)
		ended |= fds[i].fd >= 0 && fds[i].revents;
	return ended;
}

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* All that is due, and what nearly is. */
static int do_what_is_due(struct session *s, bool *ret_drained)
{
	uint64_t now = session_now_ns();
	struct due drain = due_drain(s), serving = due_serving(s), switches = due_switches(s);
	int r;

	*ret_drained = false;
	if (!is_due(drain, now) && !is_due(serving, now) && !is_due(switches, now))
		return 0;
	if (is_nearly_due(serving, now)) {
		r = serve(s);
		if (r)
			return r;
	}
	if (is_nearly_due(switches, now))
		serve_switches(s);
	if (!is_nearly_due(drain, now))
		return 0;
	if (now - s->cpus_ns >= CPUS_MS * MS) {
		s->cpus_ns = now;
		follow_cpus(s);
	}
	*ret_drained = true;
	return session_drain(s);
}

int session_poll(struct session *s, int timeout_ms)
{
	uint64_t end_ns = session_now_ns() + (timeout_ms > 0 ? timeout_ms : 0) * MS;
	const struct due end = {.at_ns = end_ns};
	bool done = false, drained;
	int left, r;

	if (!s->attached)
		return -EINVAL;
	while (!done) {
		uint64_t now = session_now_ns();

		left = least(until(end, now), until(due_drain(s), now));
		left = least(left, until(due_serving(s), now));
		left = least(left, until(due_switches(s), now));
		done = left > 0 && wait_for_something(s, left);
		r = do_what_is_due(s, &drained);
		if (r)
			return r;
		done |= drained || is_due(end, session_now_ns());
	}
	return targets_live(&s->targets) ? 1 : 0;
}

static uint64_t counted(const struct session *s)
{
	struct accounting a;

	accounting_read(s->slots, s->drain.n_slots, &a);
	return a.stats[CRESSET_STAT_counted];
}

int session_take(struct session *s, struct cresset_profile **ret, struct cresset_error *err)
{
	struct cresset_profile *next, *taken = s->profile;
	uint64_t now, before;
	int r;

	if (!s->attached)
		return cresset_error_set(err, -EINVAL, "the recording has not been started");
	r = new_profile(s, &next, err);
	if (r)
		return r;
	/* Room for all waits that are open. */
	if (s->switches)
		session_drain(s);
	now = session_now_ns();
	r = s->switches ? switches_flush(s->switches, now) : 0;
	before = counted(s);
	/* What could not be flushed is in the next window, what was not drained is counted as lost.
	 */
	session_drain(s);
	r = session_finish(s, before, now);
	if (!r && s->switches)
		r = switches_taken(s->switches);
	s->profile = s->rows.profile = next;
	/* One that comes later may lie where this one did. */
	procmap_forget_profile(s->procmap);
	session_window_begin(s, now);
	if (r) {
		cresset_profile_free(taken);
		return cresset_error_set(err, r, "cannot finish the profile: %s", strerror(-r));
	}
	*ret = taken;
	return 0;
}

int session_set_freq(struct session *s, unsigned int hz, struct cresset_error *err)
{
	int r = s->source->ticks ? ticks_set_freq(s, hz) : 0;

	if (!r)
		r = cresset_profile_set_period(s->profile, s->source->period_type.type,
					       s->source->period_type.unit,
					       s->period ? s->period : 1);
	return r ? cresset_error_set(err, r, "cannot sample at %u Hz: %s", hz, strerror(-r)) : 0;
}

int session_stop(struct session *s, struct cresset_profile **ret, struct cresset_error *err)
{
	uint64_t now;
	int r, stopped;

	if (!s->attached)
		return cresset_error_set(err, -EINVAL, "the recording has not been started");
	ticks_detach(s);
	/* Room for all waits that are open. */
	if (s->switches)
		session_drain(s);
	now = session_now_ns();
	stopped = s->switches ? switches_stop(s->switches, now) : 0;
	s->attached = false;
	/* What cannot be drained is in the accounting, as lost; the rest is worth having. */
	session_drain(s);
	session_drain(s);
	measure_memory(s);
	r = stopped ? stopped : session_finish(s, UINT64_MAX, now);
	if (r)
		return cresset_error_set(err, r, "cannot finish the profile: %s", strerror(-r));
	*ret = s->profile;
	s->profile = s->rows.profile = NULL;
	return 0;
}

static void get_kernel_stats(const struct session *s, struct cresset_recorder_stats *ret)
{
	struct bpf_prog_info info;
	__u32 size = sizeof(info);

	ret->kernel_memory_bytes = s->memory_bytes;
	ret->verified_insns = s->verified_insns;
	memset(&info, 0, sizeof(info));
	if (bpf_obj_get_info_by_fd(bpf_program__fd(s->source->ticks ? s->bpf->progs.cresset_cpu
								    : s->bpf->progs.cresset_switch),
				   &info, &size))
		return;
	ret->bpf_run_ns = info.run_time_ns;
	ret->bpf_run_count = info.run_cnt;
}

void session_get_stats(const struct session *s, struct cresset_recorder_stats *ret)
{
	struct accounting a;

	accounting_read(s->slots, s->drain.n_slots, &a);
	memset(ret, 0, sizeof(*ret));
	ret->taken = a.stats[CRESSET_STAT_taken];
	ret->filtered = a.stats[CRESSET_STAT_filtered];
	ret->counted = a.stats[CRESSET_STAT_counted];
	ret->lost = a.lost;
	ret->written = s->rows.written;
	ret->hardware = s->event.hardware;
	ret->freq_hz = s->rate_hz;
	get_kernel_stats(s, ret);
	if (s->unwinder->get_stats)
		s->unwinder->get_stats(s, ret);
	procmap_get_files(s->procmap, &ret->files_open, &ret->files_closed);
}
