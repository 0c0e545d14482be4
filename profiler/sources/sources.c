// SPDX-License-Identifier: Apache-2.0
/* The table of event sources, from CRESSET_SOURCES, and what those of waiting share. */
#include "sources/source.h"

#include <string.h>

#define SOURCE_ROW(name) [CRESSET_SOURCE_##name] = &source_##name,
static const struct source *const sources[] = {CRESSET_SOURCES(SOURCE_ROW)};

static const struct {
	const char *state;
	const char *wait;
} states[] = {
#define STATE_ROW(name, state, wait) [CRESSET_STATE_##name] = {state, wait},
	CRESSET_STATES(STATE_ROW)};

const struct source *source_at(enum cresset_source_id id)
{
	return (unsigned int)id < CRESSET_N_SOURCES ? sources[id] : NULL;
}

const struct source *source_by_name(const char *name)
{
	for (int i = 0; i < CRESSET_N_SOURCES; i++)
		if (!strcmp(sources[i]->name, name))
			return sources[i];
	return NULL;
}

size_t source_n_values(const struct source *source)
{
	size_t n = 0;

	while (n < SOURCE_MAX_VALUES && source->value_types[n].type)
		n++;
	return n;
}

void source_parts(const struct cresset_sample_key *key, const struct cresset_count *count,
		  struct source_part *ret_blocked, struct source_part *ret_runnable)
{
	unsigned int state = key->state < CRESSET_N_STATES ? key->state : CRESSET_STATE_RUNNING;
	const char *blocked = states[CRESSET_STATE_INTERRUPTIBLE].state;
	const char *runnable = states[CRESSET_STATE_WOKEN].state;
	bool is_blocked = !strcmp(states[state].state, blocked);

	ret_blocked->state = blocked;
	ret_blocked->wait =
		is_blocked ? states[state].wait : states[CRESSET_STATE_UNINTERRUPTIBLE].wait;
	ret_blocked->ns = count->blocked_ns;
	ret_runnable->state = runnable;
	/* What was blocked has been woken since. */
	ret_runnable->wait = is_blocked ? states[CRESSET_STATE_WOKEN].wait : states[state].wait;
	ret_runnable->ns = count->runnable_ns;
}
