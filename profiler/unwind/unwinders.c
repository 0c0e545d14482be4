// SPDX-License-Identifier: Apache-2.0
/* The table of unwinders, from CRESSET_UNWINDERS: its index is the id that BPF dispatches by. */
#include "unwind/unwind.h"

#define UNWINDER_ROW(name) [CRESSET_UNWINDER_##name] = &unwinder_##name,
static const struct unwinder *const unwinders[] = {CRESSET_UNWINDERS(UNWINDER_ROW)};

#define STOP_TEXT(name, text) [CRESSET_STOP_##name] = text,
static const char *const stop_texts[] = {CRESSET_STOPS(STOP_TEXT)};

const struct unwinder *unwinder_at(enum cresset_unwinder_id id)
{
	return (unsigned int)id < CRESSET_N_UNWINDERS ? unwinders[id] : NULL;
}

enum cresset_unwinder_id unwinder_id(const struct unwinder *u)
{
	for (int i = 0; i < CRESSET_N_UNWINDERS; i++)
		if (unwinders[i] == u)
			return (enum cresset_unwinder_id)i;
	return CRESSET_N_UNWINDERS;
}

const char *unwind_stop_text(enum cresset_stop stop)
{
	return (unsigned int)stop < CRESSET_N_STOPS ? stop_texts[stop] : "unknown stop";
}
