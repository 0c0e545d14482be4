// SPDX-License-Identifier: Apache-2.0
/* cfi_rule and cfi_rules: what a row of DWARF's table becomes, and how rules get their numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "support/alloc_fail.h"
#include "unwind/cfi_rule.h"
#include "unwind/cfi_rules.h"

static struct cfi_where at(enum cfi_where_kind kind, int64_t n)
{
	return (struct cfi_where){.kind = (uint8_t)kind, .n = n};
}

#define EXPR(k, s)                                                                                 \
	((struct cfi_where){.kind = (k), .size = sizeof(s) - 1, .expr = (const uint8_t *)(s)})

/* CFA = sp + 16, return address at CFA - 8, frame pointer at CFA - 16. */
static struct cfi_state usual(void)
{
	return (struct cfi_state){.cfa = at(CFI_OFFSET, 16),
				  .cfa_reg = 7,
				  .columns = {[CFI_COLUMN_RA] = at(CFI_OFFSET, -8),
					      [CFI_COLUMN_FP] = at(CFI_OFFSET, -16)}};
}

static struct cresset_unwind_rule make_on(uint16_t machine, const struct cfi_state *s, bool signal,
					  bool *saved)
{
	const struct cfi_arch *arch = cfi_arch_of(machine);
	struct cfi_cie cie = {.ra = arch->ra, .signal = signal};
	struct cresset_unwind_rule rule;

	memset(&rule, 0xff, sizeof(rule));
	cfi_rule_make(arch, &cie, s, false, saved, &rule);
	return rule;
}

static struct cresset_unwind_rule make(const struct cfi_state *s)
{
	bool saved = false;

	return make_on(EM_X86_64, s, false, &saved);
}

static void assert_rule(struct cresset_unwind_rule rule, struct cresset_unwind_rule expected)
{
	assert_memory_equal(&rule, &expected, sizeof(rule));
}

static void assert_none(const struct cfi_state *s, enum cresset_rule_none none)
{
	assert_rule(make(s), (struct cresset_unwind_rule){.none = (__u8)none});
}

static void usual_frames(void **state)
{
	struct cfi_state s = usual();

	assert_rule(make(&s), (struct cresset_unwind_rule){.cfa = CRESSET_CFA_REG,
							   .cfa_reg = 7,
							   .fp = CRESSET_FP_AT_CFA,
							   .cfa_offset = 16,
							   .fp_offset = -16,
							   .ra_offset = -8});
	s.cfa_reg = 6;
	s.columns[CFI_COLUMN_FP] = at(CFI_SAME, 0);
	s.columns[CFI_COLUMN_SP] = at(CFI_VAL_OFFSET, 0);
	assert_rule(make(&s), (struct cresset_unwind_rule){.cfa = CRESSET_CFA_REG,
							   .cfa_reg = 6,
							   .cfa_offset = 16,
							   .ra_offset = -8});
}

static void expressions_for_the_cfa(void **state)
{
	struct cfi_state s = usual();

	s.columns[CFI_COLUMN_FP] = at(CFI_UNSPECIFIED, 0);
	s.cfa = EXPR(CFI_EXPRESSION, "\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22");
	assert_rule(make(&s), (struct cresset_unwind_rule){.cfa = CRESSET_CFA_PLT,
							   .cfa_reg = 7,
							   .cfa_offset = 8,
							   .cfa_add = 11,
							   .ra_offset = -8});
	s.cfa = EXPR(CFI_EXPRESSION, "\x77\x98\x01\x06\x23\x08");
	assert_rule(make(&s), (struct cresset_unwind_rule){.cfa = CRESSET_CFA_DEREF,
							   .cfa_reg = 7,
							   .cfa_offset = 152,
							   .cfa_add = 8,
							   .ra_offset = -8});
	s.cfa = EXPR(CFI_EXPRESSION, "\x77\x08\x79\x00\x38\x1e\x22\x06\x23\x10");
	assert_rule(make(&s), (struct cresset_unwind_rule){.cfa = CRESSET_CFA_INDEXED,
							   .cfa_reg = 9,
							   .cfa_offset = 8,
							   .cfa_add = 16,
							   .ra_offset = -8});
	s.cfa = EXPR(CFI_EXPRESSION, "\x7a\x10");
	assert_rule(make(&s), (struct cresset_unwind_rule){.cfa = CRESSET_CFA_REG,
							   .cfa_reg = 10,
							   .cfa_offset = 16,
							   .ra_offset = -8});
}

