// SPDX-License-Identifier: Apache-2.0
/*
 * dwarf_code - who owns the code of one unit: its functions, the calls inlined into them, its
 * lines.
 *
 * A scope is a function or an inlined call. The unit's DIEs are gone over once, front to back; what
 * is kept is the scopes with their parents, and a map from addresses to the innermost scope. What a
 * scope is called is found when somebody asks, since most scopes are never hit (see dwarf_name.h).
 */
#ifndef SYMBOLIZE_DWARF_CODE_H
#define SYMBOLIZE_DWARF_CODE_H

#include "dwarf_file.h"
#include "dwarf_line.h"
#include "intervals.h"

#define DWARF_IN_SUP (1ull << 63)

struct dwarf_scope {
	uint64_t die; /* that has or leads to the name; in the supplementary file: | DWARF_IN_SUP */
	uint32_t parent;   /* the scope it is inlined into; 0: a function with code of its own */
	uint32_t function; /* id in struct dwarf_names, 0: not looked up yet */
	uint32_t call_file;
	uint32_t call_line;
	uint32_t call_column;
};

struct dwarf_code {
	struct interval_map map; /* to scopes */
	struct vec scopes;	 /* struct dwarf_scope; [0] is none */
	struct dwarf_lines lines;
	bool damaged;
};

/* Reads a rooted unit. Damage is noted in the result. -ENOMEM. */
int dwarf_code_read(struct dwarf_file *f, const struct dwarf_unit *u,
		    const struct interval_map *code, struct dwarf_code **ret);
void dwarf_code_free(struct dwarf_code *c);
size_t dwarf_code_bytes(const struct dwarf_code *c);

#endif
