// SPDX-License-Identifier: Apache-2.0
/* The table of event sources, from CRESSET_SOURCES: its index is the source in a sample's key. */
#include "sources/source.h"

#include <string.h>

#define SOURCE_ROW(name) [CRESSET_SOURCE_##name] = &source_##name,
static const struct source *const sources[] = {CRESSET_SOURCES(SOURCE_ROW)};

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
