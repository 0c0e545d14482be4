// SPDX-License-Identifier: Apache-2.0
/* See switches.h. */
#include "switches.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "session.h"
#include "unwind/remote.h"
#include "wakers.h"

enum {
	SCAN_BUFFER_BYTES = 64 << 10,
	SERVE_MS = 5,
	SWEEP_MS = 250,
	LAST_SWEEPS = 4, /* after the last wait that could be left out, or without its tables */
	LOOK_MS = 100,	 /* at the overhead, at most so often */
	PROBABILITY_MIN = CRESSET_CERTAIN / 1024,
};

#define MS UINT64_C(1000000)

static void take_report(struct switches *sw, const struct cresset_thread_report *report)
{
	int r = 0;

	if (report->kind == CRESSET_REPORT_USED) {
		tickets_used(&sw->tickets, report->user_stack, report->at_ns);
		return;
	}
	if (report->kind == CRESSET_REPORT_TICKET)
		r = tickets_add(&sw->tickets, report);
	else if (report->user_stack)
		kept_touch(&sw->kept, report->user_stack);
	if (report->waker)
		wakers_touch(&sw->kept, report->waker, sw->session->options.waker_depth);
	if (!r)
		r = threads_add(&sw->threads, report);
	if (r)
		sw->reports_lost++;
}

static int take_event(void *arg, void *data, size_t size)
{
	struct cresset_thread_report report;

	memset(&report, 0, sizeof(report));
	memcpy(&report, data, size < sizeof(report) ? size : sizeof(report));
	take_report(arg, &report);
	return 0;
}

/* Whole reports of the buffer; returns the bytes they took. */
static size_t take_reports(struct switches *sw, const char *buffer, size_t have, size_t *n)
{
	struct cresset_thread_report report;
	size_t used = 0, size;

	while (have - used >= CRESSET_REPORT_SHORT_BYTES) {
		memset(&report, 0, sizeof(report));
		memcpy(&report, buffer + used, CRESSET_REPORT_SHORT_BYTES);
		size = report.kind == CRESSET_REPORT_TICKET ? sizeof(report)
							    : CRESSET_REPORT_SHORT_BYTES;
		if (have - used < size)
			break;
		memcpy(&report, buffer + used, size);
		take_report(sw, &report);
		used += size;
		(*n)++;
	}
	return used;
}

/*
 * At the end of a window each thread that does not run is a row, and there may be more of them than
 * the map of rows has room for.
 */
static int make_room(struct switches *sw, size_t *n_reports)
{
	const struct bpf_map *rows = sw->session->bpf->maps.samples_0;

	if (*n_reports < bpf_map__max_entries(rows) / 4)
		return 0;
	*n_reports = 0;
	tickets_walk(&sw->tickets, sw->control->stop_ns != 0);
	return session_drain(sw->session);
}

/* Runs the iterator over all threads. */
static int scan(struct switches *sw, enum cresset_scan_mode mode, uint64_t now_ns)
{
	char *buffer = malloc(SCAN_BUFFER_BYTES);
	size_t have = 0, used, n_reports = 0;
	int fd, r = 0;

	if (!buffer)
		return -ENOMEM;
	sw->control->scan_mode = mode;
	sw->control->now_ns = now_ns;
	sw->scanning = true;
	fd = bpf_iter_create(bpf_link__fd(sw->scan_link));
	if (fd < 0)
		r = -errno;
	while (!r) {
		ssize_t n = read(fd, buffer + have, SCAN_BUFFER_BYTES - have);

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			r = -errno;
		if (n <= 0)
			break;
		have += (size_t)n;
		used = take_reports(sw, buffer, have, &n_reports);
		memmove(buffer, buffer + used, have - used);
		have -= used;
		if (mode == CRESSET_SCAN_STOP || mode == CRESSET_SCAN_FLUSH)
			r = make_room(sw, &n_reports);
	}
	sw->scanning = false;
	free(buffer);
	if (fd >= 0)
		close(fd);
	return r;
}

int switches_new(struct session *s, struct switches **ret, struct cresset_error *err)
{
	struct switches *sw = calloc(1, sizeof(*sw));
	int r;

	if (!sw)
		return cresset_error_set(err, -ENOMEM, "out of memory");
	sw->session = s;
	sw->control = &s->bpf->bss->cresset_sched;
	sw->control->probability = CRESSET_CERTAIN;
	kept_init(&sw->kept);
	tickets_init(&sw->tickets);
	r = threads_init(&sw->threads);
	sw->ring = ring_buffer__new(bpf_map__fd(s->bpf->maps.sched_events), take_event, sw, NULL);
	if (!sw->ring && !r)
		r = -errno;
	/* Without it, stacks of threads that were asleep are not known; all else is. */
	if (!r && s->unwinder->remote && !s->options.kernel_only)
		r = s->unwinder->remote(s, &sw->tickets.remote);
	if (r) {
		switches_free(sw);
		return cresset_error_set(err, r, "cannot follow context switches: %s",
					 strerror(-r));
	}
	*ret = sw;
	return 0;
}

