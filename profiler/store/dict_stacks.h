// SPDX-License-Identifier: Apache-2.0
/*
 * dict_stacks - the stacks of a dictionary that are asked for, chunk by chunk.
 *
 * A large answer has all stacks of a day: a thousand chunks, and to unpack them takes as long as to
 * put what is in them into the profile. So a second thread, if there is one, unpacks some chunks
 * ahead of whoever takes them.
 */
#ifndef STORE_DICT_STACKS_H
#define STORE_DICT_STACKS_H

#include "store/dict_chunk.h"

struct dict_stack {
	uint32_t same; /* frames from the root that are those of the stack before in the batch */
	uint32_t n;
};

/* Some stacks in a row of those that are asked for. */
struct dict_batch {
	size_t first;	   /* the position of the first */
	size_t n;	   /* how many of them; those past the ones in `stacks` are not there */
	struct vec stacks; /* struct dict_stack */
	struct vec frames; /* uint32_t, root first: of each stack from `same` on */
	int result;	   /* of getting it: -EIO, -ENOMEM */
};

struct dict_stacks;

/*
 * ids (rising, the caller's) are those that are asked for, of 1 … count, of the dictionary and with
 * the lock that `like` has.
 */
int dict_stacks_new(const struct dict_chunks *like, uint32_t count, const uint32_t *ids, size_t n,
		    struct dict_stacks **ret);
void dict_stacks_free(struct dict_stacks *s);
/* The next batch, which lasts until the next call; NULL: that was the last. Its `result` may be an
 * error, which ends it. */
const struct dict_batch *dict_stacks_next(struct dict_stacks *s);

#endif
