// SPDX-License-Identifier: Apache-2.0
/*
 * otlp - OpenTelemetry profiles over HTTP, in the layout of opentelemetry-proto 1.10 and later
 * (package opentelemetry.proto.profiles.v1development).
 *
 * The message is one dictionary of tables plus samples that index into it; entry 0 of each table is
 * the empty one. So are our own tables, ids and all: an index is an id, and the tables are written
 * as they stand. Only two things have no id here yet: names for locations without any, which come
 * behind our functions and strings, and labels as attributes, which are interned on the way.
 *
 * A profile has one type of value, and what servers make of it hangs on the period: CPU time goes
 * as "samples/count" with the period "cpu/nanoseconds", which they multiply; off-CPU time as
 * "off_cpu/nanoseconds" without a period; any other type with a period of itself.
 *
 * Before 1.10 a sample's fields had other numbers. A server of another version takes the message
 * and finds nothing in it, so the version is part of --version.
 */
#include "export/labels.h"
#include "export/words.h"

#include "core/profile.h"
#include "core/table.h"
#include "formats/text.h"
#include "formats/wire.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

/* Field numbers, by message. */
enum { REQUEST_RESOURCES = 1, REQUEST_DICTIONARY = 2 };
enum { RESOURCES_RESOURCE = 1, RESOURCES_SCOPES = 2 };
enum { RESOURCE_ATTRIBUTES = 1 };
enum { SCOPES_SCOPE = 1, SCOPES_PROFILES = 2 };
enum { SCOPE_NAME = 1, SCOPE_VERSION = 2 };
enum { KEY_VALUE_KEY = 1, KEY_VALUE_VALUE = 2 };
enum { ANY_STRING = 1, ANY_INT = 3 };
enum {
	DICTIONARY_MAPPINGS = 1,
	DICTIONARY_LOCATIONS = 2,
	DICTIONARY_FUNCTIONS = 3,
	DICTIONARY_LINKS = 4,
	DICTIONARY_STRINGS = 5,
	DICTIONARY_ATTRIBUTES = 6,
	DICTIONARY_STACKS = 7,
};
enum {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLES = 2,
	PROFILE_TIME = 3, /* fixed64 */
	PROFILE_DURATION = 4,
	PROFILE_PERIOD_TYPE = 5,
	PROFILE_PERIOD = 6,
	PROFILE_ID = 7,
};
enum { SAMPLE_STACK = 1, SAMPLE_ATTRIBUTES = 2, SAMPLE_VALUES = 4 };
enum { TYPE_TYPE = 1, TYPE_UNIT = 2 };
enum {
	MAPPING_START = 1,
	MAPPING_LIMIT = 2,
	MAPPING_OFFSET = 3,
	MAPPING_FILENAME = 4,
	MAPPING_ATTRIBUTES = 5,
};
enum { LOCATION_MAPPING = 1, LOCATION_ADDRESS = 2, LOCATION_LINES = 3 };
enum { LINE_FUNCTION = 1, LINE_LINE = 2, LINE_COLUMN = 3 };
enum {
	FUNCTION_NAME = 1,
	FUNCTION_SYSTEM_NAME = 2,
	FUNCTION_FILENAME = 3,
	FUNCTION_START_LINE = 4
};
enum { STACK_LOCATIONS = 1 };
enum { LINK_TRACE_ID = 1, LINK_SPAN_ID = 2 };
enum { ATTRIBUTE_KEY = 1, ATTRIBUTE_VALUE = 2, ATTRIBUTE_UNIT = 3 };

enum { GZIP_LEVEL = 6 };

struct attribute {
	uint32_t key;
	uint32_t str; /* 0: num */
	int64_t num;
	uint32_t unit;
	uint32_t pad;
};

struct otlp {
	const struct cresset_profile *p;
	struct wire_out out;
	struct vec strings; /* char *: those behind the profile's own */
	struct table attributes;
	struct vec text;
	int error;
};

static void failed(struct otlp *o, int r)
{
	if (r < 0 && !o->error)
		o->error = r;
}

/* ---- Strings. */

