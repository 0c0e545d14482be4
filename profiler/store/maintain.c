// SPDX-License-Identifier: Apache-2.0
/*
 * maintain - housekeeping, a slice at a time: first what must go (too old, too much), then one
 * slice of compaction, then dictionaries that nothing needs and free pages of the catalogue.
 *
 * Age is by the wall clock, and that can be wrong. If it moved by more than CLOCK_JUMP_NS against
 * CLOCK_BOOTTIME, which nobody sets and which goes on in suspend, nothing is taken for too old
 * until CLOCK_DISTRUST_NS have passed: a clock that is put right again within that time has cost
 * nothing. The same holds at the first look if the newest window is more than a day old: the
 * machine was off, or it came up with a clock that runs ahead. What goes for its size goes in the
 * order in which it was stored, whatever its time says.
 */
#include <errno.h>
#include <time.h>

#include "store/compact.h"
#include "store/embedded.h"
#include "store/maintain.h"

#define SECOND_NS INT64_C(1000000000)

static const struct {
	uint32_t level;
	int64_t bucket_ns;
	int64_t slack_ns; /* for windows that come late */
} levels[] = {
	{LEVEL_MINUTE, 60 * SECOND_NS, 30 * SECOND_NS},
	{LEVEL_HOUR, 3600 * SECOND_NS, 60 * SECOND_NS},
	{LEVEL_DAY, 86400 * SECOND_NS, 600 * SECOND_NS},
};

enum { DROP_CHUNKS = 200, SHRINK_PAGES = 200 };

bool clock_guard_trusts(struct clock_guard *g, int64_t now_ns, int64_t boot_ns)
{
	int64_t jump = (now_ns - g->now_ns) - (boot_ns - g->boot_ns);

	if (g->seen && (jump > CLOCK_JUMP_NS || jump < -CLOCK_JUMP_NS))
		g->distrust_until_ns = boot_ns + CLOCK_DISTRUST_NS;
	g->seen = true;
	g->now_ns = now_ns;
	g->boot_ns = boot_ns;
	return boot_ns >= g->distrust_until_ns;
}

static int64_t boot_clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * SECOND_NS + t.tv_nsec;
}

/* A compaction that goes on holds its inputs: one of them may be what has to go. */
static void stop_compaction(struct embedded *e)
{
	compaction_free(e->compaction);
	e->compaction = NULL;
}

static int expire(struct embedded *e, const struct catalog_segment *s, struct cresset_error *err)
{
	int r;

	stop_compaction(e);
	r = embedded_drop(e, s, 1, err);
	if (r < 0)
		return r;
	e->counts.expired++;
	e->counts.expired_windows += s->windows;
	return 1;
}

/* 1: there is more. */
static int tidy(struct embedded *e, struct cresset_error *err)
{
	uint32_t dropped = 0;
	uint64_t free_pages = 0;
	int r = catalog_begin(e->catalog, err);

	r = r ?: catalog_drop_dicts(e->catalog, e->dict_number, DROP_CHUNKS, &dropped, err);
	r = r ?: catalog_commit(e->catalog, err);
	if (r < 0) {
		catalog_rollback(e->catalog);
		return r;
	}
	r = catalog_shrink(e->catalog, SHRINK_PAGES, &free_pages, err);
	return r ?: dropped || free_pages;
}

/* What the clock is compared with before anything else is known. */
static int first_look(struct embedded *e, int64_t now_ns, struct cresset_error *err)
{
	struct store_stats stats = {.last_ns = 0};
	int r = catalog_stats(e->catalog, &stats, err);

	if (r == 0 && stats.last_ns && now_ns - stats.last_ns > CLOCK_FIRST_JUMP_NS)
		e->clock.distrust_until_ns = boot_clock_ns() + CLOCK_DISTRUST_NS;
	return r;
}

static int expire_for_age(struct embedded *e, int64_t now_ns, struct cresset_error *err)
{
	struct catalog_segment s;
	int r = e->clock.seen ? 0 : first_look(e, now_ns, err);

	if (r < 0)
		return r;
	if (!clock_guard_trusts(&e->clock, now_ns, boot_clock_ns()) ||
	    now_ns <= e->options.max_age_ns)
		return 0;
	r = catalog_expired(e->catalog, now_ns - e->options.max_age_ns, &s, err);
	return r == -ENOENT ? 0 : r ?: expire(e, &s, err);
}

/* Room that nothing uses is given back before anything goes. */
static int expire_for_size(struct embedded *e, struct cresset_error *err)
{
	struct store_stats stats = {.bytes = 0};
	struct catalog_segment s;
	int r = catalog_stats(e->catalog, &stats, err);

	if (r < 0 || stats.bytes <= e->options.max_bytes)
		return r;
	r = tidy(e, err);
	if (r)
		return r;
	catalog_checkpoint(e->catalog);
	r = catalog_stats(e->catalog, &stats, err);
	if (r < 0 || stats.bytes <= e->options.max_bytes)
		return r;
	r = catalog_oldest(e->catalog, &s, err);
	return r == -ENOENT ? 0 : r ?: expire(e, &s, err);
}

/* Begins the next compaction; 1: one goes on, or there may be another to begin. */
static int begin_compaction(struct embedded *e, int64_t now_ns, struct cresset_error *err)
{
	struct vec inputs;
	int r = 0;

	vec_init(&inputs, sizeof(struct catalog_segment));
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]) && r == 0; i++) {
		r = catalog_mergeable(e->catalog, levels[i].level, levels[i].bucket_ns, now_ns,
				      levels[i].slack_ns, e->options.max_bytes / 8,
				      COMPACT_MAX_INPUTS, &inputs, err);
		if (r == 0 && inputs.n > 1)
			r = compaction_begin(e, levels[i].level, &inputs, &e->compaction, err) ?: 1;
		inputs.n = 0;
	}
	vec_release(&inputs);
	return r;
}

static int compact(struct embedded *e, int64_t now_ns, struct cresset_error *err)
{
	int r = 1;

	if (!e->compaction)
		r = begin_compaction(e, now_ns, err);
	if (r > 0) {
		r = compaction_step(e->compaction, COMPACT_SLICE_ROWS, err);
		if (r <= 0) {
			stop_compaction(e);
			r = r ?: 1;
		}
	}
	/* A damaged input has been marked and is left out the next time. */
	return r == -EBADMSG ? 1 : r;
}

int embedded_maintain(struct store *s, int64_t now_ns, struct cresset_error *err)
{
	struct embedded *e = embedded_of(s);
	int r;

	if (e->read_only)
		return cresset_error_set(err, -EROFS, "the store %s was opened for reading",
					 e->path);
	r = expire_for_age(e, now_ns, err);
	if (r == 0)
		r = expire_for_size(e, err);
	if (r == 0)
		r = compact(e, now_ns, err);
	if (r == 0)
		r = tidy(e, err);
	return r;
}
