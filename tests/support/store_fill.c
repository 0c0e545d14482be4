// SPDX-License-Identifier: Apache-2.0
/* store_fill - see store_fill.h. */
#include "support/store_fill.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fill {
	struct cresset_profile *p;
	const struct store_fill *f;
	uint64_t state;
};

static uint32_t draw(struct fill *f, uint32_t n)
{
	f->state ^= f->state << 13;
	f->state ^= f->state >> 7;
	f->state ^= f->state << 17;
	return (uint32_t)((f->state >> 16) % n);
}

static int add_location(struct fill *f, uint32_t service, uint32_t function, uint32_t *ret)
{
	char name[64], file[64], binary[64];
	struct cresset_function fn = {.start_line = function};
	struct cresset_mapping m = {.start = 0x1000, .limit = 0x9000};
	struct cresset_line line = {.line = 10 + function};
	struct cresset_location l = {
		.address = 0x1000 + function, .n_lines = 1, .flags = CRESSET_LOCATION_RESOLVED};
	int r;

	snprintf(name, sizeof(name), "service%u_function%u", service, function);
	snprintf(file, sizeof(file), "/src/service%u/file%u.c", service, function % 7);
	snprintf(binary, sizeof(binary), "/usr/bin/service%u", service);
	r = cresset_profile_add_string(f->p, name, strlen(name), &fn.name);
	r = r ?: cresset_profile_add_string(f->p, file, strlen(file), &fn.filename);
	r = r ?: cresset_profile_add_string(f->p, binary, strlen(binary), &m.file);
	r = r ?: cresset_profile_add_function(f->p, &fn, &line.function);
	r = r ?: cresset_profile_add_mapping(f->p, &m, &l.mapping);
	return r ?: cresset_profile_add_location(f->p, &l, &line, ret);
}

static int add_label(struct fill *f, const char *key, const char *value, struct cresset_label *ret)
{
	*ret = (struct cresset_label){.key = 0};
	return cresset_profile_add_string(f->p, key, strlen(key), &ret->key)
		       ?: cresset_profile_add_string(f->p, value, strlen(value), &ret->str);
}

static int add_sample(struct fill *f, uint32_t service, uint32_t labels)
{
	uint32_t frames[256], stack, n = 2 + draw(f, f->f->depth);
	int64_t values[3] = {0};
	uint32_t node = service * 7919;
	int r = 0;

	/* Paths through a tree of calls: what stands above says what may come below. */
	for (uint32_t i = 0; i < n && r == 0; i++) {
		node = node * 31 + 1 + draw(f, 2);
		r = add_location(f, service, node % f->f->functions, &frames[n - 1 - i]);
	}
	r = r ?: cresset_profile_add_stack(f->p, frames, n, &stack);
	values[draw(f, 3)] = 1000 + draw(f, 100000000);
	return r ?: cresset_profile_add_sample(f->p, stack, labels, values);
}

static int fill(struct fill *f)
{
	int r = cresset_profile_add_value_type(f->p, "cpu", "nanoseconds");

	r = r ?: cresset_profile_add_value_type(f->p, "runnable", "nanoseconds");
	r = r ?: cresset_profile_add_value_type(f->p, "blocked", "nanoseconds");
	for (uint32_t s = 0; s < f->f->services; s++) {
		for (uint32_t k = 0; k < f->f->series_each; k++) {
			struct cresset_label labels[3];
			char service[32], comm[32];
			uint32_t set;

			snprintf(service, sizeof(service), "service%u", s);
			snprintf(comm, sizeof(comm), "comm%u-%u", s, k);
			r = r ?: add_label(f, "service", service, &labels[0]);
			r = r ?: add_label(f, "comm", comm, &labels[1]);
			r = r ?: add_label(f, "host", "here", &labels[2]);
			r = r ?: cresset_profile_add_labels(f->p, labels, 3, &set);
			for (uint32_t i = 0; i < f->f->stacks_each && r == 0; i++)
				r = add_sample(f, s, set);
		}
	}
	return r;
}

int store_fill_window(const struct store_fill *sf, uint32_t i, struct cresset_profile **ret)
{
	struct fill f = {.f = sf, .state = 0x9e3779b97f4a7c15u * (i + 1)};
	int r = cresset_profile_new(&f.p);

	if (r < 0)
		return r;
	r = fill(&f);
	cresset_profile_set_time(f.p, sf->start_ns + sf->step_ns * i, sf->step_ns);
	if (r < 0) {
		cresset_profile_free(f.p);
		return r;
	}
	*ret = f.p;
	return 0;
}

char *store_fill_folder(void)
{
	/* In memory where that is possible: a store syncs several times for each window. */
	const char *base = getenv("TMPDIR");
	char *path;

	if (!base || !*base)
		base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	if (asprintf(&path, "%s/cresset-store-XXXXXX", base) < 0)
		abort();
	if (!mkdtemp(path))
		abort();
	return path;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	return remove(path);
}

