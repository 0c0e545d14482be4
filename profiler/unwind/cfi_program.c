// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_program.c - see cfi_program.h.
 *
 * Each call runs on to the next change of the location, so the work is that of the bytes of the
 * program. An instruction that is unknown, or that runs out of its record, or goes back, ends the
 * program: from there on the function is `damaged`, for the length of an unknown instruction is
 * unknown too.
 */
#include "unwind/cfi_program.h"

#include <dwarf.h>

/* Not in every <dwarf.h>. */
enum {
	CFA_NEGATE_RA_STATE_WITH_PC = 0x2c,
	CFA_GNU_WINDOW_SAVE = 0x2d, /* AArch64: negate_ra_state; both without operands */
	CFA_GNU_ARGS_SIZE = 0x2e,
	CFA_GNU_NEGATIVE_OFFSET_EXTENDED = 0x2f,
};

static struct cfi_where *column(struct cfi_program *p, uint64_t reg)
{
	enum cfi_column c = CFI_COLUMN_OTHER;

	if (reg == p->arch->fp)
		c = CFI_COLUMN_FP;
	else if (reg == p->arch->sp)
		c = CFI_COLUMN_SP;
	else if (reg == p->cie->ra)
		c = CFI_COLUMN_RA;
	else if (reg == p->arch->followed && reg)
		c = CFI_COLUMN_FOLLOWED;
	return &p->state.columns[c];
}

static void set(struct cfi_program *p, uint64_t reg, enum cfi_where_kind kind, int64_t n)
{
	*column(p, reg) = (struct cfi_where){.kind = kind, .n = n};
}

static int64_t factored(const struct cfi_program *p, uint64_t n)
{
	return (int64_t)(n * (uint64_t)p->cie->data_align);
}

/* To its initial rule. */
static void restore(struct cfi_program *p, uint64_t reg)
{
	struct cfi_where *w = column(p, reg);

	*w = p->cie->initial.columns[w - p->state.columns];
}

static struct cfi_where expression(struct cfi_program *p, enum cfi_where_kind kind)
{
	struct cfi_where w = {.kind = kind};
	uint64_t size = reader_uleb(&p->r);

	w.expr = p->r.p;
	reader_skip(&p->r, size);
	w.size = p->r.bad ? 0 : (uint32_t)size;
	return w;
}

static void set_cfa(struct cfi_program *p, uint64_t reg, int64_t offset)
{
	p->state.cfa = (struct cfi_where){.kind = CFI_OFFSET, .n = offset};
	p->state.cfa_reg = reg;
}

/* Half of the CFA is changed, so there has to be one of that form. */
static void change_cfa(struct cfi_program *p, const uint64_t *reg, const int64_t *offset)
{
	if (p->state.cfa.kind != CFI_OFFSET)
		p->state.cfa = (struct cfi_where){.kind = CFI_BROKEN};
	else
		set_cfa(p, reg ? *reg : p->state.cfa_reg, offset ? *offset : p->state.cfa.n);
}

static bool remember(struct cfi_program *p)
{
	if (p->depth == CFI_PROGRAM_DEPTH)
		return false;
	p->remembered[p->depth++] = p->state;
	return true;
}

static bool recall(struct cfi_program *p)
{
	if (!p->depth)
		return false;
	p->state = p->remembered[--p->depth];
	return true;
}

static bool advance_to(struct cfi_program *p, uint64_t pc)
{
	if (pc < p->pc)
		return false;
	p->pc = pc;
	return true;
}

static bool advance(struct cfi_program *p, uint64_t delta)
{
	uint64_t bytes;

	return !__builtin_mul_overflow(delta, p->cie->code_align, &bytes) &&
	       advance_to(p, p->pc + bytes);
}

/* Instructions about the CFA. */
static bool run_cfa(struct cfi_program *p, uint8_t op)
{
	struct dwarf_reader *r = &p->r;
	uint64_t reg;
	int64_t offset;

	switch (op) {
	case DW_CFA_def_cfa:
		reg = reader_uleb(r);
		set_cfa(p, reg, (int64_t)reader_uleb(r));
		return true;
	case DW_CFA_def_cfa_sf:
		reg = reader_uleb(r);
		set_cfa(p, reg, factored(p, (uint64_t)reader_sleb(r)));
		return true;
	case DW_CFA_def_cfa_register:
		reg = reader_uleb(r);
		change_cfa(p, &reg, NULL);
		return true;
	case DW_CFA_def_cfa_offset:
		offset = (int64_t)reader_uleb(r);
		change_cfa(p, NULL, &offset);
		return true;
	case DW_CFA_def_cfa_offset_sf:
		offset = factored(p, (uint64_t)reader_sleb(r));
		change_cfa(p, NULL, &offset);
		return true;
	case DW_CFA_def_cfa_expression:
		p->state.cfa = expression(p, CFI_EXPRESSION);
		return true;
	default:
		return false;
	}
}

