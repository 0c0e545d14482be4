// SPDX-License-Identifier: Apache-2.0
/*
 * label_sets - interned label sets, of which there are only so many.
 *
 * A set is one block of text, "name\0value\0…" in the order of names, which is also its key. Ids
 * start at 1. What is not marked at a sweep is freed and its id used again, so that a machine whose
 * processes come and go for months holds no more than its present ones.
 */
#ifndef AGENT_LABEL_SETS_H
#define AGENT_LABEL_SETS_H

#include "agent/label_text.h"

#include "core/hash.h"
#include "core/vec.h"

/* A set in the making. */
struct label_draft {
	size_t n;
	struct {
		char name[LABEL_NAME_BYTES];
		char value[LABEL_VALUE_MAX + 1];
	} list[LABEL_SET_MAX];
};

/* Adds a label unless the name is there already or the value is empty; false: it was cut, or there
 * was no room for it. */
bool label_draft_add(struct label_draft *d, const char *name, const char *value, size_t n);
const char *label_draft_get(const struct label_draft *d, const char *name);
void label_draft_remove(struct label_draft *d, size_t i);

struct label_sets {
	struct vec sets; /* struct label_set *; NULL: free */
	struct vec free; /* uint32_t, ids */
	struct hash index;
	size_t n, max;
	uint64_t bytes, max_bytes;
};

int label_sets_init(struct label_sets *s, size_t max, uint64_t max_bytes);
void label_sets_release(struct label_sets *s);
/* Sorts the draft. -ENOSPC: a new one is too many. -ENOMEM. */
int label_sets_intern(struct label_sets *s, struct label_draft *d, uint32_t *ret_id);
/* The i-th label; false past the end, or for an id that does not exist. */
bool label_sets_at(const struct label_sets *s, uint32_t id, size_t i, const char **ret_name,
		   const char **ret_value);
void label_sets_mark(struct label_sets *s, uint32_t id);
/* Frees what has not been marked since the last sweep. How many. */
size_t label_sets_sweep(struct label_sets *s);

#endif
