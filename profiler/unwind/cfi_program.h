// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_program - runs the call frame instructions of a function (DWARF 5, 6.4.2) and gives its rows,
 * one by one, each with the range of code in which it holds.
 *
 *     cfi_program_start(&p, arch, cie, fde);
 *     while (cfi_program_next(&p))
 *             … p.row_start, p.row_end, p.state, p.damaged
 */
#ifndef UNWIND_CFI_PROGRAM_H
#define UNWIND_CFI_PROGRAM_H

#include "symbolize/dwarf_reader.h"
#include "unwind/cfi_record.h"

enum { CFI_PROGRAM_DEPTH = 16 }; /* of remembered states; compilers use 1 */

struct cfi_program {
	const struct cfi_arch *arch;
	const struct cfi_cie *cie;
	struct dwarf_reader r;
	struct cfi_state state;
	struct cfi_state remembered[CFI_PROGRAM_DEPTH];
	size_t depth;
	uint64_t pc;
	uint64_t end; /* of the function */
	uint64_t row_start;
	uint64_t row_end;
	bool damaged; /* from row_start to the function's end the state means nothing */
};

/* Runs the CIE's own instructions and sets cie->initial, or cie->bad. */
void cfi_program_cie(const struct cfi_arch *arch, struct cfi_cie *cie);
void cfi_program_start(struct cfi_program *p, const struct cfi_arch *arch,
		       const struct cfi_cie *cie, const struct cfi_fde *fde);
/* False when all of the function is done. Rows are not empty and follow each other. */
bool cfi_program_next(struct cfi_program *p);

#endif