void switches_detach(struct switches *sw)
{
	for (int i = 0; i < SWITCHES_N_LINKS; i++) {
		bpf_link__destroy(sw->links[i]);
		sw->links[i] = NULL;
	}
	bpf_link__destroy(sw->scan_link);
	sw->scan_link = NULL;
}

void switches_free(struct switches *sw)
{
	if (!sw)
		return;
	switches_detach(sw);
	ring_buffer__free(sw->ring);
	kept_release(&sw->kept);
	tickets_release(&sw->tickets);
	threads_release(&sw->threads);
	free(sw);
}

static int attach_programs(struct switches *sw)
{
	struct cresset_bpf *bpf = sw->session->bpf;
	/* Those that tell of threads first, so that no switch is seen of one that is not known. */
	struct bpf_program *programs[SWITCHES_N_LINKS] = {
		bpf->progs.cresset_wakeup_new,
		bpf->progs.cresset_waking,
		bpf->progs.cresset_switch,
		bpf->progs.cresset_exit,
	};

	for (int i = 0; i < SWITCHES_N_LINKS; i++) {
		sw->links[i] = bpf_program__attach(programs[i]);
		if (!sw->links[i])
			return -errno;
	}
	sw->scan_link = bpf_program__attach_iter(bpf->progs.cresset_scan, NULL);
	return sw->scan_link ? 0 : -errno;
}

static uint64_t sweep_ns(const struct switches *sw)
{
	uint64_t ns = sw->session->options.long_wait_ns;

	return ns ? ns : SWEEP_MS * MS;
}

/* Sweeps begin at a random moment, so that no program's rhythm hides from them. */
static uint64_t random_below(uint64_t limit)
{
	uint64_t n = 0;

	if (getrandom(&n, sizeof(n), GRND_NONBLOCK) != sizeof(n))
		n = session_now_ns() * UINT64_C(0x9e3779b97f4a7c15) >> 20;
	return n % limit;
}

int switches_attach(struct switches *sw, struct cresset_error *err)
{
	volatile struct cresset_sched_control *control = sw->control;
	int r = attach_programs(sw);

	if (!r) {
		control->seeding = 1;
		control->sweep_ns = sweep_ns(sw);
		sw->budget_ns = session_now_ns();
		sw->sweep_at_ns = sw->budget_ns + random_below(sweep_ns(sw));
		control->start_ns = sw->session->start_ns = session_now_ns();
		r = scan(sw, CRESSET_SCAN_SEED, control->start_ns);
		control->seeding = 0;
	}
	if (r) {
		switches_detach(sw);
		return cresset_error_set(err, r, "cannot follow context switches: %s",
					 strerror(-r));
	}
	tickets_walk(&sw->tickets, false);
	return 0;
}

int switches_flush(struct switches *sw, uint64_t now_ns)
{
	return sw->scan_link ? scan(sw, CRESSET_SCAN_FLUSH, now_ns) : 0;
}

int switches_taken(struct switches *sw)
{
	switches_sum(sw, &sw->taken);
	sw->probability_sum = 0;
	sw->n_looks = 0;
	return threads_taken(&sw->threads);
}

int switches_stop(struct switches *sw, uint64_t now_ns)
{
	int r;

	if (!sw->scan_link)
		return 0;
	sw->control->stop_ns = now_ns;
	r = scan(sw, CRESSET_SCAN_STOP, now_ns);
	tickets_walk(&sw->tickets, true);
	switches_detach(sw);
	return r;
}

int switches_drain(struct switches *sw)
{
	int r = ring_buffer__consume(sw->ring);

	return r < 0 ? r : 0;
}

int switches_rows(struct switches *sw, const struct drain *drain)
{
	return kept_add(&sw->kept, drain);
}

/* Sum over all CPUs, in ns. */
static uint64_t time_ns(const struct session *s, enum cresset_time time)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->drain.n_slots; i++)
		sum += __atomic_load_n(&s->slots[i].time[time], __ATOMIC_RELAXED);
	return sum;
}

