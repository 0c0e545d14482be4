// SPDX-License-Identifier: Apache-2.0
/* See uploads.h. */
#include "agent/uploads.h"

#include "agent/clock.h"

#include <cresset/sink.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMON_MAX = 32, CHANGE_DEADLINE_MS = 500 };

void uploads_init(struct uploads *u)
{
	memset(u, 0, sizeof(*u));
	pthread_mutex_init(&u->lock, NULL);
}

void uploads_release(struct uploads *u)
{
	for (size_t i = 0; i < u->n; i++)
		exporter_free(u->list[i]);
	u->n = 0;
	pthread_mutex_destroy(&u->lock);
}

/* ---- Configuration. */

static struct exporter *take_equal(struct uploads *u, const struct export_config *config)
{
	for (size_t i = 0; i < u->n; i++) {
		struct exporter *e = u->list[i];

		if (!e || !export_config_equal(exporter_config(e), config))
			continue;
		u->list[i] = NULL;
		return e;
	}
	return NULL;
}

static struct exporter *start(struct export_config *config, uploads_fail_fn fail, void *arg)
{
	struct cresset_error err = {.text = ""};
	struct exporter *e = NULL;
	char name[80];

	snprintf(name, sizeof(name), "%s", export_config_name(config));
	if (exporter_new(config, &e, &err) == 0)
		return e;
	export_config_free(config);
	fail(arg, name, &err);
	return NULL;
}

void uploads_configure(struct uploads *u, struct vec *configs, uint64_t queue_bytes,
		       uploads_fail_fn fail, void *arg)
{
	struct exporter *next[AGENT_CONFIG_MAX_UPLOADS];
	struct export_config *config;
	size_t n = configs->n < AGENT_CONFIG_MAX_UPLOADS ? configs->n : AGENT_CONFIG_MAX_UPLOADS;

	pthread_mutex_lock(&u->lock);
	for (size_t i = 0; i < n; i++)
		next[i] = take_equal(u, *(struct export_config **)vec_at(configs, i));
	/* The others end before new ones begin, which may want their spools; all side by side, as
	 * the writer waits meanwhile. */
	for (size_t i = 0; i < u->n; i++)
		if (u->list[i])
			exporter_begin_stop(u->list[i], CHANGE_DEADLINE_MS);
	for (size_t i = 0; i < u->n; i++) {
		if (u->list[i])
			exporter_stop(u->list[i], CHANGE_DEADLINE_MS);
		exporter_free(u->list[i]);
	}
	u->n = 0;
	for (size_t i = 0; i < n; i++) {
		config = *(struct export_config **)vec_at(configs, i);
		if (next[i])
			export_config_free(config);
		else
			next[i] = start(config, fail, arg);
		if (!next[i])
			continue;
		exporter_limit_queue(next[i], queue_bytes);
		u->list[u->n++] = next[i];
	}
	configs->n = 0;
	pthread_mutex_unlock(&u->lock);
}

/* ---- Windows. */

/* One service of a window: label sets that have it. */
struct service {
	const char *name;
	struct export_label common[COMMON_MAX];
	size_t n_common;
};

static const char *service_of(const struct parts *parts, uint32_t set)
{
	return agent_labels_get(parts->labels, set, "service");
}

/* What the first set has … */
static void common_begin(struct service *s, const struct parts *parts, uint32_t set)
{
	const char *name, *value;

	s->name = service_of(parts, set);
	s->n_common = 0;
	for (size_t i = 0; s->n_common < COMMON_MAX; i++) {
		if (!agent_labels_at(parts->labels, set, i, &name, &value))
			break;
		s->common[s->n_common++] = (struct export_label){name, value};
	}
}

/* … and each other one too. */
static void common_narrow(struct service *s, const struct parts *parts, uint32_t set)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_common; i++)
		if (!strcmp(agent_labels_get(parts->labels, set, s->common[i].name),
			    s->common[i].value))
			s->common[n++] = s->common[i];
	s->n_common = n;
}

