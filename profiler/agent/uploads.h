// SPDX-License-Identifier: Apache-2.0
/*
 * uploads - the servers that every window goes to, each with its exporter (export/export.h).
 *
 * A window is pushed as one profile of CPU time and one of time off the CPU for each service: so
 * servers can tell services apart by their own labels. What all processes of a service have in
 * common (labels of a unit, of a container, static ones) is said of the profile.
 */
#ifndef AGENT_UPLOADS_H
#define AGENT_UPLOADS_H

#include "agent/config.h"
#include "agent/parts.h"
#include "export/export.h"

#include <pthread.h>

struct uploads {
	pthread_mutex_t lock;
	struct exporter *list[AGENT_CONFIG_MAX_UPLOADS];
	size_t n;
};

/* Called for what is wrong with one server; the others are served all the same. */
typedef void (*uploads_fail_fn)(void *arg, const char *name, const struct cresset_error *err);

void uploads_init(struct uploads *u);
void uploads_release(struct uploads *u);
/*
 * From now on these are the servers (struct export_config *, taken out of the vec). One whose
 * configuration has not changed goes on as it is. A changed one's spool is handed on. The queue of
 * each may have queue_bytes at most, whatever its configuration says; 0: no limit.
 */
void uploads_configure(struct uploads *u, struct vec *configs, uint64_t queue_bytes,
		       uploads_fail_fn fail, void *arg);
/* Returns how many profiles could not be queued. */
uint64_t uploads_push(struct uploads *u, const struct parts *parts);
/* All stop side by side within about deadline_ms; what is left is in their spools. */
void uploads_stop(struct uploads *u, unsigned int deadline_ms);
/* Requests that are in memory still, while uploads_stop() is under way. */
uint64_t uploads_left(struct uploads *u);
/* Their sections, as agent_config_print() has them. */
int uploads_print(struct uploads *u, struct cresset_sink *sink);
size_t uploads_count(struct uploads *u);
struct upload_stats {
	char name[80], type[24];
	struct exporter_stats stats;
};

/* Of the i-th; false past the end. */
bool uploads_stats(struct uploads *u, size_t i, struct upload_stats *ret);

#endif
