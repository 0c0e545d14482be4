// SPDX-License-Identifier: Apache-2.0
/*
 * dwarf_range - see dwarf_range.h. Formats: DWARF 4, 2.17.3; DWARF 5, 2.17.3, 7.25 and 7.28.
 *
 * Any number of DIEs may refer to one list, so each entry read is paid from the file's budget.
 */
#include "dwarf_range.h"

#include <dwarf.h>
#include <errno.h>

enum { MAX_ENTRY = 24 }; /* bytes: an opcode, an address and a LEB128 */

struct list {
	struct dwarf_file *f;
	const struct dwarf_unit *u;
	const struct interval_map *code;
	struct vec *intervals;
	uint32_t id;
	uint64_t base;
};

static int add(const struct list *l, uint64_t start, uint64_t end)
{
	struct interval iv = {.start = start, .end = end, .priority = l->id, .id = l->id};

	if (start >= end || !interval_map_find(l->code, start))
		return 0;
	return vec_push(l->intervals, &iv, 1) ? 0 : -ENOMEM;
}

static int read_ranges(struct list *l, uint64_t at)
{
	size_t size = l->u->enc.addr_size;
	uint64_t highest = size == 8 ? UINT64_MAX : (1ull << 8 * size) - 1;

	for (;; at += 2 * size) {
		uint64_t start, end;
		int r;

		if (!dwarf_file_spend(l->f, 2 * size) ||
		    !dwarf_file_word(l->f, SECTION_RANGES, at, size, &start) ||
		    !dwarf_file_word(l->f, SECTION_RANGES, at + size, size, &end))
			return -EBADMSG;
		if (!start && !end)
			return 0;
		if (start == highest) {
			l->base = end;
			continue;
		}
		r = add(l, l->base + start, l->base + end);
		if (r < 0)
			return r;
	}
}

static uint64_t indexed(struct list *l, struct dwarf_reader *r)
{
	struct dwarf_value v = {.kind = DWARF_ADDRX, .u = reader_uleb(r)};
	uint64_t address = 0;

	if (!dwarf_unit_address(l->f, l->u, &v, &address))
		reader_fail(r);
	return address;
}

/* One entry of a list. 1: more to come, 0: the end, -ENOMEM. */
static int read_entry(struct list *l, struct dwarf_reader *r)
{
	size_t size = l->u->enc.addr_size;
	uint64_t start, end;

	switch (reader_u8(r)) {
	case DW_RLE_end_of_list:
		return 0;
	case DW_RLE_base_addressx:
		l->base = indexed(l, r);
		return 1;
	case DW_RLE_base_address:
		l->base = reader_uint(r, size);
		return 1;
	case DW_RLE_startx_endx:
		start = indexed(l, r);
		end = indexed(l, r);
		break;
	case DW_RLE_startx_length:
		start = indexed(l, r);
		end = start + reader_uleb(r);
		break;
	case DW_RLE_offset_pair:
		start = l->base + reader_uleb(r);
		end = l->base + reader_uleb(r);
		break;
	case DW_RLE_start_end:
		start = reader_uint(r, size);
		end = reader_uint(r, size);
		break;
	case DW_RLE_start_length:
		start = reader_uint(r, size);
		end = start + reader_uleb(r);
		break;
	default:
		reader_fail(r);
		return 0;
	}
	if (r->bad)
		return 0;
	return add(l, start, end) < 0 ? -ENOMEM : 1;
}

static int read_rnglist(struct list *l, uint64_t at)
{
	struct elf_view *v = &l->f->sections[SECTION_RNGLISTS];

	for (;;) {
		uint64_t left = at < v->size ? v->size - at : 0;
		struct dwarf_reader r;
		int e;

		if (left > MAX_ENTRY)
			left = MAX_ENTRY;
		if (!left || !elf_view_need(v, at, left))
			return -EBADMSG;
		r = (struct dwarf_reader){.p = v->data + at, .end = v->data + at + left};
		e = read_entry(l, &r);
		if (r.bad)
			return -EBADMSG;
		if (e <= 0)
			return e;
		at = (uint64_t)(r.p - v->data);
		if (!dwarf_file_spend(l->f, MAX_ENTRY))
			return -EBADMSG;
	}
}

static int read_list(struct list *l, const struct dwarf_value *v)
{
	uint64_t at = v->u;

	if (l->u->enc.version < 5)
		return read_ranges(l, at);
	if (v->kind == DWARF_RNGLISTX) {
		uint64_t entry = l->u->rnglists_base + v->u * l->u->enc.offset_size;

		if (v->u > UINT32_MAX ||
		    !dwarf_file_word(l->f, SECTION_RNGLISTS, entry, l->u->enc.offset_size, &at))
			return -EBADMSG;
		at += l->u->rnglists_base;
	}
	return read_rnglist(l, at);
}

int dwarf_ranges_add(struct dwarf_file *f, const struct dwarf_unit *u,
		     const struct dwarf_extent *extent, const struct interval_map *code,
		     uint32_t id, struct vec *intervals)
{
	struct list l = {
		.f = f, .u = u, .code = code, .intervals = intervals, .id = id, .base = u->low_pc};
	uint64_t low, high;

	if (extent->ranges.kind == DWARF_OFFSET || extent->ranges.kind == DWARF_CONST ||
	    extent->ranges.kind == DWARF_RNGLISTX)
		return read_list(&l, &extent->ranges);
	if (!dwarf_unit_address(f, u, &extent->low, &low))
		return extent->low.kind == DWARF_ADDRX ? -EBADMSG : 0;
	if (extent->high.kind == DWARF_CONST)
		return add(&l, low, low + extent->high.u);
	if (!dwarf_unit_address(f, u, &extent->high, &high))
		return extent->high.kind == DWARF_ADDRX ? -EBADMSG : 0;
	return add(&l, low, high);
}