static void realigned_frames(void **state)
{
	struct cfi_state s = usual();

	/* CFA = *(rbp - 8), caller's rbp at [rbp + 0] */
	s.cfa = EXPR(CFI_EXPRESSION, "\x76\x78\x06");
	s.columns[CFI_COLUMN_FP] = EXPR(CFI_EXPRESSION, "\x76\x00");
	assert_rule(make(&s), (struct cresset_unwind_rule){.cfa = CRESSET_CFA_DEREF,
							   .cfa_reg = 6,
							   .fp = CRESSET_FP_AT_FP,
							   .cfa_offset = -8,
							   .ra_offset = -8});
}

static void slots_relative_to_the_base_of_the_cfa_are_so_to_the_cfa(void **state)
{
	struct cfi_state s = usual();

	s.columns[CFI_COLUMN_FP] = EXPR(CFI_EXPRESSION, "\x77\x00"); /* rsp + 0 */
	s.columns[CFI_COLUMN_RA] = EXPR(CFI_EXPRESSION, "\x76\x08"); /* rbp + 8 */
	assert_rule(make(&s), (struct cresset_unwind_rule){.cfa = CRESSET_CFA_REG,
							   .cfa_reg = 7,
							   .fp = CRESSET_FP_AT_CFA,
							   .ra = CRESSET_RA_AT_FP,
							   .cfa_offset = 16,
							   .fp_offset = -16,
							   .ra_offset = 8});
}

static void popped_and_red_zone_slots(void **state)
{
	struct cresset_unwind_rule rule = {.cfa = CRESSET_CFA_REG,
					   .cfa_reg = 7,
					   .fp = CRESSET_FP_AT_CFA,
					   .cfa_offset = 8,
					   .fp_offset = -16,
					   .ra_offset = -8};
	struct cfi_state s = usual();
	bool saved = false;

	/* mov %rbp,-8(%rsp): below from the first */
	s.cfa.n = 8;
	assert_rule(make_on(EM_X86_64, &s, false, &saved), rule);
	assert_false(saved);
	/* sub $…,%rsp: now in the frame */
	s.cfa.n = rule.cfa_offset = 16;
	assert_rule(make_on(EM_X86_64, &s, false, &saved), rule);
	assert_true(saved);
	/* pop %rbp */
	s.cfa.n = rule.cfa_offset = 8;
	rule.fp = CRESSET_FP_SAME;
	rule.fp_offset = 0;
	assert_rule(make_on(EM_X86_64, &s, false, &saved), rule);
	assert_true(saved);
	/* Where the CFA is not above sp nothing is known about sp. */
	s.cfa_reg = 6;
	rule.cfa_reg = 6;
	rule.fp = CRESSET_FP_AT_CFA;
	rule.fp_offset = -16;
	assert_rule(make_on(EM_X86_64, &s, false, &saved), rule);
}

