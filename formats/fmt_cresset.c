// SPDX-License-Identifier: Apache-2.0
/* Writing .cresset; the layout is in fmt_cresset.h. */
#include "formats/fmt_cresset.h"

#include "formats/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { ZSTD_LEVEL = 3 };

struct writer {
	const struct cresset_profile *p;
	struct wire_out out;
	struct wire_out section;
};

static void section_end(struct writer *w, enum section tag)
{
	struct wire_out *s = &w->section;

	wire_put(&w->out, tag);
	wire_put(&w->out, s->bytes.n);
	wire_put_bytes(&w->out, s->bytes.data, s->bytes.n);
	if (!w->out.error)
		w->out.error = s->error;
	s->bytes.n = 0;
}

static void write_strings(struct writer *w)
{
	struct wire_out *s = &w->section;
	uint32_t n = cresset_profile_n_strings(w->p);

	wire_put(s, n);
	for (uint32_t i = 1; i <= n; i++)
		wire_put(s, strlen(cresset_profile_string(w->p, i)));
	for (uint32_t i = 1; i <= n; i++) {
		const char *text = cresset_profile_string(w->p, i);

		wire_put_bytes(s, text, strlen(text));
	}
	section_end(w, SECTION_STRINGS);
}

static void write_whole(struct writer *w)
{
	struct cresset_value_type period = cresset_profile_period_type(w->p);
	size_t n = cresset_profile_n_value_types(w->p);
	struct wire_out *s = &w->section;

	wire_put(s, n);
	for (size_t i = 0; i < n; i++) {
		struct cresset_value_type t = cresset_profile_value_type(w->p, i);

		wire_put(s, t.type);
		wire_put(s, t.unit);
	}
	wire_put(s, cresset_profile_default_type(w->p));
	wire_put(s, period.type);
	wire_put(s, period.unit);
	wire_put_signed(s, cresset_profile_period(w->p));
	wire_put_signed(s, cresset_profile_time_ns(w->p));
	wire_put_signed(s, cresset_profile_duration_ns(w->p));
	section_end(w, SECTION_WHOLE);
}

static void write_mappings(struct writer *w)
{
	uint32_t n = cresset_profile_n_mappings(w->p);
	struct wire_out *s = &w->section;

	wire_put(s, n);
	for (uint32_t i = 1; i <= n; i++)
		wire_put(s, cresset_profile_mapping(w->p, i)->start);
	for (uint32_t i = 1; i <= n; i++)
		wire_put(s, cresset_profile_mapping(w->p, i)->limit -
				    cresset_profile_mapping(w->p, i)->start);
	for (uint32_t i = 1; i <= n; i++)
		wire_put(s, cresset_profile_mapping(w->p, i)->offset);
	for (uint32_t i = 1; i <= n; i++)
		wire_put(s, cresset_profile_mapping(w->p, i)->file);
	for (uint32_t i = 1; i <= n; i++)
		wire_put(s, cresset_profile_mapping(w->p, i)->build_id);
	for (uint32_t i = 1; i <= n; i++)
		wire_put(s, cresset_profile_mapping(w->p, i)->pid);
	for (uint32_t i = 1; i <= n; i++)
		wire_put(s, cresset_profile_mapping(w->p, i)->kind);
	for (uint32_t i = 1; i <= n; i++)
		wire_put(s, cresset_profile_mapping(w->p, i)->flags);
	section_end(w, SECTION_MAPPINGS);
}

static void write_functions(struct writer *w)
{
	uint32_t n = cresset_profile_n_functions(w->p);
	struct wire_out *s = &w->section;

	wire_put(s, n);
	for (uint32_t i = 1; i <= n; i++)
		wire_put(s, cresset_profile_function(w->p, i)->name);
	for (uint32_t i = 1; i <= n; i++) {
		const struct cresset_function *f = cresset_profile_function(w->p, i);

		wire_put_signed(s, (int64_t)f->system_name - f->name);
	}
	for (uint32_t i = 1; i <= n; i++)
		wire_put(s, cresset_profile_function(w->p, i)->filename);
	for (uint32_t i = 1; i <= n; i++)
		wire_put(s, cresset_profile_function(w->p, i)->start_line);
	section_end(w, SECTION_FUNCTIONS);
}

