// SPDX-License-Identifier: Apache-2.0
/* cfi_program: each instruction, and what follows from damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <string.h>

#include "unwind/cfi_program.h"

#define TEXT 0x1000u

/* Programs are read from a section; the CIE's comes first in it. */
struct run {
	uint8_t data[512];
	struct cfi_section section;
	struct cfi_cie cie;
	struct cfi_fde fde;
	struct cfi_program p;
};

static void start(struct run *r, const char *initial, size_t n_initial, const char *program,
		  size_t n)
{
	memset(r, 0, sizeof(*r));
	memcpy(r->data, initial, n_initial);
	memcpy(r->data + n_initial, program, n);
	r->section = (struct cfi_section){
		.data = r->data, .size = n_initial + n, .address = 0x400000, .is_eh = true};
	r->cie = (struct cfi_cie){.section = &r->section,
				  .code_align = 1,
				  .data_align = -8,
				  .ra = 16,
				  .encoding = 0x1b,
				  .program = r->data,
				  .program_size = n_initial};
	r->fde = (struct cfi_fde){.pc = TEXT,
				  .size = 0x100,
				  .program = (uint32_t)n_initial,
				  .program_size = (uint32_t)n};
	cfi_program_cie(cfi_arch_of(EM_X86_64), &r->cie);
	cfi_program_start(&r->p, cfi_arch_of(EM_X86_64), &r->cie, &r->fde);
}

#define BYTES(s) (s), sizeof(s) - 1
/* def_cfa 7, 8; offset 16 at CFA - 8; same_value 3 */
#define USUAL	 BYTES("\x0c\x07\x08\x90\x01\x08\x03")

static void assert_row(struct run *r, uint64_t from, uint64_t to)
{
	assert_true(cfi_program_next(&r->p));
	assert_int_equal(r->p.row_start, TEXT + from);
	assert_int_equal(r->p.row_end, TEXT + to);
	assert_false(r->p.damaged);
}

static void assert_end(struct run *r)
{
	assert_false(cfi_program_next(&r->p));
	assert_false(cfi_program_next(&r->p));
}

/* The rest, from there on. */
static void assert_damaged(struct run *r, uint64_t from)
{
	assert_true(cfi_program_next(&r->p));
	assert_true(r->p.damaged);
	assert_int_equal(r->p.row_start, TEXT + from);
	assert_int_equal(r->p.row_end, TEXT + 0x100);
	assert_end(r);
}

static void assert_cfa(const struct run *r, uint64_t reg, int64_t offset)
{
	assert_int_equal(r->p.state.cfa.kind, CFI_OFFSET);
	assert_int_equal(r->p.state.cfa_reg, reg);
	assert_int_equal(r->p.state.cfa.n, offset);
}

static void assert_column(const struct run *r, enum cfi_column c, enum cfi_where_kind kind,
			  int64_t n)
{
	assert_int_equal(r->p.state.columns[c].kind, kind);
	assert_int_equal(r->p.state.columns[c].n, n);
}

static void a_function_with_a_frame_pointer(void **state)
{
	struct run r;

	/* push %rbp; mov %rsp,%rbp; …; leave */
	start(&r, USUAL, BYTES("\x41\x0e\x10\x86\x02\x43\x0d\x06\x02\x80\x0c\x07\x08"));
	assert_row(&r, 0, 1);
	assert_cfa(&r, 7, 8);
	assert_column(&r, CFI_COLUMN_RA, CFI_OFFSET, -8);
	assert_column(&r, CFI_COLUMN_FP, CFI_UNSPECIFIED, 0);
	assert_row(&r, 1, 4);
	assert_cfa(&r, 7, 16);
	assert_column(&r, CFI_COLUMN_FP, CFI_OFFSET, -16);
	assert_row(&r, 4, 0x84);
	assert_cfa(&r, 6, 16);
	assert_row(&r, 0x84, 0x100);
	assert_cfa(&r, 7, 8);
	assert_end(&r);
}

static void ways_to_advance(void **state)
{
	struct run r;

	/* 1: byte, 2 and 4: little-endian, MIPS's 8, set_loc pcrel; by nothing gives no row */
	start(&r, USUAL,
	      BYTES("\x02\x10\x02\x00\x03\x10\x00\x04\x10\x00\x00\x00\x1d\x10\0\0\0\0\0\0\0"));
	assert_row(&r, 0, 0x10);
	assert_row(&r, 0x10, 0x20);
	assert_row(&r, 0x20, 0x30);
	assert_row(&r, 0x30, 0x40);
	assert_row(&r, 0x40, 0x100);
	assert_end(&r);
	/* set_loc TEXT + 0x80, from 0x400000 + 7 + 1 */
	start(&r, USUAL, BYTES("\x01\x78\x10\xc0\xff"));
	assert_row(&r, 0, 0x80);
	assert_row(&r, 0x80, 0x100);
	assert_end(&r);
	/* Past the end of the function. */
	start(&r, USUAL, BYTES("\x03\x01\x01\x0e\x10"));
	assert_row(&r, 0, 0x100);
	assert_end(&r);
	/* In units of the CIE's. */
	start(&r, USUAL, BYTES("\x44\x0e\x10"));
	r.cie.code_align = 4;
	assert_row(&r, 0, 0x10);
	assert_row(&r, 0x10, 0x100);
}

