// SPDX-License-Identifier: Apache-2.0
/*
 * A new source in CRESSET_SOURCES is in -e, --help, the man page and the completion by itself.
 */
#include "events.h"

#include "sources/source.h"

bool events_choice(size_t i, struct option_choice *ret)
{
	const struct source *s =
		i < CRESSET_N_SOURCES ? source_at((enum cresset_source_id)i) : NULL;

	if (!s)
		return false;
	*ret = (struct option_choice){s->name, "", s->help};
	return true;
}
