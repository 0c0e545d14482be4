// SPDX-License-Identifier: Apache-2.0
/* table - see table.h. */
#include "core/table.h"

#include <errno.h>
#include <string.h>

int table_init(struct table *t, size_t element, size_t key_size)
{
	vec_init(&t->entries, element);
	hash_init(&t->index);
	t->key_size = key_size;
	return vec_push(&t->entries, NULL, 1) ? 0 : -ENOMEM;
}

void table_release(struct table *t)
{
	vec_release(&t->entries);
	hash_release(&t->index);
}

static bool table_equal(const void *table, uint32_t id, const void *key)
{
	const struct table *t = table;

	return memcmp(vec_at(&t->entries, id), key, t->key_size) == 0;
}

/* Puts what was appended into the index. */
static int table_index(struct table *t)
{
	while (t->index.n + 1 < t->entries.n) {
		uint32_t id = (uint32_t)t->index.n + 1;

		if (hash_reserve(&t->index) < 0)
			return -ENOMEM;
		hash_insert(&t->index, hash_bytes(vec_at(&t->entries, id), t->key_size, 0), id);
	}
	return 0;
}

int table_append(struct table *t, const void *entry, uint32_t *ret_id)
{
	if (t->entries.n > INT32_MAX)
		return -E2BIG;
	if (!vec_push(&t->entries, entry, 1))
		return -ENOMEM;
	*ret_id = (uint32_t)(t->entries.n - 1);
	return 0;
}

int table_add(struct table *t, const void *entry, uint32_t *ret_id, bool *ret_new)
{
	uint64_t hash = hash_bytes(entry, t->key_size, 0);
	uint32_t id;

	if (table_index(t) < 0)
		return -ENOMEM;
	id = hash_find(&t->index, hash, table_equal, t, entry);
	if (ret_new)
		*ret_new = !id;
	if (id) {
		*ret_id = id;
		return 0;
	}
	if (t->entries.n > INT32_MAX)
		return -E2BIG;
	if (hash_reserve(&t->index) < 0 || !vec_push(&t->entries, entry, 1))
		return -ENOMEM;
	*ret_id = (uint32_t)(t->entries.n - 1);
	hash_insert(&t->index, hash, *ret_id);
	return 0;
}

uint32_t table_find(const struct table *t, const void *entry)
{
	return hash_find(&t->index, hash_bytes(entry, t->key_size, 0), table_equal, t, entry);
}

void *table_get(const struct table *t, uint32_t id)
{
	return vec_at(&t->entries, id < t->entries.n ? id : 0);
}

uint32_t table_count(const struct table *t)
{
	return (uint32_t)(t->entries.n - 1);
}

size_t table_memory(const struct table *t)
{
	return vec_bytes(&t->entries) + hash_memory(&t->index);
}