/* A string that the profile does not have. */
static uint32_t new_string(struct otlp *o, const char *text)
{
	char *copy;

	for (size_t i = 0; i < o->strings.n; i++)
		if (!strcmp(*(char **)vec_at(&o->strings, i), text))
			return cresset_profile_n_strings(o->p) + 1 + (uint32_t)i;
	copy = strdup(text);
	if (!copy || !vec_push(&o->strings, &copy, 1)) {
		free(copy);
		failed(o, -ENOMEM);
		return 0;
	}
	return cresset_profile_n_strings(o->p) + (uint32_t)o->strings.n;
}

static void put_utf8(struct otlp *o, unsigned int field, const char *s)
{
	size_t n = strlen(s);

	o->text.n = 0;
	if (text_is_utf8(s, n)) {
		wire_field_bytes(&o->out, field, s, n);
		return;
	}
	failed(o, text_append_utf8(&o->text, s, n));
	wire_field_bytes(&o->out, field, o->text.data, o->text.n);
}

static void put_strings(struct otlp *o)
{
	for (uint32_t i = 0; i <= cresset_profile_n_strings(o->p); i++)
		put_utf8(o, DICTIONARY_STRINGS, cresset_profile_string(o->p, i));
	for (size_t i = 0; i < o->strings.n; i++)
		put_utf8(o, DICTIONARY_STRINGS, *(char **)vec_at(&o->strings, i));
}

/* ---- Attributes. */

static uint32_t attribute_of(struct otlp *o, const struct attribute *a)
{
	uint32_t id = 0;

	failed(o, table_add(&o->attributes, a, &id, NULL));
	return id;
}

static void put_attributes(struct otlp *o)
{
	size_t at, value;

	for (uint32_t i = 0; i <= table_count(&o->attributes); i++) {
		const struct attribute *a = table_get(&o->attributes, i);

		at = wire_begin(&o->out, DICTIONARY_ATTRIBUTES);
		if (i) {
			wire_field(&o->out, ATTRIBUTE_KEY, a->key);
			value = wire_begin(&o->out, ATTRIBUTE_VALUE);
			if (a->str) {
				put_utf8(o, ANY_STRING, cresset_profile_string(o->p, a->str));
			} else { /* 0 is a value too */
				wire_put(&o->out, ANY_INT << 3 | WIRE_VARINT);
				wire_put(&o->out, (uint64_t)a->num);
			}
			wire_end(&o->out, value);
			wire_field(&o->out, ATTRIBUTE_UNIT, a->unit);
		}
		wire_end(&o->out, at);
	}
}

/* ---- The dictionary. */

static void put_mappings(struct otlp *o)
{
	uint32_t key = new_string(o, "process.executable.build_id.gnu");

	for (uint32_t i = 0; i <= cresset_profile_n_mappings(o->p); i++) {
		const struct cresset_mapping *m = cresset_profile_mapping(o->p, i);
		size_t at = wire_begin(&o->out, DICTIONARY_MAPPINGS), list;

		if (i) {
			wire_field(&o->out, MAPPING_START, m->start);
			wire_field(&o->out, MAPPING_LIMIT, m->limit);
			wire_field(&o->out, MAPPING_OFFSET, m->offset);
			wire_field(&o->out, MAPPING_FILENAME, m->file);
		}
		if (i && m->build_id) {
			list = wire_begin(&o->out, MAPPING_ATTRIBUTES);
			wire_put(&o->out, attribute_of(o, &(struct attribute){.key = key,
									      .str = m->build_id}));
			wire_end(&o->out, list);
		}
		wire_end(&o->out, at);
	}
}

static void put_line(struct otlp *o, uint32_t function, uint32_t line, uint32_t column)
{
	size_t at = wire_begin(&o->out, LOCATION_LINES);

	wire_field(&o->out, LINE_FUNCTION, function);
	wire_field(&o->out, LINE_LINE, line);
	wire_field(&o->out, LINE_COLUMN, column);
	wire_end(&o->out, at);
}

