// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_expr - DWARF expressions, as far as unwind information uses them.
 *
 * The walker has no stack machine, so an expression is worked out here with symbols for registers.
 * Nearly all of those in real files come out as one of two forms, base + add or *(base + inner) +
 * add. Two other shapes are known as a whole: the linker's for the procedure linkage table (PLT),
 * which says where in the 16 bytes of an entry the slot has been pushed, and one of OpenSSL's.
 */
#ifndef UNWIND_CFI_EXPR_H
#define UNWIND_CFI_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unwind/cfi_arch.h"

/* As base: the canonical frame address. */
enum { CFI_BASE_CFA = 0xffff, CFI_BASE_NONE = 0xfffe };

struct cfi_value {
	uint32_t base; /* a register, CFI_BASE_CFA, CFI_BASE_NONE (a constant: add) */
	bool deref;
	int64_t inner;
	int64_t add;
};

/*
 * With cfa the stack begins with the CFA, as it does for the rules of registers. False: the
 * expression has neither form, or is too long, or broken.
 */
bool cfi_expr_value(const uint8_t *expr, size_t size, bool cfa, struct cfi_value *ret);
/*
 * Is it sp + add + ((pc & 15) >= threshold) * 8? Such is lazy binding's PLT, threshold 11 (after
 * jmp 6, push 5), or 10 where entries start with endbr64 (and jump last).
 */
bool cfi_expr_plt(const struct cfi_arch *arch, const uint8_t *expr, size_t size, int64_t *ret_add,
		  int64_t *ret_threshold);
/*
 * Is it *(sp + reg * 8 + inner) + add? *ret has reg as its base. So OpenSSL's multiplications keep
 * the CFA above an array on the stack; half the time of an ECDSA signature is spent in one.
 */
bool cfi_expr_indexed(const struct cfi_arch *arch, const uint8_t *expr, size_t size,
		      struct cfi_value *ret);

#endif