/* Services of the window; each label set is looked at once. */
static int find_services(const struct parts *parts, struct vec *services)
{
	size_t n = cresset_profile_n_samples(parts->window);
	bool *seen = calloc((size_t)parts->max_set + 1, sizeof(*seen));

	if (!seen)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		uint32_t set = parts->sets[i];
		struct service *s = NULL, fresh;

		if (seen[set])
			continue;
		seen[set] = true;
		for (size_t k = 0; k < services->n && !s; k++) {
			s = vec_at(services, k);
			if (strcmp(s->name, service_of(parts, set)) != 0)
				s = NULL;
		}
		if (s) {
			common_narrow(s, parts, set);
			continue;
		}
		common_begin(&fresh, parts, set);
		if (!vec_push(services, &fresh, 1)) {
			free(seen);
			return -ENOMEM;
		}
	}
	free(seen);
	return 0;
}

static uint64_t push_part(struct uploads *u, const struct parts *parts, enum parts_kind kind,
			  const struct service *service)
{
	const struct cresset_profile *window = parts->window;
	struct cresset_profile *p = NULL;
	struct cresset_error err;
	uint64_t failed = 0;
	int r = parts_new(kind, cresset_profile_period(window), &p);

	if (!r)
		r = parts_add_service(parts, kind, service->name, p);
	if (r) {
		cresset_profile_free(p);
		return 1;
	}
	cresset_profile_set_time(p, cresset_profile_time_ns(window),
				 cresset_profile_duration_ns(window));
	for (size_t i = 0; i < u->n && cresset_profile_n_samples(p); i++)
		failed +=
			exporter_push(u->list[i], p, service->common, service->n_common, &err) < 0;
	cresset_profile_free(p);
	return failed;
}

uint64_t uploads_push(struct uploads *u, const struct parts *parts)
{
	struct vec services;
	uint64_t failed = 0;

	vec_init(&services, sizeof(struct service));
	pthread_mutex_lock(&u->lock);
	if (u->n && find_services(parts, &services))
		failed = 1;
	for (size_t i = 0; i < services.n; i++) {
		failed += push_part(u, parts, PARTS_CPU, vec_at(&services, i));
		failed += push_part(u, parts, PARTS_OFF_CPU, vec_at(&services, i));
	}
	pthread_mutex_unlock(&u->lock);
	vec_release(&services);
	return failed;
}

/* ---- The end. */

void uploads_stop(struct uploads *u, unsigned int deadline_ms)
{
	pthread_mutex_lock(&u->lock);
	for (size_t i = 0; i < u->n; i++)
		exporter_begin_stop(u->list[i], deadline_ms);
	for (size_t i = 0; i < u->n; i++)
		exporter_stop(u->list[i], deadline_ms);
	pthread_mutex_unlock(&u->lock);
}

/* Without the lock: uploads_stop() has it, and changes nothing in the list. */
uint64_t uploads_left(struct uploads *u)
{
	struct exporter_stats stats;
	uint64_t sum = 0;

	for (size_t i = 0; i < u->n; i++) {
		exporter_get_stats(u->list[i], &stats);
		sum += stats.queued;
	}
	return sum;
}

int uploads_print(struct uploads *u, struct cresset_sink *sink)
{
	pthread_mutex_lock(&u->lock);
	for (size_t i = 0; i < u->n; i++)
		agent_config_print_upload(exporter_config(u->list[i]), sink);
	pthread_mutex_unlock(&u->lock);
	return cresset_sink_error(sink);
}

size_t uploads_count(struct uploads *u)
{
	size_t n;

	pthread_mutex_lock(&u->lock);
	n = u->n;
	pthread_mutex_unlock(&u->lock);
	return n;
}

bool uploads_stats(struct uploads *u, size_t i, struct upload_stats *ret)
{
	bool found;

	pthread_mutex_lock(&u->lock);
	found = i < u->n;
	if (found) {
		const struct export_config *config = exporter_config(u->list[i]);

		snprintf(ret->name, sizeof(ret->name), "%s", export_config_name(config));
		snprintf(ret->type, sizeof(ret->type), "%s", export_config_type(config));
		exporter_get_stats(u->list[i], &ret->stats);
	}
	pthread_mutex_unlock(&u->lock);
	return found;
}
