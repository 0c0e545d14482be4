// SPDX-License-Identifier: Apache-2.0
/*
 * arena - memory that is freed whole.
 *
 * Bytes are handed out from chunks by moving a pointer. Nothing is freed on its own: what lives in
 * an arena lives as long as the arena, which is one window (one profile). That makes interning
 * cheap and leaks impossible; it trades away giving memory back early. Invariant: a pointer once
 * returned never moves.
 */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* newest first */
	size_t used;		    /* bytes of the newest chunk in use */
	size_t capacity;	    /* bytes of the newest chunk */
	size_t total;		    /* bytes of all chunks */
};

void arena_init(struct arena *a);
void arena_release(struct arena *a);
/* align is a power of two of at most 16. NULL when memory is out. */
void *arena_alloc(struct arena *a, size_t size, size_t align);
/* A NUL-terminated copy of len bytes. */
char *arena_strndup(struct arena *a, const char *s, size_t len);

#endif