static void put_locations(struct otlp *o)
{
	uint32_t unnamed = cresset_profile_n_functions(o->p);

	for (uint32_t i = 0; i <= cresset_profile_n_locations(o->p); i++) {
		const struct cresset_location *loc = cresset_profile_location(o->p, i);
		const struct cresset_line *lines = cresset_profile_lines(o->p, i);
		size_t at = wire_begin(&o->out, DICTIONARY_LOCATIONS);

		if (i) {
			wire_field(&o->out, LOCATION_MAPPING, loc->mapping);
			wire_field(&o->out, LOCATION_ADDRESS, loc->address);
			for (uint32_t j = 0; j < loc->n_lines; j++)
				if (lines[j].function)
					put_line(o, lines[j].function, lines[j].line,
						 lines[j].column);
			if (!profile_location_is_named(o->p, i))
				put_line(o, ++unnamed, 0, 0);
		}
		wire_end(&o->out, at);
	}
}

/* Names of locations that have none are texts of their own; they are not interned but counted. */
static uint32_t push_string(struct otlp *o, const char *text)
{
	char *copy = strdup(text);

	if (!copy || !vec_push(&o->strings, &copy, 1)) {
		free(copy);
		failed(o, -ENOMEM);
	}
	return cresset_profile_n_strings(o->p) + (uint32_t)o->strings.n;
}

static void put_functions(struct otlp *o)
{
	char text[512];
	size_t at;

	for (uint32_t i = 0; i <= cresset_profile_n_functions(o->p); i++) {
		const struct cresset_function *f = cresset_profile_function(o->p, i);

		at = wire_begin(&o->out, DICTIONARY_FUNCTIONS);
		if (i) {
			wire_field(&o->out, FUNCTION_NAME, f->name ? f->name : f->system_name);
			wire_field(&o->out, FUNCTION_SYSTEM_NAME, f->system_name);
			wire_field(&o->out, FUNCTION_FILENAME, f->filename);
			wire_field(&o->out, FUNCTION_START_LINE, f->start_line);
		}
		wire_end(&o->out, at);
	}
	for (uint32_t i = 1; i <= cresset_profile_n_locations(o->p); i++) {
		if (profile_location_is_named(o->p, i))
			continue;
		cresset_profile_location_text(o->p, i, text, sizeof(text));
		at = wire_begin(&o->out, DICTIONARY_FUNCTIONS);
		wire_field(&o->out, FUNCTION_NAME, push_string(o, text));
		wire_end(&o->out, at);
	}
}

static void put_stacks(struct otlp *o)
{
	for (uint32_t i = 0; i <= cresset_profile_n_stacks(o->p); i++) {
		size_t n, at = wire_begin(&o->out, DICTIONARY_STACKS), list;
		const uint32_t *ids = cresset_profile_stack(o->p, i, &n);

		if (n) {
			list = wire_begin(&o->out, STACK_LOCATIONS);
			for (size_t j = 0; j < n; j++)
				wire_put(&o->out, ids[j]);
			wire_end(&o->out, list);
		}
		wire_end(&o->out, at);
	}
}

static void put_link(struct otlp *o)
{
	static const uint8_t zeros[16];
	size_t at = wire_begin(&o->out, DICTIONARY_LINKS);

	wire_field_bytes(&o->out, LINK_TRACE_ID, zeros, 16);
	wire_field_bytes(&o->out, LINK_SPAN_ID, zeros, 8);
	wire_end(&o->out, at);
}

/* ---- The profile. */

/* Which value is sent, under which type and period. */
struct choice {
	size_t value;
	const char *type, *unit;
	const char *period_type, *period_unit; /* NULL: none */
	int64_t period;
};

static const char *type_at(const struct cresset_profile *p, size_t i)
{
	return cresset_profile_string(p, cresset_profile_value_type(p, i).type);
}

static struct choice choose(const struct cresset_profile *p)
{
	size_t i = cresset_profile_default_type(p);
	struct cresset_value_type t = cresset_profile_value_type(p, i);
	struct choice c = {.value = i, .type = type_at(p, i), .period = 1};
	struct cresset_value_type period = cresset_profile_period_type(p);

