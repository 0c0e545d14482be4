// SPDX-License-Identifier: Apache-2.0
/*
 * dwarf_info - functions, inlined calls, files and lines of one binary, from DWARF 2 to 5.
 *
 * Our own reader rather than libdw's: libdw is asked address by address and walks the DIEs for each
 * (README.md has the figures). The parts, each a file:
 *
 *     dwarf_reader.h   a bounded cursor             dwarf_abbrev.c  abbreviations, compiled for
 * skipping dwarf_form.c     attribute values             dwarf_file.c    sections, units, DIEs,
 * strings dwarf_range.c    address ranges               dwarf_code.c    one unit's scopes: who owns
 * which code dwarf_line.c     line programs                dwarf_name.c    names of functions
 *     dwarf_info.c     which unit has an address; putting frames together
 *
 * Bounds: all offsets are checked where they are used; work that several places of a file can ask
 * for again (range lists, line programs, abbreviations) is paid from a budget in proportion to the
 * file, so a small hostile file cannot ask for hours. What is damaged is skipped, counted, and the
 * rest used.
 */
#ifndef SYMBOLIZE_DWARF_INFO_H
#define SYMBOLIZE_DWARF_INFO_H

#include "elf_image.h"
#include "index.h"

struct dwarf_info;

/* sup may be NULL. Keeps references to both. -ENODATA, -EBADMSG, -ENOTSUP (relocatable), -ENOMEM.
 */
int dwarf_info_new(struct elf_image *e, struct elf_image *sup, struct dwarf_info **ret);
void dwarf_info_free(struct dwarf_info *d);
/*
 * As symbol_index_lookup(), but the name of the last frame may be NULL, when only the line is
 * known. Out of memory counts as not known.
 */
size_t dwarf_info_lookup(struct dwarf_info *d, uint64_t address, struct symbol_frame *frames,
			 size_t max);
size_t dwarf_info_bytes(const struct dwarf_info *d);
/* Files that it holds open. */
size_t dwarf_info_files(const struct dwarf_info *d);
/* Fills in the units* of it. */
void dwarf_info_get_stats(const struct dwarf_info *d, struct symbol_index_stats *ret);

#endif
