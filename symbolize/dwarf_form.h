// SPDX-License-Identifier: Apache-2.0
/* dwarf_form - attribute values by their forms (DWARF 5, 7.5.5 and 7.5.6; GNU extensions). */
#ifndef SYMBOLIZE_DWARF_FORM_H
#define SYMBOLIZE_DWARF_FORM_H

#include "dwarf_reader.h"

/* How a unit is encoded; the sizes are 2, 4 or 8 and 4 or 8. */
struct dwarf_encoding {
	uint8_t version;
	uint8_t addr_size;
	uint8_t offset_size;
};

enum dwarf_kind {
	DWARF_NONE = 0,	 /* absent, or of no interest (blocks, signatures) */
	DWARF_CONST,	 /* u */
	DWARF_ADDRESS,	 /* u */
	DWARF_ADDRX,	 /* u: index in .debug_addr */
	DWARF_OFFSET,	 /* u: into some other section */
	DWARF_RNGLISTX,	 /* u: index */
	DWARF_REF_UNIT,	 /* u: from the unit's start */
	DWARF_REF,	 /* u: into .debug_info */
	DWARF_REF_SUP,	 /* u: into the supplementary file's .debug_info */
	DWARF_STRING,	 /* text, u: its length */
	DWARF_STRP,	 /* u: into .debug_str */
	DWARF_LINE_STRP, /* u: into .debug_line_str */
	DWARF_STRP_SUP,	 /* u: into the supplementary file's .debug_str */
	DWARF_STRX,	 /* u: index in .debug_str_offsets */
};

struct dwarf_value {
	enum dwarf_kind kind;
	uint64_t u;
	const char *text; /* in the section that was read */
};

enum { DWARF_VARIABLE = -1, DWARF_UNKNOWN_FORM = -2 };

/* Bytes of a form, or DWARF_VARIABLE, or DWARF_UNKNOWN_FORM. */
int dwarf_form_size(unsigned int form, const struct dwarf_encoding *enc);
void dwarf_form_skip(struct dwarf_reader *r, unsigned int form, const struct dwarf_encoding *enc);
/* implicit: of DW_FORM_implicit_const. An unknown form makes the reader bad. */
void dwarf_form_read(struct dwarf_reader *r, unsigned int form, const struct dwarf_encoding *enc,
		     int64_t implicit, struct dwarf_value *ret);

#endif
