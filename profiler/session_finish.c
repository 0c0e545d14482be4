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

int session_describe(struct session *s)
{
	const struct source *source = s->source;
	int r = 0;

	for (size_t i = 0; !r && i < source_n_values(source); i++)
		r = cresset_profile_add_value_type(s->profile, source->value_types[i].type,
						   source->value_types[i].unit);
	if (!r)
		r = cresset_profile_set_period(s->profile, source->period_type.type,
					       source->period_type.unit, s->period ? s->period : 1);
	cresset_profile_set_default_type(s->profile, source->default_type);
	return r;
}

static int set_loss(struct session *s, const char *cause, uint64_t value)
{
	char name[64];

	snprintf(name, sizeof(name), "samples.lost.%s", cause);
	return cresset_profile_set_stat(s->profile, name, value);
}

static int set_accounting(struct session *s)
{
	struct accounting a;
	int r;

	accounting_read(s->slots, s->drain.n_slots, &a);
	r = cresset_profile_set_stat(s->profile, "samples.taken", a.stats[CRESSET_STAT_taken]);
	if (!r)
		r = cresset_profile_set_stat(s->profile, "samples.written", s->rows.written);
	if (!r)
		r = cresset_profile_set_stat(s->profile, "samples.filtered",
					     a.stats[CRESSET_STAT_filtered]);
	if (!r && s->source->switches)
		r = cresset_profile_set_stat(s->profile, "samples.unsampled",
					     a.stats[CRESSET_STAT_unsampled]);
	for (int i = 0; !r && i < CRESSET_N_STATS; i++)
		if (accounting_cause(i))
			r = set_loss(s, accounting_cause(i), a.stats[i]);
	/* Counted by BPF, but not drained: memory was out, or a map would not be read. */
	if (!r)
		r = set_loss(s, "drain", a.stats[CRESSET_STAT_counted] - s->rows.written);
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

int session_finish(struct session *s)
{
	struct utsname host;
	char comment[512], event[128];
	int r = set_accounting(s);

	if (!r && s->source->finish)
		r = s->source->finish(s);
	if (!r && s->switches)
		r = switches_finish(s);
	if (r)
		return r;
	cresset_profile_set_time(s->profile, s->start_time_ns,
				 now_ns(CLOCK_MONOTONIC) - (int64_t)s->start_ns);
	if (uname(&host))
		memset(&host, 0, sizeof(host));
	r = s->unwinder->finish ? s->unwinder->finish(s) : 0;
	if (r)
		return r;
	if (s->source->ticks)
		snprintf(event, sizeof(event), "%s, %s at %u Hz", s->source->name, s->event_name,
			 s->rate_hz);
	else
		snprintf(event, sizeof(event), "%s", s->source->name);
	snprintf(comment, sizeof(comment), "cresset %s on %s %s %s: %s", cresset_version(),
		 host.sysname, host.release, host.machine, event);
	return cresset_profile_add_comment(s->profile, comment);
}
