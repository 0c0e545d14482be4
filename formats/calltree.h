// SPDX-License-Identifier: Apache-2.0
/*
 * calltree - all stacks of a profile merged from the root into one tree.
 *
 * Samples that begin with the same frames share nodes; two frames are the same node if they have
 * the same parent, text and kind. Nodes stand in one array in breadth-first order: node 0 is "all",
 * children of one node are neighbours, sorted by text and kind, and come after their parent. So a
 * walk needs no pointers, and a sum over subtrees is one backward loop.
 *
 * A sample of waiting has one more node at its leaf that says in which state (states.h); among its
 * siblings it stands last. If there is any, each node's total is also known split by state.
 *
 * With a base, a profile to compare with, its samples are in the tree too, and what each side has
 * of a node is known. The tree stays the profile's own, but for what vanished: a node that only the
 * base has is as wide as it was there, and makes what it is called by as much wider.
 *
 * Invariants: total = self + the sum of the children's totals, all values are positive, and the
 * tree depends only on what the profile says, not on the order of its tables. Values of 0 or less
 * have no width: they are left out and counted. Sums stop at INT64_MAX, also counted.
 */
#ifndef FORMATS_CALLTREE_H
#define FORMATS_CALLTREE_H

#include <cresset/profile.h>

#include "formats/states.h"

/* What a node is, beyond the kinds of frames. */
enum {
	/* Made from labels ("all", a command), not from a frame. */
	CALLTREE_KIND_ROOT = CRESSET_FRAME_ERROR + 1,
	/* The leaf of a state, in the order of enum state from its first that has one. */
	CALLTREE_KIND_RUNNABLE,
	CALLTREE_KIND_BLOCKED,
	CALLTREE_KIND_IDLE,
	/* "--", and the frames behind it that are not an error. */
	CALLTREE_KIND_SEPARATOR,
	CALLTREE_KIND_WAKER,
	CALLTREE_N_KINDS,
	/* Frames of one stack from the root on; deeper ones become one visible "[error: …]". */
	CALLTREE_MAX_FRAMES = 1024,
};

struct calltree_node {
	uint32_t parent; /* of node 0: 0 */
	uint32_t name;	 /* see calltree_name() */
	uint32_t kind;	 /* enum cresset_frame_kind or CALLTREE_KIND_* */
	uint32_t first_child;
	uint32_t n_children;
	uint32_t n_below; /* nodes of the whole subtree without this one */
	uint32_t depth;	  /* of node 0: 0 */
	/* String id, of the profile, or of the base if all of the node is the base's; 0: unknown or
	 * more than one. */
	uint32_t file;
	uint32_t module; /* likewise, of the mapping's file */
	uint32_t line_min;
	uint32_t line_max;	/* lines that were sampled in this frame; 0: unknown */
	uint32_t last_location; /* of the builder: the last one looked at for the above */
	int64_t total;
	int64_t self;
};

/* A node in two profiles: total and self of each. */
struct calltree_sides {
	int64_t before, after;
	int64_t before_self, after_self;
};

struct calltree_options {
	size_t value_index;
	bool pid_roots; /* the first level is comm-pid instead of comm */
	bool tid_roots; /* … or comm-pid/tid */
	bool hide_idle; /* leave out what is STATE_IDLE, but for its sum */
	/* What to compare with, in which value; NULL: nothing. There is no split by state then. */
	const struct cresset_profile *base;
	size_t base_index;
	bool normalize; /* scale base to the sum of p; rounded so that the sum is exact */
};

struct calltree;

/* -ENOMEM, -E2BIG, -EINVAL for a value index that p does not have (one
 * without any value type is an empty tree). p must outlive the tree. */
int calltree_new(const struct cresset_profile *p, const struct calltree_options *options,
		 struct calltree **ret);
void calltree_free(struct calltree *t);

/* Nodes run from 0 to this - 1; there is always node 0. */
uint32_t calltree_n_nodes(const struct calltree *t);
/* Names run from 0 to this - 1. */
uint32_t calltree_n_names(const struct calltree *t);
const struct calltree_node *calltree_node(const struct calltree *t, uint32_t i);
const char *calltree_name(const struct calltree *t, uint32_t name);
/* A node's total by state, N_STATES numbers; NULL if no sample of the tree is of waiting. */
const int64_t *calltree_split(const struct calltree *t, uint32_t i);
/* The sum of what hide_idle left out of p. */
int64_t calltree_hidden(const struct calltree *t);
/* A node's sides; NULL without a base. */
const struct calltree_sides *calltree_sides(const struct calltree *t, uint32_t i);
/* The base's sum before it was scaled. */
int64_t calltree_base_total(const struct calltree *t);
/* Samples left out because their value is negative, and those whose value was cut to fit. */
uint64_t calltree_n_negative(const struct calltree *t);
uint64_t calltree_n_saturated(const struct calltree *t);
/* Stacks that were cut at CALLTREE_MAX_FRAMES, counted once for each sample. */
uint64_t calltree_n_cut(const struct calltree *t);

#endif
