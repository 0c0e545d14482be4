// SPDX-License-Identifier: Apache-2.0
/*
 * Reading pprof's profile.proto, gzipped or bare.
 *
 * A message may have its tables in any order and most writers put the strings after what uses them,
 * so the file is walked four times: strings; types, mappings, functions and the rest; locations;
 * samples. A walk over what is not wanted costs a few bytes for each message. That needs no tree of
 * the message in memory (protobuf-c's would be several times the file, and a hostile file can make
 * it forty times), so the profile itself is all that grows, and only with the input.
 *
 * Everything that names something that is not there is an error with the entry's number. What the
 * profile has no place for is left out: drop_frames, keep_frames, doc_url, Location.is_folded. A
 * function that is only the text of an address ("[binary+0xaddress]", as our writer makes them) is
 * no name, and "stat NAME VALUE" in a comment is a stat. Addresses of other people's profiles are
 * run-time ones, so every location counts as resolved: looking them up in an ELF file would lie.
 */
#include "formats/fmt_pprof.h"

#include "core/vec.h"
#include "formats/gunzip.h"
#include "formats/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNPACKED_MAX ((size_t)2 << 30)

enum { N_NUMBERS = 16, LINES_MAX = 1024, SNIFF_FIELDS = 8 };

/* A file's id and what it became. */
struct id_entry {
	uint64_t id;
	uint32_t to;
};

struct ids {
	struct vec entries; /* struct id_entry; by id once ids_finish() has been called */
	bool dense;	    /* they are 1, 2, 3 …, as from nearly all writers */
};

struct reader {
	struct cresset_profile *p;
	struct cresset_error *err;
	struct vec strings;	/* uint32_t: index in the file → our id */
	struct vec functions;	/* struct cresset_function, to be added when used */
	struct vec function_to; /* uint32_t: what they were added as, 0: not yet */
	struct ids mapping_ids, function_ids, location_ids;
	struct vec lines, stack, values, labels; /* of the entry at hand */
	size_t n_types;
	size_t entry; /* number of the entry at hand in its table, from 1 */
};

static int fail(struct reader *d, const char *table, const char *what, uint64_t which)
{
	return cresset_error_set(d->err, -EINVAL, "%s %zu: %s %llu does not exist", table, d->entry,
				 what, (unsigned long long)which);
}

static int damaged(struct reader *d, const char *table)
{
	return cresset_error_set(d->err, -EINVAL, "%s %zu is damaged", table, d->entry);
}

/* ---- Ids. */

static int ids_add(struct ids *m, uint64_t id, uint32_t to)
{
	struct id_entry e = {.id = id, .to = to};

	if (!m->entries.n)
		m->dense = true;
	m->dense &= id == m->entries.n + 1;
	return vec_push(&m->entries, &e, 1) ? 0 : -ENOMEM;
}

static int id_compare(const void *a, const void *b)
{
	uint64_t x = ((const struct id_entry *)a)->id, y = ((const struct id_entry *)b)->id;

	return (x > y) - (x < y);
}

/* Sorts, and finds an id that stands twice; 0 is taken by "none". */
static int ids_finish(struct reader *d, struct ids *m, const char *table)
{
	const struct id_entry *e;

	if (m->dense || !m->entries.n)
		return 0;
	qsort(m->entries.data, m->entries.n, sizeof(struct id_entry), id_compare);
	e = m->entries.data;
	if (e[0].id == 0)
		return cresset_error_set(d->err, -EINVAL, "a %s has the id 0", table);
	for (size_t i = 1; i < m->entries.n; i++)
		if (e[i].id == e[i - 1].id)
			return cresset_error_set(d->err, -EINVAL, "two %ss have the id %llu", table,
						 (unsigned long long)e[i].id);
	return 0;
}

static const struct id_entry *ids_find(const struct ids *m, uint64_t id)
{
	const struct id_entry key = {.id = id};

	if (!m->entries.n)
		return NULL;
	if (m->dense)
		return id && id <= m->entries.n ? vec_at(&m->entries, id - 1) : NULL;
	return bsearch(&key, m->entries.data, m->entries.n, sizeof(key), id_compare);
}

/* ---- Messages. */

