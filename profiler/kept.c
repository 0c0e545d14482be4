// SPDX-License-Identifier: Apache-2.0
/* See kept.h. */
#include "kept.h"

#include <errno.h>

/* Not worth asking all threads for less: some 4 MB. */
enum { PRUNE_MIN = 1 << 14, PRUNE_GROWTH = 2, RECENT_DRAINS = 2 };

struct kept_stack {
	uint64_t id;
	uint32_t first;
	uint32_t n;
	uint32_t used; /* the drain in which it was last */
	uint32_t pad;
};

void kept_init(struct kept *k)
{
	*k = (struct kept){.now = 1};
	vec_init(&k->stacks, sizeof(struct kept_stack));
	vec_init(&k->frames, sizeof(uint64_t));
	hash_init(&k->index);
	/* Id 0 of a hash is "none". */
	vec_push(&k->stacks, NULL, 1);
}

void kept_release(struct kept *k)
{
	vec_release(&k->stacks);
	vec_release(&k->frames);
	hash_release(&k->index);
}

static bool same_id(const void *table, uint32_t at, const void *key)
{
	const struct kept_stack *stack = vec_at(table, at);

	return stack->id == *(const uint64_t *)key;
}

static struct kept_stack *find(const struct kept *k, uint64_t id)
{
	uint32_t at = hash_find(&k->index, id, same_id, &k->stacks, &id);

	return at ? vec_at(&k->stacks, at) : NULL;
}

static int add(struct kept *k, uint64_t id, const uint64_t *frames, size_t n)
{
	struct kept_stack stack = {.id = id, .n = (uint32_t)n, .used = k->now};

	if (k->frames.n + n > UINT32_MAX || k->stacks.n >= UINT32_MAX)
		return -ENOMEM;
	stack.first = (uint32_t)k->frames.n;
	if (!k->stacks.n || hash_reserve(&k->index) || vec_reserve(&k->stacks, 1) ||
	    (n && !vec_push(&k->frames, frames, n)))
		return -ENOMEM;
	vec_push(&k->stacks, &stack, 1);
	hash_insert(&k->index, id, (uint32_t)k->stacks.n - 1);
	return 0;
}

int kept_add(struct kept *k, const struct drain *drain)
{
	int r = 0;

	k->now++;
	for (size_t i = 0; i < drain->stacks.n; i++) {
		const struct drain_stack *stack = vec_at(&drain->stacks, i);
		struct kept_stack *known = find(k, stack->id);
		const uint64_t *frames = (const uint64_t *)drain->frames.data + stack->first;

		if (known)
			known->used = k->now;
		else if (add(k, stack->id, frames, stack->n)) {
			k->lost++;
			r = -ENOMEM;
		}
	}
	return r;
}

const uint64_t *kept_find(struct kept *k, uint64_t id, size_t *ret_n)
{
	struct kept_stack *stack = find(k, id);

	if (!stack)
		return NULL;
	stack->used = k->now;
	*ret_n = stack->n;
	return (const uint64_t *)k->frames.data + stack->first;
}

bool kept_wants_pruning(const struct kept *k)
{
	return k->stacks.n > PRUNE_MIN && k->stacks.n > PRUNE_GROWTH * k->pruned_n;
}

void kept_touch(struct kept *k, uint64_t id)
{
	struct kept_stack *stack = find(k, id);

	if (stack)
		stack->used = k->now;
}

int kept_prune(struct kept *k)
{
	struct kept left;
	int r = 0;

	kept_init(&left);
	left.now = k->now;
	left.lost = k->lost;
	for (size_t i = 1; !r && i < k->stacks.n; i++) {
		const struct kept_stack *stack = vec_at(&k->stacks, i);

		if (k->now - stack->used >= RECENT_DRAINS)
			continue;
		r = add(&left, stack->id, (const uint64_t *)k->frames.data + stack->first,
			stack->n);
		if (!r)
			((struct kept_stack *)vec_at(&left.stacks, left.stacks.n - 1))->used =
				stack->used;
	}
	if (r) {
		kept_release(&left);
		return r;
	}
	kept_release(k);
	*k = left;
	k->pruned_n = k->stacks.n;
	return 0;
}
