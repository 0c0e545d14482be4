// SPDX-License-Identifier: Apache-2.0
/*
 * Reading .cresset; the layout is in fmt_cresset.h.
 *
 * The checksum finds accidents; it does not stop someone who made the file on purpose, so every id
 * and every count is checked as well. A table's number of rows is at most its number of bytes (a
 * row has at least one), which bounds what is allocated before the first row is believed. Rows go
 * through the profile's own functions, which intern: a file in which two rows are the same gives
 * one entry, so each table keeps a map from the file's ids to the profile's.
 */
#include "formats/fmt_cresset.h"

#include "core/vec.h"
#include "formats/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

/* An RLE block makes 128 KiB of 4 bytes; nothing in zstd packs tighter. */
enum { ZSTD_RATIO_MAX = 40000 };

struct reader {
	struct cresset_profile *p;
	struct cresset_error *err;
	struct vec strings, mappings, functions, locations, stacks, labels; /* uint32_t; [0] is 0 */
	struct vec rows; /* struct cresset_location, until their lines are known */
	size_t n_types;
};

static int corrupt(struct reader *d, const char *what)
{
	return cresset_error_set(d->err, -EINVAL, "the file is damaged (%s)", what);
}

/* What the file's id became. The reader is bad if there is none. */
static uint32_t get_id(struct wire_in *in, const struct vec *map)
{
	uint32_t id = wire_get_max(in, map->n - 1);

	return ((uint32_t *)map->data)[id];
}

/* The number of rows, each of which takes at least min bytes. */
static uint32_t get_rows(struct wire_in *in, size_t min)
{
	uint64_t n = wire_get(in);

	if (n > wire_left(in) / min || n > INT32_MAX) {
		in->bad = true;
		return 0;
	}
	return (uint32_t)n;
}

static int map_push(struct vec *map, uint32_t id)
{
	return vec_push(map, &id, 1) ? 0 : -ENOMEM;
}

/* Zeroed rows for a table, at least one so that it is never NULL. */
static void *new_rows(uint32_t n, size_t size)
{
	return calloc((size_t)n + 1, size);
}

static int read_strings(struct reader *d, struct wire_in *in)
{
	uint32_t n = get_rows(in, 1), id;
	struct wire_in lengths = *in;
	int r = 0;

	for (uint32_t i = 0; i < n; i++)
		wire_get(in);
	for (uint32_t i = 0; i < n && r == 0; i++) {
		struct wire_in text = wire_get_part(in, wire_get(&lengths));

		r = cresset_profile_add_string(d->p, (const char *)text.at, wire_left(&text), &id);
		r = r ?: map_push(&d->strings, id);
	}
	return r;
}

static const char *get_text(struct reader *d, struct wire_in *in)
{
	return cresset_profile_string(d->p, get_id(in, &d->strings));
}

static int read_whole(struct reader *d, struct wire_in *in)
{
	uint32_t n = get_rows(in, 2);
	const char *type, *unit;
	int64_t period, time;
	size_t default_type;
	int r = 0;

	for (uint32_t i = 0; i < n && r == 0; i++) {
		type = get_text(d, in);
		unit = get_text(d, in);
		r = cresset_profile_add_value_type(d->p, type, unit);
	}
	if (r == -E2BIG)
		return corrupt(d, "too many value types");
	d->n_types = n;
	default_type = wire_get(in);
	type = get_text(d, in);
	unit = get_text(d, in);
	period = wire_get_signed(in);
	time = wire_get_signed(in);
	if (r < 0 || in->bad)
		return r;
	cresset_profile_set_default_type(d->p, default_type);
	cresset_profile_set_time(d->p, time, wire_get_signed(in));
	return cresset_profile_set_period(d->p, type, unit, period);
}

static int read_mappings(struct reader *d, struct wire_in *in)
{
	uint32_t n = get_rows(in, 8), id;
	struct cresset_mapping *rows = new_rows(n, sizeof(*rows));
	int r = rows ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++)
		rows[i].start = wire_get(in);
	for (uint32_t i = 0; i < n; i++)
		rows[i].limit = rows[i].start + wire_get(in);
	for (uint32_t i = 0; i < n; i++)
		rows[i].offset = wire_get(in);
	for (uint32_t i = 0; i < n; i++)
		rows[i].file = get_id(in, &d->strings);
	for (uint32_t i = 0; i < n; i++)
		rows[i].build_id = get_id(in, &d->strings);
	for (uint32_t i = 0; i < n; i++)
		rows[i].pid = wire_get_max(in, UINT32_MAX);
	for (uint32_t i = 0; i < n; i++)
		rows[i].kind = (uint8_t)wire_get_max(in, CRESSET_MAPPING_OTHER);
	for (uint32_t i = 0; i < n; i++)
		rows[i].flags = (uint8_t)wire_get_max(in, UINT8_MAX);
	for (uint32_t i = 0; i < n && r == 0 && !in->bad; i++) {
		r = cresset_profile_add_mapping(d->p, &rows[i], &id);
		r = r ?: map_push(&d->mappings, id);
	}
	free(rows);
	return r;
}

