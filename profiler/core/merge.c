// SPDX-License-Identifier: Apache-2.0
/*
 * merge - adds one profile to another: each table of the source is added entry by entry, which
 * gives a map from source ids to ids of the target, and the next table's ids go through that map.
 */
#include "core/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct merge {
	struct cresset_profile *p;
	const struct cresset_profile *src;
	uint32_t *strings, *mappings, *functions, *locations, *stacks, *labels;
};

static int merge_maps_new(struct merge *m)
{
	const struct cresset_profile *s = m->src;

	m->strings = calloc(cresset_profile_n_strings(s) + 1, sizeof(uint32_t));
	m->mappings = calloc(cresset_profile_n_mappings(s) + 1, sizeof(uint32_t));
	m->functions = calloc(cresset_profile_n_functions(s) + 1, sizeof(uint32_t));
	m->locations = calloc(cresset_profile_n_locations(s) + 1, sizeof(uint32_t));
	m->stacks = calloc(cresset_profile_n_stacks(s) + 1, sizeof(uint32_t));
	m->labels = calloc(cresset_profile_n_label_sets(s) + 1, sizeof(uint32_t));
	return m->strings && m->mappings && m->functions && m->locations && m->stacks && m->labels
		       ? 0
		       : -ENOMEM;
}

static void merge_maps_free(struct merge *m)
{
	free(m->strings);
	free(m->mappings);
	free(m->functions);
	free(m->locations);
	free(m->stacks);
	free(m->labels);
}

static int merge_types(struct merge *m)
{
	const struct cresset_profile *s = m->src;
	bool take = !m->p->n_types;
	int r = 0;

	if (!take && m->p->n_types != s->n_types)
		return -EINVAL;
	for (size_t i = 0; i < s->n_types && !r; i++) {
		struct cresset_value_type t = s->types[i], own = m->p->types[i];
		const char *type = strtab_get(&s->strings, t.type);
		const char *unit = strtab_get(&s->strings, t.unit);

		if (take)
			r = cresset_profile_add_value_type(m->p, type, unit);
		else if (strcmp(strtab_get(&m->p->strings, own.type), type) != 0 ||
			 strcmp(strtab_get(&m->p->strings, own.unit), unit) != 0)
			r = -EINVAL;
	}
	if (take && !r) {
		m->p->default_type = s->default_type;
		m->p->time_ns = s->time_ns;
		r = cresset_profile_set_period(m->p, strtab_get(&s->strings, s->period_type.type),
					       strtab_get(&s->strings, s->period_type.unit),
					       s->period);
	}
	if (!r)
		m->p->duration_ns = profile_add_saturating(m->p->duration_ns, s->duration_ns);
	return r;
}

static int merge_names(struct merge *m)
{
	const struct cresset_profile *s = m->src;
	int r = 0;

	for (uint32_t id = 1; id <= cresset_profile_n_strings(s) && !r; id++) {
		const char *text = strtab_get(&s->strings, id);

		r = cresset_profile_add_string(m->p, text, strlen(text), &m->strings[id]);
	}
	for (uint32_t id = 1; id <= cresset_profile_n_mappings(s) && !r; id++) {
		struct cresset_mapping copy = *cresset_profile_mapping(s, id);

		copy.file = m->strings[copy.file];
		copy.build_id = m->strings[copy.build_id];
		r = cresset_profile_add_mapping(m->p, &copy, &m->mappings[id]);
	}
	for (uint32_t id = 1; id <= cresset_profile_n_functions(s) && !r; id++) {
		struct cresset_function copy = *cresset_profile_function(s, id);

		copy.name = m->strings[copy.name];
		copy.system_name = m->strings[copy.system_name];
		copy.filename = m->strings[copy.filename];
		r = cresset_profile_add_function(m->p, &copy, &m->functions[id]);
	}
	return r;
}

static int merge_location(struct merge *m, uint32_t id)
{
	struct cresset_location copy = *cresset_profile_location(m->src, id);
	const struct cresset_line *lines = cresset_profile_lines(m->src, id);
	struct cresset_line *mapped = calloc(copy.n_lines + 1, sizeof(*mapped));
	int r;

	if (!mapped)
		return -ENOMEM;
	for (uint32_t i = 0; i < copy.n_lines; i++) {
		mapped[i] = lines[i];
		mapped[i].function = m->functions[lines[i].function];
	}
	copy.mapping = m->mappings[copy.mapping];
	r = cresset_profile_add_location(m->p, &copy, mapped, &m->locations[id]);
	free(mapped);
	return r;
}

static int merge_stack(struct merge *m, uint32_t id)
{
	size_t n;
	const uint32_t *ids = cresset_profile_stack(m->src, id, &n);
	uint32_t *mapped = calloc(n + 1, sizeof(*mapped));
	int r;

	if (!mapped)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		mapped[i] = m->locations[ids[i]];
	r = cresset_profile_add_stack(m->p, mapped, n, &m->stacks[id]);
	free(mapped);
	return r;
}

static int merge_labels(struct merge *m, uint32_t id)
{
	size_t n;
	const struct cresset_label *labels = cresset_profile_labels(m->src, id, &n);
	struct cresset_label *mapped = calloc(n + 1, sizeof(*mapped));
	int r;

	if (!mapped)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		mapped[i] = labels[i];
		mapped[i].key = m->strings[labels[i].key];
		mapped[i].str = m->strings[labels[i].str];
		mapped[i].unit = m->strings[labels[i].unit];
	}
	r = cresset_profile_add_labels(m->p, mapped, n, &m->labels[id]);
	free(mapped);
	return r;
}

static int merge_samples(struct merge *m)
{
	const struct cresset_profile *s = m->src;
	int r = 0;

	for (uint32_t id = 1; id <= cresset_profile_n_locations(s) && !r; id++)
		r = merge_location(m, id);
	for (uint32_t id = 1; id <= cresset_profile_n_stacks(s) && !r; id++)
		r = merge_stack(m, id);
	for (uint32_t id = 1; id <= cresset_profile_n_label_sets(s) && !r; id++)
		r = merge_labels(m, id);
	for (size_t i = 0; i < cresset_profile_n_samples(s) && !r; i++) {
		const struct cresset_sample *sample = cresset_profile_sample(s, i);

		r = cresset_profile_add_sample(m->p, m->stacks[sample->stack],
					       m->labels[sample->labels],
					       cresset_profile_values(s, i));
	}
	return r;
}

/* Stats are counts, so they add up. */
static int merge_notes(struct merge *m)
{
	int r = 0;

	for (size_t i = 0; i < cresset_profile_n_comments(m->src) && !r; i++)
		r = cresset_profile_add_comment(m->p, cresset_profile_comment(m->src, i));
	for (size_t i = 0; i < cresset_profile_n_stats(m->src) && !r; i++) {
		struct cresset_stat stat = cresset_profile_stat(m->src, i);
		struct cresset_stat key = {.name = m->strings[stat.name]};
		uint32_t id;

		r = table_add(&m->p->stats, &key, &id, NULL);
		if (!r)
			((struct cresset_stat *)table_get(&m->p->stats, id))->value += stat.value;
	}
	return r;
}

int cresset_profile_merge(struct cresset_profile *p, const struct cresset_profile *src)
{
	struct merge m = {.p = p, .src = src};
	int r;

	if (p == src)
		return -EINVAL;
	r = merge_maps_new(&m);
	r = r ?: merge_types(&m);
	r = r ?: merge_names(&m);
	r = r ?: merge_samples(&m);
	r = r ?: merge_notes(&m);
	merge_maps_free(&m);
	return r;
}
