// SPDX-License-Identifier: Apache-2.0
/*
 * settle - which user stacks are whole, judged once names are known.
 *
 * A walker proves a stack whole when it reaches its end by the rules; frame pointers rarely can,
 * since libc's start-up code keeps other things in rbp, so the walk ends in a bad pointer just past
 * main. Such a stack carries an "[error: …]" location at its root. If a function that only ever
 * stands at the bottom of a stack is among the frames next to it, nothing is missing and the error
 * frame goes. What is never done is to believe a stack without such a name.
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

static bool has_bottom(const struct cresset_profile *p, const uint32_t *ids, size_t n)
{
	for (size_t i = 0; i < BOTTOM_DEPTH && i < n; i++) {
		uint32_t id = ids[n - 1 - i];

		if (cresset_profile_location(p, id)->flags & CRESSET_LOCATION_KERNEL)
			return false;
		if (is_bottom_name(location_system_name(p, id)))
			return true;
	}
	return false;
}

/* Drops the error frame of every stack that is whole after all. */
static void settle_stacks(struct cresset_profile *p)
{
	for (uint32_t id = 1; id <= stacktab_count(&p->stacks); id++) {
		size_t n;
		const uint32_t *ids = stacktab_get(&p->stacks, id, &n);
		const struct cresset_location *root;

		if (n < 2)
			continue;
		root = cresset_profile_location(p, ids[n - 1]);
		if (root->flags & CRESSET_LOCATION_ERROR && has_bottom(p, ids, n - 1))
			stacktab_cut_last(&p->stacks, id);
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

	for (size_t i = 0; i < n; i++) {
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

int cresset_profile_settle(struct cresset_profile *p)
{
	struct settle_counts c = {0};
	int r;

	settle_stacks(p);
	for (size_t i = 0; i < table_count(&p->samples); i++) {
		int64_t value = cresset_profile_values(p, i)[0];

		if (value > 0)
			count_stack(p, cresset_profile_sample(p, i)->stack, (uint64_t)value, &c);
	}
	r = cresset_profile_set_stat(p, "stacks.user", c.user);
	r = r ?: cresset_profile_set_stat(p, "stacks.user_complete", c.complete);
	r = r ?: cresset_profile_set_stat(p, "stacks.user_clean", c.clean);
	r = r ?: cresset_profile_set_stat(p, "frames.total", c.frames);
	return r ?: cresset_profile_set_stat(p, "frames.named", c.named);
}
