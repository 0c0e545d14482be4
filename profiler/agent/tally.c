// SPDX-License-Identifier: Apache-2.0
/* See tally.h. */
#include "agent/tally.h"

#include <errno.h>
#include <string.h>

int tally_init(struct tally *t)
{
	int r;

	memset(t, 0, sizeof(*t));
	pthread_mutex_init(&t->lock, NULL);
	vec_init(&t->sums, sizeof(uint64_t));
	r = strtab_init(&t->names);
	/* Ids of strings run from 1. */
	if (!r && !vec_push(&t->sums, NULL, 1))
		r = -ENOMEM;
	return r;
}

void tally_release(struct tally *t)
{
	strtab_release(&t->names);
	vec_release(&t->sums);
	pthread_mutex_destroy(&t->lock);
}

static void add_stat(struct tally *t, const char *name, uint64_t value)
{
	uint32_t id;

	if (t->sums.n > TALLY_NAMES_MAX || strtab_add(&t->names, name, strlen(name), &id))
		return;
	while (t->sums.n <= id)
		if (!vec_push(&t->sums, NULL, 1))
			return;
	*(uint64_t *)vec_at(&t->sums, id) += value;
}

void tally_window(struct tally *t, const struct cresset_profile *p)
{
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < cresset_profile_n_stats(p); i++) {
		struct cresset_stat stat = cresset_profile_stat(p, i);

		add_stat(t, cresset_profile_string(p, stat.name), stat.value);
	}
	t->windows++;
	t->last_window_ns = cresset_profile_time_ns(p) + cresset_profile_duration_ns(p);
	pthread_mutex_unlock(&t->lock);
}

uint64_t tally_sum(const struct tally *t, const char *name)
{
	for (uint32_t id = 1; id < t->sums.n; id++)
		if (!strcmp(strtab_get(&t->names, id), name))
			return *(const uint64_t *)vec_at(&t->sums, id);
	return 0;
}

void tally_lock(struct tally *t)
{
	pthread_mutex_lock(&t->lock);
}

void tally_unlock(struct tally *t)
{
	pthread_mutex_unlock(&t->lock);
}
