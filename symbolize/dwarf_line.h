// SPDX-License-Identifier: Apache-2.0
/*
 * dwarf_line - the line table of one unit: from an address to file, line and column.
 *
 * Kept in 12 bytes a row, and only rows where something changes; addresses apart, so that a
 * search goes through little memory. Sequences (stretches of code that
 * the linker kept together) are sorted; files are named only when somebody asks.
 */
#ifndef SYMBOLIZE_DWARF_LINE_H
#define SYMBOLIZE_DWARF_LINE_H

#include "dwarf_file.h"
#include "intervals.h"

struct dwarf_row {
	uint32_t line;
	uint16_t file;
	uint16_t column;
};

struct dwarf_lines {
	uint64_t base;
	uint32_t comp_dir; /* string id */
	uint8_t version;
	struct vec addresses; /* uint32_t, from the base on; of the rows, sequence by sequence */
	struct vec rows;      /* struct dwarf_row */
	struct vec sequences; /* struct dwarf_sequence, ascending */
	struct vec dirs;      /* struct dwarf_path */
	struct vec files;     /* struct dwarf_path */
};

/* Reads the table at u->line. -EBADMSG: damaged, what could be read is there; -ENOMEM. */
int dwarf_lines_init(struct dwarf_lines *l, struct dwarf_file *f, const struct dwarf_unit *u,
		     const struct interval_map *code);
void dwarf_lines_release(struct dwarf_lines *l);
size_t dwarf_lines_bytes(const struct dwarf_lines *l);
/* The row that has the address, or NULL. */
const struct dwarf_row *dwarf_lines_find(const struct dwarf_lines *l, uint64_t address);
/* The full path of a file by its number in this table, "" if there is none. */
const char *dwarf_lines_path(struct dwarf_lines *l, struct dwarf_file *f,
			     const struct dwarf_unit *u, uint64_t file);

#endif