static void return_addresses(void **state)
{
	struct cfi_state s = usual();

	s.columns[CFI_COLUMN_RA] = at(CFI_UNDEFINED, 0);
	assert_int_equal(make(&s).ra, CRESSET_RA_END);
	s.columns[CFI_COLUMN_RA] = at(CFI_REGISTER, 5); /* vfork */
	assert_int_equal(make(&s).ra, CRESSET_RA_REG);
	assert_int_equal(make(&s).ra_offset, 5);
	s.columns[CFI_COLUMN_RA] = at(CFI_REGISTER, 17);
	assert_none(&s, CRESSET_NONE_RA_RULE);
	s.columns[CFI_COLUMN_RA] = at(CFI_REGISTER, -1);
	assert_none(&s, CRESSET_NONE_RA_RULE);
	s.columns[CFI_COLUMN_RA] = at(CFI_UNSPECIFIED, 0);
	assert_none(&s, CRESSET_NONE_RA_RULE);
	s.columns[CFI_COLUMN_RA] = at(CFI_VAL_OFFSET, 0);
	assert_none(&s, CRESSET_NONE_RA_RULE);
	s.columns[CFI_COLUMN_RA] = EXPR(CFI_EXPRESSION, "\x71\x00");
	assert_none(&s, CRESSET_NONE_RA_RULE);
}

static void aarch64_has_it_in_a_register(void **state)
{
	struct cresset_unwind_rule rule = {
		.cfa = CRESSET_CFA_REG, .cfa_reg = 31, .ra = CRESSET_RA_REG, .ra_offset = 30};
	struct cfi_state s = {.cfa = at(CFI_OFFSET, 0), .cfa_reg = 31};
	bool saved = false;

	assert_rule(make_on(EM_AARCH64, &s, false, &saved), rule);
	s.columns[CFI_COLUMN_RA] = at(CFI_SAME, 0);
	assert_rule(make_on(EM_AARCH64, &s, false, &saved), rule);
	/* stp x29, x30, [sp, -32]! */
	s.cfa.n = 32;
	s.columns[CFI_COLUMN_RA] = at(CFI_OFFSET, -24);
	s.columns[CFI_COLUMN_FP] = at(CFI_OFFSET, -32);
	assert_rule(make_on(EM_AARCH64, &s, false, &saved),
		    (struct cresset_unwind_rule){.cfa = CRESSET_CFA_REG,
						 .cfa_reg = 31,
						 .fp = CRESSET_FP_AT_CFA,
						 .cfa_offset = 32,
						 .fp_offset = -32,
						 .ra_offset = -24});
	s.cfa_reg = 32;
	assert_int_equal(make_on(EM_AARCH64, &s, false, &saved).none, CRESSET_NONE_CFA_REGISTER);
}

static void signal_frames(void **state)
{
	struct cresset_unwind_rule rule = {
		.cfa = CRESSET_CFA_REG, .cfa_reg = 7, .flags = CRESSET_RULE_SIGNAL};
	struct cfi_state s = usual();
	bool saved = false;

	/* __restore_rt: rip at rsp + 168 */
	s.cfa = EXPR(CFI_EXPRESSION, "\x77\xa0\x01\x06");
	s.columns[CFI_COLUMN_RA] = EXPR(CFI_EXPRESSION, "\x77\xa8\x01");
	s.columns[CFI_COLUMN_SP] = EXPR(CFI_EXPRESSION, "\x77\xa0\x01");
	assert_rule(make_on(EM_X86_64, &s, true, &saved), rule);
	/* Not marked: the stack pointer's rule is beyond us. */
	assert_none(&s, CRESSET_NONE_CFA_EXPRESSION);
	/* Marked, but as other frames are. */
	s = usual();
	assert_int_equal(make_on(EM_X86_64, &s, true, &saved).flags, 0);
	rule.cfa_reg = 31;
	assert_rule(make_on(EM_AARCH64, &s, true, &saved), rule);
}

