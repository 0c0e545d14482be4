// SPDX-License-Identifier: Apache-2.0
/* cfi_expr: the two forms and the PLT's, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <string.h>

#include "unwind/cfi_expr.h"

#define EXPR(s) (const uint8_t *)(s), sizeof(s) - 1

static void assert_value(const uint8_t *expr, size_t size, bool cfa, struct cfi_value expected)
{
	struct cfi_value v = {0};

	assert_true(cfi_expr_value(expr, size, cfa, &v));
	assert_int_equal(v.base, expected.base);
	assert_int_equal(v.deref, expected.deref);
	assert_int_equal(v.inner, expected.inner);
	assert_int_equal(v.add, expected.add);
}

static void sums_of_a_register(void **state)
{
	/* breg7 -8 */
	assert_value(EXPR("\x77\x78"), false, (struct cfi_value){.base = 7, .add = -8});
	/* bregx 40, 300; plus_uconst 5 */
	assert_value(EXPR("\x92\x28\xac\x02\x23\x05"), false,
		     (struct cfi_value){.base = 40, .add = 305});
	/* breg6 0; const1u 200; plus; const1s -1; plus; const2u 0x1234; minus */
	assert_value(EXPR("\x76\x00\x08\xc8\x22\x09\xff\x22\x0a\x34\x12\x1c"), false,
		     (struct cfi_value){.base = 6, .add = 199 - 0x1234});
	/* lit5; breg0 1; plus: the constant may come first */
	assert_value(EXPR("\x35\x70\x01\x22"), false, (struct cfi_value){.base = 0, .add = 6});
	/* const4s -2; const8u 3; plus; consts -4; minus; constu 500; plus; nop */
	assert_value(
		EXPR("\x0d\xfe\xff\xff\xff\x0e\x03\0\0\0\0\0\0\0\x22\x11\x7c\x1c\x10\xf4\x03\x22\x96"),
		false, (struct cfi_value){.base = CFI_BASE_NONE, .add = 505});
	/* breg7 8; breg6 1; drop; dup; over; drop; drop */
	assert_value(EXPR("\x77\x08\x76\x01\x13\x12\x14\x13\x13"), false,
		     (struct cfi_value){.base = 7, .add = 8});
}

static void one_indirection(void **state)
{
	/* breg6 -8; deref: the CFA of a realigned frame */
	assert_value(EXPR("\x76\x78\x06"), false,
		     (struct cfi_value){.base = 6, .deref = true, .inner = -8});
	/* breg7 152; deref; plus_uconst 8: OpenSSL's */
	assert_value(EXPR("\x77\x98\x01\x06\x23\x08"), false,
		     (struct cfi_value){.base = 7, .deref = true, .inner = 152, .add = 8});
	/* lit8; breg7 16; deref; plus */
	assert_value(EXPR("\x38\x77\x10\x06\x22"), false,
		     (struct cfi_value){.base = 7, .deref = true, .inner = 16, .add = 8});
}

static void cfa_is_on_the_stack_for_registers(void **state)
{
	assert_value(EXPR("\x23\x10"), true, (struct cfi_value){.base = CFI_BASE_CFA, .add = 16});
	assert_value(EXPR("\x77\x05"), true, (struct cfi_value){.base = 7, .add = 5});
	assert_value(EXPR("\x9c\x38\x1c"), false,
		     (struct cfi_value){.base = CFI_BASE_CFA, .add = -8});
}