static void rules_of_registers(void **state)
{
	struct run r;

	/* undefined 6; same_value 7; register 16 in 5 */
	start(&r, USUAL, BYTES("\x07\x06\x08\x07\x09\x10\x05"));
	assert_row(&r, 0, 0x100);
	assert_column(&r, CFI_COLUMN_FP, CFI_UNDEFINED, 0);
	assert_column(&r, CFI_COLUMN_SP, CFI_SAME, 0);
	assert_column(&r, CFI_COLUMN_RA, CFI_REGISTER, 5);
	/* offset_extended 6 at 3; val_offset 7 of 2; offset_extended_sf 16 at -2 */
	start(&r, USUAL, BYTES("\x05\x06\x03\x14\x07\x02\x11\x10\x7e"));
	assert_row(&r, 0, 0x100);
	assert_column(&r, CFI_COLUMN_FP, CFI_OFFSET, -24);
	assert_column(&r, CFI_COLUMN_SP, CFI_VAL_OFFSET, -16);
	assert_column(&r, CFI_COLUMN_RA, CFI_OFFSET, 16);
	/* GNU_negative_offset_extended 6, 2; val_offset_sf 7, -1 */
	start(&r, USUAL, BYTES("\x2f\x06\x02\x15\x07\x7f"));
	assert_row(&r, 0, 0x100);
	assert_column(&r, CFI_COLUMN_FP, CFI_OFFSET, 16);
	assert_column(&r, CFI_COLUMN_SP, CFI_VAL_OFFSET, 8);
	/* expression 6, 2 bytes; val_expression 16, 1 byte */
	start(&r, USUAL, BYTES("\x10\x06\x02\x76\x00\x16\x10\x01\x30"));
	assert_row(&r, 0, 0x100);
	assert_int_equal(r.p.state.columns[CFI_COLUMN_FP].kind, CFI_EXPRESSION);
	assert_int_equal(r.p.state.columns[CFI_COLUMN_FP].size, 2);
	assert_memory_equal(r.p.state.columns[CFI_COLUMN_FP].expr, "\x76", 2);
	assert_int_equal(r.p.state.columns[CFI_COLUMN_RA].kind, CFI_VAL_EXPRESSION);
	/* Of what is not followed. */
	start(&r, USUAL, BYTES("\x83\x02\x07\x0c\x05\x90\x01\x02"));
	assert_row(&r, 0, 0x100);
	assert_column(&r, CFI_COLUMN_FP, CFI_UNSPECIFIED, 0);
	assert_column(&r, CFI_COLUMN_RA, CFI_OFFSET, -8);
}

static void restore_goes_back_to_the_cie(void **state)
{
	struct run r;

	/* the CIE has rbp at -16; set it to same, restore; restore_extended 16 */
	start(&r, BYTES("\x0c\x07\x08\x90\x01\x86\x02"),
	      BYTES("\x08\x06\x41\xc6\x07\x10\x41\x06\x10"));
	assert_row(&r, 0, 1);
	assert_column(&r, CFI_COLUMN_FP, CFI_SAME, 0);
	assert_row(&r, 1, 2);
	assert_column(&r, CFI_COLUMN_FP, CFI_OFFSET, -16);
	assert_column(&r, CFI_COLUMN_RA, CFI_UNDEFINED, 0);
	assert_row(&r, 2, 0x100);
	assert_column(&r, CFI_COLUMN_RA, CFI_OFFSET, -8);
}

static void remembered_states_nest_and_have_the_cfa(void **state)
{
	char program[64];
	size_t n = 0;
	struct run r;

	/* Eight deep: each remembers and makes the frame larger by 8. */
	for (char i = 1; i <= 8; i++) {
		memcpy(program + n, "\x0a\x0e\x00\x41", 4);
		program[n + 2] = (char)(i * 8);
		n += 4;
	}
	for (int i = 0; i < 8; i++) {
		memcpy(program + n, "\x0b\x41", 2);
		n += 2;
	}
	start(&r, USUAL, program, n);
	for (uint64_t i = 1; i <= 8; i++) {
		assert_row(&r, i - 1, i);
		assert_cfa(&r, 7, (int64_t)i * 8);
	}
	for (uint64_t i = 8; i < 16; i++) {
		assert_row(&r, i, i + 1);
		assert_cfa(&r, 7, i == 15 ? 8 : (int64_t)(15 - i) * 8);
	}
	assert_row(&r, 16, 0x100);
	assert_end(&r);
	/* Deeper than there is room. */
	memset(program, 0x0a, sizeof(program));
	start(&r, USUAL, program, CFI_PROGRAM_DEPTH);
	assert_row(&r, 0, 0x100);
	start(&r, USUAL, program, CFI_PROGRAM_DEPTH + 1);
	assert_damaged(&r, 0);
	/* More recalled than remembered. */
	start(&r, USUAL, BYTES("\x41\x0b"));
	assert_row(&r, 0, 1);
	assert_damaged(&r, 1);
}