	c.unit = cresset_profile_string(p, t.unit);
	if (!strcmp(c.type, "off_cpu") || !strcmp(c.type, "off-cpu"))
		return c;
	c.period_type = c.type;
	c.period_unit = c.unit;
	if (strcmp(c.type, "cpu") || strcmp(cresset_profile_string(p, period.type), "cpu") ||
	    cresset_profile_period(p) <= 0)
		return c;
	for (size_t j = 0; j < cresset_profile_n_value_types(p); j++) {
		if (!strcmp(type_at(p, j), "samples")) {
			c.value = j;
			c.type = "samples";
			c.unit = "count";
			c.period = cresset_profile_period(p);
		}
	}
	return c;
}

static void put_type(struct otlp *o, unsigned int field, const char *type, const char *unit)
{
	size_t at = wire_begin(&o->out, field);
	char word[64];

	words_identifier(type, word, sizeof(word));
	wire_field(&o->out, TYPE_TYPE, new_string(o, word));
	words_identifier(unit, word, sizeof(word));
	wire_field(&o->out, TYPE_UNIT, new_string(o, word));
	wire_end(&o->out, at);
}

static void put_sample(struct otlp *o, size_t i, const struct choice *c)
{
	const struct cresset_sample *s = cresset_profile_sample(o->p, i);
	int64_t value = cresset_profile_values(o->p, i)[c->value];
	size_t n, at, list;
	const struct cresset_label *labels = cresset_profile_labels(o->p, s->labels, &n);

	if (!value) /* none of this type */
		return;
	at = wire_begin(&o->out, PROFILE_SAMPLES);
	wire_field(&o->out, SAMPLE_STACK, s->stack);
	if (n) {
		list = wire_begin(&o->out, SAMPLE_ATTRIBUTES);
		for (size_t j = 0; j < n; j++)
			wire_put(&o->out,
				 attribute_of(o, &(struct attribute){.key = labels[j].key,
								     .str = labels[j].str,
								     .num = labels[j].num,
								     .unit = labels[j].unit}));
		wire_end(&o->out, list);
	}
	list = wire_begin(&o->out, SAMPLE_VALUES);
	wire_put(&o->out, (uint64_t)value);
	wire_end(&o->out, list);
	wire_end(&o->out, at);
}

static void put_fixed64(struct wire_out *w, unsigned int field, uint64_t x)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(x >> (8 * i));
	wire_put(w, field << 3 | WIRE_FIXED64);
	wire_put_bytes(w, bytes, sizeof(bytes));
}