static void all_else_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		{"", 0},					  /* nothing */
		{"\x22", 1},					  /* plus of nothing */
		{"\x06", 1},					  /* deref of nothing */
		{"\x13", 1},					  /* drop of nothing */
		{"\x14", 1},					  /* over of nothing */
		{"\x12", 1},					  /* dup of nothing */
		{"\x23\x01", 2},				  /* plus_uconst of nothing */
		{"\x77", 1},					  /* operand missing */
		{"\x77\x80", 2},				  /* … unended */
		{"\x0e\x01\x02", 3},				  /* … short */
		{"\x77\x08\x06\x06", 4},			  /* two indirections */
		{"\x30\x06", 2},				  /* at a constant */
		{"\x77\x00\x76\x00\x22", 5},			  /* two registers */
		{"\x77\x00\x76\x00\x1c", 5},			  /* their difference */
		{"\x35\x77\x00\x1c", 4},			  /* a negative register */
		{"\x77\x08\x79\x00\x38\x1e\x22\x06\x23\x08", 10}, /* OpenSSL's rsp + r9 * 8 */
		{"\x2f\xfd\xff", 3},				  /* skip -3 */
		{"\xff", 1},
	};
	static uint8_t long_one[65];
	static const uint8_t deep[] = {0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30};
	struct cfi_value v;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cfi_expr_value((const uint8_t *)bad[i].bytes, bad[i].n, false, &v));
	memset(long_one, 0x96, sizeof(long_one));
	long_one[0] = 0x30;
	assert_true(cfi_expr_value(long_one, 64, false, &v));
	assert_false(cfi_expr_value(long_one, 65, false, &v));
	assert_true(cfi_expr_value(deep, 8, false, &v));
	assert_false(cfi_expr_value(deep, 9, false, &v));
	assert_false(cfi_expr_value(deep, 8, true, &v));
}

static void plt_of_both_kinds(void **state)
{
	static const char lazy[] = "\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22";
	static const char ibt[] = "\x77\x08\x80\x00\x3f\x1a\x3a\x2a\x33\x24\x22";
	const struct cfi_arch *x86 = cfi_arch_of(EM_X86_64);
	int64_t add, threshold;
	char damaged[sizeof(lazy)];

	assert_true(cfi_expr_plt(x86, EXPR(lazy), &add, &threshold));
	assert_int_equal(add, 8);
	assert_int_equal(threshold, 11);
	assert_true(cfi_expr_plt(x86, EXPR(ibt), &add, &threshold));
	assert_int_equal(threshold, 10);
	assert_false(cfi_expr_plt(cfi_arch_of(EM_AARCH64), EXPR(lazy), &add, &threshold));
	for (size_t n = 0; n < sizeof(lazy) - 1; n++)
		assert_false(cfi_expr_plt(x86, (const uint8_t *)lazy, n, &add, &threshold));
	/* The offset and the threshold may be others; no other byte. */
	for (size_t i = 0; i < sizeof(lazy) - 1; i++) {
		memcpy(damaged, lazy, sizeof(lazy));
		damaged[i] ^= 0x10;
		if (i != 1)
			assert_false(cfi_expr_plt(x86, EXPR(damaged), &add, &threshold));
	}
}

static void an_index_into_the_stack(void **state)
{
	static const char mont[] = "\x77\x08\x79\x00\x38\x1e\x22\x06\x23\x10";
	const struct cfi_arch *x86 = cfi_arch_of(EM_X86_64);
	char damaged[sizeof(mont)];
	struct cfi_value v;

	assert_true(cfi_expr_indexed(x86, EXPR(mont), &v));
	assert_int_equal(v.base, 9);
	assert_int_equal(v.inner, 8);
	assert_int_equal(v.add, 16);
	assert_false(cfi_expr_indexed(cfi_arch_of(EM_AARCH64), EXPR(mont), &v));
	for (size_t n = 0; n < sizeof(mont) - 1; n++)
		assert_false(cfi_expr_indexed(x86, (const uint8_t *)mont, n, &v));
	/* Both offsets may be others, and the register; no other byte. */
	for (size_t i = 0; i < sizeof(mont) - 1; i++) {
		memcpy(damaged, mont, sizeof(mont));
		damaged[i] ^= 0x01;
		assert_int_equal(cfi_expr_indexed(x86, EXPR(damaged), &v),
				 i == 1 || i == 2 || i == 9);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_of_a_register),
		cmocka_unit_test(one_indirection),
		cmocka_unit_test(cfa_is_on_the_stack_for_registers),
		cmocka_unit_test(all_else_is_refused),
		cmocka_unit_test(plt_of_both_kinds),
		cmocka_unit_test(an_index_into_the_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
