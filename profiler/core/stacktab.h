// SPDX-License-Identifier: Apache-2.0
/*
 * stacktab - interned sequences of 32-bit words: stacks of location ids, and label sets.
 *
 * All words stand in one array; an entry is {first, n}. The same sequence is the same id, the empty
 * one is id 0. A table whose sequences are structs of 8 words (labels) can be read in place: then
 * every sequence has a multiple of 8 words, so each starts 32-byte aligned to the array's start.
 *
 * As in a table, sequences that are appended come into the index when the next is looked for.
 */
#ifndef CORE_STACKTAB_H
#define CORE_STACKTAB_H

#include "core/hash.h"
#include "core/vec.h"

struct stacktab {
	struct vec words;   /* uint32_t */
	struct vec entries; /* struct stacktab_entry; [0] is the empty sequence */
	struct hash index;
};

int stacktab_init(struct stacktab *t);
void stacktab_release(struct stacktab *t);
/* -ENOMEM, -E2BIG past 2^31 sequences or 2^32 words. */
int stacktab_add(struct stacktab *t, const uint32_t *words, size_t n, uint32_t *ret_id);
/* The same for a sequence that is known to be new. */
int stacktab_append(struct stacktab *t, const uint32_t *words, size_t n, uint32_t *ret_id);
/* The words of a sequence; none for an id that does not exist. */
const uint32_t *stacktab_get(const struct stacktab *t, uint32_t id, size_t *ret_n);
/* Drops word `at` of a sequence. It keeps its id, and is not found by its new content. */
void stacktab_cut(struct stacktab *t, uint32_t id, size_t at);
/* Ids run from 1 to this. */
uint32_t stacktab_count(const struct stacktab *t);

#endif
