// SPDX-License-Identifier: Apache-2.0
/*
 * dwarf_info - see dwarf_info.h. Which unit has an address, and the frames of one address.
 *
 * Opening reads unit headers and root DIEs. A unit with code is read whole at the first address in
 * it and kept; the bytes it was made from are dropped once RESIDENT_MAX of them have come together.
 */
#include "dwarf_info.h"

#include "codemap.h"
#include "dwarf_code.h"
#include "dwarf_file.h"
#include "dwarf_name.h"
#include "dwarf_range.h"

#include <dwarf.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>

enum { RESIDENT_MAX = 32 << 20, MAX_CHAIN = 4096 };

struct dwarf_info {
	struct dwarf_file main;
	struct dwarf_file sup;
	bool has_sup;
	struct strtab strings;
	struct dwarf_names names;
	struct interval_map code;  /* of the binary */
	struct interval_map units; /* ids: index in main.units + 1 */
	uint64_t budget;
	size_t code_bytes; /* of units read */
	struct symbol_index_stats stats;
};

static void note_damage(struct dwarf_info *d, struct dwarf_unit *u)
{
	d->stats.units_damaged += !u->counted;
	u->counted = true;
}

static int add_unit(struct dwarf_info *d, struct dwarf_unit *u, uint32_t id, struct vec *intervals)
{
	struct dwarf_extent extent;
	size_t before = intervals->n;
	int r;

	if (u->unusable)
		note_damage(d, u);
	if (u->unusable || u->type == DW_UT_type || u->type == DW_UT_split_type)
		return 0;
	r = dwarf_unit_root(&d->main, u);
	if (r == 0 && (u->tag == DW_TAG_compile_unit || u->tag == DW_TAG_skeleton_unit)) {
		extent = (struct dwarf_extent){.low = u->low, .high = u->high, .ranges = u->ranges};
		r = dwarf_ranges_add(&d->main, u, &extent, &d->code, id, intervals);
	}
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		note_damage(d, u);
	if (intervals->n > before) {
		d->stats.units++;
		d->stats.units_split += u->split;
	}
	return 0;
}

/*
 * Which unit owns which addresses. Of units that say they own the same it is the first one: linkers
 * keep the first copy of a function that several files have, and leave the debug information of the
 * others pointing at it.
 */
static int map_units(struct dwarf_info *d)
{
	struct vec v;
	int r = 0;

	vec_init(&v, sizeof(struct interval));
	for (size_t i = 0; i < d->main.units.n && r == 0; i++)
		r = add_unit(d, vec_at(&d->main.units, i), (uint32_t)i + 1, &v);
	for (size_t i = 0; i < v.n; i++)
		((struct interval *)vec_at(&v, i))->priority ^= UINT32_MAX;
	if (r == 0)
		r = interval_map_build(&d->units, &v);
	vec_release(&v);
	return r;
}

static uint64_t initial_budget(const struct dwarf_info *d)
{
	static const enum dwarf_section shared[] = {SECTION_ABBREV, SECTION_LINE, SECTION_RANGES,
						    SECTION_RNGLISTS};
	uint64_t sum = 64 << 20;

	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		sum += 16 * (d->main.sections[shared[i]].size + d->sup.sections[shared[i]].size);
	return sum;
}

static int open_files(struct dwarf_info *d, struct elf_image *e, struct elf_image *sup)
{
	int r = strtab_init(&d->strings);

	dwarf_names_init(&d->names);
	if (r < 0)
		return r;
	if (sup) {
		r = dwarf_file_init(&d->sup, sup, NULL, &d->strings, &d->budget);
		/* dwz may find that nothing but strings is worth moving. */
		d->has_sup = r == 0 || r == -ENODATA;
		if (r == -ENOMEM)
			return r;
	}
	r = dwarf_file_init(&d->main, e, d->has_sup ? &d->sup : NULL, &d->strings, &d->budget);
	if (r < 0)
		return r;
	d->budget = initial_budget(d);
	r = codemap_build(e, &d->code);
	if (r == 0)
		r = map_units(d);
	return r;
}

