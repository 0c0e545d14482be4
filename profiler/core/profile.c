// SPDX-License-Identifier: Apache-2.0
/*
 * profile - filling a struct cresset_profile. Each function checks the ids it is given, interns,
 * and leaves the profile as it was when it fails. Reading is in profile_read.c.
 */
#include "core/profile.h"

#include "core/bulk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int profile_init(struct cresset_profile *p)
{
	int r = strtab_init(&p->strings);

	vec_init(&p->locations, sizeof(struct location_entry));
	vec_init(&p->lines, sizeof(struct cresset_line));
	vec_init(&p->values, sizeof(int64_t));
	vec_init(&p->comments, sizeof(uint32_t));
	hash_init(&p->location_index);
	r = r
		    ?: table_init(&p->mappings, sizeof(struct cresset_mapping),
				  offsetof(struct cresset_mapping, flags));
	r = r
		    ?: table_init(&p->functions, sizeof(struct cresset_function),
				  sizeof(struct cresset_function));
	r = r
		    ?: table_init(&p->samples, sizeof(struct cresset_sample),
				  sizeof(struct cresset_sample));
	r = r ?: table_init(&p->stats, sizeof(struct cresset_stat), sizeof(uint32_t));
	r = r ?: stacktab_init(&p->stacks);
	r = r ?: stacktab_init(&p->labels);
	if (!r && !vec_push(&p->locations, NULL, 1))
		r = -ENOMEM;
	return r;
}

