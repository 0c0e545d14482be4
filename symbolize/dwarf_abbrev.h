// SPDX-License-Identifier: Apache-2.0
/*
 * dwarf_abbrev - abbreviation tables, compiled for one purpose: going over DIEs fast.
 *
 * Nearly all DIEs (types, variables, parameters) are only in the way of the few that own code. So
 * an abbreviation becomes a short program of steps: skip so many bytes, skip a value of variable
 * length, take this value into that slot. Runs of values of fixed size are one step, and most DIEs
 * are skipped by a single addition. Who needs other attributes of a single DIE (names) reads its
 * specification again from the section, from `specs` on.
 */
#ifndef SYMBOLIZE_DWARF_ABBREV_H
#define SYMBOLIZE_DWARF_ABBREV_H

#include "core/vec.h"
#include "dwarf_form.h"

/* What a step may take. */
enum dwarf_slot {
	SLOT_LOW,
	SLOT_HIGH,
	SLOT_RANGES,
	SLOT_ORIGIN,
	SLOT_CALL_FILE,
	SLOT_CALL_LINE,
	SLOT_CALL_COLUMN,
	SLOT_SIBLING,
	SLOT_DECLARATION,
	SLOT_N,
};

enum dwarf_step_kind { STEP_SKIP, STEP_SKIP_FORM, STEP_TAKE };

struct dwarf_step {
	uint8_t kind;
	uint8_t slot;
	uint16_t form;
	uint32_t n; /* bytes to skip; or of implicit constants, index + 1 of it */
};

enum dwarf_role {
	ROLE_OTHER = 0, /* may have code somewhere below */
	ROLE_LEAF,	/* has no code below: its children can be jumped over */
	ROLE_SUBPROGRAM,
	ROLE_INLINED,
};

struct dwarf_abbrev {
	uint64_t code;
	uint64_t specs; /* where its attribute specifications start in .debug_abbrev */
	uint32_t first_step;
	uint16_t n_steps;
	uint16_t tag;
	uint8_t role;
	bool has_children;
};

struct dwarf_abbrevs {
	struct vec abbrevs;   /* struct dwarf_abbrev, ascending codes */
	struct vec steps;     /* struct dwarf_step */
	struct vec implicits; /* int64_t */
	uint64_t size;	      /* bytes of the table in the section */
	bool damaged;	      /* the rest could not be read */
};

/* Reads the table that starts at `at` of the section's contents. -ENOMEM. */
int dwarf_abbrevs_parse(const uint8_t *section, size_t size, uint64_t at,
			const struct dwarf_encoding *enc, struct dwarf_abbrevs *ret);
void dwarf_abbrevs_release(struct dwarf_abbrevs *a);
size_t dwarf_abbrevs_bytes(const struct dwarf_abbrevs *a);

/* One attribute specification; false at the end of the list. */
struct dwarf_spec {
	unsigned int attribute;
	unsigned int form;
	int64_t implicit;
};
bool dwarf_spec_next(struct dwarf_reader *r, struct dwarf_spec *ret);

const struct dwarf_abbrev *dwarf_abbrevs_search(const struct dwarf_abbrevs *a, uint64_t code);

static inline const struct dwarf_abbrev *dwarf_abbrevs_find(const struct dwarf_abbrevs *a,
							    uint64_t code)
{
	const struct dwarf_abbrev *all = a->abbrevs.data;

	/* Nearly always the codes are 1, 2, 3, … */
	if (code - 1 < a->abbrevs.n && all[code - 1].code == code)
		return &all[code - 1];
	return dwarf_abbrevs_search(a, code);
}

#endif
