// SPDX-License-Identifier: Apache-2.0
/*
 * Writing pprof's profile.proto, gzipped (github.com/google/pprof, proto/profile.proto).
 *
 * The profile has pprof's shape, so this is a loop over its tables. What is written is what the
 * strictest reader takes: ids are 1, 2, 3 … in table order (Parca), every string is valid UTF-8 and
 * no type has a '-' (Pyroscope), types and units are [A-Za-z_][A-Za-z0-9_]* (Parca), mapping 1 is
 * the main binary and every location has a function (go tool pprof would look for symbols itself).
 * A location without a name gets a function called "[binary+0xaddress]". What pprof has no field
 * for stands in the comments: each stat as "stat NAME VALUE", which the reader makes a stat again.
 *
 * The whole message is built in one buffer and compressed at once: libdeflate is twice as fast as
 * zlib, and the buffer is smaller than the profile it is made from.
 */
#include "formats/fmt_pprof.h"

#include "core/profile.h"
#include "core/strtab.h"
#include "formats/text.h"
#include "formats/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GZIP_LEVEL = 6 };

struct pprof {
	const struct cresset_profile *p;
	struct wire_out out;
	struct strtab strings;		/* pprof's string table: id is index */
	uint32_t *of_string;		/* profile string → index; 0: not made yet, or "" */
	uint32_t *mapping_order;	/* pprof id - 1 → mapping */
	uint32_t *mapping_id;		/* mapping → pprof id; [0] is 0 */
	struct cresset_mapping *ranges; /* by mapping: start and limit as written */
	struct vec text;
	int error;
};

/* The index of any text. */
static uint32_t put_text(struct pprof *w, const char *s)
{
	size_t n = strlen(s);
	uint32_t id = 0;
	int r = 0;

	if (!text_is_utf8(s, n)) {
		w->text.n = 0;
		r = text_append_utf8(&w->text, s, n);
		s = w->text.data;
		n = w->text.n;
	}
	r = r ?: strtab_add(&w->strings, s, n, &id);
	if (r < 0 && !w->error)
		w->error = r;
	return id;
}

static uint32_t put_string(struct pprof *w, uint32_t string)
{
	if (string && !w->of_string[string])
		w->of_string[string] = put_text(w, cresset_profile_string(w->p, string));
	return w->of_string[string];
}

/* A type or unit as every reader takes it: what is no letter, digit or '_' becomes '_'. */
static uint32_t put_word(struct pprof *w, uint32_t string)
{
	char word[64];
	size_t n = 0;

	for (const char *s = cresset_profile_string(w->p, string); *s && n + 2 < sizeof(word);
	     s++) {
		bool digit = *s >= '0' && *s <= '9';
		bool letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z');

		if (digit && !n)
			word[n++] = '_';
		word[n++] = *s;
		if (!digit && !letter)
			word[n - 1] = '_';
	}
	if (!n)
		word[n++] = '_';
	word[n] = '\0';
	return put_text(w, word);
}

static void write_value_type(struct pprof *w, unsigned int field, struct cresset_value_type t)
{
	size_t at = wire_begin(&w->out, field);

	wire_field(&w->out, VALUE_TYPE_TYPE, put_word(w, t.type));
	wire_field(&w->out, VALUE_TYPE_UNIT, put_word(w, t.unit));
	wire_end(&w->out, at);
}

static void write_types(struct pprof *w)
{
	size_t n = cresset_profile_n_value_types(w->p), at;

	for (size_t i = 0; i < n; i++)
		write_value_type(w, PROFILE_SAMPLE_TYPE, cresset_profile_value_type(w->p, i));
	if (n)
		return;
	/* A profile of nothing; readers want a type all the same. */
	at = wire_begin(&w->out, PROFILE_SAMPLE_TYPE);
	wire_field(&w->out, VALUE_TYPE_TYPE, put_text(w, "samples"));
	wire_field(&w->out, VALUE_TYPE_UNIT, put_text(w, "count"));
	wire_end(&w->out, at);
}

static void write_label(struct pprof *w, const struct cresset_label *l)
{
	size_t at = wire_begin(&w->out, SAMPLE_LABEL);

	wire_field(&w->out, LABEL_KEY, put_string(w, l->key));
	if (l->str) {
		wire_field(&w->out, LABEL_STR, put_string(w, l->str));
	} else {
		wire_field(&w->out, LABEL_NUM, (uint64_t)l->num);
		wire_field(&w->out, LABEL_NUM_UNIT, put_string(w, l->unit));
	}
	wire_end(&w->out, at);
}

