// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_rule.c - see cfi_rule.h. Each part of a rule is made by a function that returns 0 or the
 * reason why it cannot be (enum cresset_rule_none).
 */
#include "unwind/cfi_rule.h"

#include <elf.h>

#include "unwind/cfi_expr.h"

/* From the stack pointer at __restore_rt (a struct ucontext) to the saved rip. */
enum { X86_64_SIGFRAME_RIP = 168 };

static int narrow(int64_t n, __s32 *ret)
{
	if (n < INT32_MIN || n > INT32_MAX)
		return CRESSET_NONE_OFFSET;
	*ret = (__s32)n;
	return 0;
}

/* ---- CFA. */

static int cfa_register(const struct cfi_arch *arch, uint64_t reg, struct cresset_unwind_rule *rule)
{
	if (reg >= arch->n_registers)
		return CRESSET_NONE_CFA_REGISTER;
	rule->cfa_reg = (__u8)reg;
	return 0;
}

static int cfa_from_value(const struct cfi_arch *arch, enum cresset_cfa_kind deref,
			  const struct cfi_value *v, struct cresset_unwind_rule *rule)
{
	int none;

	if (v->base == CFI_BASE_CFA || v->base == CFI_BASE_NONE)
		return CRESSET_NONE_CFA_EXPRESSION;
	none = cfa_register(arch, v->base, rule);
	if (none)
		return none;
	if (!v->deref) {
		rule->cfa = CRESSET_CFA_REG;
		return narrow(v->add, &rule->cfa_offset);
	}
	rule->cfa = (__u8)deref;
	none = narrow(v->inner, &rule->cfa_offset);
	return none ? none : narrow(v->add, &rule->cfa_add);
}

static int cfa_from_expression(const struct cfi_arch *arch, const struct cfi_where *w,
			       struct cresset_unwind_rule *rule)
{
	int64_t add, threshold;
	struct cfi_value v;
	int none;

	if (cfi_expr_value(w->expr, w->size, false, &v))
		return cfa_from_value(arch, CRESSET_CFA_DEREF, &v, rule);
	if (cfi_expr_indexed(arch, w->expr, w->size, &v))
		return cfa_from_value(arch, CRESSET_CFA_INDEXED, &v, rule);
	if (!cfi_expr_plt(arch, w->expr, w->size, &add, &threshold))
		return CRESSET_NONE_CFA_EXPRESSION;
	rule->cfa = CRESSET_CFA_PLT;
	rule->cfa_reg = arch->sp;
	none = narrow(add, &rule->cfa_offset);
	return none ? none : narrow(threshold, &rule->cfa_add);
}

static int make_cfa(const struct cfi_arch *arch, const struct cfi_state *s,
		    struct cresset_unwind_rule *rule)
{
	int none;

	switch (s->cfa.kind) {
	case CFI_OFFSET:
		rule->cfa = CRESSET_CFA_REG;
		none = cfa_register(arch, s->cfa_reg, rule);
		return none ? none : narrow(s->cfa.n, &rule->cfa_offset);
	case CFI_EXPRESSION:
		return cfa_from_expression(arch, &s->cfa, rule);
	default:
		return CRESSET_NONE_DAMAGED;
	}
}

/* Only a caller's stack pointer that is the CFA can be expressed. */
static int check_sp(const struct cfi_state *s)
{
	const struct cfi_where *sp = &s->columns[CFI_COLUMN_SP];

	if (sp->kind == CFI_UNSPECIFIED || (sp->kind == CFI_VAL_OFFSET && sp->n == 0))
		return 0;
	return CRESSET_NONE_CFA_EXPRESSION;
}

/* ---- Where a register of the caller is saved. */

enum slot_base { SLOT_AT_CFA, SLOT_AT_FP, SLOT_NOWHERE };

/* The slot that the expression points at. What is relative to the CFA's register is so to the CFA.
 */
static enum slot_base slot_of(const struct cfi_arch *arch, const struct cfi_where *w,
			      const struct cresset_unwind_rule *rule, int64_t *ret)
{
	struct cfi_value v;

	if (!cfi_expr_value(w->expr, w->size, true, &v) || v.deref)
		return SLOT_NOWHERE;
	*ret = v.add;
	if (v.base == CFI_BASE_CFA)
		return SLOT_AT_CFA;
	if (v.base == rule->cfa_reg && rule->cfa == CRESSET_CFA_REG) {
		if (__builtin_sub_overflow(v.add, (int64_t)rule->cfa_offset, ret))
			return SLOT_NOWHERE;
		return SLOT_AT_CFA;
	}
	return v.base == arch->fp ? SLOT_AT_FP : SLOT_NOWHERE;
}

static bool is_below_sp(const struct cfi_arch *arch, const struct cresset_unwind_rule *rule)
{
	return rule->cfa == CRESSET_CFA_REG && rule->cfa_reg == arch->sp &&
	       (int64_t)rule->cfa_offset + rule->fp_offset < 0;
}

static int fp_slot(const struct cfi_arch *arch, enum slot_base base, int64_t offset, bool *saved,
		   struct cresset_unwind_rule *rule)
{
	int none;