static int read_functions(struct reader *d, struct wire_in *in)
{
	uint32_t n = get_rows(in, 4), id;
	struct cresset_function *rows = new_rows(n, sizeof(*rows));
	const uint32_t *strings = d->strings.data;
	int r = rows ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++)
		rows[i].name = wire_get_max(in, d->strings.n - 1);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t system = rows[i].name + (uint64_t)wire_get_signed(in);

		in->bad |= system >= d->strings.n;
		rows[i].system_name = system < d->strings.n ? strings[system] : 0;
		rows[i].name = strings[rows[i].name];
	}
	for (uint32_t i = 0; i < n; i++)
		rows[i].filename = get_id(in, &d->strings);
	for (uint32_t i = 0; i < n; i++)
		rows[i].start_line = wire_get_max(in, UINT32_MAX);
	for (uint32_t i = 0; i < n && r == 0 && !in->bad; i++) {
		r = cresset_profile_add_function(d->p, &rows[i], &id);
		r = r ?: map_push(&d->functions, id);
	}
	free(rows);
	return r;
}

/* Kept until the lines are known, as they are part of what a location is interned by. */
static int read_locations(struct reader *d, struct wire_in *in)
{
	uint32_t n = get_rows(in, 4);
	struct cresset_location *rows;
	uint64_t address = 0;

	rows = n ? vec_push(&d->rows, NULL, n) : NULL;
	if (n && !rows)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		rows[i].mapping = get_id(in, &d->mappings);
	for (uint32_t i = 0; i < n; i++)
		rows[i].address = address += (uint64_t)wire_get_signed(in);
	for (uint32_t i = 0; i < n; i++)
		rows[i].flags = wire_get_max(in, UINT32_MAX);
	for (uint32_t i = 0; i < n; i++)
		rows[i].n_lines = wire_get_max(in, UINT16_MAX);
	return 0;
}

static int read_lines(struct reader *d, struct wire_in *in)
{
	const struct cresset_location *locations = d->rows.data;
	uint32_t n = get_rows(in, 3), id;
	struct cresset_line *rows = new_rows(n, sizeof(*rows));
	size_t used = 0;
	int r = rows ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++)
		rows[i].function = get_id(in, &d->functions);
	for (uint32_t i = 0; i < n; i++)
		rows[i].line = wire_get_max(in, UINT32_MAX);
	for (uint32_t i = 0; i < n; i++)
		rows[i].column = wire_get_max(in, UINT32_MAX);
	for (size_t i = 0; i < d->rows.n && r == 0 && !in->bad; i++) {
		if (locations[i].n_lines > n - used) {
			in->bad = true;
			break;
		}
		r = cresset_profile_add_location(d->p, &locations[i], rows + used, &id);
		r = r ?: map_push(&d->locations, id);
		used += locations[i].n_lines;
	}
	in->bad |= used != n;
	free(rows);
	return r;
}

/* The next stack: len deltas. */
static int read_stack(struct reader *d, struct wire_in *in, uint64_t len, struct vec *stack)
{
	uint64_t id = 0;

	stack->n = 0;
	if (len > wire_left(in)) {
		in->bad = true;
		return 0;
	}
	for (uint64_t i = 0; i < len; i++) {
		id += (uint64_t)wire_get_signed(in);
		if (id >= d->locations.n || !id) {
			in->bad = true;
			return 0;
		}
		if (!vec_push(stack, vec_at(&d->locations, id), 1))
			return -ENOMEM;
	}
	return 0;
}

static int read_stacks(struct reader *d, struct wire_in *in)
{
	uint32_t n = get_rows(in, 1), id;
	struct wire_in lengths = *in;
	struct vec stack;
	int r = 0;

	vec_init(&stack, sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++)
		wire_get(in);
	for (uint32_t i = 0; i < n && r == 0 && !in->bad; i++) {
		r = read_stack(d, in, wire_get(&lengths), &stack);
		r = r ?: cresset_profile_add_stack(d->p, stack.data, stack.n, &id);
		r = r ?: map_push(&d->stacks, id);
	}
	vec_release(&stack);
	return r;
}