static void cfa_instructions(void **state)
{
	struct run r;

	/* def_cfa_sf 6, -2; def_cfa_offset_sf -3; def_cfa_expression */
	start(&r, USUAL, BYTES("\x12\x06\x7e\x41\x13\x7d\x41\x0f\x03\x76\x78\x06\x41\x0c\x0a\x00"));
	assert_row(&r, 0, 1);
	assert_cfa(&r, 6, 16);
	assert_row(&r, 1, 2);
	assert_cfa(&r, 6, 24);
	assert_row(&r, 2, 3);
	assert_int_equal(r.p.state.cfa.kind, CFI_EXPRESSION);
	assert_int_equal(r.p.state.cfa.size, 3);
	assert_row(&r, 3, 0x100);
	assert_cfa(&r, 10, 0);
	/* Half of what there is not, until it is whole again. */
	start(&r, USUAL, BYTES("\x0f\x01\x30\x0d\x07\x41\x0e\x10\x41\x0c\x07\x10"));
	assert_row(&r, 0, 1);
	assert_int_equal(r.p.state.cfa.kind, CFI_BROKEN);
	assert_row(&r, 1, 2);
	assert_int_equal(r.p.state.cfa.kind, CFI_BROKEN);
	assert_row(&r, 2, 0x100);
	assert_cfa(&r, 7, 16);
}

static void what_is_of_no_interest_is_passed_over(void **state)
{
	struct run r;

	/* nop; GNU_args_size 1000; negate_ra_state; …_with_pc */
	start(&r, USUAL, BYTES("\x00\x2e\xe8\x07\x2d\x2c\x41\x0e\x20"));
	assert_row(&r, 0, 1);
	assert_cfa(&r, 7, 8);
	assert_row(&r, 1, 0x100);
	assert_cfa(&r, 7, 32);
}

static void damage_ends_a_function(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		{"\x41\x3f", 2}, /* unknown instructions */
		{"\x41\x17\x01", 3},
		{"\x41\x0c\x07", 3}, /* operands missing */
		{"\x41\x0f\x7f\x30", 4},
		{"\x41\x86\x80", 3},
		{"\x41\x02", 2},
		{"\x41\x01\x00\x00\x00", 5},
		{"\x41\x01\xf7\x0f\xc0\xff", 6}, /* set_loc back */
	};
	struct run r;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		start(&r, USUAL, bad[i].bytes, bad[i].n);
		assert_row(&r, 0, 1);
		assert_damaged(&r, 1);
	}
	/* A sum that wraps. */
	start(&r, USUAL, BYTES("\x41\x1d\xff\xff\xff\xff\xff\xff\xff\xff"));
	assert_row(&r, 0, 1);
	assert_damaged(&r, 1);
}

static void damaged_cies_damage_their_functions(void **state)
{
	struct run r;

	start(&r, BYTES("\x0c\x07\x08\x3f"), BYTES("\x41"));
	assert_true(r.cie.bad);
	assert_damaged(&r, 0);
	/* A CIE has no location to advance. */
	start(&r, BYTES("\x0c\x07\x08\x41"), BYTES(""));
	assert_true(r.cie.bad);
	/* To restore what has no initial rule is odd, but done (CUDA's libraries). */
	start(&r, BYTES("\x0c\x07\x08\x86\x02\xc6"), BYTES(""));
	assert_false(r.cie.bad);
	assert_row(&r, 0, 0x100);
	assert_column(&r, CFI_COLUMN_FP, CFI_UNSPECIFIED, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_function_with_a_frame_pointer),
		cmocka_unit_test(ways_to_advance),
		cmocka_unit_test(rules_of_registers),
		cmocka_unit_test(restore_goes_back_to_the_cie),
		cmocka_unit_test(remembered_states_nest_and_have_the_cfa),
		cmocka_unit_test(cfa_instructions),
		cmocka_unit_test(what_is_of_no_interest_is_passed_over),
		cmocka_unit_test(damage_ends_a_function),
		cmocka_unit_test(damaged_cies_damage_their_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