static void write_locations(struct writer *w)
{
	uint32_t n = cresset_profile_n_locations(w->p);
	struct wire_out *s = &w->section;
	uint64_t address = 0;

	wire_put(s, n);
	for (uint32_t i = 1; i <= n; i++)
		wire_put(s, cresset_profile_location(w->p, i)->mapping);
	for (uint32_t i = 1; i <= n; i++) {
		const struct cresset_location *loc = cresset_profile_location(w->p, i);

		wire_put_signed(s, (int64_t)(loc->address - address));
		address = loc->address;
	}
	for (uint32_t i = 1; i <= n; i++)
		wire_put(s, cresset_profile_location(w->p, i)->flags);
	for (uint32_t i = 1; i <= n; i++)
		wire_put(s, cresset_profile_location(w->p, i)->n_lines);
	section_end(w, SECTION_LOCATIONS);
}

enum line_column { LINE_FUNCTION, LINE_NUMBER, LINE_COLUMN };

static void write_line_column(struct writer *w, enum line_column column)
{
	for (uint32_t i = 1; i <= cresset_profile_n_locations(w->p); i++) {
		uint32_t n = cresset_profile_location(w->p, i)->n_lines;
		const struct cresset_line *lines = cresset_profile_lines(w->p, i);

		for (uint32_t j = 0; j < n; j++)
			wire_put(&w->section, column == LINE_FUNCTION ? lines[j].function
					      : column == LINE_NUMBER ? lines[j].line
								      : lines[j].column);
	}
}

static void write_lines(struct writer *w)
{
	uint64_t n = 0;

	for (uint32_t i = 1; i <= cresset_profile_n_locations(w->p); i++)
		n += cresset_profile_location(w->p, i)->n_lines;
	wire_put(&w->section, n);
	write_line_column(w, LINE_FUNCTION);
	write_line_column(w, LINE_NUMBER);
	write_line_column(w, LINE_COLUMN);
	section_end(w, SECTION_LINES);
}

static void write_stacks(struct writer *w)
{
	uint32_t n = cresset_profile_n_stacks(w->p);
	struct wire_out *s = &w->section;
	size_t len;

	wire_put(s, n);
	for (uint32_t i = 1; i <= n; i++) {
		cresset_profile_stack(w->p, i, &len);
		wire_put(s, len);
	}
	for (uint32_t i = 1; i <= n; i++) {
		const uint32_t *ids = cresset_profile_stack(w->p, i, &len);
		uint32_t before = 0;

		for (size_t j = 0; j < len; j++) {
			wire_put_signed(s, (int64_t)ids[j] - before);
			before = ids[j];
		}
	}
	section_end(w, SECTION_STACKS);
}

enum label_column { LABEL_KEYS, LABEL_STRINGS, LABEL_NUMBERS, LABEL_UNITS, LABEL_COLUMNS };

static void write_label(struct wire_out *s, const struct cresset_label *l, enum label_column column)
{
	switch (column) {
	case LABEL_KEYS:
		wire_put(s, l->key);
		break;
	case LABEL_STRINGS:
		wire_put(s, l->str);
		break;
	case LABEL_NUMBERS:
		wire_put_signed(s, l->num);
		break;
	default:
		wire_put(s, l->unit);
	}
}

static void write_labels(struct writer *w)
{
	uint32_t n = cresset_profile_n_label_sets(w->p);
	struct wire_out *s = &w->section;
	size_t len;

	wire_put(s, n);
	for (uint32_t i = 1; i <= n; i++) {
		cresset_profile_labels(w->p, i, &len);
		wire_put(s, len);
	}
	for (enum label_column column = 0; column < LABEL_COLUMNS; column++) {
		for (uint32_t i = 1; i <= n; i++) {
			const struct cresset_label *l = cresset_profile_labels(w->p, i, &len);

			for (size_t j = 0; j < len; j++)
				write_label(s, &l[j], column);
		}
	}
	section_end(w, SECTION_LABELS);
}