static void write_sample(struct pprof *w, size_t i)
{
	const struct cresset_sample *s = cresset_profile_sample(w->p, i);
	const int64_t *values = cresset_profile_values(w->p, i);
	size_t n_types = cresset_profile_n_value_types(w->p), n, n_labels;
	const uint32_t *ids = cresset_profile_stack(w->p, s->stack, &n);
	const struct cresset_label *labels = cresset_profile_labels(w->p, s->labels, &n_labels);
	size_t sample = wire_begin(&w->out, PROFILE_SAMPLE), at;

	if (n) {
		at = wire_begin(&w->out, SAMPLE_LOCATION_ID);
		for (size_t j = 0; j < n; j++)
			wire_put(&w->out, ids[j]);
		wire_end(&w->out, at);
	}
	at = wire_begin(&w->out, SAMPLE_VALUE);
	for (size_t j = 0; j < n_types; j++)
		wire_put(&w->out, (uint64_t)values[j]);
	wire_end(&w->out, at);
	for (size_t j = 0; j < n_labels; j++)
		write_label(w, &labels[j]);
	wire_end(&w->out, sample);
}

static bool is_library(const char *path)
{
	const char *base = text_basename(path), *so = strstr(base, ".so");

	return so && (so[3] == '\0' || so[3] == '.');
}

/* The binary that most samples have a frame in, by the profile's default value. 0: none. */
static uint32_t main_mapping(const struct cresset_profile *p, uint64_t *weights)
{
	size_t type = cresset_profile_default_type(p);
	uint32_t best = 0;

	for (size_t i = 0; i < cresset_profile_n_samples(p); i++) {
		int64_t value = cresset_profile_values(p, i)[type];
		uint32_t last = 0;
		size_t n;
		const uint32_t *ids =
			cresset_profile_stack(p, cresset_profile_sample(p, i)->stack, &n);

		for (size_t j = 0; j < n; j++) {
			uint32_t mapping = cresset_profile_location(p, ids[j])->mapping;

			if (mapping != last && value > 0)
				weights[mapping] += (uint64_t)value;
			last = mapping;
		}
	}
	for (uint32_t m = 1; m <= cresset_profile_n_mappings(p); m++) {
		const struct cresset_mapping *map = cresset_profile_mapping(p, m);

		if (map->kind == CRESSET_MAPPING_FILE && weights[m] > weights[best] &&
		    !is_library(cresset_profile_string(p, map->file)))
			best = m;
	}
	return best;
}

static int order_mappings(struct pprof *w)
{
	uint32_t n = cresset_profile_n_mappings(w->p), first, id = 0;
	uint64_t *weights = calloc((size_t)n + 1, sizeof(*weights));

	if (!weights)
		return -ENOMEM;
	first = main_mapping(w->p, weights);
	free(weights);
	if (first)
		w->mapping_order[id++] = first;
	for (uint32_t m = 1; m <= n; m++)
		if (m != first)
			w->mapping_order[id++] = m;
	for (id = 0; id < n; id++)
		w->mapping_id[w->mapping_order[id]] = id + 1;
	return 0;
}

/* Makes the range one that has the address; the file's offset keeps step with its start. */
static void widen(struct cresset_mapping *range, uint64_t address)
{
	bool known = range->limit > range->start;

	if (known && address < range->start) {
		uint64_t by = range->start - address;

		range->offset -= range->offset < by ? range->offset : by;
	}
	if (!known || address < range->start)
		range->start = address;
	if (address >= range->limit)
		range->limit = address + (address < UINT64_MAX);
}

/* A mapping spans its locations, also those that have a name and no address, which is then 0: out
 * of a store come no others. */
static void find_ranges(struct pprof *w)
{
	uint32_t n = cresset_profile_n_mappings(w->p);

	for (uint32_t m = 1; m <= n; m++)
		w->ranges[m] = *cresset_profile_mapping(w->p, m);
	for (uint32_t i = 1; i <= cresset_profile_n_locations(w->p); i++) {
		const struct cresset_location *loc = cresset_profile_location(w->p, i);

		if (loc->mapping)
			widen(&w->ranges[loc->mapping], loc->address);
	}
	for (uint32_t m = 1; m <= n; m++)
		if (w->ranges[m].limit <= w->ranges[m].start)
			w->ranges[m].limit = w->ranges[m].start + (w->ranges[m].start < UINT64_MAX);
}

