// SPDX-License-Identifier: Apache-2.0
/*
 * cache - what was learned of binaries and perf maps, kept for the next profile.
 *
 * Values are found by a text key that says what they were made of ("b:<build-id>", "f:<device,
 * inode, mtime, size>", …). The one that was not used for longest leaves first when the values,
 * whose size may grow while they are used, are more than the limit, hold more descriptors open than
 * they may, or are more than CACHE_MAX_ENTRIES. One that is larger than the limit does not stay.
 */
#ifndef SYMBOLIZE_CACHE_H
#define SYMBOLIZE_CACHE_H

#include "core/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_MAX_ENTRIES 384
#define CACHE_KEY_BYTES	  160

struct symbol_index;
struct perfmap;

/* One of the two, or neither: it is known that there is nothing. */
struct cache_value {
	struct symbol_index *index;
	struct perfmap *perfmap;
	bool damaged;	/* the index has been counted as such */
	uint64_t stamp; /* of the file that a perf map was read from */
	uint64_t seen;	/* which run of the resolver checked that stamp */
};

struct cache {
	struct vec entries; /* struct cache_entry * */
	uint64_t max_bytes;
	size_t max_files;
	uint64_t clock;
	uint64_t bytes, files;	    /* as of the last cache_trim() */
	uint64_t dropped_for_bytes; /* values that left, by cause */
	uint64_t dropped_for_files; /* … descriptors, or their number */
};

void cache_init(struct cache *c, uint64_t max_bytes, size_t max_files);
void cache_release(struct cache *c);
/* NULL if there is none. What is returned stays until the next cache_trim(). */
struct cache_value *cache_get(struct cache *c, const char *key);
/* Takes the value over, on failure (-ENOMEM) too. There must be none of that key. */
int cache_put(struct cache *c, const char *key, const struct cache_value *value,
	      struct cache_value **ret);
/* Back under the limits. */
void cache_trim(struct cache *c);
void cache_value_release(struct cache_value *value);

#endif
