// SPDX-License-Identifier: Apache-2.0
/* dump - see dump.h. */
#include "support/dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void put_text(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < ' ' || c >= 0x7f || c == '"' || c == '\\')
			fprintf(f, "\\x%02x", c);
		else
			fputc(c, f);
	}
	fputc('"', f);
}

static void put_string(FILE *f, const struct cresset_profile *p, const char *before, uint32_t id)
{
	fputs(before, f);
	put_text(f, cresset_profile_string(p, id));
}

static void put_type(FILE *f, const struct cresset_profile *p, const char *before,
		     struct cresset_value_type t)
{
	put_string(f, p, before, t.type);
	put_string(f, p, "/", t.unit);
}

static void put_whole(FILE *f, const struct cresset_profile *p)
{
	for (size_t i = 0; i < cresset_profile_n_value_types(p); i++) {
		put_type(f, p, "type ", cresset_profile_value_type(p, i));
		fputs(i == cresset_profile_default_type(p) ? " default\n" : "\n", f);
	}
	put_type(f, p, "period ", cresset_profile_period_type(p));
	fprintf(f, " %" PRId64 "\ntime %" PRId64 " duration %" PRId64 "\n",
		cresset_profile_period(p), cresset_profile_time_ns(p),
		cresset_profile_duration_ns(p));
	for (size_t i = 0; i < cresset_profile_n_comments(p); i++) {
		fputs("comment ", f);
		put_text(f, cresset_profile_comment(p, i));
		fputc('\n', f);
	}
	for (size_t i = 0; i < cresset_profile_n_stats(p); i++) {
		struct cresset_stat s = cresset_profile_stat(p, i);

		put_string(f, p, "stat ", s.name);
		fprintf(f, " %" PRIu64 "\n", s.value);
	}
}

static void put_mappings(FILE *f, const struct cresset_profile *p)
{
	for (uint32_t i = 1; i <= cresset_profile_n_mappings(p); i++) {
		const struct cresset_mapping *m = cresset_profile_mapping(p, i);

		fprintf(f, "mapping %u %#" PRIx64 "-%#" PRIx64 "+%#" PRIx64, i, m->start, m->limit,
			m->offset);
		put_string(f, p, " ", m->file);
		put_string(f, p, " ", m->build_id);
		fprintf(f, " pid %u kind %u flags %#x\n", m->pid, m->kind, m->flags);
	}
}

static void put_functions(FILE *f, const struct cresset_profile *p)
{
	for (uint32_t i = 1; i <= cresset_profile_n_functions(p); i++) {
		const struct cresset_function *fn = cresset_profile_function(p, i);

		fprintf(f, "function %u", i);
		put_string(f, p, " ", fn->name);
		put_string(f, p, " ", fn->system_name);
		put_string(f, p, " ", fn->filename);
		fprintf(f, ":%u\n", fn->start_line);
	}
}

static void put_locations(FILE *f, const struct cresset_profile *p)
{
	for (uint32_t i = 1; i <= cresset_profile_n_locations(p); i++) {
		const struct cresset_location *loc = cresset_profile_location(p, i);
		const struct cresset_line *lines = cresset_profile_lines(p, i);

		fprintf(f, "location %u mapping %u %#" PRIx64 " flags %#x", i, loc->mapping,
			loc->address, loc->flags);
		for (uint32_t j = 0; j < loc->n_lines; j++)
			fprintf(f, " [%u %u:%u]", lines[j].function, lines[j].line,
				lines[j].column);
		fputc('\n', f);
	}
}

static void put_sample(FILE *f, const struct cresset_profile *p, size_t i)
{
	const struct cresset_sample *s = cresset_profile_sample(p, i);
	const int64_t *values = cresset_profile_values(p, i);
	size_t n, n_labels;
	const uint32_t *ids = cresset_profile_stack(p, s->stack, &n);
	const struct cresset_label *l = cresset_profile_labels(p, s->labels, &n_labels);

	fputs("sample", f);
	for (size_t j = 0; j < cresset_profile_n_value_types(p); j++)
		fprintf(f, " %" PRId64, values[j]);
	fputs(" :", f);
	for (size_t j = 0; j < n; j++)
		fprintf(f, " %u", ids[j]);
	for (size_t j = 0; j < n_labels; j++) {
		put_string(f, p, " ", l[j].key);
		if (l[j].str)
			put_string(f, p, "=", l[j].str);
		else
			fprintf(f, "=%" PRId64, l[j].num);
		if (l[j].unit)
			put_string(f, p, " ", l[j].unit);
	}
	fputc('\n', f);
}

char *dump_profile(const struct cresset_profile *p)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		abort();
	put_whole(f, p);
	put_mappings(f, p);
	put_functions(f, p);
	put_locations(f, p);
	for (size_t i = 0; i < cresset_profile_n_samples(p); i++)
		put_sample(f, p, i);
	if (fclose(f) != 0)
		abort();
	return text;
}
