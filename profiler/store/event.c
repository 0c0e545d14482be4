// SPDX-License-Identifier: Apache-2.0
/* event - see event.h. */
#include "store/event.h"

#include <string.h>

#define CPU                                                                                        \
	{                                                                                          \
		.type = "cpu", .unit = "nanoseconds"                                               \
	}
#define RUNNABLE                                                                                   \
	{                                                                                          \
		.type = "runnable", .unit = "nanoseconds", .state = CRESSET_STATE_RUNNABLE         \
	}
#define BLOCKED                                                                                    \
	{                                                                                          \
		.type = "blocked", .unit = "nanoseconds", .state = CRESSET_STATE_BLOCKED           \
	}

static const struct store_type cpu_types[] = {CPU};
static const struct store_type off_cpu_types[] = {BLOCKED, RUNNABLE};
static const struct store_type wall_types[] = {CPU, RUNNABLE, BLOCKED};

static const struct store_event events[] = {
	{.name = "cpu", .help = "time on a CPU", .types = cpu_types, .n_types = 1},
	{.name = "off-cpu",
	 .help = "time blocked, and runnable without a CPU",
	 .types = off_cpu_types,
	 .n_types = 2,
	 .sum = "off_cpu"},
	{.name = "wall",
	 .help = "all time of every thread: on a CPU, runnable, blocked",
	 .types = wall_types,
	 .n_types = 3,
	 .sum = "wall"},
};

const struct store_event *store_event_at(size_t i)
{
	return i < sizeof(events) / sizeof(events[0]) ? &events[i] : NULL;
}

const struct store_event *store_event_by_name(const char *name)
{
	for (size_t i = 0; store_event_at(i); i++)
		if (strcmp(events[i].name, name) == 0)
			return &events[i];
	return NULL;
}

int store_query_event(struct store *s, const struct store_event *event, const struct store_query *q,
		      struct cresset_profile **ret, struct store_result *ret_result,
		      struct cresset_error *err)
{
	struct store_query own = *q;

	own.types = event->types;
	own.n_types = event->n_types;
	own.sum = event->sum;
	return store_query(s, &own, ret, ret_result, err);
}
