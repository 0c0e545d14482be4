// SPDX-License-Identifier: Apache-2.0
/*
 * settle - which user stacks are whole, judged once names are known.
 *
 * A walker proves a stack whole when it reaches its end by the rules; frame pointers rarely can,
 * since libc's start-up code keeps other things in rbp, so the walk ends in a bad pointer just past
 * main. Such a stack carries an "[error: …]" location at its root. If a function that only ever
 * stands at the bottom of a stack is among the frames next to it, nothing is missing and the error
 * frame goes. What is never done is to believe a stack without such a name.
 *
 * Wakers stand before the thread's own frames, upside down: the name, the root and so on to "--".
 * Their error frames are judged alike; whether the sample's stack is whole does not depend on them.
 */
#include "core/profile.h"

#include <string.h>

/* How far from the error frame a bottom may stand: below main there are two frames of libc. */
enum { BOTTOM_DEPTH = 3 };

static bool is_bottom_name(const char *name)
{
	static const char *const names[] = {
		"main",
		"_start",
		"__libc_start_main",
		"__libc_start_call_main",
		"__libc_start_main_impl",
		"__libc_start_main@@GLIBC_2.34",
		"start_thread",
		"clone",
		"clone3",
		"__clone",
		"__clone3",
		"__clone_internal",
		"_dl_start",
		"_dl_start_user",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static const char *location_system_name(const struct cresset_profile *p, uint32_t id)
{
	const struct cresset_location *loc = cresset_profile_location(p, id);
	const struct cresset_function *f;

	if (!loc->n_lines)
		return "";
	f = cresset_profile_function(p, cresset_profile_lines(p, id)[loc->n_lines - 1].function);
	return cresset_profile_string(p, f->system_name ? f->system_name : f->name);
}

/* Is a bottom among the n frames from `ids` on, by `step`? */
static bool has_bottom(const struct cresset_profile *p, const uint32_t *ids, int step, size_t n)
{
	for (size_t i = 0; i < BOTTOM_DEPTH && i < n; i++, ids += step) {
		uint32_t id = *ids;

		if (cresset_profile_location(p, id)->flags & CRESSET_LOCATION_KERNEL ||
		    cresset_profile_is_separator(p, id))
			return false;
		if (is_bottom_name(location_system_name(p, id)))
			return true;
	}
	return false;
}

/* Where the thread's own frames begin: behind its wakers. */
static size_t own_frames(const struct cresset_profile *p, const uint32_t *ids, size_t n)
{
	size_t i = n;

	while (i && !cresset_profile_is_separator(p, ids[i - 1]))
		i--;
	return i;
}

static bool is_error(const struct cresset_profile *p, uint32_t location)
{
	return cresset_profile_location(p, location)->flags & CRESSET_LOCATION_ERROR;
}

/* Drops the error frame of every stack that is whole after all. */
static void settle_stacks(struct cresset_profile *p)
{
	for (uint32_t id = 1; id <= stacktab_count(&p->stacks); id++) {
		size_t n, own;
		const uint32_t *ids = stacktab_get(&p->stacks, id, &n);

		own = own_frames(p, ids, n);
		if (n - own >= 2 && is_error(p, ids[n - 1]) &&
		    has_bottom(p, &ids[n - 2], -1, n - 1 - own))
			stacktab_cut(&p->stacks, id, n - 1);
		for (size_t i = own; i-- > 0;)
			if (is_error(p, ids[i]) && has_bottom(p, &ids[i + 1], 1, own - 1 - i))
				stacktab_cut(&p->stacks, id, i);
	}
}

struct settle_counts {
	uint64_t user, complete, clean, frames, named;
};

static void count_stack(const struct cresset_profile *p, uint32_t stack, uint64_t weight,
			struct settle_counts *c)
{
	size_t n;
	const uint32_t *ids = stacktab_get(&p->stacks, stack, &n);
	bool user = false, error = false, fallback = false;

	for (size_t i = own_frames(p, ids, n); i < n; i++) {
		const struct cresset_location *loc = cresset_profile_location(p, ids[i]);

		if (loc->flags & CRESSET_LOCATION_ERROR) {
			error = true;
			continue;
		}
		user |= !(loc->flags & CRESSET_LOCATION_KERNEL);
		fallback |= loc->flags & CRESSET_LOCATION_FALLBACK;
		c->frames += weight;
		c->named += loc->n_lines ? weight : 0;
	}
	c->user += user ? weight : 0;
	c->complete += user && !error ? weight : 0;
	c->clean += user && !error && !fallback ? weight : 0;
}

/* What a sample weighs: events if they are counted, else the default value. */
static size_t weight_index(const struct cresset_profile *p)
{
	if (p->n_types && !strcmp(cresset_profile_string(p, p->types[0].unit), "count"))
		return 0;
	return p->default_type;
}

int cresset_profile_settle(struct cresset_profile *p)
{
	size_t index = weight_index(p);
	struct settle_counts c = {0};
	int r;

	settle_stacks(p);
	for (size_t i = 0; i < table_count(&p->samples); i++) {
		int64_t value = cresset_profile_values(p, i)[index];

		if (value > 0)
			count_stack(p, cresset_profile_sample(p, i)->stack, (uint64_t)value, &c);
	}
	r = cresset_profile_set_stat(p, "stacks.user", c.user);
	r = r ?: cresset_profile_set_stat(p, "stacks.user_complete", c.complete);
	r = r ?: cresset_profile_set_stat(p, "stacks.user_clean", c.clean);
	r = r ?: cresset_profile_set_stat(p, "frames.total", c.frames);
	return r ?: cresset_profile_set_stat(p, "frames.named", c.named);
}
