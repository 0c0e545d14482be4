// SPDX-License-Identifier: Apache-2.0
/*
 * outputs - the files that -o and -f ask for.
 *
 * Every output is checked before any work is done (format known, folder writable, no binary data on
 * a terminal), so that a typo costs a second and not a ten-minute recording. Then each is written
 * on its own: one that fails does not stop the others.
 *
 * -f names the format of outputs whose extension does not tell it, and of "-". A single output
 * takes it whatever its extension says.
 */
#ifndef PROFILER_OUTPUTS_H
#define PROFILER_OUTPUTS_H

#include "options.h"

#include <cresset/format.h>

struct output {
	const char *path; /* "-": standard output */
	const struct cresset_format *format;
	bool done; /* written, or tried in vain */
};

struct outputs {
	struct vec list; /* of struct output */
};

/*
 * paths: vec of const char *; if it is empty the one output is standard output, as `format`, or as
 * `fallback` if that is NULL too. Returns 0, -EINVAL (wrong usage) or another -errno, with err.
 */
int outputs_init(struct outputs *o, const struct vec *paths, const char *format,
		 const char *fallback, struct cresset_error *err);
void outputs_release(struct outputs *o);
struct output *outputs_at(const struct outputs *o, size_t i); /* NULL past the end */

/* Does any (all) of them keep addresses, so that it can be written before symbols are known? */
bool outputs_any_raw(const struct outputs *o);
bool outputs_all_raw(const struct outputs *o);

/* -EINVAL with err if one of them cannot show what changed between two profiles. */
int outputs_check_diff(const struct outputs *o, struct cresset_error *err);

/* Formats that can be written, or read, for help and completion. */
bool outputs_choice(size_t i, struct option_choice *ret);
bool outputs_choice_read(size_t i, struct option_choice *ret);

#endif