static void what_cannot_be_expressed(void **state)
{
	struct cfi_state s = usual();

	s.cfa_reg = 16;
	assert_none(&s, CRESSET_NONE_CFA_REGISTER);
	s.cfa_reg = 7;
	s.cfa.n = (int64_t)INT32_MAX + 1;
	assert_none(&s, CRESSET_NONE_OFFSET);
	s.cfa.n = INT32_MIN;
	assert_int_equal(make(&s).cfa_offset, INT32_MIN);
	s.cfa = at(CFI_BROKEN, 0);
	assert_none(&s, CRESSET_NONE_DAMAGED);
	s.cfa = at(CFI_UNSPECIFIED, 0);
	assert_none(&s, CRESSET_NONE_DAMAGED);
	s.cfa = EXPR(CFI_EXPRESSION, "\x77\x08\x79\x00\x38\x1e\x22\x06");
	assert_none(&s, CRESSET_NONE_CFA_EXPRESSION);
	s.cfa = EXPR(CFI_EXPRESSION, "\x35"); /* a constant */
	assert_none(&s, CRESSET_NONE_CFA_EXPRESSION);
	s = usual();
	s.columns[CFI_COLUMN_SP] = at(CFI_REGISTER, 8); /* longjmp */
	assert_none(&s, CRESSET_NONE_CFA_EXPRESSION);
	s = usual();
	s.columns[CFI_COLUMN_RA].n = INT64_MAX;
	assert_none(&s, CRESSET_NONE_OFFSET);
}

static void a_lost_frame_pointer_is_only_lost(void **state)
{
	struct cresset_unwind_rule rule = {.cfa = CRESSET_CFA_REG,
					   .cfa_reg = 7,
					   .fp = CRESSET_FP_LOST,
					   .cfa_offset = 16,
					   .ra_offset = -8};
	struct cfi_state s = usual();

	s.columns[CFI_COLUMN_FP] = at(CFI_UNDEFINED, 0);
	assert_rule(make(&s), rule);
	rule.none = CRESSET_NONE_FP_RULE;
	s.columns[CFI_COLUMN_FP] = at(CFI_REGISTER, 11);
	assert_rule(make(&s), rule);
	s.columns[CFI_COLUMN_FP] = at(CFI_VAL_OFFSET, 0);
	assert_rule(make(&s), rule);
	s.columns[CFI_COLUMN_FP] = EXPR(CFI_EXPRESSION, "\x7b\x00");
	assert_rule(make(&s), rule);
	rule.none = CRESSET_NONE_OFFSET;
	s.columns[CFI_COLUMN_FP] = at(CFI_OFFSET, INT64_MIN);
	assert_rule(make(&s), rule);
}

static void a_register_that_is_followed(void **state)
{
	const struct cfi_arch *arch = cfi_arch_of(EM_X86_64);
	struct cfi_where *w;
	static const struct {
		enum cfi_where_kind kind;
		int64_t n;
		int32_t cfa_offset;
		__u8 saved;
		__s8 saved_at;
	} all[] = {
		{CFI_UNSPECIFIED, 0, 16, 3, 0},	    {CFI_SAME, 0, 16, 3, 0},
		{CFI_OFFSET, -16, 16, 3, -2},	    {CFI_OFFSET, -24, 16, 3, 0}, /* popped */
		{CFI_OFFSET, -1024, 4096, 3, -128}, {CFI_OFFSET, -1032, 4096, 0, 0},
		{CFI_OFFSET, -12, 16, 0, 0},	    {CFI_OFFSET, 8, 16, 0, 0},
		{CFI_UNDEFINED, 0, 16, 0, 0},	    {CFI_REGISTER, 8, 16, 0, 0},
		{CFI_VAL_OFFSET, -16, 16, 0, 0},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct cfi_state s = usual();
		struct cresset_unwind_rule rule;
		struct cfi_cie cie = {.ra = 16};
		bool saved = false;

		w = &s.columns[CFI_COLUMN_FOLLOWED];
		*w = at(all[i].kind, all[i].n);
		s.cfa.n = all[i].cfa_offset;
		cfi_rule_make(arch, &cie, &s, true, &saved, &rule);
		assert_int_equal(rule.cfa, CRESSET_CFA_REG);
		assert_int_equal(rule.saved, all[i].saved);
		assert_int_equal(rule.saved_at, all[i].saved_at);
		cfi_rule_make(arch, &cie, &s, false, &saved, &rule);
		assert_int_equal(rule.saved, 0);
		assert_int_equal(rule.saved_at, 0);
	}
}

/* ---- Numbers. */

