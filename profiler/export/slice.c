// SPDX-License-Identifier: Apache-2.0
/*
 * slice - a part of a profile as a profile: some of its samples and only what they refer to.
 *
 * Servers bound what they take in one request. The parts of a profile add up to it: each sample is
 * in one of them, whole. Ids of the source map to ids of the part through arrays that are filled on
 * first use; 0 is "not copied yet", which the empty entry is anyway.
 */
#include "export/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct slice {
	struct cresset_profile *p;
	const struct cresset_profile *src;
	uint32_t *strings, *mappings, *functions, *locations, *stacks, *labels;
	struct vec scratch;
	int error;
};

static void failed(struct slice *s, int r)
{
	if (r < 0 && !s->error)
		s->error = r;
}

static uint32_t string_of(struct slice *s, uint32_t id)
{
	const char *text;

	if (id && !s->strings[id]) {
		text = cresset_profile_string(s->src, id);
		failed(s, cresset_profile_add_string(s->p, text, strlen(text), &s->strings[id]));
	}
	return s->strings[id];
}

static uint32_t mapping_of(struct slice *s, uint32_t id)
{
	struct cresset_mapping copy;

	if (id && !s->mappings[id]) {
		copy = *cresset_profile_mapping(s->src, id);
		copy.file = string_of(s, copy.file);
		copy.build_id = string_of(s, copy.build_id);
		failed(s, cresset_profile_add_mapping(s->p, &copy, &s->mappings[id]));
	}
	return s->mappings[id];
}

static uint32_t function_of(struct slice *s, uint32_t id)
{
	struct cresset_function copy;

	if (id && !s->functions[id]) {
		copy = *cresset_profile_function(s->src, id);
		copy.name = string_of(s, copy.name);
		copy.system_name = string_of(s, copy.system_name);
		copy.filename = string_of(s, copy.filename);
		failed(s, cresset_profile_add_function(s->p, &copy, &s->functions[id]));
	}
	return s->functions[id];
}

/* Room for n elements of that size; NULL, with the error noted, when there is none. */
static void *scratch(struct slice *s, size_t n, size_t size)
{
	s->scratch.n = 0;
	if (vec_reserve(&s->scratch, (n + 1) * size) == 0)
		return s->scratch.data;
	failed(s, -ENOMEM);
	return NULL;
}

static uint32_t location_of(struct slice *s, uint32_t id)
{
	const struct cresset_line *lines = cresset_profile_lines(s->src, id);
	struct cresset_location copy;
	struct cresset_line *mapped;

	if (!id || s->locations[id])
		return s->locations[id];
	copy = *cresset_profile_location(s->src, id);
	/* Not the scratch: the stack that asks is in there. */
	mapped = calloc((size_t)copy.n_lines + 1, sizeof(*mapped));
	if (!mapped) {
		failed(s, -ENOMEM);
		return 0;
	}
	for (uint32_t i = 0; i < copy.n_lines; i++) {
		mapped[i] = lines[i];
		mapped[i].function = function_of(s, lines[i].function);
	}
	copy.mapping = mapping_of(s, copy.mapping);
	if (!s->error)
		failed(s, cresset_profile_add_location(s->p, &copy, mapped, &s->locations[id]));
	free(mapped);
	return s->locations[id];
}

static uint32_t stack_of(struct slice *s, uint32_t id)
{
	size_t n;
	const uint32_t *ids = cresset_profile_stack(s->src, id, &n);
	uint32_t *mapped;

	if (!id || s->stacks[id])
		return s->stacks[id];
	mapped = scratch(s, n, sizeof(*mapped));
	for (size_t i = 0; mapped && i < n; i++)
		mapped[i] = location_of(s, ids[i]);
	if (mapped && !s->error)
		failed(s, cresset_profile_add_stack(s->p, mapped, n, &s->stacks[id]));
	return s->stacks[id];
}

static uint32_t labels_of(struct slice *s, uint32_t id)
{
	size_t n;
	const struct cresset_label *labels = cresset_profile_labels(s->src, id, &n);
	struct cresset_label *mapped;

	if (!id || s->labels[id])
		return s->labels[id];
	mapped = scratch(s, n, sizeof(*mapped));
	for (size_t i = 0; mapped && i < n; i++) {
		mapped[i] = labels[i];
		mapped[i].key = string_of(s, labels[i].key);
		mapped[i].str = string_of(s, labels[i].str);
		mapped[i].unit = string_of(s, labels[i].unit);
	}
	if (mapped && !s->error)
		failed(s, cresset_profile_add_labels(s->p, mapped, n, &s->labels[id]));
	return s->labels[id];
}

