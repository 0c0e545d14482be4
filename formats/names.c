// SPDX-License-Identifier: Apache-2.0
/* names - see names.h. */
#include "formats/names.h"

#include <errno.h>
#include <stdlib.h>

enum { FRAMES_FIRST = 256 };

int names_init(struct names *n, const struct cresset_profile *p, names_clean_fn clean)
{
	int r;

	n->clean = clean;
	n->of_string = n->of_location = NULL;
	vec_init(&n->frames, sizeof(struct cresset_frame));
	vec_init(&n->buffer, 1);
	r = strtab_init(&n->texts);
	r = names_take(n, p) ?: r;
	return r ?: vec_reserve(&n->frames, FRAMES_FIRST);
}

int names_take(struct names *n, const struct cresset_profile *p)
{
	free(n->of_string);
	free(n->of_location);
	n->p = p;
	n->of_string = calloc((size_t)cresset_profile_n_strings(p) + 1, sizeof(uint32_t));
	n->of_location = calloc((size_t)cresset_profile_n_locations(p) + 1, sizeof(uint32_t));
	return n->of_string && n->of_location ? 0 : -ENOMEM;
}

void names_release(struct names *n)
{
	strtab_release(&n->texts);
	vec_release(&n->frames);
	vec_release(&n->buffer);
	free(n->of_string);
	free(n->of_location);
}

int names_frames(struct names *n, uint32_t stack, const struct cresset_frame **ret, size_t *ret_n)
{
	size_t count = cresset_profile_frames(n->p, stack, n->frames.data, n->frames.capacity);

	if (count > n->frames.capacity) {
		if (vec_reserve(&n->frames, count) < 0)
			return -ENOMEM;
		count = cresset_profile_frames(n->p, stack, n->frames.data, n->frames.capacity);
	}
	*ret = n->frames.data;
	*ret_n = count;
	return 0;
}

int names_add(struct names *n, const char *s, uint32_t *ret_text)
{
	int r;

	n->buffer.n = 0;
	r = n->clean(&n->buffer, s);
	return r ?: strtab_add(&n->texts, n->buffer.data, n->buffer.n, ret_text);
}

int names_of_frame(struct names *n, const struct cresset_frame *frame, uint32_t *ret_text)
{
	uint32_t *text =
		frame->name ? &n->of_string[frame->name] : &n->of_location[frame->location];
	char buffer[512];
	int r = 0;

	if (!*text && frame->name) {
		r = names_add(n, cresset_profile_string(n->p, frame->name), text);
	} else if (!*text) {
		cresset_profile_location_text(n->p, frame->location, buffer, sizeof(buffer));
		r = names_add(n, buffer, text);
	}
	*ret_text = *text;
	return r;
}