/* The message's numbers by field; of a repeated one the last. */
static int read_numbers(struct reader *d, struct wire_in in, const char *table,
			uint64_t numbers[N_NUMBERS])
{
	struct wire_field f;

	memset(numbers, 0, N_NUMBERS * sizeof(*numbers));
	while (wire_next(&in, &f))
		if (f.type == WIRE_VARINT && f.number < N_NUMBERS)
			numbers[f.number] = f.value;
	return in.bad ? damaged(d, table) : 0;
}

static int get_string(struct reader *d, const char *table, uint64_t index, uint32_t *ret)
{
	if (index >= d->strings.n)
		return fail(d, table, "string", index);
	*ret = ((uint32_t *)d->strings.data)[index];
	return 0;
}

static int read_string(struct reader *d, struct wire_in in)
{
	uint32_t id;
	int r;

	if (!d->strings.n && in.at != in.end)
		return cresset_error_set(d->err, -EINVAL, "string 0 is not empty");
	r = cresset_profile_add_string(d->p, (const char *)in.at, wire_left(&in), &id);
	if (r == 0 && !vec_push(&d->strings, &id, 1))
		r = -ENOMEM;
	return r;
}

static int read_value_type(struct reader *d, struct wire_in in, const char *table,
			   const char **ret_type, const char **ret_unit)
{
	uint64_t numbers[N_NUMBERS];
	uint32_t type = 0, unit = 0;
	int r = read_numbers(d, in, table, numbers);

	r = r ?: get_string(d, table, numbers[VALUE_TYPE_TYPE], &type);
	r = r ?: get_string(d, table, numbers[VALUE_TYPE_UNIT], &unit);
	if (r < 0)
		return r;
	*ret_type = cresset_profile_string(d->p, type);
	*ret_unit = cresset_profile_string(d->p, unit);
	return 0;
}

static int read_sample_type(struct reader *d, struct wire_in in)
{
	const char *type, *unit;
	int r = read_value_type(d, in, "sample type", &type, &unit);

	r = r ?: cresset_profile_add_value_type(d->p, type, unit);
	if (r == -E2BIG)
		return cresset_error_set(d->err, r, "more than %zu value types", d->n_types);
	d->n_types++;
	return r;
}

static bool starts_with(const char *s, const char *start)
{
	return strncmp(s, start, strlen(start)) == 0;
}

static uint8_t mapping_kind(const char *file)
{
	if (starts_with(file, "[kernel"))
		return CRESSET_MAPPING_KERNEL;
	if (strcmp(file, "[vdso]") == 0)
		return CRESSET_MAPPING_VDSO;
	if (!file[0] || starts_with(file, "//anon"))
		return CRESSET_MAPPING_ANON;
	return file[0] == '[' ? CRESSET_MAPPING_OTHER : CRESSET_MAPPING_FILE;
}

static int read_mapping(struct reader *d, struct wire_in in)
{
	struct cresset_mapping m = {0};
	uint64_t numbers[N_NUMBERS];
	uint32_t to;
	int r = read_numbers(d, in, "mapping", numbers);

	r = r ?: get_string(d, "mapping", numbers[MAPPING_FILENAME], &m.file);
	r = r ?: get_string(d, "mapping", numbers[MAPPING_BUILD_ID], &m.build_id);
	if (r < 0)
		return r;
	m.start = numbers[MAPPING_MEMORY_START];
	m.limit = numbers[MAPPING_MEMORY_LIMIT];
	m.offset = numbers[MAPPING_FILE_OFFSET];
	m.kind = mapping_kind(cresset_profile_string(d->p, m.file));
	m.flags = (numbers[MAPPING_HAS_FUNCTIONS] ? CRESSET_MAPPING_HAS_FUNCTIONS : 0) |
		  (numbers[MAPPING_HAS_FILENAMES] ? CRESSET_MAPPING_HAS_FILENAMES : 0) |
		  (numbers[MAPPING_HAS_LINE_NUMBERS] ? CRESSET_MAPPING_HAS_LINES : 0) |
		  (numbers[MAPPING_HAS_INLINE_FRAMES] ? CRESSET_MAPPING_HAS_INLINES : 0);
	r = cresset_profile_add_mapping(d->p, &m, &to);
	return r ?: ids_add(&d->mapping_ids, numbers[MAPPING_ID], to);
}

