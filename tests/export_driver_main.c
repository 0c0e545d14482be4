// SPDX-License-Identifier: Apache-2.0
/*
 * export_driver KEY=VALUE... - an exporter, driven by lines on standard input, for tests that put
 * faulty servers in its way. Made profiles have a label "seq" that counts up.
 *
 *     push N STACKS [LABEL=VALUE]...   N CPU profiles of so many stacks each
 *     offcpu N STACKS                  the same, of off-CPU time
 *     wide N                           one profile of one stack with a name of N bytes
 *     old SECONDS                      those from now on ended so long ago
 *     sleep MS     flush MS     stop MS
 *     stats                            one line of JSON
 */
#include "export/export.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { DURATION_NS = 10000000, PERIOD_NS = 10000000, LABELS_MAX = 64 };

struct driver {
	struct exporter *e;
	unsigned int seq;
	uint64_t old_ns;
};

static void must(int r, const char *what)
{
	if (r < 0) {
		fprintf(stderr, "export_driver: %s: %s\n", what, strerror(-r));
		exit(1);
	}
}

static uint32_t frame(struct cresset_profile *p, const char *name)
{
	uint32_t id = 0;

	must(cresset_profile_add_frame(p, name, strlen(name), 0, &id), "frame");
	return id;
}

static struct cresset_profile *make(const struct driver *d, unsigned int stacks, bool off_cpu,
				    const char *long_name)
{
	struct cresset_profile *p = NULL;
	struct timespec t;
	char name[64];

	must(cresset_profile_new(&p), "profile");
	must(cresset_profile_add_value_type(p, off_cpu ? "off_cpu_events" : "samples", "count"),
	     "type");
	must(cresset_profile_add_value_type(p, off_cpu ? "off_cpu" : "cpu", "nanoseconds"), "type");
	cresset_profile_set_default_type(p, 1);
	if (!off_cpu)
		must(cresset_profile_set_period(p, "cpu", "nanoseconds", PERIOD_NS), "period");
	clock_gettime(CLOCK_REALTIME, &t);
	cresset_profile_set_time(
		p, (int64_t)t.tv_sec * 1000000000 + t.tv_nsec - DURATION_NS - (int64_t)d->old_ns,
		DURATION_NS);
	for (unsigned int i = 0; i < stacks; i++) {
		uint32_t ids[3], stack = 0;

		snprintf(name, sizeof(name), "leaf_%u_%u", d->seq, i);
		ids[0] = frame(p, long_name ? long_name : name);
		ids[1] = frame(p, "work");
		ids[2] = frame(p, "main");
		must(cresset_profile_add_stack(p, ids, 3, &stack), "stack");
		must(cresset_profile_add_sample(p, stack, 0, (int64_t[]){1, PERIOD_NS}), "sample");
	}
	return p;
}

static void push(struct driver *d, const struct cresset_profile *p, char *rest)
{
	struct export_label labels[LABELS_MAX] = {{"service", "driver"}};
	struct cresset_error err = {.text = ""};
	char seq[16], *word, *next = NULL;
	size_t n = 2;

	snprintf(seq, sizeof(seq), "%u", ++d->seq);
	labels[1] = (struct export_label){"seq", seq};
	for (word = strtok_r(rest, " \n", &next); word && n < LABELS_MAX;
	     word = strtok_r(NULL, " \n", &next)) {
		char *equals = strchr(word, '=');

		if (equals) {
			*equals = '\0';
			labels[n++] = (struct export_label){word, equals + 1};
		}
	}
	if (exporter_push(d->e, p, labels, n, &err) < 0)
		printf("refused: %s\n", err.text);
}

static void push_many(struct driver *d, char *arguments, bool off_cpu)
{
	char *rest = arguments;
	unsigned long n = strtoul(rest, &rest, 10), stacks = strtoul(rest, &rest, 10);

	for (unsigned long i = 0; i < n; i++) {
		struct cresset_profile *p = make(d, (unsigned int)stacks, off_cpu, NULL);
		char *copy = strdup(rest);

		if (!copy)
			abort();
		push(d, p, copy);
		free(copy);
		cresset_profile_free(p);
	}
}

