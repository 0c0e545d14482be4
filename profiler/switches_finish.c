// SPDX-License-Identifier: Apache-2.0
/*
 * switches_finish.c - what is true of a whole recording that followed context switches: time on a
 * CPU is shared out to samples, sums become stats.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/table.h"
#include "session.h"
#include "switches.h"

/* A thread's time on a CPU: exact, and as its samples have it. */
struct share {
	uint32_t pid;
	uint32_t tid;
	uint64_t exact_ns;
	uint64_t sampled_ns;
	uint64_t left_ns; /* of exact, while it is shared out */
	uint64_t left_sampled_ns;
	char comm[CRESSET_COMM_BYTES];
	uint32_t exec_id;
	uint32_t pad;
};

enum { SHARE_KEY_BYTES = 2 * sizeof(uint32_t) };

static struct share *share_of(struct table *shares, uint32_t pid, uint32_t tid)
{
	struct share share;
	uint32_t id;

	memset(&share, 0, sizeof(share));
	share.pid = pid;
	share.tid = tid;
	return table_add(shares, &share, &id, NULL) ? NULL : table_get(shares, id);
}

/* The thread of a sample on a CPU; NULL for samples of waits, or out of memory (*ret_r). */
static struct share *share_of_sample(struct table *shares, const struct cresset_profile *p,
				     size_t i, int *ret_r)
{
	uint32_t labels = cresset_profile_sample(p, i)->labels;
	const struct cresset_label *pid, *tid;
	struct share *share;

	*ret_r = 0;
	if (cresset_profile_find_label(p, labels, CRESSET_LABEL_STATE))
		return NULL;
	pid = cresset_profile_find_label(p, labels, CRESSET_LABEL_PID);
	tid = cresset_profile_find_label(p, labels, CRESSET_LABEL_TID);
	if (!pid || !tid)
		return NULL;
	share = share_of(shares, (uint32_t)pid->num, (uint32_t)tid->num);
	*ret_r = share ? 0 : -ENOMEM;
	return share;
}

static int add_exact(struct table *shares, const struct threads *threads)
{
	for (uint32_t id = 1; id <= threads_count(threads); id++) {
		const struct thread_times *times = threads_get(threads, id);
		struct share *share = share_of(shares, times->pid, times->tid);

		if (!share)
			return -ENOMEM;
		share->exact_ns += times->totals[CRESSET_TIME_CPU] - times->taken[CRESSET_TIME_CPU];
		share->exec_id = times->exec_id;
		memcpy(share->comm, times->comm, sizeof(share->comm));
	}
	return 0;
}

static int add_sampled(struct table *shares, const struct cresset_profile *p)
{
	int r = 0;

	for (size_t i = 0; !r && i < cresset_profile_n_samples(p); i++) {
		struct share *share = share_of_sample(shares, p, i, &r);

		if (share)
			share->sampled_ns += (uint64_t)cresset_profile_values(p, i)[0];
	}
	for (uint32_t id = 1; id <= table_count(shares); id++) {
		struct share *share = table_get(shares, id);

		share->left_ns = share->exact_ns;
		share->left_sampled_ns = share->sampled_ns;
	}
	return r;
}

/* Of what is left, this sample's part: the last one gets all of it, so nothing is rounded away. */
static uint64_t take_part(struct share *share, uint64_t sampled)
{
	uint64_t ns = sampled;

	/* The thread is not known (memory was out): samples stand for their period. */
	if (!share->exact_ns)
		return sampled;
	if (share->left_sampled_ns)
		ns = (uint64_t)((long double)share->left_ns * (long double)sampled /
				(long double)share->left_sampled_ns);
	if (ns > share->left_ns || sampled >= share->left_sampled_ns)
		ns = share->left_ns;
	share->left_ns -= ns;
	share->left_sampled_ns -=
		sampled < share->left_sampled_ns ? sampled : share->left_sampled_ns;
	return ns;
}

static int spread(struct table *shares, struct cresset_profile *p)
{
	int r = 0;

	for (size_t i = 0; !r && i < cresset_profile_n_samples(p); i++) {
		struct share *share = share_of_sample(shares, p, i, &r);
		int64_t values[SOURCE_MAX_VALUES] = {0};

		if (!share)
			continue;
		values[0] = (int64_t)take_part(share, (uint64_t)cresset_profile_values(p, i)[0]);
		values[3] = values[0];
		r = cresset_profile_set_values(p, i, values);
	}
	return r;
}

