// SPDX-License-Identifier: Apache-2.0
/* stacktab - see stacktab.h. */
#include "core/stacktab.h"

#include <errno.h>
#include <string.h>

struct stacktab_entry {
	uint32_t first;
	uint32_t n;
};

struct stacktab_key {
	const uint32_t *words;
	size_t n;
};

int stacktab_init(struct stacktab *t)
{
	vec_init(&t->words, sizeof(uint32_t));
	vec_init(&t->entries, sizeof(struct stacktab_entry));
	hash_init(&t->index);
	return vec_push(&t->entries, NULL, 1) ? 0 : -ENOMEM;
}

void stacktab_release(struct stacktab *t)
{
	vec_release(&t->words);
	vec_release(&t->entries);
	hash_release(&t->index);
}

static bool stacktab_equal(const void *table, uint32_t id, const void *key)
{
	const struct stacktab *t = table;
	const struct stacktab_entry *e = vec_at(&t->entries, id);
	const struct stacktab_key *k = key;

	return e->n == k->n && memcmp(vec_at(&t->words, e->first), k->words, k->n * 4) == 0;
}

/* Puts what was appended into the index. */
static int stacktab_index(struct stacktab *t)
{
	while (t->index.n + 1 < t->entries.n) {
		uint32_t id = (uint32_t)t->index.n + 1;
		size_t n;
		const uint32_t *words = stacktab_get(t, id, &n);

		if (hash_reserve(&t->index) < 0)
			return -ENOMEM;
		hash_insert(&t->index, hash_bytes(words, n * sizeof(*words), 0), id);
	}
	return 0;
}

int stacktab_append(struct stacktab *t, const uint32_t *words, size_t n, uint32_t *ret_id)
{
	struct stacktab_entry e = {.first = (uint32_t)t->words.n, .n = (uint32_t)n};

	if (!n) {
		*ret_id = 0;
		return 0;
	}
	if (t->entries.n > INT32_MAX || n > UINT32_MAX - t->words.n)
		return -E2BIG;
	if (vec_reserve(&t->entries, 1) < 0 || !vec_push(&t->words, words, n))
		return -ENOMEM;
	vec_push(&t->entries, &e, 1);
	*ret_id = (uint32_t)(t->entries.n - 1);
	return 0;
}

int stacktab_add(struct stacktab *t, const uint32_t *words, size_t n, uint32_t *ret_id)
{
	struct stacktab_key key = {.words = words, .n = n};
	uint64_t hash;
	uint32_t id;
	int r;

	if (!n) {
		*ret_id = 0;
		return 0;
	}
	if (stacktab_index(t) < 0)
		return -ENOMEM;
	hash = hash_bytes(words, n * sizeof(*words), 0);
	id = hash_find(&t->index, hash, stacktab_equal, t, &key);
	if (id) {
		*ret_id = id;
		return 0;
	}
	if (hash_reserve(&t->index) < 0)
		return -ENOMEM;
	r = stacktab_append(t, words, n, ret_id);
	if (r == 0)
		hash_insert(&t->index, hash, *ret_id);
	return r;
}

const uint32_t *stacktab_get(const struct stacktab *t, uint32_t id, size_t *ret_n)
{
	const struct stacktab_entry *e = vec_at(&t->entries, id < t->entries.n ? id : 0);

	*ret_n = e->n;
	return e->n ? vec_at(&t->words, e->first) : NULL;
}

void stacktab_cut(struct stacktab *t, uint32_t id, size_t at)
{
	struct stacktab_entry *e = vec_at(&t->entries, id < t->entries.n ? id : 0);
	uint32_t *words;

	if (at >= e->n)
		return;
	words = (uint32_t *)t->words.data + e->first;
	e->n--;
	memmove(&words[at], &words[at + 1], (e->n - at) * sizeof(*words));
}

uint32_t stacktab_count(const struct stacktab *t)
{
	return (uint32_t)(t->entries.n - 1);
}