static void push_wide(struct driver *d, char *arguments)
{
	size_t n = strtoul(arguments, NULL, 10);
	char *name = malloc(n + 1), none[] = "";
	struct cresset_profile *p;
	uint32_t x = 1;

	if (!name)
		abort();
	for (size_t i = 0; i < n; i++) {
		x = x * 1103515245 + 12345;
		name[i] = (char)('a' + x / 65536 % 26);
	}
	name[n] = '\0';
	p = make(d, 1, false, name);
	push(d, p, none);
	cresset_profile_free(p);
	free(name);
}

static void print_stats(struct exporter *e)
{
	struct exporter_stats s;
	uint64_t dropped = 0;

	exporter_get_stats(e, &s);
	for (int i = 0; i < EXPORT_DROP_COUNT; i++)
		dropped += s.dropped[i];
	printf("{\"pushed\": %" PRIu64 ", \"restored\": %" PRIu64 ", \"sent\": %" PRIu64
	       ", \"tries\": %" PRIu64 ", \"retried\": %" PRIu64 ", \"partial\": %" PRIu64
	       ", \"queued\": %" PRIu64 ", \"queued_bytes\": %" PRIu64 ", \"spooled\": %" PRIu64
	       ", \"spooled_bytes\": %" PRIu64 ", \"labels_cut\": %" PRIu64
	       ", \"spool_errors\": %" PRIu64,
	       s.pushed, s.restored, s.sent, s.tries, s.retried, s.partial, s.queued,
	       s.queued_bytes, s.spooled, s.spooled_bytes, s.labels_cut, s.spool_errors);
	for (int i = 0; i < EXPORT_DROP_COUNT; i++)
		printf(", \"%s\": %" PRIu64, export_drop_name((enum export_drop)i), s.dropped[i]);
	printf(", \"balanced\": %s, \"code\": %u, \"last_error\": \"",
	       s.pushed + s.restored == s.sent + s.queued + s.spooled + dropped ? "true" : "false",
	       s.refused_by[0].code);
	for (const char *c = s.last_error; *c; c++)
		putchar(*c == '"' || *c == '\\' ? '\'' : *c);
	printf("\"}\n");
}

static void obey(struct driver *d, char *line)
{
	char *space = strpbrk(line, " \n");
	char *rest = space ? space + 1 : line + strlen(line);
	unsigned int ms = (unsigned int)strtoul(rest, NULL, 10);

	if (space)
		*space = '\0';
	if (!strcmp(line, "push"))
		push_many(d, rest, false);
	else if (!strcmp(line, "offcpu"))
		push_many(d, rest, true);
	else if (!strcmp(line, "wide"))
		push_wide(d, rest);
	else if (!strcmp(line, "old"))
		d->old_ns = ms * UINT64_C(1000000000);
	else if (!strcmp(line, "sleep"))
		usleep(ms * 1000);
	else if (!strcmp(line, "flush"))
		printf("flush %d\n", exporter_flush(d->e, ms));
	else if (!strcmp(line, "stop"))
		printf("stop %zu\n", exporter_stop(d->e, ms));
	else if (!strcmp(line, "stats"))
		print_stats(d->e);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct cresset_error err = {.text = ""};
	struct export_config *c = NULL;
	struct driver d = {.seq = 0};
	char line[4096];

	alarm(120);
	must(export_config_new("driver", &c), "config");
	for (int i = 1; i < argc; i++) {
		char *equals = strchr(argv[i], '=');

		if (!equals)
			return 2;
		*equals = '\0';
		if (export_config_set(c, argv[i], equals + 1, &err) < 0) {
			fprintf(stderr, "export_driver: %s\n", err.text);
			export_config_free(c);
			return 2;
		}
	}
	if (exporter_new(c, &d.e, &err) < 0) {
		fprintf(stderr, "export_driver: %s\n", err.text);
		export_config_free(c);
		return 1;
	}
	while (fgets(line, sizeof(line), stdin))
		obey(&d, line);
	exporter_free(d.e);
	return 0;
}
