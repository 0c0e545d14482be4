// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_state - where things are at one pc, in DWARF's words: a row of the table of DWARF 5, 6.4.1,
 * with only the columns that an unwinder of stacks needs.
 */
#ifndef UNWIND_CFI_STATE_H
#define UNWIND_CFI_STATE_H

#include <stdint.h>

enum cfi_where_kind {
	CFI_UNSPECIFIED,
	CFI_UNDEFINED,
	CFI_SAME,
	CFI_OFFSET,	    /* saved at CFA + n. As the CFA: reg + n */
	CFI_VAL_OFFSET,	    /* is CFA + n */
	CFI_REGISTER,	    /* in register n */
	CFI_EXPRESSION,	    /* saved at the expression's value. As the CFA: its value */
	CFI_VAL_EXPRESSION, /* is the expression's value */
	CFI_BROKEN,	    /* an instruction that makes no sense for what was before */
};

struct cfi_where {
	uint8_t kind;  /* enum cfi_where_kind */
	uint32_t size; /* of the expression */
	union {
		int64_t n;
		const uint8_t *expr;
	};
};

enum cfi_column {
	CFI_COLUMN_FP,
	CFI_COLUMN_SP,
	CFI_COLUMN_RA,
	CFI_COLUMN_FOLLOWED,
	CFI_COLUMN_OTHER,
	CFI_N_COLUMNS
};

struct cfi_state {
	struct cfi_where cfa;
	uint64_t cfa_reg;
	struct cfi_where columns[CFI_N_COLUMNS]; /* OTHER: of no interest, anything */
};

#endif
