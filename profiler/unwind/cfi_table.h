// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_table - what a file's unwind information says, as a sorted list of {pc, rule}.
 *
 * .eh_frame describes each function by a little program that changes the rules for finding the
 * caller as the pc moves on (DWARF 5, 6.4). Compiling runs all of those programs once and keeps
 * only what the walker needs: CFA, the caller's frame pointer, the return address. Equal neighbours
 * are merged, alignment between functions (up to 15 bytes) goes to the function before it, larger
 * gaps get rule 0.
 *
 * Threads: compiling touches nothing but its arguments, so any thread may do it. The table then has
 * its own small list of rules and its rows number those. cfi_table_intern(), to be called by the
 * owner of the `cfi_rules`, renumbers the rows to ids that hold over all files.
 *
 *     worker   cfi_table_compile_fd(fd, &t)
 *     owner    cfi_table_intern(t, rules); upload rules[old count .. new count) and t->rows
 *
 * Rule numbers below CRESSET_N_NONE, in a table's own list as in `cfi_rules`, are "no rule" and the
 * number is the reason (enum cresset_rule_none); 0: nothing describes this code.
 */
#ifndef UNWIND_CFI_TABLE_H
#define UNWIND_CFI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/unwind.h"
#include "unwind/cfi_rules.h"

struct cfi_row {
	uint64_t pc; /* the file's virtual address */
	uint32_t rule;
};

struct cfi_table {
	struct cfi_row *rows; /* by pc, strictly increasing; the last one is {hi, 0} */
	size_t n;
	uint64_t lo; /* all described code is in [lo, hi), which lies in executable segments and */
	uint64_t hi; /* spans less than 4 GiB */
	struct cfi_rules *rules; /* of this table alone; NULL once interned */

	/* For counters and reports. */
	uint16_t machine; /* EM_X86_64, EM_AARCH64 */
	bool has_eh_frame;
	bool has_debug_frame; /* and it was used */
	size_t n_fdes;
	size_t n_fdes_dropped;	     /* damaged, empty, outside of executable segments */
	uint64_t others_cpu_ns;	     /* CPU time of other threads than the caller */
	size_t n_rows_raw;	     /* before merging */
	size_t none[CRESSET_N_NONE]; /* raw rows without a rule; FP_RULE: with one, but for the fp
				      */
};

/*
 * 0; -ENODATA: the file has no unwind information; -ENOEXEC: not an ELF file of a program or shared
 * object; -ENOTSUP: of another machine or word size; -EFBIG; -ENOMEM; -errno of pread.
 */
int cfi_table_compile_fd(int fd, struct cfi_table **ret);
/* The same of a file's image in memory (the vdso). */
int cfi_table_compile_memory(const void *image, size_t size, struct cfi_table **ret);
void cfi_table_free(struct cfi_table *t);

/*
 * Renumbers the rows to ids of `rules`, to which new ones are added. Where that is full rows get
 * CRESSET_NONE_RULES_FULL, and t->none counts these (merged) rows. -ENOMEM: nothing has changed.
 */
int cfi_table_intern(struct cfi_table *t, struct cfi_rules *rules);

/* The rule number that holds at pc. */
uint32_t cfi_table_find(const struct cfi_table *t, uint64_t pc);

#endif