void store_fill_remove(char *folder)
{
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(folder);
}

/* ---- As text. */

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_sample(FILE *out, const struct cresset_profile *p, size_t i,
			 const char *const *labels, size_t n_labels)
{
	const struct cresset_sample *s = cresset_profile_sample(p, i);
	size_t n;
	const uint32_t *ids = cresset_profile_stack(p, s->stack, &n);

	for (size_t k = 0; k < n_labels; k++) {
		const struct cresset_label *l = cresset_profile_find_label(p, s->labels, labels[k]);

		fprintf(out, "%s;", l ? cresset_profile_string(p, l->str) : "");
	}
	while (n-- > 0) {
		const struct cresset_location *l = cresset_profile_location(p, ids[n]);
		const struct cresset_mapping *m = cresset_profile_mapping(p, l->mapping);

		for (uint32_t k = 0; k < l->n_lines; k++) {
			const struct cresset_line *line = &cresset_profile_lines(p, ids[n])[k];
			const struct cresset_function *f =
				cresset_profile_function(p, line->function);

			fprintf(out, ";%s %s:%u (%s)", cresset_profile_string(p, f->name),
				cresset_profile_string(p, f->filename), line->line,
				cresset_profile_string(p, m->file));
		}
		if (!l->n_lines)
			fprintf(out, ";[%s %" PRIx64 "]", cresset_profile_string(p, m->file),
				l->address);
	}
}

char *store_fill_text(const struct cresset_profile *p, const char *const *labels, size_t n_labels)
{
	size_t n = cresset_profile_n_samples(p), size;
	char **lines = calloc(n + 1, sizeof(*lines)), *text;
	FILE *out;

	if (!lines)
		abort();
	for (size_t i = 0; i < n; i++) {
		out = open_memstream(&lines[i], &size);
		print_sample(out, p, i, labels, n_labels);
		for (size_t k = 0; k < cresset_profile_n_value_types(p); k++)
			fprintf(out, " %" PRId64, cresset_profile_values(p, i)[k]);
		fclose(out);
	}
	qsort(lines, n, sizeof(*lines), compare_lines);
	out = open_memstream(&text, &size);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s\n", lines[i]);
		free(lines[i]);
	}
	fclose(out);
	free(lines);
	return text;
}

/* p's samples with only some labels, and locations without addresses, as a store keeps them. */
static void add_reduced(struct cresset_profile *to, const struct cresset_profile *p,
			const char *const *names, size_t n_names)
{
	for (size_t i = 0; i < cresset_profile_n_samples(p); i++) {
		const struct cresset_sample *s = cresset_profile_sample(p, i);
		struct cresset_label labels[8];
		uint32_t set, stack, mapped[256];
		size_t n, kept = 0;
		const uint32_t *ids = cresset_profile_stack(p, s->stack, &n);

		for (size_t k = 0; k < n_names; k++) {
			struct fill f = {.p = to};
			const struct cresset_label *l =
				cresset_profile_find_label(p, s->labels, names[k]);

			if (l && add_label(&f, names[k], cresset_profile_string(p, l->str),
					   &labels[kept++]) < 0)
				abort();
		}
		for (size_t k = 0; k < n; k++) {
			const struct cresset_line *line = cresset_profile_lines(p, ids[k]);
			const char *name = cresset_profile_string(
				p, cresset_profile_function(p, line->function)->name);
			struct fill f = {.p = to};
			uint32_t service, function;

			if (sscanf(name, "service%u_function%u", &service, &function) != 2 ||
			    add_location(&f, service, function, &mapped[k]) < 0)
				abort();
		}
		if (cresset_profile_add_stack(to, mapped, n, &stack) < 0 ||
		    cresset_profile_add_labels(to, labels, kept, &set) < 0 ||
		    cresset_profile_add_sample(to, stack, set, cresset_profile_values(p, i)) < 0)
			abort();
	}
}

char *store_fill_expected(const struct store_fill *f, uint32_t first, uint32_t last,
			  const char *const *labels, size_t n)
{
	struct cresset_profile *sum, *p;
	char *text;

	if (cresset_profile_new(&sum) < 0 ||
	    cresset_profile_add_value_type(sum, "cpu", "nanoseconds") < 0 ||
	    cresset_profile_add_value_type(sum, "runnable", "nanoseconds") < 0 ||
	    cresset_profile_add_value_type(sum, "blocked", "nanoseconds") < 0)
		abort();
	for (uint32_t i = first; i < last; i++) {
		if (store_fill_window(f, i, &p) < 0)
			abort();
		add_reduced(sum, p, labels, n);
		cresset_profile_free(p);
	}
	text = store_fill_text(sum, labels, n);
	cresset_profile_free(sum);
	return text;
}
