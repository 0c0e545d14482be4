// SPDX-License-Identifier: Apache-2.0
/*
 * bulk - filling a profile from where everything is there once already. What cresset/profile.h says
 * of the functions without "append" holds for these too.
 */
#ifndef CORE_BULK_H
#define CORE_BULK_H

#include <cresset/profile.h>

/* What the profile is known not to have. It is not looked up, which is half of what adding it
 * costs; what is there after all is there twice. */
int profile_append_stack(struct cresset_profile *p, const uint32_t *locations, size_t n,
			 uint32_t *ret_id);
/* Known not to have been appended before; one that was added is found. */
int profile_append_string(struct cresset_profile *p, const char *s, size_t len, uint32_t *ret_id);
int profile_append_function(struct cresset_profile *p, const struct cresset_function *f,
			    uint32_t *ret_id);
int profile_append_location(struct cresset_profile *p, const struct cresset_location *loc,
			    const struct cresset_line *lines, uint32_t *ret_id);

/* Room for as many more: to grow by halves copies all of a large answer three times. -ENOMEM. */
int profile_reserve_stacks(struct cresset_profile *p, size_t n, size_t n_locations);
int profile_reserve_samples(struct cresset_profile *p, size_t n);

#endif
