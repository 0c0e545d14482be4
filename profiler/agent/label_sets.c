// SPDX-License-Identifier: Apache-2.0
/* label_sets - see label_sets.h. */
#include "agent/label_sets.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct label_set {
	bool marked;
	uint64_t hash;
	size_t size;
	char text[];
};

struct set_key {
	const char *text;
	size_t size;
};

/* ---- Drafts. */

bool label_draft_add(struct label_draft *d, const char *name, const char *value, size_t n)
{
	bool whole;

	for (size_t i = 0; i < d->n; i++)
		if (!strcmp(d->list[i].name, name))
			return true;
	if (d->n == LABEL_SET_MAX || strlen(name) >= LABEL_NAME_BYTES)
		return false;
	whole = label_value_from(d->list[d->n].value, value, n);
	if (!d->list[d->n].value[0])
		return whole;
	strcpy(d->list[d->n++].name, name);
	return whole;
}

const char *label_draft_get(const struct label_draft *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (!strcmp(d->list[i].name, name))
			return d->list[i].value;
	return "";
}

void label_draft_remove(struct label_draft *d, size_t i)
{
	d->n--;
	memmove(&d->list[i], &d->list[i + 1], (d->n - i) * sizeof(d->list[0]));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* ---- Sets. */

int label_sets_init(struct label_sets *s, size_t max, uint64_t max_bytes)
{
	*s = (struct label_sets){.max = max, .max_bytes = max_bytes};
	vec_init(&s->sets, sizeof(struct label_set *));
	vec_init(&s->free, sizeof(uint32_t));
	hash_init(&s->index);
	return vec_push(&s->sets, NULL, 1) ? 0 : -ENOMEM;
}

static struct label_set *set_at(const struct label_sets *s, uint32_t id)
{
	return id < s->sets.n ? *(struct label_set **)vec_at(&s->sets, id) : NULL;
}

void label_sets_release(struct label_sets *s)
{
	for (uint32_t i = 0; i < s->sets.n; i++)
		free(set_at(s, i));
	vec_release(&s->sets);
	vec_release(&s->free);
	hash_release(&s->index);
}

static bool set_equal(const void *table, uint32_t id, const void *key)
{
	const struct label_set *set = set_at(table, id);
	const struct set_key *k = key;

	return set->size == k->size && !memcmp(set->text, k->text, k->size);
}

/* name's fields begin with the name, so they sort by it. */
static size_t serialise(struct label_draft *d, char *text)
{
	size_t used = 0;

	qsort(d->list, d->n, sizeof(d->list[0]), by_name);
	for (size_t i = 0; i < d->n; i++) {
		size_t name = strlen(d->list[i].name) + 1, value = strlen(d->list[i].value) + 1;

		memcpy(text + used, d->list[i].name, name);
		memcpy(text + used + name, d->list[i].value, value);
		used += name + value;
	}
	return used;
}

/* An id for the set; those of sets that went are used first. */
static int place(struct label_sets *s, struct label_set *set, uint32_t *ret_id)
{
	if (s->free.n) {
		*ret_id = *(uint32_t *)vec_at(&s->free, s->free.n - 1);
		s->free.n--;
		*(struct label_set **)vec_at(&s->sets, *ret_id) = set;
		return 0;
	}
	/* Room for the list of free ids too: a sweep must not fail. */
	if (vec_reserve(&s->free, s->sets.n + 1) < 0 || !vec_push(&s->sets, &set, 1))
		return -ENOMEM;
	*ret_id = (uint32_t)(s->sets.n - 1);
	return 0;
}

int label_sets_intern(struct label_sets *s, struct label_draft *d, uint32_t *ret_id)
{
	char text[LABEL_SET_MAX * (LABEL_NAME_BYTES + LABEL_VALUE_MAX + 1)];
	struct set_key key = {.text = text, .size = serialise(d, text)};
	uint64_t hash = hash_bytes(text, key.size, 0);
	uint32_t id = hash_find(&s->index, hash, set_equal, s, &key);
	struct label_set *set;
	int r;

	if (id) {
		*ret_id = id;
		return 0;
	}
	if (s->n >= s->max || s->bytes + sizeof(*set) + key.size > s->max_bytes)
		return -ENOSPC;
	set = malloc(sizeof(*set) + key.size);
	if (!set)
		return -ENOMEM;
	*set = (struct label_set){.hash = hash, .size = key.size};
	memcpy(set->text, text, key.size);
	r = hash_reserve(&s->index);
	if (r == 0)
		r = place(s, set, &id);
	if (r < 0) {
		free(set);
		return r;
	}
	hash_insert(&s->index, hash, id);
	s->n++;
	s->bytes += sizeof(*set) + key.size;
	*ret_id = id;
	return 0;
}

bool label_sets_at(const struct label_sets *s, uint32_t id, size_t i, const char **ret_name,
		   const char **ret_value)
{
	const struct label_set *set = set_at(s, id);
	const char *at = set ? set->text : NULL, *end = set ? at + set->size : NULL;

	for (; at < end; i--) {
		const char *value = at + strlen(at) + 1;

		if (i == 0) {
			*ret_name = at;
			*ret_value = value;
			return true;
		}
		at = value + strlen(value) + 1;
	}
	return false;
}

void label_sets_mark(struct label_sets *s, uint32_t id)
{
	struct label_set *set = set_at(s, id);

	if (set)
		set->marked = true;
}

/* The index forgets nothing by itself: it is emptied and filled again, in place. */
static void index_again(struct label_sets *s)
{
	if (s->index.slots)
		memset(s->index.slots, 0, s->index.capacity * sizeof(*s->index.slots));
	s->index.n = 0;
	for (uint32_t i = 1; i < s->sets.n; i++)
		if (set_at(s, i))
			hash_insert(&s->index, set_at(s, i)->hash, i);
}

size_t label_sets_sweep(struct label_sets *s)
{
	size_t n = 0;

	for (uint32_t i = 1; i < s->sets.n; i++) {
		struct label_set *set = set_at(s, i);

		if (!set)
			continue;
		if (set->marked) {
			set->marked = false;
			continue;
		}
		s->bytes -= sizeof(*set) + set->size;
		s->n--;
		n++;
		free(set);
		*(struct label_set **)vec_at(&s->sets, i) = NULL;
		vec_push(&s->free, &i, 1);
	}
	if (n)
		index_again(s);
	return n;
}