/* Follows the overhead with the probability. */
static void look_at_overhead(struct switches *sw, uint64_t now)
{
	struct session *s = sw->session;
	double budget = s->options.overhead_budget > 0 ? s->options.overhead_budget : 0.01;
	double p = sw->control->probability, passed, self, work, room;

	if (now - sw->budget_ns < LOOK_MS * MS)
		return;
	passed = (double)(now - sw->budget_ns) * (double)cpus_count(s->online, s->n_cpus);
	self = (double)(time_ns(s, CRESSET_TIME_SELF) - sw->budget_self);
	work = (double)(time_ns(s, CRESSET_TIME_WORK) - sw->budget_work);
	sw->overhead = passed > 0 ? self / passed : 0;
	sw->budget_ns = now;
	sw->budget_self += (uint64_t)self;
	sw->budget_work += (uint64_t)work;
	sw->probability_sum += p / CRESSET_CERTAIN;
	sw->n_looks++;
	if (s->options.overhead_budget < 0)
		return;
	work = passed > 0 ? work / passed : 0;
	room = fmax(budget - (sw->overhead - work), budget / 4);
	if (work > room)
		p *= room / work;
	else if (work < 0.7 * room)
		p *= 1.5;
	if (p < PROBABILITY_MIN)
		p = PROBABILITY_MIN;
	if (p > CRESSET_CERTAIN)
		p = CRESSET_CERTAIN;
	sw->control->probability = (uint32_t)p;
}

int switches_drained(struct switches *sw)
{
	uint64_t now = session_now_ns();
	int r = 0;

	look_at_overhead(sw, now);
	tickets_expire(&sw->tickets, sw->session->drained_ns);
	/* A scan may be what drains. */
	if (!sw->scan_link || sw->scanning)
		return 0;
	/*
	 * What threads remember of stacks is forgotten one drain before those that nobody names, so
	 * that none is remembered that is gone.
	 */
	if (sw->prune_next) {
		r = scan(sw, CRESSET_SCAN_LIST, now);
		if (!r)
			r = kept_prune(&sw->kept);
		sw->prune_next = false;
	} else if (kept_wants_pruning(&sw->kept)) {
		sw->control->epoch++;
		sw->prune_next = true;
	}
	return r;
}

/* Have walks ended early since this was asked last, as tables were not there yet? */
static bool has_broken(struct switches *sw)
{
	static const enum cresset_stop stops[] = {CRESSET_STOP_NO_TABLE, CRESSET_STOP_NOT_KNOWN,
						  CRESSET_STOP_NOT_MAPPED};
	const struct session *s = sw->session;
	uint64_t before = sw->n_broken;

	sw->n_broken = 0;
	for (size_t i = CRESSET_CONTEXT_SCHED; i < s->drain.n_slots; i += CRESSET_N_CONTEXTS)
		for (size_t k = 0; k < sizeof(stops) / sizeof(stops[0]); k++)
			sw->n_broken +=
				__atomic_load_n(&s->slots[i].stops[stops[k]], __ATOMIC_RELAXED);
	return sw->n_broken != before;
}

/* Those that wait for tables; for such as never come, it is asked ever more rarely. */
static unsigned int walk_waiting(struct switches *sw)
{
	struct tickets *t = &sw->tickets;
	size_t before = t->n_waiting;

	if (before)
		tickets_walk(t, false);
	if (t->given != sw->n_given || t->n_waiting < before)
		sw->retry_ms = SERVE_MS;
	else if (sw->retry_ms < SWEEP_MS / 2)
		sw->retry_ms *= 2;
	sw->n_given = t->given;
	return t->n_waiting ? sw->retry_ms : SWEEP_MS;
}

void switches_serve(struct switches *sw, unsigned int *ret_ms)
{
	uint64_t now = session_now_ns();

	if (sw->control->probability < CRESSET_CERTAIN || has_broken(sw))
		sw->n_sweeps = LAST_SWEEPS;
	*ret_ms = walk_waiting(sw);
	if (now < sw->sweep_at_ns) {
		if ((sw->sweep_at_ns - now) / MS < *ret_ms)
			*ret_ms = (unsigned int)((sw->sweep_at_ns - now) / MS);
		return;
	}
	while (sw->sweep_at_ns <= now)
		sw->sweep_at_ns += sweep_ns(sw);
	if (!sw->n_sweeps || !sw->scan_link)
		return;
	sw->n_sweeps--;
	if (!scan(sw, CRESSET_SCAN_SWEEP, now))
		tickets_walk(&sw->tickets, false);
}