/* Threads that ran and were never sampled. */
static int add_unsampled(struct table *shares, struct session *s, uint64_t *ret_ns)
{
	static const char text[] = "[on CPU, not sampled]";
	uint32_t location = 0, stack = 0, labels;
	int r;

	*ret_ns = 0;
	r = cresset_profile_add_frame(s->profile, text, sizeof(text) - 1, CRESSET_LOCATION_KERNEL,
				      &location);
	if (!r)
		r = cresset_profile_add_stack(s->profile, &location, 1, &stack);
	for (uint32_t id = 1; !r && id <= table_count(shares); id++) {
		struct share *share = table_get(shares, id);
		struct cresset_sample_key key = {
			.pid = share->pid, .tid = share->tid, .exec_id = share->exec_id};
		int64_t values[SOURCE_MAX_VALUES] = {(int64_t)share->exact_ns, 0, 0,
						     (int64_t)share->exact_ns};

		if (share->sampled_ns || !share->exact_ns)
			continue;
		memcpy(key.comm, share->comm, sizeof(key.comm));
		*ret_ns += share->exact_ns;
		r = rows_labels(&s->rows, &key, NULL, &labels);
		if (!r)
			r = cresset_profile_add_sample(s->profile, stack, labels, values);
	}
	return r;
}

int switches_spread_cpu(struct session *s)
{
	struct table shares;
	uint64_t unsampled_ns = 0;
	int r = table_init(&shares, sizeof(struct share), SHARE_KEY_BYTES);

	if (r)
		return r;
	r = add_exact(&shares, &s->switches->threads);
	if (!r)
		r = add_sampled(&shares, s->profile);
	if (!r)
		r = spread(&shares, s->profile);
	if (!r)
		r = add_unsampled(&shares, s, &unsampled_ns);
	if (!r)
		r = cresset_profile_set_stat(s->profile, "time.cpu_not_sampled_ns", unsampled_ns);
	table_release(&shares);
	return r;
}

static void sum_slot(const struct cresset_slot *slot, bool waits, struct switches_sums *ret)
{
	for (int k = 0; k < CRESSET_N_TIMES; k++)
		ret->time[k] += slot->time[k];
	if (!waits)
		return;
	for (int k = 0; k < CRESSET_N_STATS; k++)
		ret->stats[k] += slot->stats[k];
	ret->wakers += slot->wakers;
	ret->blocked_variance += slot->blocked_variance;
	ret->runnable_variance += slot->runnable_variance;
	for (int k = 0; k < CRESSET_N_LENGTHS; k++) {
		ret->run_slices[k] += slot->run_slices[k];
		ret->run_delays[k] += slot->run_delays[k];
	}
}

void switches_sum(const struct switches *sw, struct switches_sums *ret)
{
	const struct session *s = sw->session;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < s->drain.n_slots; i++)
		sum_slot(&s->slots[i], i % CRESSET_N_CONTEXTS != CRESSET_CONTEXT_PERF, ret);
	ret->tickets_given = sw->tickets.given;
	ret->tickets_late = sw->tickets.late;
	ret->tickets_failed = sw->tickets.failed;
	ret->reports_lost = sw->reports_lost;
}

/* Of the window. All members are of one type, which is what makes this short. */
static void sum_window(const struct switches *sw, struct switches_sums *ret)
{
	const uint64_t *taken = (const uint64_t *)&sw->taken;
	uint64_t *sums = (uint64_t *)ret;

	_Static_assert(sizeof(*ret) % sizeof(uint64_t) == 0, "64-bit counters alone");
	switches_sum(sw, ret);
	for (size_t i = 0; i < sizeof(*ret) / sizeof(uint64_t); i++)
		sums[i] -= taken[i];
}

static int set_lengths(struct cresset_profile *p, const char *name, const uint64_t *lengths)
{
	char text[64];
	int r = 0;

	for (int i = 0; !r && i < CRESSET_N_LENGTHS; i++) {
		if (!lengths[i])
			continue;
		snprintf(text, sizeof(text), "%s.%02d", name, i);
		r = cresset_profile_set_stat(p, text, lengths[i]);
	}
	return r;
}

