// SPDX-License-Identifier: Apache-2.0
/*
 * names - the frames of stacks with their texts as a format shows them, each text made once.
 *
 * A format says how a name becomes fit for it (`clean`); the result is interned, so that two frames
 * that read alike have the same id, and remembered by the profile's own id of the name, so that a
 * frame costs one look into an array from its second sight on.
 */
#ifndef FORMATS_NAMES_H
#define FORMATS_NAMES_H

#include <cresset/profile.h>

#include "core/strtab.h"

/* Appends s, fit to be shown, to a vec of char. Gives something for an empty s too. -ENOMEM. */
typedef int (*names_clean_fn)(struct vec *out, const char *s);

struct names {
	const struct cresset_profile *p;
	names_clean_fn clean;
	struct strtab texts;
	uint32_t *of_string;   /* profile string → text; 0: not made yet */
	uint32_t *of_location; /* the same for locations without a name */
	struct vec frames;     /* struct cresset_frame, of one stack */
	struct vec buffer;     /* char, one text while it is made */
};

int names_init(struct names *n, const struct cresset_profile *p, names_clean_fn clean);
/* From here on, frames are of p; texts keep their ids. -ENOMEM. */
int names_take(struct names *n, const struct cresset_profile *p);
void names_release(struct names *n);
/* A stack's frames, root first, until the next call. */
int names_frames(struct names *n, uint32_t stack, const struct cresset_frame **ret, size_t *ret_n);
int names_of_frame(struct names *n, const struct cresset_frame *frame, uint32_t *ret_text);
/* Any other text, cleaned. */
int names_add(struct names *n, const char *s, uint32_t *ret_text);

static inline const char *names_text(const struct names *n, uint32_t text)
{
	return strtab_get(&n->texts, text);
}

#endif