static void write_samples(struct writer *w)
{
	size_t n = cresset_profile_n_samples(w->p);
	struct wire_out *s = &w->section;
	uint32_t stack = 0;

	wire_put(s, n);
	for (size_t i = 0; i < n; i++) {
		const struct cresset_sample *sample = cresset_profile_sample(w->p, i);

		wire_put_signed(s, (int64_t)sample->stack - stack);
		stack = sample->stack;
	}
	for (size_t i = 0; i < n; i++)
		wire_put(s, cresset_profile_sample(w->p, i)->labels);
	for (size_t type = 0; type < cresset_profile_n_value_types(w->p); type++)
		for (size_t i = 0; i < n; i++)
			wire_put_signed(s, cresset_profile_values(w->p, i)[type]);
	section_end(w, SECTION_SAMPLES);
}

static void write_comments(struct writer *w)
{
	size_t n = cresset_profile_n_comments(w->p);
	struct wire_out *s = &w->section;

	wire_put(s, n);
	for (size_t i = 0; i < n; i++)
		wire_put(s, strlen(cresset_profile_comment(w->p, i)));
	for (size_t i = 0; i < n; i++) {
		const char *text = cresset_profile_comment(w->p, i);

		wire_put_bytes(s, text, strlen(text));
	}
	section_end(w, SECTION_COMMENTS);
}

static void write_stats(struct writer *w)
{
	size_t n = cresset_profile_n_stats(w->p);
	struct wire_out *s = &w->section;

	wire_put(s, n);
	for (size_t i = 0; i < n; i++)
		wire_put(s, cresset_profile_stat(w->p, i).name);
	for (size_t i = 0; i < n; i++)
		wire_put(s, cresset_profile_stat(w->p, i).value);
	section_end(w, SECTION_STATS);
}

static int build(struct writer *w)
{
	write_strings(w);
	write_whole(w);
	write_mappings(w);
	write_functions(w);
	write_locations(w);
	write_lines(w);
	write_stacks(w);
	write_labels(w);
	write_samples(w);
	write_comments(w);
	write_stats(w);
	return w->out.error;
}

static void put_fixed(uint8_t *to, uint64_t x, size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] = (uint8_t)(x >> (8 * i));
}

static int write_file(const struct vec *payload, struct cresset_sink *sink,
		      struct cresset_error *err)
{
	uint8_t header[CRESSET_HEADER] = {0};
	size_t bound = ZSTD_compressBound(payload->n), n;
	void *data;

	if (payload->n > CRESSET_PAYLOAD_MAX)
		return cresset_error_set(err, -EFBIG,
					 "the profile is larger than 2 GiB (record for less time)");
	data = malloc(bound);
	if (!data)
		return -ENOMEM;
	n = ZSTD_compress(data, bound, payload->data, payload->n, ZSTD_LEVEL);
	if (ZSTD_isError(n)) {
		free(data);
		return ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation ? -ENOMEM : -EIO;
	}
	memcpy(header, CRESSET_MAGIC, 8);
	put_fixed(header + 8, CRESSET_RAW_VERSION, 4);
	put_fixed(header + 16, payload->n, 8);
	put_fixed(header + 24, XXH3_64bits(payload->data, payload->n), 8);
	cresset_sink_write(sink, header, sizeof(header));
	cresset_sink_write(sink, data, n);
	free(data);
	return cresset_sink_error(sink);
}

static int cresset_write(const struct cresset_profile *p, struct cresset_sink *sink,
			 const struct cresset_format_options *options, struct cresset_error *err)
{
	struct writer w = {.p = p};
	int r;

	wire_init(&w.out);
	wire_init(&w.section);
	r = build(&w);
	if (r == 0)
		r = write_file(&w.out.bytes, sink, err);
	wire_release(&w.out);
	wire_release(&w.section);
	return format_error(err, r, "raw profile");
}

const struct cresset_format format_cresset = {
	.name = "cresset",
	.extensions = ".cresset",
	.help = "the raw profile, to be symbolised or converted later",
	.flags = CRESSET_FORMAT_BINARY | CRESSET_FORMAT_RAW,
	.write = cresset_write,
	.read = cresset_read,
	.sniff = cresset_sniff,
};
