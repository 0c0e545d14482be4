// SPDX-License-Identifier: Apache-2.0
/*
 * frames - stacks as a person reads them. A location with n lines is n frames: the last line is the
 * function that has the code, the ones before it were inlined into it, innermost first. A location
 * without lines is one frame whose text is made from its mapping and address.
 */
#include "core/profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint32_t frame_kind(const struct cresset_location *loc, size_t line)
{
	if (loc->flags & CRESSET_LOCATION_ERROR)
		return CRESSET_FRAME_ERROR;
	if (line + 1 < loc->n_lines || loc->flags & CRESSET_LOCATION_INLINED)
		return CRESSET_FRAME_INLINED;
	if (loc->flags & CRESSET_LOCATION_KERNEL)
		return CRESSET_FRAME_KERNEL;
	if (loc->flags & CRESSET_LOCATION_JIT)
		return CRESSET_FRAME_JIT;
	return CRESSET_FRAME_USER;
}

static struct cresset_frame frame_of_line(const struct cresset_profile *p, uint32_t location,
					  const struct cresset_location *loc, size_t i)
{
	const struct cresset_line *line = &cresset_profile_lines(p, location)[i];
	const struct cresset_function *f = cresset_profile_function(p, line->function);

	return (struct cresset_frame){
		.name = f->name ? f->name : f->system_name,
		.location = location,
		.function = line->function,
		.line = line->line,
		.kind = frame_kind(loc, i),
	};
}

bool cresset_profile_is_separator(const struct cresset_profile *p, uint32_t location)
{
	const struct cresset_location *loc = cresset_profile_location(p, location);
	const struct cresset_function *f;

	if (loc->n_lines != 1 || loc->mapping)
		return false;
	f = cresset_profile_function(p, cresset_profile_lines(p, location)->function);
	return !strcmp(cresset_profile_string(p, f->name ? f->name : f->system_name), "--");
}

bool profile_location_is_named(const struct cresset_profile *p, uint32_t location)
{
	const struct cresset_line *lines = cresset_profile_lines(p, location);
	uint32_t n = cresset_profile_location(p, location)->n_lines;

	for (uint32_t i = 0; i < n; i++)
		if (lines[i].function)
			return true;
	return false;
}

size_t cresset_profile_frames(const struct cresset_profile *p, uint32_t stack,
			      struct cresset_frame *frames, size_t max)
{
	size_t n_locations, n = 0;
	const uint32_t *ids = cresset_profile_stack(p, stack, &n_locations);
	bool waker = false;

	for (size_t i = n_locations; i-- > 0;) {
		const struct cresset_location *loc = cresset_profile_location(p, ids[i]);

		if (!loc->n_lines) {
			if (n < max)
				frames[n] = (struct cresset_frame){.location = ids[i],
								   .kind = frame_kind(loc, 0)};
			n++;
		}
		/* Wakers are upside down. */
		for (size_t j = 0; j < loc->n_lines; j++, n++)
			if (n < max)
				frames[n] = frame_of_line(p, ids[i], loc,
							  waker ? j : loc->n_lines - 1 - j);
		waker = waker || cresset_profile_is_separator(p, ids[i]);
	}
	return n;
}

void cresset_profile_location_text(const struct cresset_profile *p, uint32_t location, char *buf,
				   size_t size)
{
	const struct cresset_location *loc = cresset_profile_location(p, location);
	const struct cresset_mapping *m = cresset_profile_mapping(p, loc->mapping);
	const char *file = cresset_profile_string(p, m->file);
	const char *base = strrchr(file, '/');
	size_t len;

	if (!size)
		return;
	base = base && base[1] ? base + 1 : file;
	/* "[vdso]" and "[kernel.kallsyms]" bring their own brackets. */
	len = strlen(base);
	if (len > 2 && base[0] == '[' && base[len - 1] == ']') {
		base++;
		len -= 2;
	}
	if (!len) {
		base = "unknown";
		len = strlen(base);
	}
	if (len > 255)
		len = 255;
	snprintf(buf, size, "[%.*s+0x%" PRIx64 "]", (int)len, base, loc->address);
}
