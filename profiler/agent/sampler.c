// SPDX-License-Identifier: Apache-2.0
/* See sampler.h. */
#include "agent/sampler.h"

#include "agent/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Waits of less are left to the coin: reading stacks of all sleepers four times a second was half
 * of what the agent cost. */
#define LONG_WAIT_NS UINT64_C(2000000000)

/* A window that is too large is not cut more often than this. */
#define LEAST_WINDOW_NS UINT64_C(1000000000)

enum { POLL_MS = 1000, FAILED_WAIT_MS = 100, LAST_WAIT_US = 2000 };

/* ---- The recorder. */

static const char *event_of(const struct agent_config *c)
{
	if (c->agent.cpu && c->agent.off_cpu)
		return "wall";
	return c->agent.cpu ? "cpu" : "off-cpu";
}

static int make_recorder(const struct sampler *s, const struct agent_config *c,
			 struct cresset_recorder **ret, struct cresset_error *err)
{
	const struct self_limits *limits = &s->limits;
	struct cresset_recorder_options o = CRESSET_RECORDER_OPTIONS_INIT;
	int r;

	o.event = event_of(c);
	o.freq_hz = c->agent.freq_hz;
	o.unwind = c->agent.unwind;
	o.max_memory = limits->memory.tables;
	o.max_files = limits->files.recorder;
	o.min_wait_ns = c->agent.min_wait_ns;
	o.overhead_budget = c->agent.overhead_budget;
	o.long_wait_ns = LONG_WAIT_NS;
	r = cresset_recorder_new(&o, ret, err);
	if (!r)
		cresset_recorder_watch(*ret, s->nudge.fd);
	return r;
}

static unsigned int cpus_online_count(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned int)n : 1;
}

/* ---- After a window. */

static uint64_t own_cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return ((uint64_t)u.ru_utime.tv_sec + (uint64_t)u.ru_stime.tv_sec) * 1000000000 +
	       ((uint64_t)u.ru_utime.tv_usec + (uint64_t)u.ru_stime.tv_usec) * 1000;
}

static void govern(struct sampler *s)
{
	uint64_t cpu = own_cpu_ns(), now = clock_now_ns(CLOCK_MONOTONIC);
	struct cresset_error err = {.text = ""};
	struct cresset_recorder_stats stats;
	unsigned int hz, old;

	cresset_recorder_get_stats(s->recorder, &stats);
	pthread_mutex_lock(&s->lock);
	old = s->state.governor.hz;
	hz = governor_window(&s->state.governor, cpu - s->used_cpu_ns, now - s->used_at_ns);
	s->state.kernel_memory_bytes = stats.kernel_memory_bytes;
	s->state.table_memory_bytes = stats.table_memory_bytes;
	s->state.tables_evicted = stats.tables_evicted;
	s->state.tables_refused = stats.tables_refused;
	s->state.files_open = stats.files_open;
	s->state.files_closed = stats.files_closed;
	pthread_mutex_unlock(&s->lock);
	s->used_cpu_ns = cpu;
	s->used_at_ns = now;
	if (hz == old || stats.freq_hz == hz)
		return;
	if (cresset_recorder_set_freq(s->recorder, hz, &err) < 0) {
		s->log(s->log_arg, true, err.text);
		return;
	}
	pthread_mutex_lock(&s->lock);
	s->state.freq_hz = hz;
	pthread_mutex_unlock(&s->lock);
}

/* Hands a finished window on. */
static void push(struct sampler *s, struct cresset_profile *p, struct cresset_recorder *recorder)
{
	const struct window window = {
		.profile = p, .recorder = recorder, .sequence = ++s->sequence};

	windows_push(s->windows, &window);
}

static void note_error(struct sampler *s, const char *text)
{
	s->log(s->log_arg, true, text);
	pthread_mutex_lock(&s->lock);
	s->state.errors++;
	pthread_mutex_unlock(&s->lock);
}

static void begin_window(struct sampler *s, uint64_t now)
{
	s->window_begin_ns = now;
	s->window_end_ns = now + s->window_ns;
}

