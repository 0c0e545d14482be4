// SPDX-License-Identifier: Apache-2.0
/*
 * bench_formats [STACKS [DEPTH]] - the CPU time and the size of writing and reading each format, on
 * a profile of that many different stacks. Prints; asserts nothing. Defaults: a recording of a busy
 * machine (2,000 stacks, 24 frames); `bench_formats 1000000` is a fleet's day.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cresset/format.h>

enum { FUNCTIONS = 60000, DEPTH_MAX = 256 };

static double cpu_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static uint32_t random32(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

static int add_functions(struct cresset_profile *p, uint32_t *ids, uint32_t n_functions)
{
	struct cresset_mapping map = {.start = 0x1000, .limit = 0x10000000, .offset = 0x1000};
	int r = cresset_profile_add_string(p, "/usr/bin/program", 16, &map.file);
	uint32_t mapping;

	r = r ?: cresset_profile_add_mapping(p, &map, &mapping);
	for (uint32_t i = 0; i < n_functions && r == 0; i++) {
		struct cresset_location loc = {
			.mapping = mapping, .address = 0x1000 + i * 64, .n_lines = 1};
		struct cresset_line line = {.line = i % 1000 + 1};
		struct cresset_function f = {0};
		char name[64];
		int n = snprintf(name, sizeof(name), "module%u::function_number_%u", i % 97, i);

		r = cresset_profile_add_string(p, name, (size_t)n, &f.name);
		f.system_name = f.name;
		r = r ?: cresset_profile_add_function(p, &f, &line.function);
		r = r ?: cresset_profile_add_location(p, &loc, &line, &ids[i]);
	}
	return r;
}

/* Stacks share their roots with the one before, as those of a program do. */
static int add_samples(struct cresset_profile *p, const uint32_t *ids, uint32_t n_functions,
		       size_t stacks, size_t depth)
{
	uint32_t path[DEPTH_MAX], leaf_first[DEPTH_MAX], stack;
	uint64_t state = 42;
	int r = 0;

	for (size_t i = 0; i < depth; i++)
		path[i] = ids[random32(&state) % n_functions];
	for (size_t i = 0; i < stacks && r == 0; i++) {
		size_t n = depth / 2 + random32(&state) % (depth / 2 + 1);
		size_t change = n - 1 - random32(&state) % (1 + n / 4);
		int64_t values[2] = {1 + random32(&state) % 9};

		for (size_t j = change; j < n; j++)
			path[j] = ids[random32(&state) % n_functions];
		for (size_t j = 0; j < n; j++)
			leaf_first[j] = path[n - 1 - j];
		values[1] = values[0] * 10101010;
		r = cresset_profile_add_stack(p, leaf_first, n, &stack);
		r = r ?: cresset_profile_add_sample(p, stack, 0, values);
	}
	return r;
}

static struct cresset_profile *make(size_t stacks, size_t depth)
{
	uint32_t *ids = calloc(FUNCTIONS, sizeof(*ids));
	uint32_t n = stacks < FUNCTIONS / 2 ? (uint32_t)stacks * 2 : FUNCTIONS;
	struct cresset_profile *p;

	if (!ids || cresset_profile_new(&p) < 0 ||
	    cresset_profile_add_value_type(p, "samples", "count") < 0 ||
	    cresset_profile_add_value_type(p, "cpu", "nanoseconds") < 0 ||
	    add_functions(p, ids, n) < 0 || add_samples(p, ids, n, stacks, depth) < 0)
		abort();
	free(ids);
	return p;
}

static long peak_mib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss >> 10;
}

static void measure(const struct cresset_format *f, const struct cresset_profile *p)
{
	struct cresset_error err = {.text = ""};
	struct cresset_profile *q = NULL;
	struct cresset_sink *sink;
	const void *data;
	double start;
	size_t n;

	if (cresset_sink_memory(&sink) < 0)
		abort();
	start = cpu_now();
	if (f->write(p, sink, NULL, &err) < 0)
		printf("%-8s %s\n", f->name, err.text);
	data = cresset_sink_data(sink, &n);
	printf("%-8s write %8.1f ms %8.2f MB", f->name, (cpu_now() - start) * 1e3, (double)n / 1e6);
	if (f->read && cresset_profile_new(&q) == 0) {
		start = cpu_now();
		if (f->read(data, n, q, &err) < 0)
			printf(" %s", err.text);
		start = cpu_now() - start;
		printf("  read %8.1f ms %7.0f MB/s", start * 1e3, (double)n / 1e6 / start);
	}
	printf("  peak %ld MiB\n", peak_mib());
	cresset_profile_free(q);
	cresset_sink_close(sink);
}

int main(int argc, char **argv)
{
	size_t stacks = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
	size_t depth = argc > 2 ? strtoul(argv[2], NULL, 10) : 24;
	const struct cresset_format *f;
	struct cresset_profile *p;
	double start = cpu_now();

	if (!stacks || depth < 4 || depth > DEPTH_MAX) {
		fprintf(stderr, "usage: bench_formats [STACKS [DEPTH (4 to 256)]]\n");
		return 2;
	}
	p = make(stacks, depth);
	printf("%zu stacks, made in %.1f ms, peak %ld MiB\n", cresset_profile_n_samples(p),
	       (cpu_now() - start) * 1e3, peak_mib());
	for (size_t i = 0; (f = cresset_format_at(i)); i++)
		if (f->write)
			measure(f, p);
	cresset_profile_free(p);
	return 0;
}