/* Takes it in, but adds it to the profile only when a line names it. */
static int read_function(struct reader *d, struct wire_in in)
{
	struct cresset_function f = {0};
	uint64_t numbers[N_NUMBERS];
	int r = read_numbers(d, in, "function", numbers);

	r = r ?: get_string(d, "function", numbers[FUNCTION_NAME], &f.name);
	r = r ?: get_string(d, "function", numbers[FUNCTION_SYSTEM_NAME], &f.system_name);
	r = r ?: get_string(d, "function", numbers[FUNCTION_FILENAME], &f.filename);
	if (r < 0)
		return r;
	if (numbers[FUNCTION_START_LINE] <= UINT32_MAX)
		f.start_line = (uint32_t)numbers[FUNCTION_START_LINE];
	if (!vec_push(&d->functions, &f, 1) || !vec_push(&d->function_to, NULL, 1))
		return -ENOMEM;
	return ids_add(&d->function_ids, numbers[FUNCTION_ID], (uint32_t)d->functions.n - 1);
}

/* The profile's id of the file's i-th function. */
static int use_function(struct reader *d, uint32_t i, uint32_t *ret)
{
	uint32_t *to = vec_at(&d->function_to, i);
	int r = 0;

	if (!*to)
		r = cresset_profile_add_function(d->p, vec_at(&d->functions, i), to);
	*ret = *to;
	return r;
}

/* line.function is an index into d->functions until the location is added. */
static int read_line(struct reader *d, struct wire_in in)
{
	struct cresset_line line = {0};
	const struct id_entry *function;
	uint64_t numbers[N_NUMBERS];
	int r = read_numbers(d, in, "location", numbers);

	if (r < 0)
		return r;
	function = ids_find(&d->function_ids, numbers[LINE_FUNCTION_ID]);
	if (!function)
		return fail(d, "location", "function", numbers[LINE_FUNCTION_ID]);
	if (d->lines.n == LINES_MAX)
		return cresset_error_set(d->err, -E2BIG, "location %zu has more than %d lines",
					 d->entry, LINES_MAX);
	line.function = function->to;
	/* Negative ones have been seen for "unknown". */
	if (numbers[LINE_LINE] <= INT32_MAX)
		line.line = (uint32_t)numbers[LINE_LINE];
	if (numbers[LINE_COLUMN] <= INT32_MAX)
		line.column = (uint32_t)numbers[LINE_COLUMN];
	return vec_push(&d->lines, &line, 1) ? 0 : -ENOMEM;
}

/* Is the location's only line nothing but the text of its address? Then *ret_id is the location
 * without it. The bare location is made to see; unless it was there before it can then be given its
 * line, as no other entry knows it. */
static int try_bare(struct reader *d, const struct cresset_location *loc, uint32_t *ret_id)
{
	const struct cresset_line *line = d->lines.data;
	const struct cresset_function *f;
	struct cresset_location bare = *loc;
	uint32_t before = cresset_profile_n_locations(d->p), function;
	struct cresset_line whole;
	char text[512];
	int r;

	*ret_id = 0;
	if (d->lines.n != 1 || line->line || !loc->mapping)
		return 0;
	f = vec_at(&d->functions, line->function);
	if (f->filename || cresset_profile_string(d->p, f->name)[0] != '[')
		return 0;
	bare.n_lines = 0;
	r = cresset_profile_add_location(d->p, &bare, NULL, ret_id);
	if (r < 0)
		return r;
	cresset_profile_location_text(d->p, *ret_id, text, sizeof(text));
	if (strcmp(text, cresset_profile_string(d->p, f->name)) == 0)
		return 0;
	if (*ret_id <= before) {
		*ret_id = 0;
		return 0;
	}
	r = use_function(d, line->function, &function);
	whole = (struct cresset_line){.function = function, .column = line->column};
	return r ?: cresset_profile_set_lines(d->p, *ret_id, &whole, 1, 0);
}

static uint32_t location_flags(const struct reader *d, const struct cresset_location *loc)
{
	const struct cresset_mapping *m = cresset_profile_mapping(d->p, loc->mapping);
	const struct cresset_line *lines = d->lines.data;
	const struct cresset_function *f;

	if (loc->mapping && m->kind == CRESSET_MAPPING_KERNEL)
		return CRESSET_LOCATION_KERNEL;
	/* The upper half of the address space is the kernel's. */
	if (m->kind == CRESSET_MAPPING_OTHER && loc->address >> 63)
		return CRESSET_LOCATION_KERNEL;
	if (loc->mapping && m->kind == CRESSET_MAPPING_ANON)
		return CRESSET_LOCATION_JIT;
	if (loc->mapping || !d->lines.n)
		return 0;
	f = vec_at(&d->functions, lines[0].function);
	return starts_with(cresset_profile_string(d->p, f->name), "[error: ")
		       ? CRESSET_LOCATION_ERROR
		       : 0;
}

