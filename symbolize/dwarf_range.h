// SPDX-License-Identifier: Apache-2.0
/*
 * dwarf_range - which addresses a DIE owns: DW_AT_low_pc and high_pc, or a list of ranges in
 * .debug_ranges (DWARF 3 and 4) or .debug_rnglists (5).
 */
#ifndef SYMBOLIZE_DWARF_RANGE_H
#define SYMBOLIZE_DWARF_RANGE_H

#include "dwarf_file.h"
#include "intervals.h"

struct dwarf_extent {
	struct dwarf_value low;
	struct dwarf_value high;
	struct dwarf_value ranges;
};

/*
 * Appends an interval {start, end, id, id} for each range that starts in code. -EBADMSG: damaged
 * (what came before it was appended); -ENOMEM.
 */
int dwarf_ranges_add(struct dwarf_file *f, const struct dwarf_unit *u,
		     const struct dwarf_extent *extent, const struct interval_map *code,
		     uint32_t id, struct vec *intervals);

#endif
