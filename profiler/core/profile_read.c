// SPDX-License-Identifier: Apache-2.0
/* profile - reading a struct cresset_profile. Ids out of range give the empty entry. */
#include "core/profile.h"

#include <string.h>

const char *cresset_profile_string(const struct cresset_profile *p, uint32_t id)
{
	return strtab_get(&p->strings, id);
}

uint32_t cresset_profile_n_strings(const struct cresset_profile *p)
{
	return strtab_count(&p->strings);
}

uint32_t cresset_profile_n_mappings(const struct cresset_profile *p)
{
	return table_count(&p->mappings);
}

uint32_t cresset_profile_n_functions(const struct cresset_profile *p)
{
	return table_count(&p->functions);
}

uint32_t cresset_profile_n_locations(const struct cresset_profile *p)
{
	return (uint32_t)(p->locations.n - 1);
}

uint32_t cresset_profile_n_stacks(const struct cresset_profile *p)
{
	return stacktab_count(&p->stacks);
}

uint32_t cresset_profile_n_label_sets(const struct cresset_profile *p)
{
	return stacktab_count(&p->labels);
}

const struct cresset_mapping *cresset_profile_mapping(const struct cresset_profile *p, uint32_t id)
{
	return table_get(&p->mappings, id);
}

const struct cresset_function *cresset_profile_function(const struct cresset_profile *p,
							uint32_t id)
{
	return table_get(&p->functions, id);
}

static const struct location_entry *profile_location_entry(const struct cresset_profile *p,
							   uint32_t id)
{
	return vec_at(&p->locations, id < p->locations.n ? id : 0);
}

const struct cresset_location *cresset_profile_location(const struct cresset_profile *p,
							uint32_t id)
{
	return &profile_location_entry(p, id)->pub;
}

const struct cresset_line *cresset_profile_lines(const struct cresset_profile *p, uint32_t location)
{
	const struct location_entry *e = profile_location_entry(p, location);

	return e->pub.n_lines ? vec_at(&p->lines, e->first_line) : NULL;
}

const uint32_t *cresset_profile_stack(const struct cresset_profile *p, uint32_t id, size_t *ret_n)
{
	return stacktab_get(&p->stacks, id, ret_n);
}

const struct cresset_label *cresset_profile_labels(const struct cresset_profile *p, uint32_t id,
						   size_t *ret_n)
{
	const uint32_t *words = stacktab_get(&p->labels, id, ret_n);

	*ret_n /= LABEL_WORDS;
	return (const void *)words;
}

size_t cresset_profile_n_value_types(const struct cresset_profile *p)
{
	return p->n_types;
}

struct cresset_value_type cresset_profile_value_type(const struct cresset_profile *p, size_t i)
{
	return i < p->n_types ? p->types[i] : (struct cresset_value_type){0};
}

size_t cresset_profile_default_type(const struct cresset_profile *p)
{
	return p->default_type;
}

struct cresset_value_type cresset_profile_period_type(const struct cresset_profile *p)
{
	return p->period_type;
}

int64_t cresset_profile_period(const struct cresset_profile *p)
{
	return p->period;
}

int64_t cresset_profile_time_ns(const struct cresset_profile *p)
{
	return p->time_ns;
}

int64_t cresset_profile_duration_ns(const struct cresset_profile *p)
{
	return p->duration_ns;
}

size_t cresset_profile_n_comments(const struct cresset_profile *p)
{
	return p->comments.n;
}

const char *cresset_profile_comment(const struct cresset_profile *p, size_t i)
{
	const uint32_t *ids = p->comments.data;

	return i < p->comments.n ? strtab_get(&p->strings, ids[i]) : "";
}

size_t cresset_profile_n_stats(const struct cresset_profile *p)
{
	return table_count(&p->stats);
}

struct cresset_stat cresset_profile_stat(const struct cresset_profile *p, size_t i)
{
	const struct cresset_stat *s =
		table_get(&p->stats, i < table_count(&p->stats) ? (uint32_t)i + 1 : 0);

	return *s;
}

size_t cresset_profile_n_samples(const struct cresset_profile *p)
{
	return table_count(&p->samples);
}

const struct cresset_sample *cresset_profile_sample(const struct cresset_profile *p, size_t i)
{
	return table_get(&p->samples, i < table_count(&p->samples) ? (uint32_t)i + 1 : 0);
}

const int64_t *cresset_profile_values(const struct cresset_profile *p, size_t i)
{
	static const int64_t none[PROFILE_MAX_TYPES];

	return i < table_count(&p->samples) ? vec_at(&p->values, i * p->n_types) : none;
}

int64_t cresset_profile_total(const struct cresset_profile *p, size_t value_index)
{
	int64_t total = 0;

	if (value_index >= p->n_types)
		return 0;
	for (size_t i = 0; i < table_count(&p->samples); i++)
		total = profile_add_saturating(total, cresset_profile_values(p, i)[value_index]);
	return total;
}

const struct cresset_label *cresset_profile_find_label(const struct cresset_profile *p,
						       uint32_t labels, const char *key)
{
	size_t n;
	const struct cresset_label *l = cresset_profile_labels(p, labels, &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(strtab_get(&p->strings, l[i].key), key) == 0)
			return &l[i];
	return NULL;
}
