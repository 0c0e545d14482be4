// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* stack_cache.bpf.c - see stack_cache.h. */
#include "stack_cache.h"

enum {
	WINDOW_MASK = CRESSET_WINDOW_WORDS - 1,
	WINDOW_BYTES_MASK = 2 * CRESSET_WINDOW_WORDS * 8 - 1,
	PAGE_BYTES = 4096,
	/* Of a kernel stack: 4 KiB from its end on. The deepest ones are not remembered. */
	FIND_WINDOWS = 9,
};

/* Up to the end of the page: behind the last page of a stack nothing is mapped. */
static __always_inline long read_window(struct cresset_search *search, struct cresset_window *w,
					__u64 address, int user)
{
	__u64 bytes = PAGE_BYTES - (address & (PAGE_BYTES - 1));

	if (bytes > sizeof(w->words))
		bytes = sizeof(w->words);
	search->words = bytes >> 3;
	barrier_var(bytes);
	bytes &= WINDOW_BYTES_MASK;
	if (user)
		return bpf_probe_read_user(w->words, bytes, (const void *)address);
	return bpf_probe_read_kernel(w->words, bytes, (const void *)address);
}

/* What the loops carry lies in the scratch, where the verifier forgets it: so they converge. */
__noinline __u64 cresset_cache_hash(__u32 slot_id, struct cresset_stack_cache *cache, int user)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	__u64 at;

	if (!s || !cache)
		return 0;
	s->window.bytes = 0;
	s->search.hash = cresset_config.hash_seed;
	s->search.first = 0;
	s->search.words = 0;
	for (int i = 0; i < CACHE_SLOTS; i++) {
		if (i >= cache->n)
			break;
		at = cache->slots[i] - s->search.first;
		if (at >= s->search.words) {
			s->search.first = cache->slots[i];
			if (read_window(&s->search, &s->window, cache->sp + 8 * s->search.first,
					user))
				return 0;
			at = 0;
		}
		barrier_var(at);
		at = s->search.hash ^ s->window.words[at & WINDOW_MASK];
		at *= 0x9e3779b97f4a7c15ull;
		s->search.hash = at ^ at >> 29;
	}
	if (!user) {
		if (bpf_probe_read_kernel(&at, sizeof(at), (const void *)cache->last))
			return 0;
		s->search.hash = (s->search.hash ^ at) * 0x9e3779b97f4a7c15ull;
	}
	return s->search.hash | 1;
}

/* Looks for the next frames in one window; a function of its own for the verifier's sake. */
__noinline int cresset_cache_find_window(__u32 slot_id, struct cresset_stack_cache *cache)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	__u64 first;

	if (!s || !cache)
		return -1;
	first = s->search.first;
	if (read_window(&s->search, &s->window, cache->sp + 8 * first, 0))
		return -1;
	for (__u32 i = 0; i < CRESSET_WINDOW_WORDS; i++) {
		__u32 n = s->search.n;

		barrier_var(n);
		if (i >= s->search.words || n >= s->kernel.n || n >= CACHE_SLOTS)
			break;
		if (s->window.words[i] != s->kernel.frames[n & (CACHE_SLOTS - 1)])
			continue;
		cache->slots[n & (CACHE_SLOTS - 1)] = first + i;
		s->search.n = n + 1;
	}
	return 0;
}

__noinline int cresset_cache_find(__u32 slot_id, struct cresset_stack_cache *cache)
{
	struct cresset_scratch *s = cresset_scratch(slot_id);
	__u32 n;

	if (!s || !cache)
		return 0;
	cache->n = 0;
	s->window.bytes = 0;
	s->search.n = 0;
	s->search.first = 0;
	if (!s->kernel.n || s->kernel.n > CACHE_SLOTS)
		return 0;
	for (__u32 i = 0; i < FIND_WINDOWS; i++) {
		if (cresset_cache_find_window(slot_id, cache))
			return 0;
		s->search.first += s->search.words;
		if (s->search.n >= s->kernel.n)
			break;
	}
	if (s->search.n != s->kernel.n)
		return 0;
	n = s->kernel.n - 1;
	barrier_var(n);
	cache->last = cache->sp + 8ull * cache->slots[n & (CACHE_SLOTS - 1)];
	/* One frame alone would be no proof. */
	cache->n = n;
	return n != 0;
}
