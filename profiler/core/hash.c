// SPDX-License-Identifier: Apache-2.0
/* hash - see hash.h. At most 3/4 full; XXH3 for contents (github.com/Cyan4973/xxHash). */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void hash_init(struct hash *h)
{
	memset(h, 0, sizeof(*h));
}

void hash_release(struct hash *h)
{
	free(h->slots);
	hash_init(h);
}

uint64_t hash_bytes(const void *data, size_t size, uint64_t seed)
{
	return XXH3_64bits_withSeed(data, size, seed);
}

static uint32_t hash_tag(uint64_t hash)
{
	return (uint32_t)(hash ^ hash >> 32);
}

uint32_t hash_find(const struct hash *h, uint64_t hash, hash_equal_fn equal, const void *table,
		   const void *key)
{
	uint32_t tag = hash_tag(hash);
	size_t mask = h->capacity - 1;

	if (!h->capacity)
		return 0;
	for (size_t i = tag & mask; h->slots[i].id; i = (i + 1) & mask)
		if (h->slots[i].tag == tag && equal(table, h->slots[i].id, key))
			return h->slots[i].id;
	return 0;
}

static void hash_place(struct hash *h, uint32_t tag, uint32_t id)
{
	size_t mask = h->capacity - 1, i = tag & mask;

	while (h->slots[i].id)
		i = (i + 1) & mask;
	h->slots[i] = (struct hash_slot){.tag = tag, .id = id};
}

int hash_reserve(struct hash *h)
{
	struct hash bigger = {.capacity = h->capacity ? h->capacity * 2 : 32, .n = h->n};

	if (h->n + 1 <= h->capacity / 4 * 3)
		return 0;
	bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < h->capacity; i++)
		if (h->slots[i].id)
			hash_place(&bigger, h->slots[i].tag, h->slots[i].id);
	free(h->slots);
	*h = bigger;
	return 0;
}

void hash_insert(struct hash *h, uint64_t hash, uint32_t id)
{
	hash_place(h, hash_tag(hash), id);
	h->n++;
}