/* Instructions about one register, whose number is their first operand. */
static bool run_register(struct cfi_program *p, uint8_t op)
{
	struct dwarf_reader *r = &p->r;
	uint64_t reg = reader_uleb(r);

	switch (op) {
	case DW_CFA_offset_extended:
		set(p, reg, CFI_OFFSET, factored(p, reader_uleb(r)));
		return true;
	case DW_CFA_offset_extended_sf:
		set(p, reg, CFI_OFFSET, factored(p, (uint64_t)reader_sleb(r)));
		return true;
	case CFA_GNU_NEGATIVE_OFFSET_EXTENDED:
		set(p, reg, CFI_OFFSET, factored(p, 0 - reader_uleb(r)));
		return true;
	case DW_CFA_val_offset:
		set(p, reg, CFI_VAL_OFFSET, factored(p, reader_uleb(r)));
		return true;
	case DW_CFA_val_offset_sf:
		set(p, reg, CFI_VAL_OFFSET, factored(p, (uint64_t)reader_sleb(r)));
		return true;
	case DW_CFA_restore_extended:
		restore(p, reg);
		return true;
	case DW_CFA_undefined:
		set(p, reg, CFI_UNDEFINED, 0);
		return true;
	case DW_CFA_same_value:
		set(p, reg, CFI_SAME, 0);
		return true;
	case DW_CFA_register:
		set(p, reg, CFI_REGISTER, (int64_t)reader_uleb(r));
		return true;
	case DW_CFA_expression:
		*column(p, reg) = expression(p, CFI_EXPRESSION);
		return true;
	case DW_CFA_val_expression:
		*column(p, reg) = expression(p, CFI_VAL_EXPRESSION);
		return true;
	default:
		return false;
	}
}

static bool run_extended(struct cfi_program *p, uint8_t op)
{
	struct dwarf_reader *r = &p->r;

	switch (op) {
	case DW_CFA_nop:
	case CFA_NEGATE_RA_STATE_WITH_PC:
	case CFA_GNU_WINDOW_SAVE:
		return true;
	case CFA_GNU_ARGS_SIZE:
		reader_skip_leb(r);
		return true;
	case DW_CFA_advance_loc1:
		return advance(p, reader_u8(r));
	case DW_CFA_advance_loc2:
		return advance(p, reader_u16(r));
	case DW_CFA_advance_loc4:
		return advance(p, reader_u32(r));
	case DW_CFA_MIPS_advance_loc8:
		return advance(p, reader_u64(r));
	case DW_CFA_set_loc:
		return advance_to(p, cfi_read_address(r, p->cie->section, p->cie->encoding));
	case DW_CFA_remember_state:
		return remember(p);
	case DW_CFA_restore_state:
		return recall(p);
	case DW_CFA_def_cfa:
	case DW_CFA_def_cfa_sf:
	case DW_CFA_def_cfa_register:
	case DW_CFA_def_cfa_offset:
	case DW_CFA_def_cfa_offset_sf:
	case DW_CFA_def_cfa_expression:
		return run_cfa(p, op);
	default:
		return run_register(p, op);
	}
}

/* One instruction; false: damaged. */
static bool run(struct cfi_program *p)
{
	uint8_t byte = reader_u8(&p->r), operand = byte & 0x3f;

	switch (byte & 0xc0) {
	case DW_CFA_advance_loc:
		return advance(p, operand);
	case DW_CFA_offset:
		set(p, operand, CFI_OFFSET, factored(p, reader_uleb(&p->r)));
		return true;
	case DW_CFA_restore:
		restore(p, operand);
		return true;
	default:
		return run_extended(p, byte);
	}
}

void cfi_program_cie(const struct cfi_arch *arch, struct cfi_cie *cie)
{
	struct cfi_program p = {
		.arch = arch,
		.cie = cie,
		.r = {.p = cie->program, .end = cie->program + cie->program_size},
	};

	while (p.r.p < p.r.end && !p.damaged)
		p.damaged = !run(&p) || p.pc;
	cie->initial = p.state;
	if (p.damaged || p.r.bad)
		cie->bad = true;
}

void cfi_program_start(struct cfi_program *p, const struct cfi_arch *arch,
		       const struct cfi_cie *cie, const struct cfi_fde *fde)
{
	const uint8_t *program = cie->section->data + fde->program;

	p->arch = arch;
	p->cie = cie;
	p->r = (struct dwarf_reader){.p = program, .end = program + fde->program_size};
	p->state = cie->initial;
	p->depth = 0;
	p->pc = p->row_start = p->row_end = fde->pc;
	p->end = fde->pc + fde->size;
	p->damaged = cie->bad;
}

bool cfi_program_next(struct cfi_program *p)
{
	p->row_start = p->row_end;
	if (p->row_start >= p->end)
		return false;
	while (p->pc == p->row_start && p->r.p < p->r.end && !p->damaged)
		p->damaged = !run(p) || p->r.bad;
	p->row_end = p->damaged || p->pc == p->row_start || p->pc > p->end ? p->end : p->pc;
	return true;
}
