// SPDX-License-Identifier: Apache-2.0
/*
 * session_finish.c - what is true of the whole profile: its types at the start, its time, its
 * accounting and a comment on the host at the end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "session.h"

int session_describe(struct session *s, struct cresset_profile *p)
{
	const struct source *source = s->source;
	int r = 0;

	for (size_t i = 0; !r && i < source_n_values(source); i++)
		r = cresset_profile_add_value_type(p, source->value_types[i].type,
						   source->value_types[i].unit);
	if (!r)
		r = cresset_profile_set_period(p, source->period_type.type,
					       source->period_type.unit, s->period ? s->period : 1);
	cresset_profile_set_default_type(p, source->default_type);
	return r;
}

enum { CLOCK_TRIES = 5, CLOCK_CLOSE_NS = 50000 };

/* Counters are of one moment, after the drain; a sample since then is in none of these windows. */
static void account(struct session *s, uint64_t drained, struct session_taken *ret)
{
	uint64_t done = s->rows.written + s->rows.lost + s->drain_lost, counted;

	accounting_read(s->slots, s->drain.n_slots, &ret->counters);
	counted = ret->counters.stats[CRESSET_STAT_counted];
	if (drained > counted)
		drained = counted;
	/* Counted by BPF, but not drained: memory was out, or a map would not be read. */
	if (drained > done) {
		s->drain_lost += drained - done;
		done = drained;
	}
	ret->samples = ret->counters.stats[CRESSET_STAT_taken] - (counted - done);
	ret->written = s->rows.written;
	ret->lost = s->rows.lost + s->drain_lost;
	ret->wakers_lost = s->rows.wakers_lost;
}

static void subtract(struct accounting *a, const struct accounting *before)
{
	for (int i = 0; i < CRESSET_N_STATS; i++)
		a->stats[i] -= before->stats[i];
	for (int i = 0; i < CRESSET_N_STOPS; i++)
		a->stops[i] -= before->stops[i];
	a->lost -= before->lost;
}

void session_accounting(const struct session *s, struct accounting *ret)
{
	accounting_read(s->slots, s->drain.n_slots, ret);
	subtract(ret, &s->taken.counters);
}

static int set_loss(struct session *s, const char *cause, uint64_t value)
{
	char name[64];

	snprintf(name, sizeof(name), "samples.lost.%s", cause);
	return cresset_profile_set_stat(s->profile, name, value);
}

static int set_accounting(struct session *s, const struct session_taken *now)
{
	struct accounting a = now->counters;
	int r;

	subtract(&a, &s->taken.counters);
	r = cresset_profile_set_stat(s->profile, "samples.taken", now->samples - s->taken.samples);
	if (!r)
		r = cresset_profile_set_stat(s->profile, "samples.written",
					     now->written - s->taken.written);
	if (!r)
		r = cresset_profile_set_stat(s->profile, "samples.filtered",
					     a.stats[CRESSET_STAT_filtered]);
	if (!r && s->source->switches)
		r = cresset_profile_set_stat(s->profile, "samples.unsampled",
					     a.stats[CRESSET_STAT_unsampled]);
	for (int i = 0; !r && i < CRESSET_N_STATS; i++)
		if (accounting_cause(i))
			r = set_loss(s, accounting_cause(i), a.stats[i]);
	if (!r)
		r = set_loss(s, "drain", now->lost - s->taken.lost);
	if (!r && a.stats[CRESSET_STAT_kernel_stack_errors])
		r = cresset_profile_set_stat(s->profile, "kernel_stacks.failed",
					     a.stats[CRESSET_STAT_kernel_stack_errors]);
	if (!r && a.stats[CRESSET_STAT_children_missed])
		r = cresset_profile_set_stat(s->profile, "children.missed",
					     a.stats[CRESSET_STAT_children_missed]);
	return r;
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static int add_comment(struct session *s)
{
	struct utsname host;
	char comment[512], event[128];

	if (uname(&host))
		memset(&host, 0, sizeof(host));
	if (s->source->ticks)
		snprintf(event, sizeof(event), "%s, %s at %u Hz", s->source->name, s->event_name,
			 s->rate_hz);
	else
		snprintf(event, sizeof(event), "%s", s->source->name);
	snprintf(comment, sizeof(comment), "cresset %s on %s %s %s: %s", cresset_version(),
		 host.sysname, host.release, host.machine, event);
	return cresset_profile_add_comment(s->profile, comment);
}

/* What the wall clock is ahead of CLOCK_MONOTONIC. A thread that is put aside while it reads the
 * two would date a window wrongly by that: the closest of some pairs counts. */
static int64_t wall_ahead_ns(void)
{
	int64_t best = INT64_MAX, ahead = 0;

	for (int i = 0; i < CLOCK_TRIES && best > CLOCK_CLOSE_NS; i++) {
		int64_t before = now_ns(CLOCK_MONOTONIC), wall = now_ns(CLOCK_REALTIME);
		int64_t took = now_ns(CLOCK_MONOTONIC) - before;

		if (took >= best)
			continue;
		best = took;
		ahead = wall - before - took / 2;
	}
	return ahead;
}

void session_window_begin(struct session *s, uint64_t from_ns)
{
	s->window_ns = from_ns;
	s->window_time_ns = (int64_t)from_ns + wall_ahead_ns();
}

int session_finish(struct session *s, uint64_t drained, uint64_t to_ns)
{
	struct session_taken now;
	int r;

	account(s, drained, &now);
	r = set_accounting(s, &now);
	if (!r && s->source->finish)
		r = s->source->finish(s);
	if (!r && s->switches)
		r = switches_finish(s);
	if (!r && s->unwinder->finish)
		r = s->unwinder->finish(s);
	cresset_profile_set_time(s->profile, s->window_time_ns, (int64_t)(to_ns - s->window_ns));
	if (!r)
		r = add_comment(s);
	/* What has failed is in no window all the same. */
	s->taken = now;
	return r;
}