static void copy_whole(struct slice *s)
{
	struct cresset_value_type t = cresset_profile_period_type(s->src);

	for (size_t i = 0; i < cresset_profile_n_value_types(s->src) && !s->error; i++) {
		struct cresset_value_type v = cresset_profile_value_type(s->src, i);

		failed(s,
		       cresset_profile_add_value_type(s->p, cresset_profile_string(s->src, v.type),
						      cresset_profile_string(s->src, v.unit)));
	}
	cresset_profile_set_default_type(s->p, cresset_profile_default_type(s->src));
	if (t.type && !s->error)
		failed(s, cresset_profile_set_period(s->p, cresset_profile_string(s->src, t.type),
						     cresset_profile_string(s->src, t.unit),
						     cresset_profile_period(s->src)));
	cresset_profile_set_time(s->p, cresset_profile_time_ns(s->src),
				 cresset_profile_duration_ns(s->src));
}

static void copy_remarks(struct slice *s)
{
	for (size_t i = 0; i < cresset_profile_n_comments(s->src) && !s->error; i++)
		failed(s, cresset_profile_add_comment(s->p, cresset_profile_comment(s->src, i)));
	for (size_t i = 0; i < cresset_profile_n_stats(s->src) && !s->error; i++) {
		struct cresset_stat stat = cresset_profile_stat(s->src, i);

		failed(s, cresset_profile_set_stat(s->p, cresset_profile_string(s->src, stat.name),
						   stat.value));
	}
}

static void copy_samples(struct slice *s, size_t first, size_t n)
{
	for (size_t i = first; i < first + n && !s->error; i++) {
		const struct cresset_sample *sample = cresset_profile_sample(s->src, i);
		uint32_t stack = stack_of(s, sample->stack);
		uint32_t labels = labels_of(s, sample->labels);

		if (!s->error)
			failed(s, cresset_profile_add_sample(s->p, stack, labels,
							     cresset_profile_values(s->src, i)));
	}
	/* What the symbolizer found out of a binary is no part of its identity. */
	for (uint32_t i = 1; i <= cresset_profile_n_mappings(s->src) && !s->error; i++)
		if (s->mappings[i])
			failed(s, cresset_profile_set_mapping_flags(
					  s->p, s->mappings[i],
					  cresset_profile_mapping(s->src, i)->flags));
}

static bool maps_new(struct slice *s)
{
	const struct cresset_profile *p = s->src;

	s->strings = calloc((size_t)cresset_profile_n_strings(p) + 1, sizeof(uint32_t));
	s->mappings = calloc((size_t)cresset_profile_n_mappings(p) + 1, sizeof(uint32_t));
	s->functions = calloc((size_t)cresset_profile_n_functions(p) + 1, sizeof(uint32_t));
	s->locations = calloc((size_t)cresset_profile_n_locations(p) + 1, sizeof(uint32_t));
	s->stacks = calloc((size_t)cresset_profile_n_stacks(p) + 1, sizeof(uint32_t));
	s->labels = calloc((size_t)cresset_profile_n_label_sets(p) + 1, sizeof(uint32_t));
	return s->strings && s->mappings && s->functions && s->locations && s->stacks && s->labels;
}

static void maps_free(struct slice *s)
{
	free(s->strings);
	free(s->mappings);
	free(s->functions);
	free(s->locations);
	free(s->stacks);
	free(s->labels);
	vec_release(&s->scratch);
}

int export_slice(const struct cresset_profile *p, size_t first, size_t n,
		 struct cresset_profile **ret)
{
	struct slice s = {.src = p};

	vec_init(&s.scratch, 1);
	s.error = maps_new(&s) ? cresset_profile_new(&s.p) : -ENOMEM;
	if (!s.error)
		copy_whole(&s);
	if (!s.error && first == 0)
		copy_remarks(&s);
	if (!s.error)
		copy_samples(&s, first, n);
	maps_free(&s);
	if (s.error) {
		cresset_profile_free(s.p);
		return s.error;
	}
	*ret = s.p;
	return 0;
}