static void numbers_are_kept(void **state)
{
	struct cresset_unwind_rule rule = {.cfa = CRESSET_CFA_REG, .cfa_reg = 7};
	struct cfi_rules *r;
	uint32_t id, again;

	assert_int_equal(cfi_rules_new(&r), 0);
	assert_int_equal(cfi_rules_count(r), CRESSET_N_NONE);
	for (uint32_t i = 0; i < CRESSET_N_NONE; i++) {
		struct cresset_unwind_rule none = {.none = (__u8)i};

		assert_memory_equal(cfi_rules_get(r, i), &none, sizeof(none));
		assert_int_equal(cfi_rules_add(r, &none, &id), 0);
		assert_int_equal(id, i);
	}
	for (int i = 0; i < 100; i++) {
		rule.cfa_offset = i;
		assert_int_equal(cfi_rules_add(r, &rule, &id), 0);
		assert_int_equal(id, CRESSET_N_NONE + i);
		assert_int_equal(cfi_rules_add(r, &rule, &again), 0);
		assert_int_equal(again, id);
		assert_memory_equal(cfi_rules_get(r, id), &rule, sizeof(rule));
	}
	assert_int_equal(cfi_rules_get(r, 100000)->cfa, CRESSET_CFA_NONE);
	cfi_rules_free(r);
	cfi_rules_free(NULL);
}

static void when_numbers_run_out(void **state)
{
	struct cresset_unwind_rule rule = {.cfa = CRESSET_CFA_REG};
	struct cfi_rules *r;
	uint32_t id;

	assert_int_equal(cfi_rules_new(&r), 0);
	for (int i = CRESSET_N_NONE; i < CRESSET_MAX_RULES; i++) {
		rule.cfa_offset = i;
		assert_int_equal(cfi_rules_add(r, &rule, &id), 0);
		assert_int_equal(id, i);
	}
	rule.cfa_offset = -1;
	assert_int_equal(cfi_rules_add(r, &rule, &id), 0);
	assert_int_equal(id, CRESSET_NONE_RULES_FULL);
	/* Known ones are found all the same. */
	rule.cfa_offset = 1000;
	assert_int_equal(cfi_rules_add(r, &rule, &id), 0);
	assert_int_equal(id, 1000);
	assert_int_equal(cfi_rules_count(r), CRESSET_MAX_RULES);
	cfi_rules_free(r);
}

static int add_many(struct cfi_rules *r)
{
	struct cresset_unwind_rule rule = {.cfa = CRESSET_CFA_REG};
	uint32_t id;
	int err = 0;

	for (int i = 0; i < 100 && !err; i++) {
		rule.cfa_offset = i;
		err = cfi_rules_add(r, &rule, &id);
	}
	return err;
}

static void without_memory(void **state)
{
	for (unsigned int n = 1; alloc_fail_next(&n, 1000);) {
		struct cfi_rules *r = NULL;
		int err = cfi_rules_new(&r);

		if (!err)
			err = add_many(r);
		if (!alloc_fail_end()) {
			assert_int_equal(err, 0);
			cfi_rules_free(r);
			return;
		}
		assert_int_equal(err, -ENOMEM);
		cfi_rules_free(r);
	}
	fail();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usual_frames),
		cmocka_unit_test(expressions_for_the_cfa),
		cmocka_unit_test(realigned_frames),
		cmocka_unit_test(slots_relative_to_the_base_of_the_cfa_are_so_to_the_cfa),
		cmocka_unit_test(popped_and_red_zone_slots),
		cmocka_unit_test(return_addresses),
		cmocka_unit_test(aarch64_has_it_in_a_register),
		cmocka_unit_test(signal_frames),
		cmocka_unit_test(what_cannot_be_expressed),
		cmocka_unit_test(a_lost_frame_pointer_is_only_lost),
		cmocka_unit_test(a_register_that_is_followed),
		cmocka_unit_test(numbers_are_kept),
		cmocka_unit_test(when_numbers_run_out),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
