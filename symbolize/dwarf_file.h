// SPDX-License-Identifier: Apache-2.0
/*
 * dwarf_file - the debug sections of one ELF file, its units, and single DIEs of them.
 *
 * A binary's DWARF is one file, or two when dwz moved what several binaries share to a
 * supplementary one. References go from the first to the second, never back; so both are the same
 * struct, and a DIE is named by {file, offset}. Units are found by their headers alone when the
 * file is opened; what stands in a unit's root DIE is read when it is first needed.
 *
 * Pointers into sections last until dwarf_file_drop(); nobody keeps them across a lookup.
 */
#ifndef SYMBOLIZE_DWARF_FILE_H
#define SYMBOLIZE_DWARF_FILE_H

#include "core/hash.h"
#include "core/strtab.h"
#include "core/vec.h"
#include "dwarf_abbrev.h"
#include "dwarf_form.h"
#include "elf_image.h"

enum dwarf_section {
	SECTION_INFO,
	SECTION_ABBREV,
	SECTION_STR,
	SECTION_LINE,
	SECTION_LINE_STR,
	SECTION_RANGES,
	SECTION_RNGLISTS,
	SECTION_ADDR,
	SECTION_STR_OFFSETS,
	SECTION_N,
};

#define DWARF_NOWHERE UINT64_MAX

struct dwarf_unit {
	uint64_t offset; /* of the header in .debug_info */
	uint64_t end;
	uint64_t abbrev;
	uint8_t header; /* its bytes */
	uint8_t type;	/* DW_UT_* */
	struct dwarf_encoding enc;
	bool unusable; /* the header; nothing below is read */
	bool counted;  /* as damaged, by the owner of the file */
	bool rooted;   /* the rest has been read */
	bool split;
	uint16_t tag;
	uint32_t comp_dir; /* string id */
	uint64_t low_pc;
	uint64_t line; /* DW_AT_stmt_list or DWARF_NOWHERE */
	uint64_t str_offsets_base;
	uint64_t addr_base;
	uint64_t rnglists_base;
	struct dwarf_value low, high, ranges; /* as they stand in the root */
	struct dwarf_code *code;	      /* NULL: not read yet */
};

struct dwarf_file {
	struct elf_image *e;
	struct dwarf_file *sup; /* NULL: none */
	struct elf_view sections[SECTION_N];
	struct vec units;   /* struct dwarf_unit, ascending */
	struct vec abbrevs; /* struct dwarf_abbrev_table * */
	struct hash abbrev_index;
	struct strtab *strings; /* shared by both files */
	uint64_t *budget;	/* bytes of shared things that may still be parsed; shared too */
	bool damaged;
};

/* Takes a reference to the image. -ENODATA: no .debug_info; -EBADMSG; -ENOMEM. */
int dwarf_file_init(struct dwarf_file *f, struct elf_image *e, struct dwarf_file *sup,
		    struct strtab *strings, uint64_t *budget);
void dwarf_file_release(struct dwarf_file *f);
size_t dwarf_file_bytes(const struct dwarf_file *f);
/* Bytes of sections that dwarf_file_drop() would give back. */
size_t dwarf_file_resident(const struct dwarf_file *f);
void dwarf_file_drop(struct dwarf_file *f);

/* Takes n from the budget; false when it is used up. */
bool dwarf_file_spend(struct dwarf_file *f, uint64_t n);
/* The unit that has the offset, or NULL. */
struct dwarf_unit *dwarf_file_unit(struct dwarf_file *f, uint64_t offset);
/* Reads the root DIE. -EBADMSG, -ENOMEM. */
int dwarf_unit_root(struct dwarf_file *f, struct dwarf_unit *u);
/* The unit's abbreviations; they belong to the file. -EBADMSG, -ENOMEM. */
int dwarf_unit_abbrevs(struct dwarf_file *f, const struct dwarf_unit *u,
		       const struct dwarf_abbrevs **ret);
/* Reads the wanted attributes of the DIE at an offset; values[i] is of wanted[i], or of no kind. */
int dwarf_unit_die(struct dwarf_file *f, const struct dwarf_unit *u, uint64_t offset,
		   const uint16_t *wanted, size_t n, struct dwarf_value *values, uint16_t *ret_tag);
/* A value's text, interned; id 0 if it has none. -ENOMEM. */
int dwarf_unit_string(struct dwarf_file *f, const struct dwarf_unit *u, const struct dwarf_value *v,
		      uint32_t *ret_id);
/* Address of an ADDRESS or ADDRX value. */
bool dwarf_unit_address(struct dwarf_file *f, const struct dwarf_unit *u,
			const struct dwarf_value *v, uint64_t *ret);
/* A word of a section, of 4 or 8 bytes. */
bool dwarf_file_word(struct dwarf_file *f, enum dwarf_section section, uint64_t at, size_t size,
		     uint64_t *ret);

#endif