static void cut(struct sampler *s, uint64_t now)
{
	struct cresset_error err = {.text = ""};
	struct cresset_profile *p = NULL;

	if (cresset_recorder_take(s->recorder, &p, &err) < 0) {
		note_error(s, err.text);
		s->sequence++;
	} else {
		push(s, p, s->recorder);
		govern(s);
	}
	captures_cut(s->captures, now, s->sequence);
	begin_window(s, now);
}

/* Is the window larger than its share of memory? Then it ends now, and nothing of it is lost. */
static bool is_too_large(struct sampler *s, uint64_t now)
{
	uint64_t bytes = cresset_recorder_window_bytes(s->recorder);
	bool large = bytes > memory_filling(&s->limits.memory) &&
		     now - s->window_begin_ns >= LEAST_WINDOW_NS;

	pthread_mutex_lock(&s->lock);
	s->state.window_bytes = bytes;
	s->state.shortened += large;
	pthread_mutex_unlock(&s->lock);
	return large;
}

/* Was the clock set, did the machine sleep? Then the window ends: the next one has the new date. */
static bool watch_clocks(struct sampler *s)
{
	struct clock_event event;
	struct clocks now;
	char text[160];

	clocks_now(&now);
	pthread_mutex_lock(&s->lock);
	clock_watch_look(&s->state.clocks, &now, &event);
	pthread_mutex_unlock(&s->lock);
	if (event.jump_ns) {
		snprintf(text, sizeof(text),
			 "the clock was set %s by %.1f s: windows have the new time from now on",
			 event.jump_ns > 0 ? "forward" : "back",
			 (double)(event.jump_ns > 0 ? event.jump_ns : -event.jump_ns) * 1e-9);
		s->log(s->log_arg, true, text);
	}
	if (event.sleep_ns) {
		snprintf(text, sizeof(text), "the machine slept for %.1f s, which are in no window",
			 (double)event.sleep_ns * 1e-9);
		s->log(s->log_arg, false, text);
	}
	return event.jump_ns || event.sleep_ns;
}

/* ---- Another configuration. */

static void retire(struct sampler *s, struct cresset_recorder *next)
{
	struct cresset_error err = {.text = ""};
	struct cresset_profile *p = NULL;
	uint64_t now;

	if (cresset_recorder_take(next, &p, &err) == 0)
		cresset_profile_free(p);
	p = NULL;
	now = clock_now_ns(CLOCK_MONOTONIC);
	if (cresset_recorder_stop(s->recorder, &p, &err) < 0)
		note_error(s, err.text);
	else
		push(s, p, s->recorder);
	captures_cut(s->captures, now, s->sequence);
	s->retired = s->recorder;
	s->retired_sequence = s->sequence;
	s->recorder = next;
	begin_window(s, now);
}

static void take_configuration(struct sampler *s)
{
	struct cresset_recorder *next = NULL;

	if (s->retired && windows_is_done(s->windows, s->retired_sequence)) {
		cresset_recorder_free(s->retired);
		s->retired = NULL;
	}
	if (s->retired)
		return;
	pthread_mutex_lock(&s->lock);
	if (s->next) {
		next = s->next;
		s->next = NULL;
		s->window_ns = s->next_window_ns;
		governor_init(&s->state.governor, s->next_budget, cpus_online_count(), s->next_hz);
		s->state.freq_hz = s->next_hz;
		s->state.restarts++;
	}
	pthread_mutex_unlock(&s->lock);
	if (next)
		retire(s, next);
}

int sampler_configure(struct sampler *s, const struct agent_config *c, struct cresset_error *err)
{
	struct cresset_recorder *next = NULL, *old;
	int r = make_recorder(s, c, &next, err);

	if (!r)
		r = cresset_recorder_start(next, err);
	if (r) {
		cresset_recorder_free(next);
		return r;
	}
	pthread_mutex_lock(&s->lock);
	old = s->next;
	s->next = next;
	s->next_window_ns = c->agent.window_ns;
	s->next_hz = c->agent.freq_hz;
	s->next_budget = c->agent.cpu_budget;
	pthread_mutex_unlock(&s->lock);
	nudge_give(&s->nudge);
	cresset_recorder_free(old);
	return 0;
}

/* ---- The thread. */

