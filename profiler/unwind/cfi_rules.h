// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_rules - distinct rules, each with a small number.
 *
 * The first CRESSET_N_NONE numbers are always there: number i is {CRESSET_CFA_NONE, .none = i}.
 * Others are added in the order in which they are first seen and never go away, so an owner that
 * uploads them remembers only how many it has uploaded. Not locked: one thread at a time.
 */
#ifndef UNWIND_CFI_RULES_H
#define UNWIND_CFI_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/unwind.h"

struct cfi_rules;

int cfi_rules_new(struct cfi_rules **ret);
void cfi_rules_free(struct cfi_rules *r);
size_t cfi_rules_count(const struct cfi_rules *r);
/* Rule 0 for a number that does not exist. The pointer lasts until the next cfi_rules_add(). */
const struct cresset_unwind_rule *cfi_rules_get(const struct cfi_rules *r, uint32_t id);
/*
 * The number of this rule, which is added if it is new; bytes that mean nothing for its kinds must
 * be zero. CRESSET_NONE_RULES_FULL in *ret_id (and 0) when CRESSET_MAX_RULES are there. -ENOMEM.
 */
int cfi_rules_add(struct cfi_rules *r, const struct cresset_unwind_rule *rule, uint32_t *ret_id);

#endif