int cresset_profile_new(struct cresset_profile **ret)
{
	struct cresset_profile *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	r = profile_init(p);
	if (r < 0) {
		cresset_profile_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void cresset_profile_free(struct cresset_profile *p)
{
	if (!p)
		return;
	strtab_release(&p->strings);
	table_release(&p->mappings);
	table_release(&p->functions);
	table_release(&p->samples);
	table_release(&p->stats);
	vec_release(&p->locations);
	hash_release(&p->location_index);
	vec_release(&p->lines);
	vec_release(&p->values);
	vec_release(&p->comments);
	stacktab_release(&p->stacks);
	stacktab_release(&p->labels);
	free(p);
}

size_t cresset_profile_bytes(const struct cresset_profile *p)
{
	return sizeof(*p) + p->strings.text.total + vec_bytes(&p->strings.entries) +
	       hash_memory(&p->strings.index) + table_memory(&p->mappings) +
	       table_memory(&p->functions) + table_memory(&p->samples) + table_memory(&p->stats) +
	       vec_bytes(&p->locations) + hash_memory(&p->location_index) + vec_bytes(&p->lines) +
	       vec_bytes(&p->values) + vec_bytes(&p->comments) + vec_bytes(&p->stacks.words) +
	       vec_bytes(&p->stacks.entries) + hash_memory(&p->stacks.index) +
	       vec_bytes(&p->labels.words) + vec_bytes(&p->labels.entries) +
	       hash_memory(&p->labels.index);
}

int64_t profile_add_saturating(int64_t a, int64_t b)
{
	int64_t sum;

	if (!__builtin_add_overflow(a, b, &sum))
		return sum;
	return b < 0 ? INT64_MIN : INT64_MAX;
}

static bool profile_has_string(const struct cresset_profile *p, uint32_t id)
{
	return id <= strtab_count(&p->strings);
}

int cresset_profile_add_string(struct cresset_profile *p, const char *s, size_t len,
			       uint32_t *ret_id)
{
	return strtab_add(&p->strings, s, len, ret_id);
}

int profile_append_string(struct cresset_profile *p, const char *s, size_t len, uint32_t *ret_id)
{
	return strtab_append(&p->strings, s, len, ret_id);
}

static int profile_add_text(struct cresset_profile *p, const char *s, uint32_t *ret_id)
{
	return strtab_add(&p->strings, s, strlen(s), ret_id);
}

static int profile_make_type(struct cresset_profile *p, const char *type, const char *unit,
			     struct cresset_value_type *ret)
{
	struct cresset_value_type t;
	int r = profile_add_text(p, type, &t.type);

	r = r ?: profile_add_text(p, unit, &t.unit);
	if (!r)
		*ret = t;
	return r;
}

int cresset_profile_add_value_type(struct cresset_profile *p, const char *type, const char *unit)
{
	int r;

	if (table_count(&p->samples))
		return -EBUSY;
	if (p->n_types == PROFILE_MAX_TYPES)
		return -E2BIG;
	r = profile_make_type(p, type, unit, &p->types[p->n_types]);
	if (!r)
		p->n_types++;
	return r;
}

int cresset_profile_add_mapping(struct cresset_profile *p, const struct cresset_mapping *m,
				uint32_t *ret_id)
{
	struct cresset_mapping copy = *m;
	bool is_new;
	int r;

	if (!profile_has_string(p, m->file) || !profile_has_string(p, m->build_id))
		return -EINVAL;
	copy.pad = 0;
	r = table_add(&p->mappings, &copy, ret_id, &is_new);
	if (!r && !is_new)
		((struct cresset_mapping *)table_get(&p->mappings, *ret_id))->flags |= m->flags;
	return r;
}

static bool profile_has_strings_of(const struct cresset_profile *p,
				   const struct cresset_function *f)
{
	return profile_has_string(p, f->name) && profile_has_string(p, f->system_name) &&
	       profile_has_string(p, f->filename);
}

int cresset_profile_add_function(struct cresset_profile *p, const struct cresset_function *f,
				 uint32_t *ret_id)
{
	return profile_has_strings_of(p, f) ? table_add(&p->functions, f, ret_id, NULL) : -EINVAL;
}

int profile_append_function(struct cresset_profile *p, const struct cresset_function *f,
			    uint32_t *ret_id)
{
	return profile_has_strings_of(p, f) ? table_append(&p->functions, f, ret_id) : -EINVAL;
}

struct location_key {
	const struct cresset_location *loc;
	const struct cresset_line *lines;
};

static bool location_equal(const void *table, uint32_t id, const void *key)
{
	const struct cresset_profile *p = table;
	const struct location_entry *e = vec_at(&p->locations, id);
	const struct location_key *k = key;

	return e->pub.address == k->loc->address && e->pub.mapping == k->loc->mapping &&
	       e->key_flags == k->loc->flags && e->key_n_lines == k->loc->n_lines &&
	       (!e->key_n_lines || memcmp(vec_at(&p->lines, e->key_first_line), k->lines,
					  e->key_n_lines * sizeof(*k->lines)) == 0);
}

static uint64_t location_hash(const struct location_key *key)
{
	const uint64_t words[2] = {key->loc->address,
				   (uint64_t)key->loc->mapping << 32 | key->loc->flags};
	uint64_t hash = hash_bytes(words, sizeof(words), 0);

	if (key->loc->n_lines)
		hash = hash_bytes(key->lines, key->loc->n_lines * sizeof(*key->lines), hash);
	return hash;
}

static int profile_check_lines(const struct cresset_profile *p, const struct cresset_line *lines,
			       size_t n)
{
	if (n > UINT16_MAX || p->lines.n > INT32_MAX)
		return -E2BIG;
	for (size_t i = 0; i < n; i++)
		if (lines[i].function > table_count(&p->functions))
			return -EINVAL;
	return 0;
}

int profile_append_location(struct cresset_profile *p, const struct cresset_location *loc,
			    const struct cresset_line *lines, uint32_t *ret_id)
{
	struct location_entry e = {
		.pub = *loc, .key_n_lines = loc->n_lines, .key_flags = loc->flags};
	int r;

	if (loc->mapping > table_count(&p->mappings))
		return -EINVAL;
	r = profile_check_lines(p, lines, loc->n_lines);
	if (r < 0)
		return r;
	if (p->locations.n > INT32_MAX)
		return -E2BIG;
	e.pub.pad = 0;
	e.first_line = e.key_first_line = (uint32_t)p->lines.n;
	if (vec_reserve(&p->locations, 1) < 0 ||
	    (loc->n_lines && !vec_push(&p->lines, lines, loc->n_lines)))
		return -ENOMEM;
	vec_push(&p->locations, &e, 1);
	*ret_id = (uint32_t)(p->locations.n - 1);
	return 0;
}

/* Puts what was appended into the index. */
static int profile_index_locations(struct cresset_profile *p)
{
	while (p->location_index.n + 1 < p->locations.n) {
		uint32_t id = (uint32_t)p->location_index.n + 1;
		const struct location_entry *e = vec_at(&p->locations, id);
		struct cresset_location loc = e->pub;
		const struct location_key key = {
			.loc = &loc,
			.lines = e->key_n_lines ? vec_at(&p->lines, e->key_first_line) : NULL};

		loc.flags = e->key_flags;
		loc.n_lines = e->key_n_lines;
		if (hash_reserve(&p->location_index) < 0)
			return -ENOMEM;
		hash_insert(&p->location_index, location_hash(&key), id);
	}
	return 0;
}

int cresset_profile_add_location(struct cresset_profile *p, const struct cresset_location *loc,
				 const struct cresset_line *lines, uint32_t *ret_id)
{
	const struct location_key key = {.loc = loc, .lines = lines};
	uint64_t hash = location_hash(&key);
	uint32_t id;
	int r;

	if (profile_index_locations(p) < 0)
		return -ENOMEM;
	id = hash_find(&p->location_index, hash, location_equal, p, &key);
	if (id) {
		*ret_id = id;
		return 0;
	}
	if (hash_reserve(&p->location_index) < 0)
		return -ENOMEM;
	r = profile_append_location(p, loc, lines, ret_id);
	if (r == 0)
		hash_insert(&p->location_index, hash, *ret_id);
	return r;
}

int cresset_profile_add_frame(struct cresset_profile *p, const char *name, size_t len,
			      uint32_t flags, uint32_t *ret_id)
{
	struct cresset_function f = {0};
	struct cresset_line line = {0};
	const struct cresset_location loc = {.n_lines = 1,
					     .flags = flags | CRESSET_LOCATION_RESOLVED};
	int r = cresset_profile_add_string(p, name, len, &f.name);

	f.system_name = f.name;
	r = r ?: cresset_profile_add_function(p, &f, &line.function);
	return r ?: cresset_profile_add_location(p, &loc, &line, ret_id);
}

static bool profile_has_locations(const struct cresset_profile *p, const uint32_t *locations,
				  size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!locations[i] || locations[i] >= p->locations.n)
			return false;
	return true;
}

int cresset_profile_add_stack(struct cresset_profile *p, const uint32_t *locations, size_t n,
			      uint32_t *ret_id)
{
	if (!profile_has_locations(p, locations, n))
		return -EINVAL;
	return stacktab_add(&p->stacks, locations, n, ret_id);
}

int profile_append_stack(struct cresset_profile *p, const uint32_t *locations, size_t n,
			 uint32_t *ret_id)
{
	if (!profile_has_locations(p, locations, n))
		return -EINVAL;
	return stacktab_append(&p->stacks, locations, n, ret_id);
}

int profile_reserve_stacks(struct cresset_profile *p, size_t n, size_t n_locations)
{
	int r = vec_reserve(&p->stacks.entries, n);

	return r ?: vec_reserve(&p->stacks.words, n_locations);
}

int profile_reserve_samples(struct cresset_profile *p, size_t n)
{
	int r = vec_reserve(&p->samples.entries, n);

	return r ?: vec_reserve(&p->values, n * p->n_types);
}

int cresset_profile_add_labels(struct cresset_profile *p, const struct cresset_label *labels,
			       size_t n, uint32_t *ret_id)
{
	if (n > UINT16_MAX)
		return -E2BIG;
	for (size_t i = 0; i < n; i++)
		if (!labels[i].key || labels[i].pad || !profile_has_string(p, labels[i].key) ||
		    !profile_has_string(p, labels[i].str) || !profile_has_string(p, labels[i].unit))
			return -EINVAL;
	return stacktab_add(&p->labels, (const uint32_t *)labels, n * LABEL_WORDS, ret_id);
}

int cresset_profile_set_values(struct cresset_profile *p, size_t i, const int64_t *values)
{
	if (i >= table_count(&p->samples))
		return -EINVAL;
	memcpy(vec_at(&p->values, i * p->n_types), values, p->n_types * sizeof(*values));
	return 0;
}

/* Does it come after all that there are? Then it is new. Once one did not, this is not asked
 * again. */
static bool profile_is_last(const struct cresset_profile *p, const struct cresset_sample *sample)
{
	const struct cresset_sample *last = table_get(&p->samples, table_count(&p->samples));

	if (p->samples.index.n)
		return false;
	return sample->labels != last->labels ? sample->labels > last->labels
					      : sample->stack > last->stack;
}

static int profile_add_values(struct cresset_profile *p, const struct cresset_sample *sample,
			      const int64_t *values)
{
	int64_t *sums;
	uint32_t id;
	bool is_new;
	int r;

	/* First the values' room, so that a sample never stands without its values. */
	if (vec_reserve(&p->values, p->n_types) < 0)
		return -ENOMEM;
	is_new = profile_is_last(p, sample);
	r = is_new ? table_append(&p->samples, sample, &id)
		   : table_add(&p->samples, sample, &id, &is_new);
	if (r < 0)
		return r;
	if (is_new)
		vec_push(&p->values, NULL, p->n_types);
	sums = vec_at(&p->values, (id - 1) * p->n_types);
	for (size_t i = 0; i < p->n_types; i++)
		sums[i] = profile_add_saturating(sums[i], values[i]);
	return 0;
}

int cresset_profile_add_sample(struct cresset_profile *p, uint32_t stack, uint32_t labels,
			       const int64_t *values)
{
	const struct cresset_sample sample = {.stack = stack, .labels = labels};

	if (!p->n_types || stack > stacktab_count(&p->stacks) ||
	    labels > stacktab_count(&p->labels))
		return -EINVAL;
	return profile_add_values(p, &sample, values);
}

/* Exchanges the samples for those of `fresh`, which has nothing else. */
static int relabel_into(const struct cresset_profile *p, struct cresset_profile *fresh,
			const uint32_t *labels)
{
	size_t n = table_count(&p->samples);
	int r = table_init(&fresh->samples, sizeof(struct cresset_sample),
			   sizeof(struct cresset_sample));

	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct cresset_sample sample = {.stack = cresset_profile_sample(p, i)->stack,
						      .labels = labels[i]};

		if (labels[i] > stacktab_count(&p->labels))
			return -EINVAL;
		r = profile_add_values(fresh, &sample, cresset_profile_values(p, i));
	}
	return r;
}

