// SPDX-License-Identifier: Apache-2.0
/* cfi_expr.c - see cfi_expr.h. Sums wrap, as the machine's do. */
#include "unwind/cfi_expr.h"

#include <dwarf.h>
#include <elf.h>

#include "symbolize/dwarf_reader.h"

enum {
	MAX_BYTES =
		64, /* an expression is worked out for each row, so hostile ones must be short */
	MAX_STACK = 8,
};

struct stack {
	struct cfi_value v[MAX_STACK];
	size_t n;
};

static int64_t sum(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static bool push(struct stack *s, uint32_t base, int64_t add)
{
	if (s->n == MAX_STACK)
		return false;
	s->v[s->n++] = (struct cfi_value){.base = base, .add = add};
	return true;
}

static bool push_copy(struct stack *s, size_t depth)
{
	if (s->n == MAX_STACK || depth >= s->n)
		return false;
	s->v[s->n] = s->v[s->n - 1 - depth];
	s->n++;
	return true;
}

static bool add_to_top(struct stack *s, int64_t n)
{
	if (!s->n)
		return false;
	s->v[s->n - 1].add = sum(s->v[s->n - 1].add, n);
	return true;
}

static bool plus_or_minus(struct stack *s, bool minus)
{
	struct cfi_value *a, *b;

	if (s->n < 2)
		return false;
	a = &s->v[s->n - 2];
	b = &s->v[s->n - 1];
	s->n--;
	if (b->base == CFI_BASE_NONE && !b->deref) {
		a->add = sum(a->add, minus ? (int64_t)(0 - (uint64_t)b->add) : b->add);
		return true;
	}
	if (minus || a->base != CFI_BASE_NONE || a->deref)
		return false;
	b->add = sum(a->add, b->add);
	*a = *b;
	return true;
}

static bool deref(struct stack *s)
{
	struct cfi_value *top;

	if (!s->n)
		return false;
	top = &s->v[s->n - 1];
	if (top->deref || top->base == CFI_BASE_NONE)
		return false;
	top->deref = true;
	top->inner = top->add;
	top->add = 0;
	return true;
}

static bool drop(struct stack *s)
{
	if (!s->n)
		return false;
	s->n--;
	return true;
}

/* One operation; false: not among those that keep to the two forms. */
static bool operate(struct stack *s, struct dwarf_reader *r)
{
	uint8_t op = reader_u8(r);

	if (op >= DW_OP_lit0 && op <= DW_OP_lit31)
		return push(s, CFI_BASE_NONE, op - DW_OP_lit0);
	if (op >= DW_OP_breg0 && op <= DW_OP_breg31)
		return push(s, op - DW_OP_breg0, reader_sleb(r));
	switch (op) {
	case DW_OP_nop:
		return true;
	case DW_OP_const1u:
		return push(s, CFI_BASE_NONE, reader_u8(r));
	case DW_OP_const1s:
		return push(s, CFI_BASE_NONE, (int8_t)reader_u8(r));
	case DW_OP_const2u:
		return push(s, CFI_BASE_NONE, reader_u16(r));
	case DW_OP_const2s:
		return push(s, CFI_BASE_NONE, (int16_t)reader_u16(r));
	case DW_OP_const4u:
		return push(s, CFI_BASE_NONE, reader_u32(r));
	case DW_OP_const4s:
		return push(s, CFI_BASE_NONE, (int32_t)reader_u32(r));
	case DW_OP_const8u:
	case DW_OP_const8s:
		return push(s, CFI_BASE_NONE, (int64_t)reader_u64(r));
	case DW_OP_constu:
		return push(s, CFI_BASE_NONE, (int64_t)reader_uleb(r));
	case DW_OP_consts:
		return push(s, CFI_BASE_NONE, reader_sleb(r));
	case DW_OP_bregx: {
		uint64_t reg = reader_uleb(r);

		return reg < CFI_BASE_NONE && push(s, (uint32_t)reg, reader_sleb(r));
	}
	case DW_OP_call_frame_cfa:
		return push(s, CFI_BASE_CFA, 0);
	case DW_OP_plus_uconst:
		return add_to_top(s, (int64_t)reader_uleb(r));
	case DW_OP_plus:
	case DW_OP_minus:
		return plus_or_minus(s, op == DW_OP_minus);
	case DW_OP_deref:
		return deref(s);
	case DW_OP_dup:
		return push_copy(s, 0);
	case DW_OP_over:
		return push_copy(s, 1);
	case DW_OP_drop:
		return drop(s);
	default:
		return false;
	}
}

bool cfi_expr_value(const uint8_t *expr, size_t size, bool cfa, struct cfi_value *ret)
{
	struct dwarf_reader r = {.p = expr, .end = expr + size};
	struct stack s = {.n = 0};

	if (size > MAX_BYTES || (cfa && !push(&s, CFI_BASE_CFA, 0)))
		return false;
	while (r.p < r.end)
		if (!operate(&s, &r))
			return false;
	if (r.bad || !s.n)
		return false;
	*ret = s.v[s.n - 1];
	return true;
}

/* breg7 ADD, breg16 0, lit15, and, litTHRESHOLD, ge, lit3, shl, plus */
bool cfi_expr_plt(const struct cfi_arch *arch, const uint8_t *expr, size_t size, int64_t *ret_add,
		  int64_t *ret_threshold)
{
	static const uint8_t head[] = {DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and};
	static const uint8_t tail[] = {DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus};
	struct dwarf_reader r = {.p = expr, .end = expr + size};
	int64_t add;
	uint8_t lit;

	if (arch->machine != EM_X86_64 || size > MAX_BYTES)
		return false;
	if (reader_u8(&r) != DW_OP_breg0 + arch->sp)
		return false;
	add = reader_sleb(&r);
	if (r.bad || reader_left(&r) != sizeof(head) + 1 + sizeof(tail) ||
	    memcmp(r.p, head, sizeof(head)))
		return false;
	r.p += sizeof(head);
	lit = reader_u8(&r);
	if (lit < DW_OP_lit0 || lit > DW_OP_lit15 || memcmp(r.p, tail, sizeof(tail)))
		return false;
	*ret_add = add;
	*ret_threshold = lit - DW_OP_lit0;
	return true;
}

/* breg7 INNER, breg<REG> 0, lit8, mul, plus, deref, plus_uconst ADD */
bool cfi_expr_indexed(const struct cfi_arch *arch, const uint8_t *expr, size_t size,
		      struct cfi_value *ret)
{
	static const uint8_t middle[] = {0,	     DW_OP_lit8,  DW_OP_mul,
					 DW_OP_plus, DW_OP_deref, DW_OP_plus_uconst};
	struct dwarf_reader r = {.p = expr, .end = expr + size};
	struct cfi_value v = {.deref = true};
	uint8_t op;

	if (size > MAX_BYTES || reader_u8(&r) != DW_OP_breg0 + arch->sp)
		return false;
	v.inner = reader_sleb(&r);
	op = reader_u8(&r);
	if (op < DW_OP_breg0 || op > DW_OP_breg31 || reader_left(&r) < sizeof(middle) ||
	    memcmp(r.p, middle, sizeof(middle)))
		return false;
	r.p += sizeof(middle);
	v.base = op - DW_OP_breg0;
	v.add = (int64_t)reader_uleb(&r);
	if (r.bad || reader_left(&r))
		return false;
	*ret = v;
	return true;
}
