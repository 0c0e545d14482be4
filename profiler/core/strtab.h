// SPDX-License-Identifier: Apache-2.0
/*
 * strtab - interned strings: the same text is the same id. Id 0 is "". The texts live in an arena
 * and never move; they are NUL-terminated and hold any other byte.
 */
#ifndef CORE_STRTAB_H
#define CORE_STRTAB_H

#include "core/arena.h"
#include "core/hash.h"
#include "core/vec.h"

struct strtab {
	struct arena text;
	struct vec entries; /* struct strtab_entry; [0] is "" */
	struct hash index;
};

int strtab_init(struct strtab *t);
void strtab_release(struct strtab *t);
/* s[0 … len), cut at the first NUL. -ENOMEM, -E2BIG past 2^31 strings. */
int strtab_add(struct strtab *t, const char *s, size_t len, uint32_t *ret_id);
/* The same for a text that is known not to have been appended before; those that were added are
 * looked through. It comes into the index when the next text is added. */
int strtab_append(struct strtab *t, const char *s, size_t len, uint32_t *ret_id);
/* "" for an id that does not exist. */
const char *strtab_get(const struct strtab *t, uint32_t id);
/* Number of strings without "": ids run from 1 to this. */
uint32_t strtab_count(const struct strtab *t);

#endif