static int add_label_sets(struct reader *d, struct wire_in *in, struct wire_in lengths, uint32_t n,
			  const struct cresset_label *rows, uint64_t total)
{
	uint64_t used = 0;
	uint32_t id;
	int r = 0;

	for (uint32_t i = 0; i < n && r == 0 && !in->bad; i++) {
		uint64_t len = wire_get(&lengths);

		if (len > total - used) {
			in->bad = true;
			break;
		}
		r = cresset_profile_add_labels(d->p, rows + used, len, &id);
		r = r ?: map_push(&d->labels, id);
		used += len;
	}
	return r;
}

static int read_labels(struct reader *d, struct wire_in *in)
{
	uint32_t n = get_rows(in, 1);
	struct wire_in lengths = *in;
	struct cresset_label *rows;
	uint64_t total = 0;
	int r;

	for (uint32_t i = 0; i < n; i++)
		total += wire_get_max(in, UINT16_MAX);
	if (total > wire_left(in) / 4) {
		in->bad = true;
		return 0;
	}
	rows = new_rows((uint32_t)total, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	for (uint64_t i = 0; i < total; i++)
		rows[i].key = get_id(in, &d->strings);
	for (uint64_t i = 0; i < total; i++)
		rows[i].str = get_id(in, &d->strings);
	for (uint64_t i = 0; i < total; i++)
		rows[i].num = wire_get_signed(in);
	for (uint64_t i = 0; i < total; i++)
		rows[i].unit = get_id(in, &d->strings);
	r = add_label_sets(d, in, lengths, n, rows, total);
	free(rows);
	return r;
}

static int add_samples(struct reader *d, const struct cresset_sample *rows, const int64_t *values,
		       uint32_t n)
{
	int64_t sample[16];
	int r = 0;

	for (uint32_t i = 0; i < n && r == 0; i++) {
		for (size_t type = 0; type < d->n_types; type++)
			sample[type] = values[type * n + i];
		r = cresset_profile_add_sample(d->p, rows[i].stack, rows[i].labels, sample);
	}
	return r;
}

static int read_samples(struct reader *d, struct wire_in *in)
{
	uint32_t n = get_rows(in, 2 + d->n_types);
	struct cresset_sample *rows = new_rows(n, sizeof(*rows));
	int64_t *values = calloc((size_t)n * d->n_types + 1, sizeof(*values));
	const uint32_t *stacks = d->stacks.data;
	uint64_t stack = 0;
	int r = rows && values ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < n && r == 0; i++) {
		stack += (uint64_t)wire_get_signed(in);
		in->bad |= stack >= d->stacks.n;
		rows[i].stack = stack < d->stacks.n ? stacks[stack] : 0;
	}
	for (uint32_t i = 0; i < n && r == 0; i++)
		rows[i].labels = get_id(in, &d->labels);
	for (size_t i = 0; i < (size_t)n * d->n_types && r == 0; i++)
		values[i] = wire_get_signed(in);
	if (r == 0 && !in->bad)
		r = add_samples(d, rows, values, n);
	free(rows);
	free(values);
	return r;
}

static int read_comments(struct reader *d, struct wire_in *in)
{
	uint32_t n = get_rows(in, 1);
	struct wire_in lengths = *in;
	int r = 0;

	for (uint32_t i = 0; i < n; i++)
		wire_get(in);
	for (uint32_t i = 0; i < n && r == 0; i++) {
		struct wire_in text = wire_get_part(in, wire_get(&lengths));
		uint32_t id;

		/* A comment is a string; this way it needs no NUL behind it. */
		r = cresset_profile_add_string(d->p, (const char *)text.at, wire_left(&text), &id);
		if (r == 0 && !in->bad)
			r = cresset_profile_add_comment(d->p, cresset_profile_string(d->p, id));
	}
	return r;
}

static int read_stats(struct reader *d, struct wire_in *in)
{
	uint32_t n = get_rows(in, 2);
	struct wire_in names = *in;
	int r = 0;

	for (uint32_t i = 0; i < n; i++)
		get_id(in, &d->strings);
	for (uint32_t i = 0; i < n && r == 0 && !in->bad; i++) {
		const char *name = get_text(d, &names);

		r = cresset_profile_set_stat(d->p, name, wire_get(in));
	}
	return r;
}

