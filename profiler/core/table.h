// SPDX-License-Identifier: Apache-2.0
/*
 * table - interned structs of one fixed size, by the bytes of their first key_size bytes. Ids start
 * at 1; entry 0 is all zero. Keys must have no uninitialised padding.
 *
 * Entries that are appended, because they cannot be there yet, are not looked up, and not put into
 * the index before the next entry is. Invariant: the index has the first index.n entries.
 */
#ifndef CORE_TABLE_H
#define CORE_TABLE_H

#include "core/hash.h"
#include "core/vec.h"

struct table {
	struct vec entries;
	struct hash index;
	size_t key_size;
};

int table_init(struct table *t, size_t element, size_t key_size);
void table_release(struct table *t);
/* The id of the entry with that key, adding it if it is new (*ret_new, may be NULL).
 * -ENOMEM, -E2BIG past 2^31 entries. */
int table_add(struct table *t, const void *entry, uint32_t *ret_id, bool *ret_new);
/* The same for an entry that is known to be new. */
int table_append(struct table *t, const void *entry, uint32_t *ret_id);
/* The id of the entry with that key; 0: none. Not for tables that were appended to. */
uint32_t table_find(const struct table *t, const void *entry);
/* Entry 0 for an id that does not exist. */
void *table_get(const struct table *t, uint32_t id);
/* Ids run from 1 to this. */
uint32_t table_count(const struct table *t);
/* Memory that it takes. */
size_t table_memory(const struct table *t);

#endif