int dwarf_info_new(struct elf_image *e, struct elf_image *sup, struct dwarf_info **ret)
{
	struct dwarf_info *d;
	int r;

	if (elf_image_type(e) == ET_REL)
		return -ENOTSUP;
	if (!elf_image_has_dwarf(e))
		return -ENODATA;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	r = open_files(d, e, sup);
	if (r < 0) {
		dwarf_info_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void dwarf_info_free(struct dwarf_info *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->main.units.n; i++)
		dwarf_code_free(((struct dwarf_unit *)vec_at(&d->main.units, i))->code);
	dwarf_file_release(&d->main);
	dwarf_file_release(&d->sup);
	dwarf_names_release(&d->names);
	strtab_release(&d->strings);
	interval_map_release(&d->code);
	interval_map_release(&d->units);
	free(d);
}

/* Only where nobody holds a pointer into a section. */
static void limit_resident(struct dwarf_info *d)
{
	if (dwarf_file_resident(&d->main) + dwarf_file_resident(&d->sup) <= RESIDENT_MAX)
		return;
	dwarf_file_drop(&d->main);
	dwarf_file_drop(&d->sup);
}

static struct dwarf_unit *find_unit(struct dwarf_info *d, uint64_t address)
{
	uint32_t id = interval_map_find(&d->units, address);
	struct dwarf_unit *u = id ? vec_at(&d->main.units, id - 1) : NULL;

	if (!u || u->code)
		return u;
	limit_resident(d);
	if (dwarf_code_read(&d->main, u, &d->code, &u->code) < 0)
		return NULL;
	d->stats.units_read++;
	d->code_bytes += dwarf_code_bytes(u->code);
	if (u->code->damaged)
		note_damage(d, u);
	return u;
}

/* What the frame of one scope says; its place in the source is the caller's business. */
static void name_frame(struct dwarf_info *d, struct dwarf_scope *s, struct symbol_frame *frame)
{
	const struct dwarf_function *fn;

	if (!s->function) {
		limit_resident(d);
		if (dwarf_names_find(&d->names, &d->main, s->die, &s->function) < 0)
			return;
	}
	fn = dwarf_names_get(&d->names, s->function);
	frame->start_line = fn->start_line;
	frame->name = fn->name;
}

size_t dwarf_info_lookup(struct dwarf_info *d, uint64_t address, struct symbol_frame *frames,
			 size_t max)
{
	struct dwarf_unit *u = find_unit(d, address);
	struct symbol_frame place = {.filename = ""};
	const struct dwarf_row *row;
	struct dwarf_lines *lines;
	uint32_t id;
	size_t n = 0;

	if (!u)
		return 0;
	lines = &u->code->lines;
	row = dwarf_lines_find(lines, address);
	if (row) {
		place.filename = dwarf_lines_path(lines, &d->main, u, row->file);
		place.line = row->line;
		place.column = row->column;
	}
	id = interval_map_find(&u->code->map, address);
	if (!id) {
		frames[0] = place;
		return row ? 1 : 0;
	}
	for (size_t i = 0; id && i < MAX_CHAIN; i++) {
		struct dwarf_scope *s = vec_at(&u->code->scopes, id);
		struct symbol_frame *frame = &frames[n < max ? n++ : max - 1];

		*frame = place;
		frame->inlined = s->parent != 0;
		name_frame(d, s, frame);
		if (frame->inlined && !frame->name)
			frame->name = "[inlined]";
		place.filename = dwarf_lines_path(lines, &d->main, u, s->call_file);
		place.line = s->call_line;
		place.column = s->call_column;
		id = s->parent;
	}
	return n;
}

size_t dwarf_info_bytes(const struct dwarf_info *d)
{
	return sizeof(*d) + dwarf_file_bytes(&d->main) + dwarf_file_bytes(&d->sup) +
	       d->strings.text.total + d->strings.entries.capacity * d->strings.entries.element +
	       d->strings.index.capacity * sizeof(struct hash_slot) + dwarf_names_bytes(&d->names) +
	       interval_map_bytes(&d->code) + interval_map_bytes(&d->units) + d->code_bytes;
}

size_t dwarf_info_files(const struct dwarf_info *d)
{
	return 1 + d->has_sup;
}

void dwarf_info_get_stats(const struct dwarf_info *d, struct symbol_index_stats *ret)
{
	ret->units = d->stats.units;
	ret->units_read = d->stats.units_read;
	ret->units_damaged = d->stats.units_damaged;
	ret->units_split = d->stats.units_split;
}
