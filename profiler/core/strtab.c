// SPDX-License-Identifier: Apache-2.0
/* strtab - see strtab.h. */
#include "core/strtab.h"

#include <errno.h>
#include <string.h>

struct strtab_entry {
	const char *text;
	size_t len;
};

struct strtab_key {
	const char *text;
	size_t len;
};

int strtab_init(struct strtab *t)
{
	const struct strtab_entry empty = {.text = ""};

	arena_init(&t->text);
	hash_init(&t->index);
	vec_init(&t->entries, sizeof(struct strtab_entry));
	return vec_push(&t->entries, &empty, 1) ? 0 : -ENOMEM;
}

void strtab_release(struct strtab *t)
{
	arena_release(&t->text);
	hash_release(&t->index);
	vec_release(&t->entries);
}

static bool strtab_equal(const void *table, uint32_t id, const void *key)
{
	const struct strtab_entry *e = vec_at(&((const struct strtab *)table)->entries, id);
	const struct strtab_key *k = key;

	return e->len == k->len && memcmp(e->text, k->text, k->len) == 0;
}

/* Puts what was appended into the index. */
static int strtab_index(struct strtab *t)
{
	while (t->index.n + 1 < t->entries.n) {
		uint32_t id = (uint32_t)t->index.n + 1;
		const struct strtab_entry *e = vec_at(&t->entries, id);

		if (hash_reserve(&t->index) < 0)
			return -ENOMEM;
		hash_insert(&t->index, hash_bytes(e->text, e->len, 0), id);
	}
	return 0;
}

static int strtab_push(struct strtab *t, const struct strtab_key *key, uint32_t *ret_id)
{
	struct strtab_entry e = {.len = key->len};

	if (t->entries.n > INT32_MAX)
		return -E2BIG;
	e.text = arena_strndup(&t->text, key->text, key->len);
	if (!e.text || !vec_push(&t->entries, &e, 1))
		return -ENOMEM;
	*ret_id = (uint32_t)(t->entries.n - 1);
	return 0;
}

int strtab_append(struct strtab *t, const char *s, size_t len, uint32_t *ret_id)
{
	const struct strtab_key key = {.text = s, .len = len ? strnlen(s, len) : 0};
	uint32_t id = 0;

	if (key.len)
		id = hash_find(&t->index, hash_bytes(s, key.len, 0), strtab_equal, t, &key);
	if (key.len && !id)
		return strtab_push(t, &key, ret_id);
	*ret_id = id;
	return 0;
}

int strtab_add(struct strtab *t, const char *s, size_t len, uint32_t *ret_id)
{
	const struct strtab_key key = {.text = s, .len = len ? strnlen(s, len) : 0};
	uint64_t hash;
	uint32_t id;
	int r;

	if (!key.len) {
		*ret_id = 0;
		return 0;
	}
	if (strtab_index(t) < 0)
		return -ENOMEM;
	hash = hash_bytes(s, key.len, 0);
	id = hash_find(&t->index, hash, strtab_equal, t, &key);
	if (id) {
		*ret_id = id;
		return 0;
	}
	if (hash_reserve(&t->index) < 0)
		return -ENOMEM;
	r = strtab_push(t, &key, ret_id);
	if (r == 0)
		hash_insert(&t->index, hash, *ret_id);
	return r;
}

const char *strtab_get(const struct strtab *t, uint32_t id)
{
	const struct strtab_entry *e = vec_at(&t->entries, id);

	return id < t->entries.n ? e->text : "";
}

uint32_t strtab_count(const struct strtab *t)
{
	return (uint32_t)(t->entries.n - 1);
}
