// SPDX-License-Identifier: Apache-2.0
/* cache - see cache.h. A few hundred entries: a walk over hashes is as fast as anything else. */
#include "cache.h"

#include "core/hash.h"
#include "index.h"
#include "perfmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct cache_entry {
	struct cache_value value;
	uint64_t hash;
	uint64_t used; /* the cache's clock when it was last asked for */
	char key[CACHE_KEY_BYTES];
};

void cache_init(struct cache *c, uint64_t max_bytes, size_t max_files)
{
	*c = (struct cache){.max_bytes = max_bytes, .max_files = max_files};
	vec_init(&c->entries, sizeof(struct cache_entry *));
}

void cache_value_release(struct cache_value *value)
{
	symbol_index_free(value->index);
	perfmap_free(value->perfmap);
	*value = (struct cache_value){0};
}

static void free_entry(struct cache_entry *e)
{
	cache_value_release(&e->value);
	free(e);
}

void cache_release(struct cache *c)
{
	struct cache_entry **all = c->entries.data;

	for (size_t i = 0; i < c->entries.n; i++)
		free_entry(all[i]);
	vec_release(&c->entries);
}

struct cache_value *cache_get(struct cache *c, const char *key)
{
	struct cache_entry **all = c->entries.data;
	uint64_t hash = hash_bytes(key, strlen(key), 0);

	for (size_t i = 0; i < c->entries.n; i++) {
		if (all[i]->hash == hash && strcmp(all[i]->key, key) == 0) {
			all[i]->used = ++c->clock;
			return &all[i]->value;
		}
	}
	return NULL;
}

int cache_put(struct cache *c, const char *key, const struct cache_value *value,
	      struct cache_value **ret)
{
	struct cache_value taken = *value;
	struct cache_entry *e = NULL;
	size_t len = strlen(key);
	int r = len < CACHE_KEY_BYTES ? 0 : -ENAMETOOLONG;

	if (r == 0 && !(e = calloc(1, sizeof(*e))))
		r = -ENOMEM;
	if (r == 0 && !vec_push(&c->entries, &e, 1))
		r = -ENOMEM;
	if (r < 0) {
		free(e);
		cache_value_release(&taken);
		return r;
	}
	e->value = taken;
	e->hash = hash_bytes(key, len, 0);
	e->used = ++c->clock;
	memcpy(e->key, key, len + 1);
	*ret = &e->value;
	return 0;
}

static size_t entry_bytes(const struct cache_entry *e)
{
	return sizeof(*e) + (e->value.index ? symbol_index_bytes(e->value.index) : 0) +
	       (e->value.perfmap ? perfmap_bytes(e->value.perfmap) : 0);
}

static size_t entry_files(const struct cache_entry *e)
{
	return e->value.index ? symbol_index_files(e->value.index) : 0;
}

static void drop(struct cache *c, size_t at)
{
	struct cache_entry **all = c->entries.data;

	c->bytes -= entry_bytes(all[at]);
	c->files -= entry_files(all[at]);
	free_entry(all[at]);
	all[at] = all[--c->entries.n];
}

static void drop_least_used(struct cache *c)
{
	struct cache_entry **all = c->entries.data;
	size_t oldest = 0;

	for (size_t i = 1; i < c->entries.n; i++)
		if (all[i]->used < all[oldest]->used)
			oldest = i;
	drop(c, oldest);
}

void cache_trim(struct cache *c)
{
	struct cache_entry **all = c->entries.data;

	c->bytes = c->files = 0;
	for (size_t i = c->entries.n; i-- > 0;) {
		size_t bytes = entry_bytes(all[i]);

		c->bytes += bytes;
		c->files += entry_files(all[i]);
		if (bytes <= c->max_bytes)
			continue;
		/* It has no room even alone; all others would go for it, and then it too. */
		drop(c, i);
		c->dropped_for_bytes++;
	}
	for (; c->entries.n && c->bytes > c->max_bytes; c->dropped_for_bytes++)
		drop_least_used(c);
	for (; c->files > c->max_files || c->entries.n > CACHE_MAX_ENTRIES; c->dropped_for_files++)
		drop_least_used(c);
}