/* One section; what follows its content in it is from a newer writer, and so ignored. */
static int read_section(struct reader *d, enum section tag, struct wire_in in)
{
	static int (*const readers[SECTION_END])(struct reader * d, struct wire_in * in) = {
		[SECTION_STRINGS] = read_strings,     [SECTION_WHOLE] = read_whole,
		[SECTION_MAPPINGS] = read_mappings,   [SECTION_FUNCTIONS] = read_functions,
		[SECTION_LOCATIONS] = read_locations, [SECTION_LINES] = read_lines,
		[SECTION_STACKS] = read_stacks,	      [SECTION_LABELS] = read_labels,
		[SECTION_SAMPLES] = read_samples,     [SECTION_COMMENTS] = read_comments,
		[SECTION_STATS] = read_stats,
	};
	static const char *const names[SECTION_END] = {
		[SECTION_STRINGS] = "strings",	   [SECTION_WHOLE] = "header",
		[SECTION_MAPPINGS] = "mappings",   [SECTION_FUNCTIONS] = "functions",
		[SECTION_LOCATIONS] = "locations", [SECTION_LINES] = "lines",
		[SECTION_STACKS] = "stacks",	   [SECTION_LABELS] = "labels",
		[SECTION_SAMPLES] = "samples",	   [SECTION_COMMENTS] = "comments",
		[SECTION_STATS] = "stats",
	};
	int r = readers[tag](d, &in);

	if (r == -ENOMEM)
		return r;
	return in.bad || r < 0 ? corrupt(d, names[tag]) : 0;
}

static int read_payload(struct reader *d, struct wire_in in)
{
	uint64_t expected = SECTION_STRINGS;

	while (in.at < in.end) {
		uint64_t tag = wire_get(&in);
		struct wire_in section = wire_get_part(&in, wire_get(&in));
		int r;

		if (in.bad)
			return corrupt(d, "sections");
		if (tag >= SECTION_OPTIONAL)
			continue;
		if (tag != expected || tag >= SECTION_END)
			return corrupt(d, "order of sections");
		expected++;
		r = read_section(d, (enum section)tag, section);
		if (r < 0)
			return r;
	}
	return expected == SECTION_END ? 0 : corrupt(d, "sections missing");
}

static uint64_t get_fixed(const uint8_t *at, size_t size)
{
	uint64_t x = 0;

	for (size_t i = 0; i < size; i++)
		x |= (uint64_t)at[i] << (8 * i);
	return x;
}

/* Checks the header, and unpacks and checks the payload, which is malloc'ed. */
static int unpack(const uint8_t *file, size_t size, uint8_t **ret, size_t *ret_size,
		  struct cresset_error *err)
{
	uint64_t version, n;
	size_t packed = size - CRESSET_HEADER, done;
	uint8_t *data;

	if (!cresset_sniff(file, size))
		return cresset_error_set(err, -EINVAL, "this is not a .cresset file");
	if (size < CRESSET_HEADER)
		return cresset_error_set(err, -EINVAL, "the file is cut off");
	version = get_fixed(file + 8, 4);
	if (version > CRESSET_RAW_VERSION || get_fixed(file + 12, 4))
		return cresset_error_set(err, -ENOTSUP,
					 "made by a newer cresset (format version %llu, this one "
					 "reads up to %d); update cresset",
					 (unsigned long long)version, CRESSET_RAW_VERSION);
	n = get_fixed(file + 16, 8);
	if (!version || n > CRESSET_PAYLOAD_MAX || n / ZSTD_RATIO_MAX > packed)
		return cresset_error_set(err, -EINVAL, "the file is damaged (header)");
	data = malloc(n + 1);
	if (!data)
		return -ENOMEM;
	done = ZSTD_decompress(data, n, file + CRESSET_HEADER, packed);
	if (ZSTD_isError(done) || done != n || XXH3_64bits(data, n) != get_fixed(file + 24, 8)) {
		free(data);
		return cresset_error_set(err, -EINVAL, "the file is damaged or cut off (%s)",
					 ZSTD_isError(done) ? ZSTD_getErrorName(done) : "checksum");
	}
	*ret = data;
	*ret_size = n;
	return 0;
}

static int reader_init(struct reader *d)
{
	struct vec *maps[] = {&d->strings,   &d->mappings, &d->functions,
			      &d->locations, &d->stacks,   &d->labels};
	int r = 0;

	vec_init(&d->rows, sizeof(struct cresset_location));
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		vec_init(maps[i], sizeof(uint32_t));
		r = r ?: map_push(maps[i], 0);
	}
	return r;
}

int cresset_read(const void *data, size_t size, struct cresset_profile *p,
		 struct cresset_error *err)
{
	struct reader d = {.p = p, .err = err};
	struct vec *all[] = {&d.strings, &d.mappings, &d.functions, &d.locations,
			     &d.stacks,	 &d.labels,   &d.rows};
	uint8_t *payload = NULL;
	size_t n = 0;
	int r = unpack(data, size, &payload, &n, err);

	if (r < 0)
		return r;
	r = reader_init(&d);
	r = r ?: read_payload(&d, wire_in(payload, n));
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		vec_release(all[i]);
	free(payload);
	return r;
}

bool cresset_sniff(const void *data, size_t size)
{
	return size >= 8 && memcmp(data, CRESSET_MAGIC, 8) == 0;
}