static void write_mappings(struct pprof *w)
{
	for (uint32_t i = 0; i < cresset_profile_n_mappings(w->p); i++) {
		const struct cresset_mapping *m = &w->ranges[w->mapping_order[i]];
		size_t at = wire_begin(&w->out, PROFILE_MAPPING);

		wire_field(&w->out, MAPPING_ID, i + 1);
		wire_field(&w->out, MAPPING_MEMORY_START, m->start);
		wire_field(&w->out, MAPPING_MEMORY_LIMIT, m->limit);
		wire_field(&w->out, MAPPING_FILE_OFFSET, m->offset);
		wire_field(&w->out, MAPPING_FILENAME, put_string(w, m->file));
		wire_field(&w->out, MAPPING_BUILD_ID, put_string(w, m->build_id));
		wire_field(&w->out, MAPPING_HAS_FUNCTIONS, 1);
		wire_field(&w->out, MAPPING_HAS_FILENAMES,
			   !!(m->flags & CRESSET_MAPPING_HAS_FILENAMES));
		wire_field(&w->out, MAPPING_HAS_LINE_NUMBERS,
			   !!(m->flags & CRESSET_MAPPING_HAS_LINES));
		wire_field(&w->out, MAPPING_HAS_INLINE_FRAMES,
			   !!(m->flags & CRESSET_MAPPING_HAS_INLINES));
		wire_end(&w->out, at);
	}
}

static void write_line(struct pprof *w, uint64_t function, uint32_t line, uint32_t column)
{
	size_t at = wire_begin(&w->out, LOCATION_LINE);

	wire_field(&w->out, LINE_FUNCTION_ID, function);
	wire_field(&w->out, LINE_LINE, line);
	wire_field(&w->out, LINE_COLUMN, column);
	wire_end(&w->out, at);
}

/* Functions of locations without a name are numbered after the profile's own. */
static void write_locations(struct pprof *w)
{
	uint64_t unnamed = cresset_profile_n_functions(w->p);

	for (uint32_t i = 1; i <= cresset_profile_n_locations(w->p); i++) {
		const struct cresset_location *loc = cresset_profile_location(w->p, i);
		const struct cresset_line *lines = cresset_profile_lines(w->p, i);
		size_t at = wire_begin(&w->out, PROFILE_LOCATION);

		wire_field(&w->out, LOCATION_ID, i);
		wire_field(&w->out, LOCATION_MAPPING_ID, w->mapping_id[loc->mapping]);
		wire_field(&w->out, LOCATION_ADDRESS, loc->address);
		for (uint32_t j = 0; j < loc->n_lines; j++)
			if (lines[j].function)
				write_line(w, lines[j].function, lines[j].line, lines[j].column);
		if (!profile_location_is_named(w->p, i))
			write_line(w, ++unnamed, 0, 0);
		wire_end(&w->out, at);
	}
}

static void write_function(struct pprof *w, uint64_t id, uint32_t name, uint32_t system_name,
			   uint32_t filename, uint32_t start_line)
{
	size_t at = wire_begin(&w->out, PROFILE_FUNCTION);

	wire_field(&w->out, FUNCTION_ID, id);
	wire_field(&w->out, FUNCTION_NAME, name);
	wire_field(&w->out, FUNCTION_SYSTEM_NAME, system_name);
	wire_field(&w->out, FUNCTION_FILENAME, filename);
	wire_field(&w->out, FUNCTION_START_LINE, start_line);
	wire_end(&w->out, at);
}

static void write_functions(struct pprof *w)
{
	uint64_t id = 1;
	char text[512];

	for (; id <= cresset_profile_n_functions(w->p); id++) {
		const struct cresset_function *f = cresset_profile_function(w->p, (uint32_t)id);
		uint32_t name = f->name ? f->name : f->system_name;
		uint32_t system = f->system_name ? f->system_name : name;

		write_function(w, id, put_string(w, name), put_string(w, system),
			       put_string(w, f->filename), f->start_line);
	}
	for (uint32_t i = 1; i <= cresset_profile_n_locations(w->p); i++) {
		if (profile_location_is_named(w->p, i))
			continue;
		cresset_profile_location_text(w->p, i, text, sizeof(text));
		write_function(w, id++, put_text(w, text), put_text(w, text), 0, 0);
	}
}

