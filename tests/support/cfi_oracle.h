// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_oracle.h - is our compiled unwind table of a file what libdw makes of the file?
 *
 * Every FDE is found by libdw's own walk over the section, and every row of it by
 * dwarf_cfi_addrframe(). At the row's first byte, its last and one between our rule is looked up,
 * and both are worked out on random registers and memory: the CFA, where the caller's frame pointer
 * and the return address are, and the caller's stack pointer must come out the same. Nothing is
 * compared by its form, so a wrong recognition of a form shows. Gaps between FDEs are checked too.
 */
#ifndef TESTS_CFI_ORACLE_H
#define TESTS_CFI_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unwind/cfi_table.h"

/* What can come of a row (or gap). After UNSUPPORTED_… only disagreements. */
#define CFI_ORACLE_CLASSES(X)                                                                      \
	X(EQUAL, "equal")                                                                          \
	X(SIGNAL, "signal frame, saved registers where libdw has them")                            \
	X(POPPED, "popped frame pointer: libdw reads a slot below sp, we the register")            \
	X(BOTH_REFUSE, "damaged for libdw and for us")                                             \
	X(CIE_RESTORES, "DW_CFA_restore in a CIE: libdw refuses, we do as libgcc and readelf")     \
	X(OTHER_COLUMN, "return address in another register, of which libdw has no default")       \
	X(GAP_BRIDGED, "gap of up to 15 bytes: as the function before")                            \
	X(GAP_EMPTY, "larger gap: no rule")                                                        \
	X(UNSUPPORTED_CFA, "unsupported: CFA expression or register")                              \
	X(UNSUPPORTED_FP, "unsupported: frame pointer")                                            \
	X(UNSUPPORTED_RA, "unsupported: return address")                                           \
	X(UNSUPPORTED_OTHER, "unsupported: offset or damaged")                                     \
	X(DIFFERENT_CFA, "DIFFERENT: CFA")                                                         \
	X(DIFFERENT_SP, "DIFFERENT: caller's stack pointer")                                       \
	X(DIFFERENT_FP, "DIFFERENT: frame pointer")                                                \
	X(DIFFERENT_RA, "DIFFERENT: return address")                                               \
	X(DIFFERENT_FOLLOWED, "DIFFERENT: followed register")                                      \
	X(DIFFERENT_SIGNAL, "DIFFERENT: signal frame")                                             \
	X(DIFFERENT_WITHIN, "DIFFERENT: two rules within a row of libdw's")                        \
	X(MISSING, "MISSING: libdw has a row and we have none")                                    \
	X(EXTRA, "EXTRA: we have a rule and libdw has none")

#define CFI_ORACLE_ENUM(name, text) CFI_ORACLE_##name,
enum cfi_oracle_class { CFI_ORACLE_CLASSES(CFI_ORACLE_ENUM) CFI_ORACLE_N_CLASSES };

struct cfi_oracle_report {
	int error;    /* of the compiler; 0, else the file was not compared */
	bool skipped; /* libdw finds no unwind information (nor do we), or no sections to walk */
	size_t classes[CFI_ORACLE_N_CLASSES];
	size_t n_rows; /* of libdw, without gaps */
	size_t n_fdes;
	size_t n_fdes_no_code; /* of pc 0, empty, or outside of executable segments: rightly left
				  out */
	size_t n_table_rows;
	size_t n_table_rows_raw;
	double compile_seconds;
	uint64_t first_pc; /* of the first disagreement, or else unsupported row; 0: none */
	enum cfi_oracle_class first_class;
};

const char *cfi_oracle_text(enum cfi_oracle_class c);
/* Disagreements: everything after the unsupported. */
size_t cfi_oracle_wrong(const struct cfi_oracle_report *r);
size_t cfi_oracle_unsupported(const struct cfi_oracle_report *r);
void cfi_oracle_add(struct cfi_oracle_report *sum, const struct cfi_oracle_report *r);
/* A table of the file, whose rows number `rules`. Sets all but error and compile_seconds. */
void cfi_oracle_table(int fd, const struct cfi_table *t, const struct cfi_rules *rules,
		      struct cfi_oracle_report *ret);
/* rules may be NULL: else the table's are added to it, and it is what is compared. */
void cfi_oracle_file(const char *path, struct cfi_rules *rules, struct cfi_oracle_report *ret);

#endif
