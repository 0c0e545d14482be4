// SPDX-License-Identifier: Apache-2.0
/*
 * dwarf_name - what a function is called, and where it starts.
 *
 * The name may be several DIEs away: an inlined call refers to an abstract function, that to a
 * declaration in a class, in another unit or another file. Each DIE is followed once; the answer is
 * kept, since a profile asks for the same few functions again and again.
 */
#ifndef SYMBOLIZE_DWARF_NAME_H
#define SYMBOLIZE_DWARF_NAME_H

#include "core/hash.h"
#include "core/vec.h"
#include "dwarf_file.h"

struct dwarf_function {
	uint64_t die;	     /* as in struct dwarf_scope */
	const char *name;    /* the linker's name, else the plain one; NULL: none */
	uint32_t start_line; /* DW_AT_decl_line, 0: not known */
};

struct dwarf_names {
	struct vec functions; /* struct dwarf_function; id 1 is [0] */
	struct hash index;
};

void dwarf_names_init(struct dwarf_names *n);
void dwarf_names_release(struct dwarf_names *n);
size_t dwarf_names_bytes(const struct dwarf_names *n);
/* The id of the function at a DIE of the file, or of its supplementary one. -ENOMEM. */
int dwarf_names_find(struct dwarf_names *n, struct dwarf_file *f, uint64_t die, uint32_t *ret_id);
const struct dwarf_function *dwarf_names_get(const struct dwarf_names *n, uint32_t id);

#endif