	if (base == SLOT_NOWHERE)
		return CRESSET_NONE_FP_RULE;
	none = narrow(offset, &rule->fp_offset);
	if (none)
		return none;
	rule->fp = base == SLOT_AT_FP ? CRESSET_FP_AT_FP : CRESSET_FP_AT_CFA;
	if (base == SLOT_AT_FP || !is_below_sp(arch, rule)) {
		*saved = true;
	} else if (*saved) {
		rule->fp = CRESSET_FP_SAME;
		rule->fp_offset = 0;
	}
	return 0;
}

static int make_fp(const struct cfi_arch *arch, const struct cfi_where *w, bool *saved,
		   struct cresset_unwind_rule *rule)
{
	enum slot_base base;
	int64_t offset = 0;

	switch (w->kind) {
	case CFI_UNSPECIFIED: /* it is the callee's to preserve in both ABIs */
	case CFI_SAME:
		rule->fp = CRESSET_FP_SAME;
		return 0;
	case CFI_UNDEFINED:
		rule->fp = CRESSET_FP_LOST;
		return 0;
	case CFI_OFFSET:
		return fp_slot(arch, SLOT_AT_CFA, w->n, saved, rule);
	case CFI_EXPRESSION:
		base = slot_of(arch, w, rule, &offset);
		return fp_slot(arch, base, offset, saved, rule);
	default:
		return CRESSET_NONE_FP_RULE;
	}
}

static int make_ra(const struct cfi_arch *arch, const struct cfi_cie *cie,
		   const struct cfi_where *w, struct cresset_unwind_rule *rule)
{
	int64_t offset = w->n;

	switch (w->kind) {
	case CFI_UNDEFINED:
		rule->ra = CRESSET_RA_END;
		return 0;
	case CFI_UNSPECIFIED:
	case CFI_SAME:
		if (!arch->ra_is_register)
			return CRESSET_NONE_RA_RULE;
		offset = (int64_t)cie->ra;
		/* fall through */
	case CFI_REGISTER:
		if (offset < 0 || offset >= arch->n_registers)
			return CRESSET_NONE_RA_RULE;
		rule->ra = CRESSET_RA_REG;
		rule->ra_offset = (__s32)offset;
		return 0;
	case CFI_OFFSET:
		rule->ra = CRESSET_RA_AT_CFA;
		return narrow(offset, &rule->ra_offset);
	case CFI_EXPRESSION:
		switch (slot_of(arch, w, rule, &offset)) {
		case SLOT_AT_CFA:
			rule->ra = CRESSET_RA_AT_CFA;
			return narrow(offset, &rule->ra_offset);
		case SLOT_AT_FP:
			rule->ra = CRESSET_RA_AT_FP;
			return narrow(offset, &rule->ra_offset);
		default:
			return CRESSET_NONE_RA_RULE;
		}
	default:
		return CRESSET_NONE_RA_RULE;
	}
}

/* ---- The followed register. One that is not where this can say is lost. */

static void make_followed(const struct cfi_arch *arch, const struct cfi_where *w,
			  struct cresset_unwind_rule *rule)
{
	rule->saved = arch->followed;
	if (w->kind == CFI_UNSPECIFIED || w->kind == CFI_SAME)
		return;
	if (w->kind != CFI_OFFSET || w->n % 8 || w->n >= 0 || w->n / 8 < INT8_MIN)
		rule->saved = 0;
	/* As with the frame pointer: a slot below the stack pointer has been popped. */
	else if (rule->cfa != CRESSET_CFA_REG || rule->cfa_reg != arch->sp ||
		 rule->cfa_offset + w->n >= 0)
		rule->saved_at = (__s8)(w->n / 8);
}

/* ---- Signal frames. */

static bool is_sigframe(const struct cfi_arch *arch, const struct cfi_state *s)
{
	const struct cfi_where *ra = &s->columns[CFI_COLUMN_RA];
	struct cfi_value v;

	if (arch->machine != EM_X86_64)
		return true;
	return ra->kind == CFI_EXPRESSION && cfi_expr_value(ra->expr, ra->size, true, &v) &&
	       v.base == arch->sp && !v.deref && v.add == X86_64_SIGFRAME_RIP;
}

void cfi_rule_make(const struct cfi_arch *arch, const struct cfi_cie *cie,
		   const struct cfi_state *state, bool follow, bool *saved,
		   struct cresset_unwind_rule *ret)
{
	struct cresset_unwind_rule rule = {.cfa = CRESSET_CFA_NONE};
	int none, fp;

	if (cie->signal && is_sigframe(arch, state)) {
		*ret = (struct cresset_unwind_rule){
			.cfa = CRESSET_CFA_REG, .cfa_reg = arch->sp, .flags = CRESSET_RULE_SIGNAL};
		return;
	}
	none = make_cfa(arch, state, &rule);
	if (!none)
		none = check_sp(state);
	if (!none)
		none = make_ra(arch, cie, &state->columns[CFI_COLUMN_RA], &rule);
	if (none) {
		*ret = (struct cresset_unwind_rule){.cfa = CRESSET_CFA_NONE, .none = (__u8)none};
		return;
	}
	fp = make_fp(arch, &state->columns[CFI_COLUMN_FP], saved, &rule);
	if (fp) {
		/* Most callers never need it, so only those that do shall fail. */
		rule.fp = CRESSET_FP_LOST;
		rule.fp_offset = 0;
		rule.none = (__u8)fp;
	}
	if (follow)
		make_followed(arch, &state->columns[CFI_COLUMN_FOLLOWED], &rule);
	*ret = rule;
}
