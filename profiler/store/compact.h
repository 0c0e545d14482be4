// SPDX-License-Identifier: Apache-2.0
/*
 * compact - several segments become one, with the windows of each minute added together.
 *
 * Rows of all inputs stand in the same order, so that they are merged as they are read, span by
 * span: memory is a block for each input, whatever their size. Inputs of version 1 have no spans:
 * their rows are picked from blocks that are read for each span again. The work is done in slices,
 * between which windows can be appended; nothing of it is to be seen before the last slice commits
 * it, and the inputs go after that.
 */
#ifndef STORE_COMPACT_H
#define STORE_COMPACT_H

#include "store/embedded.h"

enum { COMPACT_MAX_INPUTS = 64, COMPACT_SLICE_ROWS = 500000 };

struct compaction;

/* inputs: struct catalog_segment of one dictionary, at most COMPACT_MAX_INPUTS. -EBADMSG: one of
 * them is damaged and has been marked in the catalogue. */
int compaction_begin(struct embedded *e, uint32_t level, const struct vec *inputs,
		     struct compaction **ret, struct cresset_error *err);
/* 1: there is more; 0: done, and committed; -errno: given up, and nothing has changed but that a
 * damaged input is marked (-EBADMSG). */
int compaction_step(struct compaction *c, size_t max_rows, struct cresset_error *err);
/* Drops what has been done so far. NULL is allowed. */
void compaction_free(struct compaction *c);

#endif