int cresset_profile_relabel(struct cresset_profile *p, const uint32_t *labels)
{
	struct cresset_profile fresh = {.n_types = p->n_types};
	struct table samples = p->samples;
	struct vec values = p->values;
	int r;

	vec_init(&fresh.values, sizeof(int64_t));
	r = relabel_into(p, &fresh, labels);
	if (r == 0) {
		p->samples = fresh.samples;
		p->values = fresh.values;
		fresh.samples = samples;
		fresh.values = values;
	}
	table_release(&fresh.samples);
	vec_release(&fresh.values);
	return r;
}

void cresset_profile_set_default_type(struct cresset_profile *p, size_t index)
{
	if (index < p->n_types)
		p->default_type = index;
}

int cresset_profile_set_period(struct cresset_profile *p, const char *type, const char *unit,
			       int64_t period)
{
	int r = profile_make_type(p, type, unit, &p->period_type);

	if (!r)
		p->period = period;
	return r;
}

void cresset_profile_set_time(struct cresset_profile *p, int64_t time_ns, int64_t duration_ns)
{
	p->time_ns = time_ns;
	p->duration_ns = duration_ns;
}

int cresset_profile_add_comment(struct cresset_profile *p, const char *text)
{
	uint32_t id;
	int r = profile_add_text(p, text, &id);

	if (r < 0)
		return r;
	return vec_push(&p->comments, &id, 1) ? 0 : -ENOMEM;
}