static int set_wakers(const struct session *s, const struct switches_sums *sums)
{
	const struct {
		const char *name;
		uint64_t value;
	} stats[] = {
		{"wakers.taken", sums->wakers},
		{"wakers.lost.stack", sums->stats[CRESSET_STAT_wakers_stack]},
		{"wakers.lost.stacks_full", sums->stats[CRESSET_STAT_wakers_full]},
		{"wakers.lost.collision", sums->stats[CRESSET_STAT_wakers_collision]},
		{"wakers.lost.map_busy", sums->stats[CRESSET_STAT_wakers_busy]},
		{"wakers.lost.switch", sums->stats[CRESSET_STAT_wakers_switch]},
		{"wakers.lost.drain", s->rows.wakers_lost - s->taken.wakers_lost},
	};
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(stats) / sizeof(stats[0]); i++)
		r = cresset_profile_set_stat(s->profile, stats[i].name, stats[i].value);
	return r;
}

static int set_stats(const struct session *s, const struct switches_sums *sums)
{
	const struct switches *sw = s->switches;
	double rate = sw->n_looks ? sw->probability_sum / (double)sw->n_looks : 1;
	const struct {
		const char *name;
		uint64_t value;
	} stats[] = {
		{"time.cpu_ns", sums->time[CRESSET_TIME_CPU]},
		{"time.runnable_ns", sums->time[CRESSET_TIME_RUNNABLE]},
		{"time.blocked_ns", sums->time[CRESSET_TIME_BLOCKED]},
		{"time.filtered_ns", sums->time[CRESSET_TIME_FILTERED]},
		{"time.unsampled_ns", sums->time[CRESSET_TIME_UNSAMPLED]},
		{"time.lost_ns", sums->time[CRESSET_TIME_LOST]},
		{"time.blocked_stderr_ns", (uint64_t)(sqrt((double)sums->blocked_variance) * 1000)},
		{"time.runnable_stderr_ns",
		 (uint64_t)(sqrt((double)sums->runnable_variance) * 1000)},
		{"waits.taken", sums->stats[CRESSET_STAT_taken]},
		{"waits.recorded", sums->stats[CRESSET_STAT_counted]},
		{"waits.unsampled", sums->stats[CRESSET_STAT_unsampled]},
		{"waits.rate_ppm", (uint64_t)(rate * 1e6)},
		{"waits.stacks_walked", sums->stats[CRESSET_STAT_stacks_walked]},
		{"waits.stacks_remembered", sums->stats[CRESSET_STAT_stacks_remembered]},
		{"waits.tickets", sums->tickets_given},
		{"waits.tickets_late", sums->tickets_late},
		{"waits.tickets_failed", sums->tickets_failed},
		{"waits.wakes_missed", sums->stats[CRESSET_STAT_wakes_missed]},
		{"waits.switches_missed", sums->stats[CRESSET_STAT_switches_missed]},
		{"waits.clock_back", sums->stats[CRESSET_STAT_clock_back]},
		{"threads.followed", threads_count(&sw->threads)},
		{"threads.lost", sums->stats[CRESSET_STAT_threads_lost] +
					 sums->stats[CRESSET_STAT_events_lost] +
					 sums->reports_lost},
		{"overhead.self_ns", sums->time[CRESSET_TIME_SELF]},
	};
	int r = s->options.waker_depth ? set_wakers(s, sums) : 0;

	for (size_t i = 0; !r && i < sizeof(stats) / sizeof(stats[0]); i++)
		r = cresset_profile_set_stat(s->profile, stats[i].name, stats[i].value);
	return r;
}

int switches_finish(struct session *s)
{
	struct switches_sums sums;
	int r;

	sum_window(s->switches, &sums);
	r = set_stats(s, &sums);
	if (!r && s->source == source_at(CRESSET_SOURCE_runqueue)) {
		r = set_lengths(s->profile, "runqueue.delays", sums.run_delays);
		if (!r)
			r = set_lengths(s->profile, "runqueue.slices", sums.run_slices);
	}
	return r;
}