static int add_location(struct reader *d, struct cresset_location *loc, uint64_t id)
{
	struct cresset_line *lines = d->lines.data;
	uint32_t to;
	int r;

	loc->n_lines = (uint32_t)d->lines.n;
	loc->flags = location_flags(d, loc) | CRESSET_LOCATION_RESOLVED;
	r = try_bare(d, loc, &to);
	if (r == 0 && !to) {
		for (uint32_t i = 0; i < loc->n_lines && r == 0; i++)
			r = use_function(d, lines[i].function, &lines[i].function);
		r = r ?: cresset_profile_add_location(d->p, loc, lines, &to);
	}
	return r ?: ids_add(&d->location_ids, id, to);
}

static int read_location(struct reader *d, struct wire_in in)
{
	struct cresset_location loc = {0};
	const struct id_entry *mapping;
	uint64_t numbers[N_NUMBERS];
	struct wire_field f;
	int r = read_numbers(d, in, "location", numbers);

	d->lines.n = 0;
	while (r == 0 && wire_next(&in, &f))
		if (f.number == LOCATION_LINE && f.type == WIRE_BYTES)
			r = read_line(d, f.bytes);
	if (r < 0)
		return r;
	if (numbers[LOCATION_MAPPING_ID]) {
		mapping = ids_find(&d->mapping_ids, numbers[LOCATION_MAPPING_ID]);
		if (!mapping)
			return fail(d, "location", "mapping", numbers[LOCATION_MAPPING_ID]);
		loc.mapping = mapping->to;
	}
	loc.address = numbers[LOCATION_ADDRESS];
	return add_location(d, &loc, numbers[LOCATION_ID]);
}

/* A repeated number, packed or not: calls add for each. */
static int read_repeated(struct reader *d, const struct wire_field *f,
			 int (*add)(struct reader *d, uint64_t x))
{
	struct wire_in in = f->bytes;
	int r = 0;

	if (f->type == WIRE_VARINT)
		return add(d, f->value);
	if (f->type != WIRE_BYTES)
		return 0;
	while (r == 0 && in.at < in.end) {
		uint64_t x = wire_get(&in);

		r = in.bad ? damaged(d, "entry") : add(d, x);
	}
	return r;
}

static int add_stack_location(struct reader *d, uint64_t id)
{
	const struct id_entry *e = ids_find(&d->location_ids, id);

	if (!e)
		return fail(d, "sample", "location", id);
	return vec_push(&d->stack, &e->to, 1) ? 0 : -ENOMEM;
}

static int add_value(struct reader *d, uint64_t x)
{
	int64_t value = (int64_t)x;

	return vec_push(&d->values, &value, 1) ? 0 : -ENOMEM;
}

static int read_label(struct reader *d, struct wire_in in)
{
	struct cresset_label l = {0};
	uint64_t numbers[N_NUMBERS];
	int r = read_numbers(d, in, "sample", numbers);

	r = r ?: get_string(d, "sample", numbers[LABEL_KEY], &l.key);
	r = r ?: get_string(d, "sample", numbers[LABEL_STR], &l.str);
	r = r ?: get_string(d, "sample", numbers[LABEL_NUM_UNIT], &l.unit);
	if (r < 0)
		return r;
	if (!l.key)
		return cresset_error_set(d->err, -EINVAL, "sample %zu: a label has no key",
					 d->entry);
	if (l.str)
		l.unit = 0;
	else
		l.num = (int64_t)numbers[LABEL_NUM];
	return vec_push(&d->labels, &l, 1) ? 0 : -ENOMEM;
}

static int read_sample(struct reader *d, struct wire_in in)
{
	uint32_t stack, labels;
	struct wire_field f;
	int r = 0;

	d->stack.n = d->values.n = d->labels.n = 0;
	while (r == 0 && wire_next(&in, &f)) {
		if (f.number == SAMPLE_LOCATION_ID)
			r = read_repeated(d, &f, add_stack_location);
		else if (f.number == SAMPLE_VALUE)
			r = read_repeated(d, &f, add_value);
		else if (f.number == SAMPLE_LABEL && f.type == WIRE_BYTES)
			r = read_label(d, f.bytes);
	}
	if (r == 0 && in.bad)
		r = damaged(d, "sample");
	if (r == 0 && (d->values.n != d->n_types || !d->n_types))
		r = cresset_error_set(d->err, -EINVAL, "sample %zu has %zu values for %zu types",
				      d->entry, d->values.n, d->n_types);
	r = r ?: cresset_profile_add_stack(d->p, d->stack.data, d->stack.n, &stack);
	r = r ?: cresset_profile_add_labels(d->p, d->labels.data, d->labels.n, &labels);
	return r ?: cresset_profile_add_sample(d->p, stack, labels, d->values.data);
}