static void finish(struct sampler *s)
{
	struct cresset_error err = {.text = ""};
	struct cresset_profile *p = NULL;

	captures_cancel(s->captures);
	if (cresset_recorder_stop(s->recorder, &p, &err) < 0)
		note_error(s, err.text);
	else
		push(s, p, s->recorder);
	windows_close(s->windows);
	while (!windows_is_done(s->windows, s->sequence)) {
		struct windows_state state;

		/* The last one may have been given up. */
		windows_get_state(s->windows, &state);
		if (!state.n)
			break;
		if (!opener_serve(s->opener))
			usleep(LAST_WAIT_US);
	}
	opener_close(s->opener);
}

/* Says it once when the maps cannot be read, and once when they can again. */
static void drained(struct sampler *s, int r)
{
	bool failed = r < 0 && r != -EINTR, was;
	char text[128] = "";

	if (failed)
		snprintf(text, sizeof(text), "the kernel's samples cannot be read: %s",
			 strerror(-r));
	pthread_mutex_lock(&s->lock);
	was = s->state.error[0] != '\0';
	memcpy(s->state.error, text, sizeof(text));
	pthread_mutex_unlock(&s->lock);
	if (failed != was)
		s->log(s->log_arg, failed, failed ? text : "the kernel's samples are read again");
	if (failed)
		usleep(FAILED_WAIT_MS * 1000);
}

/* How long may it sleep? */
static int timeout_ms(const struct sampler *s, uint64_t now)
{
	uint64_t capture = captures_next_cut_ns(s->captures);
	uint64_t end = capture < s->window_end_ns ? capture : s->window_end_ns;
	uint64_t left = end > now ? (end - now) / 1000000 + 1 : 0;

	return (int)(left < POLL_MS ? left : POLL_MS);
}

static void *run(void *arg)
{
	struct sampler *s = arg;

	s->used_at_ns = clock_now_ns(CLOCK_MONOTONIC);
	s->used_cpu_ns = own_cpu_ns();
	begin_window(s, s->used_at_ns);
	while (!atomic_load(&s->stop)) {
		uint64_t now = clock_now_ns(CLOCK_MONOTONIC);
		bool odd;

		drained(s, cresset_recorder_poll(s->recorder, timeout_ms(s, now)));
		nudge_take(&s->nudge);
		opener_serve(s->opener);
		odd = watch_clocks(s);
		now = clock_now_ns(CLOCK_MONOTONIC);
		atomic_store(&s->progress, now);
		if (odd || now >= s->window_end_ns || captures_next_cut_ns(s->captures) <= now ||
		    is_too_large(s, now))
			cut(s, now);
		take_configuration(s);
	}
	finish(s);
	return NULL;
}

int sampler_init(struct sampler *s, const struct agent_config *c, const struct self_limits *limits,
		 struct cresset_error *err)
{
	int r;

	pthread_mutex_init(&s->lock, NULL);
	s->limits = *limits;
	s->window_ns = c->agent.window_ns;
	governor_init(&s->state.governor, c->agent.cpu_budget, cpus_online_count(),
		      c->agent.freq_hz);
	s->state.freq_hz = c->agent.freq_hz;
	atomic_store(&s->progress, clock_now_ns(CLOCK_MONOTONIC));
	r = nudge_init(&s->nudge);
	if (r)
		return cresset_error_set(err, r, "cannot make an eventfd: %s", strerror(-r));
	s->opener->nudge = s->captures->nudge = &s->nudge;
	return make_recorder(s, c, &s->recorder, err);
}

void sampler_release(struct sampler *s)
{
	cresset_recorder_free(s->recorder);
	cresset_recorder_free(s->retired);
	cresset_recorder_free(s->next);
	nudge_release(&s->nudge);
	pthread_mutex_destroy(&s->lock);
}

int sampler_start(struct sampler *s, struct cresset_error *err)
{
	int r = cresset_recorder_start(s->recorder, err);

	if (r)
		return r;
	r = pthread_create(&s->thread, NULL, run, s);
	s->started = r == 0;
	return r ? cresset_error_set(err, -r, "cannot start a thread: %s", strerror(r)) : 0;
}

void sampler_stop(struct sampler *s)
{
	atomic_store(&s->stop, true);
	nudge_give(&s->nudge);
}

void sampler_get_state(struct sampler *s, struct sampler_state *ret)
{
	pthread_mutex_lock(&s->lock);
	*ret = s->state;
	pthread_mutex_unlock(&s->lock);
}
