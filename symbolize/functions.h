// SPDX-License-Identifier: Apache-2.0
/*
 * functions - from a frame of an origin to the profile's function, once per function.
 *
 * The strings of an origin (an index, a perf map, the kernel's list) stay where they are while it
 * lives. So as long as one origin is asked, a function is known by its pointers, and demangling and
 * interning happen once per function instead of once per address. Where origins change hands or are
 * freed the pointers mean nothing any more: functions_forget() before that.
 */
#ifndef SYMBOLIZE_FUNCTIONS_H
#define SYMBOLIZE_FUNCTIONS_H

#include "core/hash.h"
#include "core/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct cresset_profile;
struct symbol_frame;

struct functions {
	struct vec known; /* struct known; [0] is unused */
	struct hash index;
};

void functions_init(struct functions *f);
void functions_release(struct functions *f);
/* Also to be called before the first functions_add(). -ENOMEM. */
int functions_forget(struct functions *f);
/* The id of the frame's function in p. -ENOMEM, -E2BIG. */
int functions_add(struct functions *f, struct cresset_profile *p, const struct symbol_frame *frame,
		  bool demangled, uint32_t *ret_id);

#endif