/* ---- The whole. */

/* "stat NAME VALUE" as our writer puts it. */
static bool parse_stat(const char *text, char *name, size_t size, uint64_t *ret_value)
{
	const char *value = strrchr(text, ' ');
	uint64_t x = 0;
	size_t n;

	if (!starts_with(text, PPROF_STAT) || !value || value <= text + strlen(PPROF_STAT))
		return false;
	n = (size_t)(value - text) - strlen(PPROF_STAT);
	if (n >= size || !value[1])
		return false;
	for (const char *c = value + 1; *c; c++)
		if (*c < '0' || *c > '9' || __builtin_mul_overflow(x, 10, &x) ||
		    __builtin_add_overflow(x, *c - '0', &x))
			return false;
	memcpy(name, text + strlen(PPROF_STAT), n);
	name[n] = '\0';
	*ret_value = x;
	return true;
}

static int add_comment(struct reader *d, uint64_t index)
{
	const char *text;
	char name[512];
	uint64_t value;
	uint32_t id = 0;
	int r = get_string(d, "comment", index, &id);

	if (r < 0)
		return r;
	text = cresset_profile_string(d->p, id);
	if (parse_stat(text, name, sizeof(name), &value))
		return cresset_profile_set_stat(d->p, name, value);
	return cresset_profile_add_comment(d->p, text);
}

static int walk_strings(struct reader *d, const struct wire_field *f)
{
	return f->number == PROFILE_STRING_TABLE && f->type == WIRE_BYTES ? read_string(d, f->bytes)
									  : 0;
}

static int walk_tables(struct reader *d, const struct wire_field *f)
{
	bool bytes = f->type == WIRE_BYTES;

	if (f->number == PROFILE_COMMENT)
		return read_repeated(d, f, add_comment);
	if (bytes && f->number == PROFILE_SAMPLE_TYPE)
		return read_sample_type(d, f->bytes);
	if (bytes && f->number == PROFILE_MAPPING)
		return read_mapping(d, f->bytes);
	if (bytes && f->number == PROFILE_FUNCTION)
		return read_function(d, f->bytes);
	return 0;
}

static int walk_locations(struct reader *d, const struct wire_field *f)
{
	return f->number == PROFILE_LOCATION && f->type == WIRE_BYTES ? read_location(d, f->bytes)
								      : 0;
}

static int walk_samples(struct reader *d, const struct wire_field *f)
{
	return f->number == PROFILE_SAMPLE && f->type == WIRE_BYTES ? read_sample(d, f->bytes) : 0;
}

static int walk(struct reader *d, struct wire_in in,
		int (*take)(struct reader *d, const struct wire_field *f))
{
	const uint8_t *start = in.at;
	size_t counts[N_NUMBERS] = {0}, at = 0;
	struct wire_field f;
	int r = 0;

	while (r == 0 && wire_next(&in, &f)) {
		at = (size_t)(in.at - start);
		d->entry = f.number < N_NUMBERS ? ++counts[f.number] : 1;
		r = take(d, &f);
	}
	if (r == 0 && in.bad)
		r = cresset_error_set(d->err, -EINVAL, "damaged or cut off after byte %zu", at);
	return r;
}

