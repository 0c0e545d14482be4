// SPDX-License-Identifier: Apache-2.0
/* codemap - see codemap.h. */
#include "codemap.h"

#include <elf.h>
#include <errno.h>

/* An id is the number of a section, or with this bit of a segment. */
#define SEGMENT (1u << 31)

static int add(struct vec *v, uint64_t start, uint64_t size, size_t id)
{
	struct interval iv = {
		.start = start, .end = start + size, .priority = (uint32_t)id, .id = (uint32_t)id};

	return vec_push(v, &iv, 1) ? 0 : -ENOMEM;
}

static int add_sections(const struct elf_image *e, struct vec *v)
{
	const uint64_t code = SHF_ALLOC | SHF_EXECINSTR;
	size_t n;
	const struct elf_section *s = elf_image_sections(e, &n);
	int r = 0;

	for (size_t i = 1; i < n && r == 0; i++)
		if ((s[i].flags & code) == code)
			r = add(v, s[i].addr, s[i].size, i);
	return r;
}

static int add_segments(const struct elf_image *e, struct vec *v)
{
	size_t n;
	const struct elf_segment *s = elf_image_segments(e, &n);
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		if (s[i].flags & PF_X)
			r = add(v, s[i].vaddr, s[i].memsz, i | SEGMENT);
	return r;
}

int codemap_build(const struct elf_image *e, struct interval_map *ret)
{
	struct vec v;
	int r;

	vec_init(&v, sizeof(struct interval));
	r = add_sections(e, &v);
	if (r == 0 && !v.n)
		r = add_segments(e, &v);
	if (r == 0)
		r = interval_map_build(ret, &v);
	vec_release(&v);
	return r;
}

uint64_t codemap_end(const struct elf_image *e, uint32_t id)
{
	size_t n_sections, n_segments;
	const struct elf_section *sections = elf_image_sections(e, &n_sections);
	const struct elf_segment *segments = elf_image_segments(e, &n_segments);
	size_t i = id & ~SEGMENT;

	if (id & SEGMENT)
		return i < n_segments ? segments[i].vaddr + segments[i].memsz : 0;
	return i < n_sections ? sections[i].addr + sections[i].size : 0;
}
