// SPDX-License-Identifier: Apache-2.0
/* svg_layout - see svg_layout.h. The walk keeps its own stack: depth comes from the profile. */
#include "formats/svg_layout.h"

#include <errno.h>
#include <string.h>

/* One open parent: the next child to look at, and where it begins. */
struct step {
	uint32_t node;
	uint32_t next;	 /* index among the children */
	uint32_t merged; /* frames below `least` so far */
	uint32_t pad;
	int64_t start;
	int64_t merged_value;
};

int64_t svg_layout_scale(int64_t v, int64_t total, int64_t length)
{
	if (total <= 0 || v <= 0)
		return 0;
	if (v >= total)
		return length;
	return (int64_t)((__int128)v * length / total);
}

static int push_box(struct svg_layout *l, uint32_t node, uint32_t depth, const struct step *at,
		    const struct calltree_node *n)
{
	const struct svg_box box = {
		.start = at->start,
		.value = n ? n->total : at->merged_value,
		.node = node,
		.depth = depth,
		.merged = n ? 0 : at->merged,
	};

	if (l->boxes.n >= SVG_MAX_BOXES)
		return -E2BIG;
	if (depth > l->max_depth)
		l->max_depth = depth;
	return vec_push(&l->boxes, &box, 1) ? 0 : -ENOMEM;
}

/*
 * Takes the next child of the innermost open parent: opens it, adds it to those merged, or, when
 * there is none left, closes the parent.
 */
static int step(struct svg_layout *l, const struct calltree *tree, struct vec *open)
{
	struct step *top = vec_at(open, open->n - 1), child = {.start = top->start};
	const struct calltree_node *parent = calltree_node(tree, top->node), *n;
	int r = 0;

	if (top->next == parent->n_children) {
		/* What was scaled to nothing has no width, and no box. */
		if (top->merged_value)
			r = push_box(l, top->node, parent->depth + 1, top, NULL);
		open->n--;
		return r;
	}
	child.node = parent->first_child + top->next++;
	n = calltree_node(tree, child.node);
	if (n->total < l->least) {
		top->merged += n->n_below + 1;
		top->merged_value += n->total;
		return 0;
	}
	r = push_box(l, child.node, n->depth, &child, n);
	top->start += n->total;
	/* Last: this may move *top. */
	if (!r && !vec_push(open, &child, 1))
		r = -ENOMEM;
	return r;
}

/* -E2BIG: too many boxes. */
static int walk(struct svg_layout *l, const struct calltree *tree)
{
	const struct step root = {.node = 0};
	struct vec open;
	int r;

	l->boxes.n = 0;
	l->max_depth = 0;
	vec_init(&open, sizeof(struct step));
	r = push_box(l, 0, 0, &root, calltree_node(tree, 0));
	if (!r && !vec_push(&open, &root, 1))
		r = -ENOMEM;
	while (!r && open.n)
		r = step(l, tree, &open);
	vec_release(&open);
	return r;
}

static int64_t least_value(int64_t total, double min_width)
{
	double least;

	if (!(min_width > 0)) /* NaN too */
		return 1;
	if (min_width >= 100)
		return total > 0 ? total : 1;
	/* Rounded up, but not for the error of a product that is meant to be whole. */
	least = (double)total * (min_width / 100) * (1 - 1e-12);
	/* (double)INT64_MAX is one above INT64_MAX. */
	if (least >= 9.2e18)
		return total;
	return least > 1 ? (int64_t)least + ((double)(int64_t)least < least) : 1;
}

int svg_layout_init(struct svg_layout *l, const struct calltree *tree, double min_width)
{
	int64_t total = calltree_node(tree, 0)->total;
	int r;

	memset(l, 0, sizeof(*l));
	vec_init(&l->boxes, sizeof(struct svg_box));
	l->least = least_value(total, min_width);
	while ((r = walk(l, tree)) == -E2BIG && l->least < total) {
		/* Below a sixteen-thousandth nothing can be seen: no need to double through it. */
		l->least = l->least < total / 16384 ? total / 16384 : l->least;
		l->least = l->least > total / 2 ? total : l->least * 2;
		l->coarser = true;
	}
	if (r)
		svg_layout_release(l);
	return r;
}

void svg_layout_release(struct svg_layout *l)
{
	vec_release(&l->boxes);
}
