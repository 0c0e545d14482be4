// SPDX-License-Identifier: Apache-2.0
/*
 * input - a profile read from a file, with its names found where the file has addresses only.
 */
#ifndef PROFILER_INPUT_H
#define PROFILER_INPUT_H

#include "emit.h"

/* NULL if words are the one input that a command takes, or what is wrong with them. */
const char *input_problem(const struct vec *words);

/*
 * Reads path ("-": standard input) in any readable format. A raw profile is then resolved from the
 * files of this host unless symbols is NULL. On failure err has a line with the remedy.
 */
int input_read(const char *path, const struct emit_symbols *symbols, struct cresset_profile **ret,
	       struct cresset_error *err);

/* What the commands that show profiles take: the profile, its base, and what is benign in them. */
struct input_shown {
	struct cresset_profile *profile;
	struct cresset_profile *base; /* NULL: none is compared with */
};

/*
 * Reads path, and base_path unless that is NULL, and labels the benign waits of both by the rules
 * in the file `rules` (NULL: the shipped ones). Both are to be released, also after a failure.
 */
int input_shown_read(struct input_shown *s, const char *path, const char *base_path,
		     const char *rules, const struct emit_symbols *symbols,
		     struct cresset_error *err);
void input_shown_release(struct input_shown *s);

#endif
