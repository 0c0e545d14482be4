// SPDX-License-Identifier: Apache-2.0
/*
 * export.c - what an upload costs whoever pushes: CPU time of exporter_push() and memory of one
 * waiting request, for each kind of server.
 *
 *     bench_export [STACKS [FRAMES]]
 *
 * The profile has functions with names as long as C++ ones; nobody listens where it is sent.
 */
#include "export/export.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PUSHES = 15, NAMES = 3000 };

static void must(int r, const char *what)
{
	if (r < 0) {
		fprintf(stderr, "bench_export: %s: %s\n", what, strerror(-r));
		exit(1);
	}
}

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static struct cresset_profile *make(size_t stacks, size_t frames)
{
	struct cresset_profile *p = NULL;
	uint32_t locations[NAMES], ids[256], stack = 0, x = 1;
	struct timespec t;
	char name[128];

	must(cresset_profile_new(&p), "profile");
	must(cresset_profile_add_value_type(p, "samples", "count"), "type");
	must(cresset_profile_add_value_type(p, "cpu", "nanoseconds"), "type");
	cresset_profile_set_default_type(p, 1);
	must(cresset_profile_set_period(p, "cpu", "nanoseconds", 52631578), "period");
	clock_gettime(CLOCK_REALTIME, &t);
	cresset_profile_set_time(p, (int64_t)t.tv_sec * 1000000000, 10000000000);
	for (size_t i = 0; i < NAMES; i++) {
		x = x * 1103515245 + 12345;
		snprintf(name, sizeof(name),
			 "service::handler_%x::process_request(Context const&, int)", x);
		must(cresset_profile_add_frame(p, name, strlen(name), 0, &locations[i]), "frame");
	}
	for (size_t i = 0; i < stacks; i++) {
		for (size_t j = 0; j < frames; j++) {
			x = x * 1103515245 + 12345;
			/* Roots are shared, leaves are not. */
			ids[frames - 1 - j] = locations[x / 65536 % (1 + j * j * 5 % NAMES)];
		}
		must(cresset_profile_add_stack(p, ids, frames, &stack), "stack");
		must(cresset_profile_add_sample(p, stack, 0,
						(int64_t[]){1 + (int64_t)i % 3, 52631578}),
		     "sample");
	}
	return p;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const char *type, const struct cresset_profile *p)
{
	struct export_label labels[] = {{"service", "bench"}, {"host", "here"}};
	struct cresset_error err = {.text = ""};
	struct export_config *c = NULL;
	struct exporter_stats s;
	struct exporter *e = NULL;
	double ms[PUSHES];

	must(export_config_new("bench", &c), "config");
	must(export_config_set(c, "type", type, &err), err.text);
	must(export_config_set(c, "url", "http://127.0.0.1:1", &err), err.text);
	must(export_config_set(c, "queue_max_bytes", "1G", &err), err.text);
	must(export_config_set(c, "aws_region", "x", &err), err.text);
	must(exporter_new(c, &e, &err), err.text);
	for (int i = 0; i < PUSHES; i++) {
		double before = cpu_ms();

		must(exporter_push(e, p, labels, 2, &err), err.text);
		ms[i] = cpu_ms() - before;
	}
	exporter_get_stats(e, &s);
	qsort(ms, PUSHES, sizeof(*ms), by_value);
	printf("%-12s %6.1f ms a push (%.1f to %.1f), %" PRIu64 " bytes a push in the queue\n",
	       type, ms[PUSHES / 2], ms[0], ms[PUSHES - 1], s.queued_bytes / PUSHES);
	exporter_free(e);
}

int main(int argc, char **argv)
{
	size_t stacks = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
	size_t frames = argc > 2 ? strtoul(argv[2], NULL, 10) : 30;
	struct cresset_profile *p;
	const char *name, *help;

	if (!frames || frames > 256)
		return 2;
	setenv("AWS_ACCESS_KEY_ID", "a", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "b", 1);
	p = make(stacks, frames);
	printf("%zu stacks of %zu frames\n", stacks, frames);
	for (size_t i = 0; export_target_at(i, &name, &help); i++)
		measure(name, p);
	cresset_profile_free(p);
	return 0;
}
