// SPDX-License-Identifier: Apache-2.0
/*
 * hash - from a content hash to the id of an entry kept elsewhere.
 *
 * Open addressing with linear probing over 8-byte slots {tag, id}; the tag is 32 bits of the hash,
 * enough to place the slot again when the table grows, so entries are never hashed twice. The owner
 * compares contents in a callback. Ids start at 1: id 0 marks a free slot. Nothing is ever removed.
 */
#ifndef CORE_HASH_H
#define CORE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_slot {
	uint32_t tag;
	uint32_t id;
};

struct hash {
	struct hash_slot *slots;
	size_t n;
	size_t capacity; /* a power of two, or 0 */
};

/* True if the entry `id` of `table` equals `key`. */
typedef bool (*hash_equal_fn)(const void *table, uint32_t id, const void *key);

void hash_init(struct hash *h);
void hash_release(struct hash *h);
uint64_t hash_bytes(const void *data, size_t size, uint64_t seed);
/* Memory that it takes. */
static inline size_t hash_memory(const struct hash *h)
{
	return h->capacity * sizeof(*h->slots);
}

/* The id of the entry with that hash and content; 0: none. */
uint32_t hash_find(const struct hash *h, uint64_t hash, hash_equal_fn equal, const void *table,
		   const void *key);
/* Room for one more, so that the next hash_insert() cannot fail. -ENOMEM. */
int hash_reserve(struct hash *h);
/* Adds an id that hash_find() does not find; after hash_reserve(). */
void hash_insert(struct hash *h, uint64_t hash, uint32_t id);

#endif