static unsigned int hex_digit(char c)
{
	return (unsigned int)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void put_id(struct otlp *o, const char *uuid)
{
	uint8_t id[16];
	size_t n = 0;

	for (const char *s = uuid; *s && n < sizeof(id); s += 2) {
		s += *s == '-';
		id[n++] = (uint8_t)(hex_digit(s[0]) << 4 | hex_digit(s[1]));
	}
	wire_field_bytes(&o->out, PROFILE_ID, id, sizeof(id));
}

static void put_profile(struct otlp *o, const char *id)
{
	struct choice c = choose(o->p);

	if (cresset_profile_n_value_types(o->p)) {
		put_type(o, PROFILE_SAMPLE_TYPE, c.type, c.unit);
		for (size_t i = 0; i < cresset_profile_n_samples(o->p); i++)
			put_sample(o, i, &c);
	} else {
		put_type(o, PROFILE_SAMPLE_TYPE, "samples", "count");
	}
	put_fixed64(&o->out, PROFILE_TIME, (uint64_t)cresset_profile_time_ns(o->p));
	wire_field(&o->out, PROFILE_DURATION, (uint64_t)cresset_profile_duration_ns(o->p));
	if (c.period_type) {
		put_type(o, PROFILE_PERIOD_TYPE, c.period_type, c.period_unit);
		wire_field(&o->out, PROFILE_PERIOD, (uint64_t)c.period);
	}
	put_id(o, id);
}

static void put_resource(struct otlp *o, const struct labels *labels)
{
	size_t at = wire_begin(&o->out, RESOURCES_RESOURCE);

	for (size_t i = 0; i < labels->n; i++) {
		const struct label *l = &labels->list[i];
		size_t attribute = wire_begin(&o->out, RESOURCE_ATTRIBUTES), value;

		wire_field_bytes(&o->out, KEY_VALUE_KEY, l->name, strlen(l->name));
		value = wire_begin(&o->out, KEY_VALUE_VALUE);
		wire_field_bytes(&o->out, ANY_STRING, l->value, strlen(l->value));
		wire_end(&o->out, value);
		wire_end(&o->out, attribute);
	}
	wire_end(&o->out, at);
}

static void put_resource_profiles(struct otlp *o, const struct labels *labels, const char *id)
{
	size_t resource = wire_begin(&o->out, REQUEST_RESOURCES), scopes, at;

	put_resource(o, labels);
	scopes = wire_begin(&o->out, RESOURCES_SCOPES);
	at = wire_begin(&o->out, SCOPES_SCOPE);
	put_utf8(o, SCOPE_NAME, "cresset");
	put_utf8(o, SCOPE_VERSION, cresset_version());
	wire_end(&o->out, at);
	at = wire_begin(&o->out, SCOPES_PROFILES);
	put_profile(o, id);
	wire_end(&o->out, at);
	wire_end(&o->out, scopes);
	wire_end(&o->out, resource);
}

static void put_dictionary(struct otlp *o)
{
	size_t at = wire_begin(&o->out, REQUEST_DICTIONARY);

	put_mappings(o);
	put_locations(o);
	put_functions(o);
	put_link(o);
	put_attributes(o);
	put_stacks(o);
	put_strings(o); /* last: the others add to them */
	wire_end(&o->out, at);
}

static int compress(const struct vec *from, struct vec *to)
{
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(GZIP_LEVEL);
	size_t bound;

	if (!c)
		return -ENOMEM;
	bound = libdeflate_gzip_compress_bound(c, from->n);
	if (vec_reserve(to, bound) == 0)
		to->n = libdeflate_gzip_compress(c, from->data, from->n, to->data, bound);
	libdeflate_free_compressor(c);
	return to->n ? 0 : -ENOMEM;
}

static int build(struct otlp *o, const struct labels *labels, struct export_request *r)
{
	struct vec gzipped;
	int e;

	vec_init(&gzipped, 1);
	put_resource_profiles(o, labels, r->id);
	put_dictionary(o);
	e = o->error ? o->error : o->out.error;
	e = e ? e : compress(&o->out.bytes, &gzipped);
	if (e == 0) {
		r->raw_bytes = o->out.bytes.n;
		r->flags |= EXPORT_GZIP;
		export_request_take(r, &gzipped);
	}
	vec_release(&gzipped);
	return e;
}

static int encode(const struct export_input *in, struct export_request *r,
		  struct cresset_error *err)
{
	struct otlp o = {.p = in->profile};
	struct labels labels;
	int e = labels_init(&labels, LABELS_OTEL, in, 0);

	(void)err;
	if (e < 0)
		return e;
	wire_init(&o.out);
	vec_init(&o.strings, sizeof(char *));
	vec_init(&o.text, 1);
	e = table_init(&o.attributes, sizeof(struct attribute), sizeof(struct attribute));
	e = e ? e : build(&o, &labels, r);
	table_release(&o.attributes);
	vec_release(&o.text);
	for (size_t i = 0; i < o.strings.n; i++)
		free(*(char **)vec_at(&o.strings, i));
	vec_release(&o.strings);
	wire_release(&o.out);
	labels_release(&labels);
	return e;
}

const struct export_target export_target_otlp = {
	.name = "otlp",
	.help = "OpenTelemetry profiles over HTTP, as of opentelemetry-proto " EXPORT_OTLP_VERSION
		" (port 4318)",
	.path = "/v1development/profiles",
	.content_type = "application/x-protobuf",
	.method = "POST",
	.max_samples = 12000,
	.max_raw_bytes = 3u << 20,
	.max_age_s = 24 * 3600,
	.encode = encode,
};
