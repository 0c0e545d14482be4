// SPDX-License-Identifier: Apache-2.0
/* cfi_reference.c - see cfi_reference.h. Operations: DWARF 5, 2.5.1. */
#include "support/cfi_reference.h"

#include <dwarf.h>

enum { MAX_STACK = 64 };

uint64_t world_mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

uint64_t world_memory(const struct world *w, uint64_t address)
{
	return world_mix(address ^ w->salt);
}

static bool binary(uint8_t op, uint64_t a, uint64_t b, uint64_t *ret)
{
	int64_t sa = (int64_t)a, sb = (int64_t)b;

	switch (op) {
	case DW_OP_plus:
		*ret = a + b;
		return true;
	case DW_OP_minus:
		*ret = a - b;
		return true;
	case DW_OP_mul:
		*ret = a * b;
		return true;
	case DW_OP_and:
		*ret = a & b;
		return true;
	case DW_OP_or:
		*ret = a | b;
		return true;
	case DW_OP_xor:
		*ret = a ^ b;
		return true;
	case DW_OP_shl:
		*ret = b < 64 ? a << b : 0;
		return true;
	case DW_OP_shr:
		*ret = b < 64 ? a >> b : 0;
		return true;
	case DW_OP_eq:
		*ret = a == b;
		return true;
	case DW_OP_ne:
		*ret = a != b;
		return true;
	case DW_OP_ge:
		*ret = sa >= sb;
		return true;
	case DW_OP_gt:
		*ret = sa > sb;
		return true;
	case DW_OP_le:
		*ret = sa <= sb;
		return true;
	case DW_OP_lt:
		*ret = sa < sb;
		return true;
	default:
		return false;
	}
}

static bool constant(const struct world *w, const Dwarf_Op *op, uint64_t cfa, uint64_t *ret)
{
	uint8_t atom = op->atom;

	if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31) {
		*ret = atom - DW_OP_lit0;
	} else if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31) {
		*ret = w->registers[atom - DW_OP_breg0] + op->number;
	} else if (atom >= DW_OP_const1u && atom <= DW_OP_consts) {
		*ret = op->number; /* libdw has extended its sign */
	} else if (atom == DW_OP_bregx && op->number < WORLD_REGISTERS) {
		*ret = w->registers[op->number] + op->number2;
	} else if (atom == DW_OP_call_frame_cfa) {
		*ret = cfa;
	} else {
		return false;
	}
	return true;
}

bool cfi_reference_evaluate(const struct world *w, const Dwarf_Op *ops, size_t n, uint64_t cfa,
			    uint64_t *ret)
{
	uint64_t stack[MAX_STACK + 2], v;
	size_t depth = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t atom = ops[i].atom;

		if (depth > MAX_STACK)
			return false;
		if (constant(w, &ops[i], cfa, &v)) {
			stack[depth++] = v;
		} else if (atom == DW_OP_nop) {
			continue;
		} else if (!depth) {
			return false;
		} else if (atom == DW_OP_deref) {
			stack[depth - 1] = world_memory(w, stack[depth - 1]);
		} else if (atom == DW_OP_plus_uconst) {
			stack[depth - 1] += ops[i].number;
		} else if (atom == DW_OP_dup) {
			stack[depth] = stack[depth - 1];
			depth++;
		} else if (atom == DW_OP_drop) {
			depth--;
		} else if (depth >= 2 && binary(atom, stack[depth - 2], stack[depth - 1], &v)) {
			stack[--depth - 1] = v;
		} else {
			return false;
		}
	}
	if (!depth)
		return false;
	*ret = stack[depth - 1];
	return true;
}

struct location cfi_reference_register(const struct world *w, Dwarf_Frame *frame, int reg,
				       uint64_t cfa)
{
	struct location loc = {.kind = UNKNOWN};
	Dwarf_Op mem[3], *ops;
	size_t n;

	if (dwarf_frame_register(frame, reg, mem, &ops, &n))
		return loc;
	if (!n) {
		loc.kind = ops ? NOWHERE : SAME;
		return loc;
	}
	if (n == 1 && ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31)
		return (struct location){.kind = IN_REGISTER, .n = ops[0].atom - DW_OP_reg0};
	if (n == 1 && ops[0].atom == DW_OP_regx)
		return (struct location){.kind = IN_REGISTER, .n = ops[0].number};
	loc.kind = AT;
	if (ops[n - 1].atom == DW_OP_stack_value) {
		loc.kind = IS;
		n--;
	}
	if (!cfi_reference_evaluate(w, ops, n, cfa, &loc.n))
		loc.kind = UNKNOWN;
	return loc;
}
