// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_rule - from a row of DWARF's table to the rule that the walker follows.
 *
 * Three readings of a row are ours:
 *
 * - The caller's stack pointer is the CFA. A row that says otherwise has no rule.
 * - A slot of the frame pointer that was in the frame and now lies below the stack pointer has been
 *   popped: compilers do not say that `pop %rbp` or `leave` in an epilogue restored it. The
 * register has the value by then, and the slot is anybody's as soon as something is called. (A slot
 * that was below from the first is a real one, in the red zone: GCC 4 saved registers by moves.)
 * - The frame that a signal handler returns to has one rule, CRESSET_RULE_SIGNAL with nothing else
 *   but cfa = the stack pointer + 0: the walker takes all registers from the ucontext. On x86-64
 * the row's return address must be where the kernel's rt_sigframe has it, else the 'S' is only a
 * mark.
 */
#ifndef UNWIND_CFI_RULE_H
#define UNWIND_CFI_RULE_H

#include "bpf/unwind.h"
#include "unwind/cfi_arch.h"
#include "unwind/cfi_record.h"
#include "unwind/cfi_state.h"

/*
 * A rule that can be followed; bytes that mean nothing are zero. Else CRESSET_CFA_NONE and why;
 * with CRESSET_FP_LOST .none may say why that is. *saved: an earlier row of the same function had
 * the frame pointer saved in the frame; begins false. With `follow` the rule says where the
 * machine's followed register is.
 */
void cfi_rule_make(const struct cfi_arch *arch, const struct cfi_cie *cie,
		   const struct cfi_state *state, bool follow, bool *saved,
		   struct cresset_unwind_rule *ret);

#endif
