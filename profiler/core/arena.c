// SPDX-License-Identifier: Apache-2.0
/* arena - see arena.h. Chunks double from 4 KiB to 1 MiB; a larger request gets a chunk of its own.
 */
#include "core/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_MIN = 4 << 10, CHUNK_MAX = 1 << 20 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t pad; /* keeps data 16-aligned */
	unsigned char data[];
};

void arena_init(struct arena *a)
{
	memset(a, 0, sizeof(*a));
}

void arena_release(struct arena *a)
{
	while (a->chunks) {
		struct arena_chunk *next = a->chunks->next;

		free(a->chunks);
		a->chunks = next;
	}
	arena_init(a);
}

static int arena_grow(struct arena *a, size_t size)
{
	size_t capacity = a->capacity ? a->capacity * 2 : CHUNK_MIN;
	struct arena_chunk *c;

	if (capacity > CHUNK_MAX)
		capacity = CHUNK_MAX;
	if (capacity < size)
		capacity = size;
	if (capacity > SIZE_MAX - sizeof(*c))
		return -1;
	c = malloc(sizeof(*c) + capacity);
	if (!c)
		return -1;
	c->next = a->chunks;
	a->chunks = c;
	a->capacity = capacity;
	a->used = 0;
	a->total += capacity;
	return 0;
}

void *arena_alloc(struct arena *a, size_t size, size_t align)
{
	size_t start = (a->used + align - 1) & ~(align - 1);

	if (!a->chunks || start > a->capacity || size > a->capacity - start) {
		if (arena_grow(a, size) < 0)
			return NULL;
		start = 0;
	}
	a->used = start + size;
	return a->chunks->data + start;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *copy = len < SIZE_MAX ? arena_alloc(a, len + 1, 1) : NULL;

	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}
