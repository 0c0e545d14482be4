// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_rules.c - see cfi_rules.h. An interner over core/table, whose ids start at 1: number n here
 * is its id n, and its entry 0 (all zero) happens to be the rule of number 0.
 */
#include "unwind/cfi_rules.h"

#include <errno.h>
#include <stdlib.h>

#include "core/table.h"

_Static_assert(CRESSET_CFA_NONE == 0 && CRESSET_NONE_NO_FDE == 0, "rule 0 is all zero");

struct cfi_rules {
	struct table table;
};

static int add_reasons(struct cfi_rules *r)
{
	for (int i = 1; i < CRESSET_N_NONE; i++) {
		struct cresset_unwind_rule rule = {.cfa = CRESSET_CFA_NONE, .none = (__u8)i};
		uint32_t id;
		int err = table_add(&r->table, &rule, &id, NULL);

		if (err)
			return err;
	}
	return 0;
}

int cfi_rules_new(struct cfi_rules **ret)
{
	const size_t size = sizeof(struct cresset_unwind_rule);
	struct cfi_rules *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	if (table_init(&r->table, size, size) || add_reasons(r)) {
		cfi_rules_free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

void cfi_rules_free(struct cfi_rules *r)
{
	if (!r)
		return;
	table_release(&r->table);
	free(r);
}

size_t cfi_rules_count(const struct cfi_rules *r)
{
	return (size_t)table_count(&r->table) + 1;
}

const struct cresset_unwind_rule *cfi_rules_get(const struct cfi_rules *r, uint32_t id)
{
	return table_get(&r->table, id);
}

int cfi_rules_add(struct cfi_rules *r, const struct cresset_unwind_rule *rule, uint32_t *ret_id)
{
	static const struct cresset_unwind_rule nothing = {.cfa = CRESSET_CFA_NONE};
	uint32_t id;
	bool added;
	int err;

	if (rule->cfa == CRESSET_CFA_NONE) {
		*ret_id = rule->none < CRESSET_N_NONE ? rule->none : nothing.none;
		return 0;
	}
	if (cfi_rules_count(r) >= CRESSET_MAX_RULES) {
		*ret_id = table_find(&r->table, rule);
		if (!*ret_id)
			*ret_id = CRESSET_NONE_RULES_FULL;
		return 0;
	}
	err = table_add(&r->table, rule, &id, &added);
	if (err)
		return -ENOMEM;
	*ret_id = id;
	return 0;
}
