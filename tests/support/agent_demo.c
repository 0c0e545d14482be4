// SPDX-License-Identifier: Apache-2.0
/* See agent_demo.h. */
#include "support/agent_demo.h"

#include <stdio.h>
#include <string.h>

static const struct {
	uint32_t pid;
	const char *comm, *exe, *variables;
} processes[] = {
	{10, "front", "/opt/front", "OTEL_SERVICE_NAME=shop"},
	{11, "back", "/opt/back", "OTEL_SERVICE_NAME=shop"},
	{12, "kworker/0:1", NULL, NULL},
	{13, "gone", NULL, NULL},
};
enum { N_PROCESSES = sizeof(processes) / sizeof(*processes) };

int agent_demo_labels(const struct fixture *f, struct agent_labels **ret)
{
	static const char text[] = "[labels]\nstatic = region=eu\n";
	struct agent_labels_options o = {.proc = f->dir, .host = "box"};
	struct agent_complaints complaints = {.n = 0};
	struct agent_config *config = NULL;
	char name[64], stat[200];
	int r;

	for (size_t i = 0; i < 3; i++) {
		uint32_t pid = processes[i].pid;

		fixture_run(f, "rm -rf %u && mkdir %u", pid, pid);
		snprintf(name, sizeof(name), "%u/stat", pid);
		snprintf(stat, sizeof(stat),
			 "%u (%s) S 1 1 1 0 -1 %u 1 0 0 0 1 2 0 0 20 0 1 0 777 1000 10\n", pid,
			 processes[i].comm, processes[i].exe ? 0x00400040u : 0x00208040u);
		fixture_write(f, name, stat, strlen(stat));
		snprintf(name, sizeof(name), "%u/cgroup", pid);
		fixture_write(f, name, "0::/\n", 5);
		snprintf(name, sizeof(name), "%u/environ", pid);
		if (processes[i].variables)
			fixture_write(f, name, processes[i].variables,
				      strlen(processes[i].variables) + 1);
		if (processes[i].exe)
			fixture_run(f, "ln -s '%s' %u/exe", processes[i].exe, pid);
	}
	r = agent_config_parse(text, strlen(text), "F", &config, &complaints);
	if (!r)
		r = agent_labels_new(&config->labels, &o, ret, NULL);
	agent_config_free(config);
	return r;
}

static int add_text(struct cresset_profile *p, const char *key, const char *value,
		    struct cresset_label *label)
{
	int r = cresset_profile_add_string(p, key, strlen(key), &label->key);

	return r ? r : cresset_profile_add_string(p, value, strlen(value), &label->str);
}

static int add_number(struct cresset_profile *p, const char *key, uint32_t value,
		      struct cresset_label *label)
{
	label->num = value;
	return cresset_profile_add_string(p, key, strlen(key), &label->key);
}

static int add(struct cresset_profile *p, size_t i, const char *state, const int64_t *values)
{
	struct cresset_label labels[5] = {{.key = 0}};
	uint32_t frames[2], stack, set;
	char leaf[32];
	int r;

	snprintf(leaf, sizeof(leaf), "work_%s", processes[i].comm);
	r = cresset_profile_add_frame(p, leaf, strlen(leaf), 0, &frames[0]);
	r = r ? r : cresset_profile_add_frame(p, "main", 4, 0, &frames[1]);
	r = r ? r : cresset_profile_add_stack(p, frames, 2, &stack);
	r = r ? r : add_text(p, CRESSET_LABEL_COMM, processes[i].comm, &labels[0]);
	r = r ? r : add_text(p, CRESSET_LABEL_THREAD, "t", &labels[1]);
	r = r ? r : add_number(p, CRESSET_LABEL_PID, processes[i].pid, &labels[2]);
	r = r ? r : add_number(p, CRESSET_LABEL_TID, processes[i].pid + 1000, &labels[3]);
	if (!r && state)
		r = add_text(p, CRESSET_LABEL_STATE, state, &labels[4]);
	r = r ? r : cresset_profile_add_labels(p, labels, state ? 5 : 4, &set);
	return r ? r : cresset_profile_add_sample(p, stack, set, values);
}

int agent_demo_window(int64_t scale, struct cresset_profile **ret)
{
	static const char *const types[] = {"samples", "cpu", "runnable", "blocked", "wall"};
	struct cresset_profile *p = NULL;
	int r = cresset_profile_new(&p);

	for (size_t i = 0; !r && i < 5; i++)
		r = cresset_profile_add_value_type(p, types[i], i ? "nanoseconds" : "count");
	r = r ? r : cresset_profile_set_period(p, "cpu", "nanoseconds", AGENT_DEMO_PERIOD);
	for (size_t i = 0; !r && i < N_PROCESSES; i++) {
		int64_t n = processes[i].pid * scale;
		const int64_t cpu[] = {1, 10 * n, 0, 0, 10 * n};
		const int64_t runnable[] = {1, 0, 100 * n, 0, 100 * n};
		const int64_t blocked[] = {1, 0, 0, 1000 * n, 1000 * n};

		r = add(p, i, NULL, cpu);
		r = r ? r : add(p, i, CRESSET_STATE_RUNNABLE, runnable);
		r = r ? r : add(p, i, CRESSET_STATE_BLOCKED, blocked);
	}
	r = r ? r : cresset_profile_set_stat(p, "samples.taken", 12);
	r = r ? r : cresset_profile_set_stat(p, "samples.lost.stacks_full", 3);
	if (r) {
		cresset_profile_free(p);
		return r;
	}
	cresset_profile_set_time(p, AGENT_DEMO_TIME, AGENT_DEMO_LENGTH);
	*ret = p;
	return 0;
}
