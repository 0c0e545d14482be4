// SPDX-License-Identifier: Apache-2.0
/*
 * label_rules - keep, drop and rename labels by regular expressions (POSIX extended).
 *
 *     keep LABEL[=VALUE]    labels that no keep rule fits go (if there is a keep rule at all)
 *     drop LABEL[=VALUE]    labels that fit go
 *     rename LABEL NEW      the label is called NEW; \1 … \9 stand for the groups
 *
 * LABEL and VALUE are matched as a whole. Drops and renames are applied in their order, keeps to
 * what is left. "service" and "host" stay what they are: everything else finds its place by them.
 *
 * glibc's regcomp() can be made to eat all memory, and back-references all time, so expressions are
 * short, repetitions few, and back-references refused.
 */
#ifndef AGENT_LABEL_RULES_H
#define AGENT_LABEL_RULES_H

#include "core/vec.h"

#include <cresset/types.h>

struct label_rules {
	struct vec list; /* struct label_rule */
	bool keeps;
};

/* Of a "drop LABEL=VALUE" and so on; 0 or -EINVAL. key is not looked at. */
int label_rule_check(const char *key, const char *rule, struct cresset_error *err);

void label_rules_init(struct label_rules *r);
void label_rules_release(struct label_rules *r);
int label_rules_add(struct label_rules *r, const char *rule, struct cresset_error *err);
/* What becomes of a label: false: it goes. name has LABEL_NAME_BYTES and may be changed. */
bool label_rules_apply(const struct label_rules *r, char *name, const char *value);

#endif