/* Comments are put one by one, not packed: they are few, and each is its own field. */
static void write_comments(struct pprof *w)
{
	char text[512];

	for (size_t i = 0; i < cresset_profile_n_comments(w->p); i++)
		wire_field(&w->out, PROFILE_COMMENT, put_text(w, cresset_profile_comment(w->p, i)));
	for (size_t i = 0; i < cresset_profile_n_stats(w->p); i++) {
		struct cresset_stat s = cresset_profile_stat(w->p, i);

		snprintf(text, sizeof(text), PPROF_STAT "%.400s %" PRIu64,
			 cresset_profile_string(w->p, s.name), s.value);
		wire_field(&w->out, PROFILE_COMMENT, put_text(w, text));
	}
}

static void write_whole(struct pprof *w)
{
	struct cresset_value_type period = cresset_profile_period_type(w->p);
	size_t type = cresset_profile_default_type(w->p);

	wire_field(&w->out, PROFILE_TIME_NANOS, (uint64_t)cresset_profile_time_ns(w->p));
	wire_field(&w->out, PROFILE_DURATION_NANOS, (uint64_t)cresset_profile_duration_ns(w->p));
	if (period.type) {
		write_value_type(w, PROFILE_PERIOD_TYPE, period);
		wire_field(&w->out, PROFILE_PERIOD, (uint64_t)cresset_profile_period(w->p));
	}
	write_comments(w);
	if (cresset_profile_n_value_types(w->p))
		wire_field(&w->out, PROFILE_DEFAULT_SAMPLE_TYPE,
			   put_word(w, cresset_profile_value_type(w->p, type).type));
}

static void write_strings(struct pprof *w)
{
	for (uint32_t i = 0; i <= strtab_count(&w->strings); i++) {
		const char *s = strtab_get(&w->strings, i);

		wire_field_bytes(&w->out, PROFILE_STRING_TABLE, s, strlen(s));
	}
}

static int build(struct pprof *w)
{
	int r = order_mappings(w);

	if (r < 0)
		return r;
	find_ranges(w);
	write_types(w);
	for (size_t i = 0; i < cresset_profile_n_samples(w->p); i++)
		write_sample(w, i);
	write_mappings(w);
	write_locations(w);
	write_functions(w);
	write_whole(w);
	/* Last, when every string has been seen; readers do not mind. */
	write_strings(w);
	return w->error ? w->error : w->out.error;
}

static int compress(const struct wire_out *out, struct cresset_sink *sink)
{
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(GZIP_LEVEL);
	size_t bound, n;
	void *data = NULL;
	int r = -ENOMEM;

	if (c) {
		bound = libdeflate_gzip_compress_bound(c, out->bytes.n);
		data = malloc(bound);
	}
	if (data) {
		n = libdeflate_gzip_compress(c, out->bytes.data, out->bytes.n, data, bound);
		r = n ? cresset_sink_write(sink, data, n) : -EIO;
	}
	free(data);
	libdeflate_free_compressor(c);
	return r;
}

static int pprof_init(struct pprof *w)
{
	size_t n_mappings = (size_t)cresset_profile_n_mappings(w->p) + 1;

	wire_init(&w->out);
	vec_init(&w->text, 1);
	w->of_string = calloc((size_t)cresset_profile_n_strings(w->p) + 1, sizeof(uint32_t));
	w->mapping_order = calloc(n_mappings, sizeof(uint32_t));
	w->mapping_id = calloc(n_mappings, sizeof(uint32_t));
	w->ranges = calloc(n_mappings, sizeof(*w->ranges));
	if (strtab_init(&w->strings) < 0 || !w->of_string || !w->mapping_order || !w->mapping_id ||
	    !w->ranges)
		return -ENOMEM;
	return 0;
}

static void pprof_release(struct pprof *w)
{
	wire_release(&w->out);
	vec_release(&w->text);
	strtab_release(&w->strings);
	free(w->of_string);
	free(w->mapping_order);
	free(w->mapping_id);
	free(w->ranges);
}

static int pprof_write(const struct cresset_profile *p, struct cresset_sink *sink,
		       const struct cresset_format_options *options, struct cresset_error *err)
{
	struct pprof w = {.p = p};
	int r = pprof_init(&w);

	if (r == 0)
		r = build(&w);
	if (r == 0)
		r = compress(&w.out, sink);
	pprof_release(&w);
	return format_error(err, r, "pprof");
}

const struct cresset_format format_pprof = {
	.name = "pprof",
	.extensions = ".pb.gz .pprof",
	.help = "pprof's profile.proto, gzipped",
	.flags = CRESSET_FORMAT_BINARY,
	.write = pprof_write,
	.read = pprof_read,
	.sniff = pprof_sniff,
};
