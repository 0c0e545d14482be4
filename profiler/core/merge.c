// SPDX-License-Identifier: Apache-2.0
/*
 * See merge.h. Each table of the source has a map from its ids to those of the target, which is
 * filled as entries are added; the ids in the next table's entries go through that map.
 */
#include "core/merge.h"

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

/* ---- Entries, each added when it is first asked for. Id 0 is the empty entry on both sides. */

static int add_string(struct merge *m, uint32_t id, uint32_t *ret)
{
	const char *text;
	int r = 0;

	if (id && !m->strings[id]) {
		text = strtab_get(&m->src->strings, id);
		r = cresset_profile_add_string(m->p, text, strlen(text), &m->strings[id]);
	}
	*ret = m->strings[id];
	return r;
}

static int add_mapping(struct merge *m, uint32_t id, uint32_t *ret)
{
	int r = 0;

	if (id && !m->mappings[id]) {
		struct cresset_mapping copy = *cresset_profile_mapping(m->src, id);

		r = add_string(m, copy.file, &copy.file);
		r = r ?: add_string(m, copy.build_id, &copy.build_id);
		r = r ?: cresset_profile_add_mapping(m->p, &copy, &m->mappings[id]);
	}
	*ret = m->mappings[id];
	return r;
}

static int add_function(struct merge *m, uint32_t id, uint32_t *ret)
{
	int r = 0;

	if (id && !m->functions[id]) {
		struct cresset_function copy = *cresset_profile_function(m->src, id);

		r = add_string(m, copy.name, &copy.name);
		r = r ?: add_string(m, copy.system_name, &copy.system_name);
		r = r ?: add_string(m, copy.filename, &copy.filename);
		r = r ?: cresset_profile_add_function(m->p, &copy, &m->functions[id]);
	}
	*ret = m->functions[id];
	return r;
}

static int add_location(struct merge *m, uint32_t id, uint32_t *ret)
{
	struct cresset_location copy = *cresset_profile_location(m->src, id);
	const struct cresset_line *lines = cresset_profile_lines(m->src, id);
	struct cresset_line *mapped;
	int r = 0;

	if (!id || m->locations[id]) {
		*ret = m->locations[id];
		return 0;
	}
	mapped = calloc(copy.n_lines + 1, sizeof(*mapped));
	if (!mapped)
		return -ENOMEM;
	for (uint32_t i = 0; i < copy.n_lines && !r; i++) {
		mapped[i] = lines[i];
		r = add_function(m, lines[i].function, &mapped[i].function);
	}
	r = r ?: add_mapping(m, copy.mapping, &copy.mapping);
	r = r ?: cresset_profile_add_location(m->p, &copy, mapped, &m->locations[id]);
	free(mapped);
	*ret = m->locations[id];
	return r;
}

static int add_stack(struct merge *m, uint32_t id, uint32_t *ret)
{
	uint32_t *mapped;
	const uint32_t *ids;
	size_t n;
	int r = 0;

	if (!id || m->stacks[id]) {
		*ret = m->stacks[id];
		return 0;
	}
	ids = cresset_profile_stack(m->src, id, &n);
	mapped = calloc(n + 1, sizeof(*mapped));
	if (!mapped)
		return -ENOMEM;
	for (size_t i = 0; i < n && !r; i++)
		r = add_location(m, ids[i], &mapped[i]);
	r = r ?: cresset_profile_add_stack(m->p, mapped, n, &m->stacks[id]);
	free(mapped);
	*ret = m->stacks[id];
	return r;
}

static int add_labels(struct merge *m, uint32_t id, uint32_t *ret)
{
	const struct cresset_label *labels;
	struct cresset_label *mapped;
	size_t n;
	int r = 0;

	if (!id || m->labels[id]) {
		*ret = m->labels[id];
		return 0;
	}
	labels = cresset_profile_labels(m->src, id, &n);
	mapped = calloc(n + 1, sizeof(*mapped));
	if (!mapped)
		return -ENOMEM;
	for (size_t i = 0; i < n && !r; i++) {
		mapped[i] = labels[i];
		r = add_string(m, labels[i].key, &mapped[i].key);
		r = r ?: add_string(m, labels[i].str, &mapped[i].str);
		r = r ?: add_string(m, labels[i].unit, &mapped[i].unit);
	}
	r = r ?: cresset_profile_add_labels(m->p, mapped, n, &m->labels[id]);
	free(mapped);
	*ret = m->labels[id];
	return r;
}

/* All of them, in the source's order. */
static int merge_tables(struct merge *m)
{
	const struct cresset_profile *s = m->src;
	uint32_t ignored;
	int r = 0;

	for (uint32_t id = 1; id <= cresset_profile_n_strings(s) && !r; id++)
		r = add_string(m, id, &ignored);
	for (uint32_t id = 1; id <= cresset_profile_n_mappings(s) && !r; id++)
		r = add_mapping(m, id, &ignored);
	for (uint32_t id = 1; id <= cresset_profile_n_functions(s) && !r; id++)
		r = add_function(m, id, &ignored);
	for (uint32_t id = 1; id <= cresset_profile_n_locations(s) && !r; id++)
		r = add_location(m, id, &ignored);
	for (uint32_t id = 1; id <= cresset_profile_n_stacks(s) && !r; id++)
		r = add_stack(m, id, &ignored);
	for (uint32_t id = 1; id <= cresset_profile_n_label_sets(s) && !r; id++)
		r = add_labels(m, id, &ignored);
	return r;
}

static int merge_samples(struct merge *m)
{
	const struct cresset_profile *s = m->src;
	int r = merge_tables(m);

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
	r = r ?: merge_samples(&m);
	r = r ?: merge_notes(&m);
	merge_maps_free(&m);
	return r;
}

/* ---- A part. */

/* Returns 1 if the sample has something in it. */
static int part_values(const struct merge *m, const struct profile_part *part, size_t i,
		       int64_t *values)
{
	const int64_t *from = cresset_profile_values(m->src, i);
	int any = 0;

	for (size_t k = 0; k < m->p->n_types; k++) {
		size_t type = part->types ? part->types[k] : k;

		values[k] = type < m->src->n_types ? from[type] : 0;
		any |= values[k] != 0;
	}
	return any;
}

static int part_sample(struct merge *m, const struct profile_part *part, size_t i)
{
	const struct cresset_sample *sample = cresset_profile_sample(m->src, i);
	int64_t values[PROFILE_MAX_TYPES];
	uint32_t stack, labels;
	int r;

	if (!part_values(m, part, i, values) || (part->wants && !part->wants(part->arg, i)))
		return 0;
	r = add_stack(m, sample->stack, &stack);
	if (!r)
		r = part->labels ? part->labels(part->arg, i, m->p, &labels)
				 : add_labels(m, sample->labels, &labels);
	return r ? r : cresset_profile_add_sample(m->p, stack, labels, values);
}

int profile_merge_part(struct cresset_profile *p, const struct cresset_profile *src,
		       const struct profile_part *part)
{
	struct merge m = {.p = p, .src = src};
	int r = p == src ? -EINVAL : merge_maps_new(&m);

	for (size_t i = 0; i < cresset_profile_n_samples(src) && !r; i++)
		r = part_sample(&m, part, i);
	merge_maps_free(&m);
	return r;
}
