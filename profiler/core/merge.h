// SPDX-License-Identifier: Apache-2.0
/*
 * merge - adds one profile to another, or some of its samples with some of their values.
 * cresset_profile_merge() is in cresset/profile.h.
 */
#ifndef CORE_MERGE_H
#define CORE_MERGE_H

#include <cresset/profile.h>

/* Which samples, and what of them. All but arg may be NULL. */
struct profile_part {
	/* The target's i-th value is the source's types[i]-th; NULL: the same. */
	const size_t *types;
	/* Is sample i of the source wanted? NULL: all are. */
	bool (*wants)(void *arg, size_t i);
	/* Its label set in the target; NULL: the labels that it has. */
	int (*labels)(void *arg, size_t i, struct cresset_profile *p, uint32_t *ret);
	void *arg;
};

/*
 * p has its value types already; its time, stats and comments stay as they are. Samples that have
 * no value but 0 are left out, and so is what no sample needs. On failure p has some of them.
 */
int profile_merge_part(struct cresset_profile *p, const struct cresset_profile *src,
		       const struct profile_part *part);

#endif