/* What stands once in the message. pprof's default is the last type where none is named. */
static int read_whole(struct reader *d, struct wire_in in)
{
	struct wire_in period_type = {0};
	const char *type = "", *unit = "";
	uint64_t numbers[N_NUMBERS];
	struct wire_field f;
	uint32_t name = 0;
	int r = read_numbers(d, in, "profile", numbers);

	d->entry = 1;
	while (wire_next(&in, &f))
		if (f.number == PROFILE_PERIOD_TYPE && f.type == WIRE_BYTES)
			period_type = f.bytes;
	cresset_profile_set_time(d->p, (int64_t)numbers[PROFILE_TIME_NANOS],
				 (int64_t)numbers[PROFILE_DURATION_NANOS]);
	if (r == 0 && period_type.at)
		r = read_value_type(d, period_type, "period type", &type, &unit);
	if (r == 0 && (type[0] || numbers[PROFILE_PERIOD]))
		r = cresset_profile_set_period(d->p, type, unit, (int64_t)numbers[PROFILE_PERIOD]);
	r = r ?: get_string(d, "default type", numbers[PROFILE_DEFAULT_SAMPLE_TYPE], &name);
	if (r < 0 || !d->n_types)
		return r;
	cresset_profile_set_default_type(d->p, d->n_types - 1);
	for (size_t i = d->n_types; name && i-- > 0;)
		if (cresset_profile_value_type(d->p, i).type == name)
			cresset_profile_set_default_type(d->p, i);
	return 0;
}

static int read_message(struct reader *d, struct wire_in in)
{
	int r = walk(d, in, walk_strings);

	if (r == 0 && !d->strings.n)
		r = cresset_error_set(d->err, -EINVAL, "no string table");
	r = r ?: walk(d, in, walk_tables);
	r = r ?: read_whole(d, in);
	r = r ?: ids_finish(d, &d->mapping_ids, "mapping");
	r = r ?: ids_finish(d, &d->function_ids, "function");
	r = r ?: walk(d, in, walk_locations);
	r = r ?: ids_finish(d, &d->location_ids, "location");
	r = r ?: walk(d, in, walk_samples);
	if (r == 0 && !d->n_types)
		r = cresset_error_set(d->err, -EINVAL, "no sample types");
	return r;
}

static int pprof_read_bare(const void *data, size_t size, struct cresset_profile *p,
			   struct cresset_error *err)
{
	struct reader d = {.p = p, .err = err};
	struct vec *all[] = {&d.strings,
			     &d.functions,
			     &d.function_to,
			     &d.mapping_ids.entries,
			     &d.function_ids.entries,
			     &d.location_ids.entries,
			     &d.lines,
			     &d.stack,
			     &d.values,
			     &d.labels};
	int r;

	vec_init(&d.strings, sizeof(uint32_t));
	vec_init(&d.functions, sizeof(struct cresset_function));
	vec_init(&d.function_to, sizeof(uint32_t));
	vec_init(&d.mapping_ids.entries, sizeof(struct id_entry));
	vec_init(&d.function_ids.entries, sizeof(struct id_entry));
	vec_init(&d.location_ids.entries, sizeof(struct id_entry));
	vec_init(&d.lines, sizeof(struct cresset_line));
	vec_init(&d.stack, sizeof(uint32_t));
	vec_init(&d.values, sizeof(int64_t));
	vec_init(&d.labels, sizeof(struct cresset_label));
	r = read_message(&d, wire_in(data, size));
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		vec_release(all[i]);
	return r;
}

int pprof_read(const void *data, size_t size, struct cresset_profile *p, struct cresset_error *err)
{
	void *unpacked;
	size_t n;
	int r;

	if (!gunzip_sniff(data, size))
		return pprof_read_bare(data, size, p, err);
	r = gunzip(data, size, UNPACKED_MAX, &unpacked, &n, err);
	if (r < 0)
		return r;
	r = pprof_read_bare(unpacked, n, p, err);
	free(unpacked);
	return r;
}

/* Gzip, or bytes whose first fields are such as a profile has. */
bool pprof_sniff(const void *data, size_t size)
{
	struct wire_in in = wire_in(data, size);
	struct wire_field f;
	size_t n = 0;

	if (gunzip_sniff(data, size))
		return true;
	while (n < SNIFF_FIELDS && wire_next(&in, &f)) {
		bool number =
			f.number == 7 || f.number == 8 ||
			(f.number >= PROFILE_TIME_NANOS && f.number <= PROFILE_DURATION_NANOS) ||
			f.number == PROFILE_PERIOD || f.number == PROFILE_DEFAULT_SAMPLE_TYPE ||
			f.number == 15;

		if (f.number > 15 ||
		    (f.type == WIRE_VARINT && !number && f.number != PROFILE_COMMENT) ||
		    (f.type == WIRE_BYTES && number) ||
		    (f.type != WIRE_VARINT && f.type != WIRE_BYTES))
			return false;
		n++;
	}
	return n > 0 && !in.bad;
}
