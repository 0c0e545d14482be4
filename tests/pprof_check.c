// SPDX-License-Identifier: Apache-2.0
/* pprof_check - see pprof_check.h. */
#include "pprof_check.h"

#include <iconv.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "profile.pb-c.h"

#define UNPACKED_MAX ((size_t)1 << 30)

struct check {
	const Profile *p;
	struct pprof_check_options options;
	FILE *report;
	size_t breaches;
};

static void breach(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void breach(struct check *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(c->report, fmt, args);
	va_end(args);
	fputc('\n', c->report);
	c->breaches++;
}

/* ---- Strings. */

static bool is_utf8(const ProtobufCBinaryData *s)
{
	iconv_t cd = iconv_open("UTF-32LE", "UTF-8");
	char *in = (char *)s->data, *out = malloc(s->len * 4 + 4), *to = out;
	size_t in_left = s->len, out_left = s->len * 4 + 4;
	bool ok = out && cd != (iconv_t)-1 &&
		  iconv(cd, &in, &in_left, &to, &out_left) != (size_t)-1 && !in_left;

	if (cd != (iconv_t)-1)
		iconv_close(cd);
	free(out);
	return ok;
}

static void check_strings(struct check *c)
{
	if (!c->p->n_string_table)
		breach(c, "no string table");
	else if (c->p->string_table[0].len)
		breach(c, "string 0 is not empty");
	for (size_t i = 0; i < c->p->n_string_table; i++) {
		const ProtobufCBinaryData *s = &c->p->string_table[i];

		if (!is_utf8(s))
			breach(c, "string %zu is not UTF-8", i);
		if (s->len && memchr(s->data, 0, s->len))
			breach(c, "string %zu holds a NUL", i);
	}
}

/* Is it in the table, and (wanted) not empty? */
static bool check_string(struct check *c, const char *what, size_t i, int64_t index, bool wanted)
{
	if (index < 0 || (uint64_t)index >= c->p->n_string_table) {
		breach(c, "%s %zu: string %" PRId64 " does not exist", what, i, index);
		return false;
	}
	if (wanted && !c->p->string_table[index].len) {
		breach(c, "%s %zu: a string that must not be empty is", what, i);
		return false;
	}
	return true;
}

static bool is_letter(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_';
}

/* [A-Za-z_][A-Za-z0-9_]* */
static void check_word(struct check *c, const char *what, size_t i, int64_t index)
{
	const ProtobufCBinaryData *s;

	if (!check_string(c, what, i, index, true))
		return;
	s = &c->p->string_table[index];
	for (size_t j = 0; j < s->len; j++) {
		char ch = (char)s->data[j];

		if (is_letter(ch) || (j && ch >= '0' && ch <= '9'))
			continue;
		breach(c, "%s %zu: \"%.*s\" is not a name", what, i, (int)s->len,
		       (const char *)s->data);
		return;
	}
}

static bool same_string(const struct check *c, int64_t a, int64_t b)
{
	const ProtobufCBinaryData *x, *y;

	if ((uint64_t)a >= c->p->n_string_table || (uint64_t)b >= c->p->n_string_table)
		return false;
	x = &c->p->string_table[a];
	y = &c->p->string_table[b];
	return x->len == y->len && (!x->len || memcmp(x->data, y->data, x->len) == 0);
}

/* ---- Tables. */

static void check_types(struct check *c)
{
	bool found = !c->p->default_sample_type;

	if (!c->p->n_sample_type)
		breach(c, "no sample type");
	for (size_t i = 0; i < c->p->n_sample_type; i++) {
		check_word(c, "sample type", i, c->p->sample_type[i]->type);
		check_word(c, "sample type", i, c->p->sample_type[i]->unit);
		found |= same_string(c, c->p->sample_type[i]->type, c->p->default_sample_type);
		for (size_t j = 0; j < i; j++)
			if (same_string(c, c->p->sample_type[i]->type, c->p->sample_type[j]->type))
				breach(c, "sample types %zu and %zu are the same", j, i);
	}
	if (!found)
		breach(c, "the default sample type is none of the types");
	if (c->p->period_type) {
		check_word(c, "period type", 0, c->p->period_type->type);
		check_word(c, "period type", 0, c->p->period_type->unit);
	}
}

static void check_mappings(struct check *c)
{
	for (size_t i = 0; i < c->p->n_mapping; i++) {
		const Mapping *m = c->p->mapping[i];

		if (m->id != i + 1)
			breach(c, "mapping %zu has the id %" PRIu64, i + 1, m->id);
		if (m->memory_start >= m->memory_limit)
			breach(c, "mapping %zu has no range", i + 1);
		check_string(c, "mapping", i + 1, m->filename, false);
		check_string(c, "mapping", i + 1, m->build_id, false);
	}
}

static void check_functions(struct check *c)
{
	for (size_t i = 0; i < c->p->n_function; i++) {
		const Function *f = c->p->function[i];

		if (f->id != i + 1)
			breach(c, "function %zu has the id %" PRIu64, i + 1, f->id);
		check_string(c, "function", i + 1, f->name, true);
		check_string(c, "function", i + 1, f->system_name, true);
		check_string(c, "function", i + 1, f->filename, false);
		if (f->start_line < 0)
			breach(c, "function %zu starts at a negative line", i + 1);
	}
}

static void check_location(struct check *c, size_t i)
{
	const Location *l = c->p->location[i];

	if (l->id != i + 1)
		breach(c, "location %zu has the id %" PRIu64, i + 1, l->id);
	if (l->mapping_id > c->p->n_mapping) {
		breach(c, "location %zu: mapping %" PRIu64 " does not exist", i + 1, l->mapping_id);
	} else if (l->mapping_id) {
		const Mapping *m = c->p->mapping[l->mapping_id - 1];

		if (l->address < m->memory_start || l->address >= m->memory_limit)
			breach(c, "location %zu: %#" PRIx64 " is not in mapping %" PRIu64, i + 1,
			       l->address, l->mapping_id);
	}
	if (!l->n_line)
		breach(c, "location %zu has no function", i + 1);
	for (size_t j = 0; j < l->n_line; j++) {
		if (!l->line[j]->function_id || l->line[j]->function_id > c->p->n_function)
			breach(c, "location %zu: function %" PRIu64 " does not exist", i + 1,
			       l->line[j]->function_id);
		if (l->line[j]->line < 0 || l->line[j]->column < 0)
			breach(c, "location %zu has a negative line", i + 1);
	}
}

static void check_labels(struct check *c, size_t i)
{
	const Sample *s = c->p->sample[i];

	for (size_t j = 0; j < s->n_label; j++) {
		const Label *l = s->label[j];

		if (check_string(c, "label of sample", i + 1, l->key, true)) {
			const ProtobufCBinaryData *key = &c->p->string_table[l->key];

			if (key->len >= 7 && memcmp(key->data, "pprof::", 7) == 0)
				breach(c, "sample %zu has a label of a reserved name", i + 1);
		}
		check_string(c, "label of sample", i + 1, l->str, false);
		check_string(c, "label of sample", i + 1, l->num_unit, false);
		if (l->str && (l->num || l->num_unit))
			breach(c, "sample %zu has a label that is a string and a number", i + 1);
		for (size_t k = 0; k < j; k++)
			if (same_string(c, l->key, s->label[k]->key))
				breach(c, "sample %zu has two labels of one name", i + 1);
	}
}

static void check_sample(struct check *c, size_t i)
{
	const Sample *s = c->p->sample[i];

	if (s->n_value != c->p->n_sample_type)
		breach(c, "sample %zu has %zu values for %zu types", i + 1, s->n_value,
		       c->p->n_sample_type);
	for (size_t j = 0; j < s->n_value && !c->options.negative; j++)
		if (s->value[j] < 0)
			breach(c, "sample %zu has a negative value", i + 1);
	for (size_t j = 0; j < s->n_location_id; j++)
		if (!s->location_id[j] || s->location_id[j] > c->p->n_location)
			breach(c, "sample %zu: location %" PRIu64 " does not exist", i + 1,
			       s->location_id[j]);
	check_labels(c, i);
}

static void check_whole(struct check *c)
{
	for (size_t i = 0; i < c->p->n_comment; i++)
		check_string(c, "comment", i, c->p->comment[i], false);
	check_string(c, "drop_frames", 0, c->p->drop_frames, false);
	check_string(c, "keep_frames", 0, c->p->keep_frames, false);
	check_string(c, "doc_url", 0, c->p->doc_url, false);
	if (c->p->duration_nanos < 0)
		breach(c, "the duration is negative");
	if (!c->options.recorded)
		return;
	if (c->p->time_nanos <= 0)
		breach(c, "no time");
	if (c->p->duration_nanos <= 0)
		breach(c, "no duration");
	if (!c->p->period_type || c->p->period <= 0)
		breach(c, "no period");
}

/* ---- The file. */

/* Unpacks a file of one gzip member; NULL if it is anything else. */
static uint8_t *unpack(struct check *c, const void *data, size_t size, size_t *ret_size)
{
	z_stream z = {.next_in = (Bytef *)data, .avail_in = (uInt)size};
	size_t capacity = size * 8 + 4096;
	uint8_t *out = NULL;
	int r = inflateInit2(&z, 15 + 16);

	while (r == Z_OK && capacity <= UNPACKED_MAX) {
		uint8_t *bigger = realloc(out, capacity);

		if (!bigger)
			break;
		out = bigger;
		z.next_out = out + z.total_out;
		z.avail_out = (uInt)(capacity - z.total_out);
		r = inflate(&z, Z_NO_FLUSH);
		capacity *= 2;
	}
	*ret_size = z.total_out;
	if (r != Z_STREAM_END)
		breach(c, "not a whole gzip file");
	else if (z.avail_in)
		breach(c, "bytes after the gzip member");
	inflateEnd(&z);
	if (r == Z_STREAM_END)
		return out;
	free(out);
	return NULL;
}

size_t pprof_check(const void *data, size_t size, struct pprof_check_options options, FILE *report)
{
	struct check c = {.options = options, .report = report};
	size_t n = 0;
	uint8_t *bytes = unpack(&c, data, size, &n);
	Profile *p = bytes ? profile__unpack(NULL, n, bytes) : NULL;

	free(bytes);
	if (!p) {
		breach(&c, "not a pprof message");
		return c.breaches;
	}
	c.p = p;
	check_strings(&c);
	check_types(&c);
	check_mappings(&c);
	check_functions(&c);
	for (size_t i = 0; i < p->n_location; i++)
		check_location(&c, i);
	for (size_t i = 0; i < p->n_sample; i++)
		check_sample(&c, i);
	check_whole(&c);
	profile__free_unpacked(p, NULL);
	return c.breaches;
}