int cresset_profile_set_stat(struct cresset_profile *p, const char *name, uint64_t value)
{
	struct cresset_stat stat = {.value = value};
	uint32_t id;
	int r = profile_add_text(p, name, &stat.name);

	r = r ?: table_add(&p->stats, &stat, &id, NULL);
	if (!r)
		((struct cresset_stat *)table_get(&p->stats, id))->value = value;
	return r;
}

int cresset_profile_set_lines(struct cresset_profile *p, uint32_t location,
			      const struct cresset_line *lines, size_t n, uint32_t flags)
{
	struct location_entry *e;
	int r = profile_check_lines(p, lines, n);

	if (r < 0)
		return r;
	if (!location || location >= p->locations.n)
		return -EINVAL;
	if (n && !vec_push(&p->lines, lines, n))
		return -ENOMEM;
	e = vec_at(&p->locations, location);
	e->first_line = (uint32_t)(p->lines.n - n);
	e->pub.n_lines = (uint32_t)n;
	e->pub.flags |= flags;
	return 0;
}

int cresset_profile_set_mapping_flags(struct cresset_profile *p, uint32_t mapping, uint8_t flags)
{
	if (!mapping || mapping > table_count(&p->mappings))
		return -EINVAL;
	((struct cresset_mapping *)table_get(&p->mappings, mapping))->flags |= flags;
	return 0;
}
