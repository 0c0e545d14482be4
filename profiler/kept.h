// SPDX-License-Identifier: Apache-2.0
/*
 * kept - user stacks of waits that are not over yet.
 *
 * A stack is interned when a thread stops running, and drained within a second; its row comes when
 * the thread runs again, minutes later perhaps, and only names it by id. So the stacks of a drain
 * are kept until no open wait names them. Who is still waiting is asked of BPF now and then, when
 * what is kept has grown; then everything goes that is neither named nor new.
 */
#ifndef PROFILER_KEPT_H
#define PROFILER_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hash.h"
#include "core/vec.h"
#include "drain.h"

struct kept {
	struct vec stacks; /* struct kept_stack */
	struct vec frames; /* uint64_t */
	struct hash index;
	uint32_t now;	 /* drains so far */
	size_t pruned_n; /* stacks that the last pruning left */
	uint64_t lost;	 /* stacks that were not kept for want of memory */
};

void kept_init(struct kept *k);
void kept_release(struct kept *k);
/* Takes over the stacks of a drain. -ENOMEM: some are not kept, and counted. */
int kept_add(struct kept *k, const struct drain *drain);
/* Frames until the next kept_add() or kept_prune(); NULL: not kept. Marks the stack as in use. */
const uint64_t *kept_find(struct kept *k, uint64_t id, size_t *ret_n);
/* To be asked after a drain: has it grown so much that pruning is worth asking all threads? */
bool kept_wants_pruning(const struct kept *k);
/* Names a stack of an open wait, before kept_prune(). */
void kept_touch(struct kept *k, uint64_t id);
/* Forgets what was neither drained, found nor touched in the last two drains. */
int kept_prune(struct kept *k);

#endif
