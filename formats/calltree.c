// SPDX-License-Identifier: Apache-2.0
/*
 * calltree - see calltree.h.
 *
 * Built in two steps. While samples are added, nodes are interned in a table keyed by {parent,
 * name, kind}: a child is found by one hash look-up however many siblings it has. Then the table is
 * laid out breadth first: names get a rank by one sort of all texts, and each node's children are
 * sorted by that number, so no text is compared twice.
 *
 * Samples that follow each other often begin alike; those frames are not looked up again.
 * Only self values are added up on the way; totals are one backward loop over the finished array.
 *
 * Names are interned by text, because one name may come from a string of the profile, from the text
 * of an unresolved location or from a label; which name a string or location has is remembered.
 */
#include "formats/calltree.h"

#include "core/strtab.h"
#include "core/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many bytes of a node, from its start, are its identity while the tree is built. */
enum { NODE_KEY_BYTES = 3 * sizeof(uint32_t) };

struct calltree {
	struct strtab names;
	struct calltree_node *nodes;
	uint32_t n_nodes;
	uint64_t n_negative;
	uint64_t n_saturated;
	uint64_t n_cut;
};

struct builder {
	const struct cresset_profile *p;
	const struct calltree_options *options;
	struct calltree *tree;
	struct table nodes; /* struct calltree_node; ids from 1, the root is 1 */
	/* The sample at hand and the one before; path[i] is the node above frame i of the latter.
	 */
	struct cresset_frame *frames;
	struct cresset_frame *previous;
	size_t n_previous;
	uint32_t *path;
	uint32_t *string_names;	  /* by string id; 0: not yet */
	uint32_t *location_names; /* by location id */
	uint32_t *label_names;	  /* by label set: the root's name + 1, or 0 for not yet */
};

/* A child while its siblings are sorted. */
struct child {
	uint32_t rank;
	uint32_t kind;
	uint32_t id;
};

static void builder_release(struct builder *b)
{
	table_release(&b->nodes);
	free(b->frames);
	free(b->previous);
	free(b->path);
	free(b->string_names);
	free(b->location_names);
	free(b->label_names);
}

static int builder_init(struct builder *b)
{
	const struct cresset_profile *p = b->p;
	const struct calltree_node root = {.kind = CALLTREE_KIND_ROOT};
	uint32_t id;
	int r = table_init(&b->nodes, sizeof(struct calltree_node), NODE_KEY_BYTES);

	if (r)
		return r;
	b->frames = calloc(CALLTREE_MAX_FRAMES, sizeof(*b->frames));
	b->previous = calloc(CALLTREE_MAX_FRAMES, sizeof(*b->previous));
	b->path = calloc(CALLTREE_MAX_FRAMES + 1, sizeof(*b->path));
	b->string_names = calloc((size_t)cresset_profile_n_strings(p) + 1, sizeof(uint32_t));
	b->location_names = calloc((size_t)cresset_profile_n_locations(p) + 1, sizeof(uint32_t));
	b->label_names = calloc((size_t)cresset_profile_n_label_sets(p) + 1, sizeof(uint32_t));
	if (!b->frames || !b->previous || !b->path || !b->string_names || !b->location_names ||
	    !b->label_names)
		return -ENOMEM;
	r = table_add(&b->nodes, &root, &id, NULL);
	if (!r)
		r = strtab_add(&b->tree->names, "all", 3,
			       &((struct calltree_node *)table_get(&b->nodes, id))->name);
	return r;
}

/* Folded text marks kinds in names ("vfs_read_[k]"); where the kind is known the mark says nothing.
 */
static size_t length_without_mark(const char *text, uint32_t kind)
{
	static const char letters[CALLTREE_N_KINDS] = {
		[CRESSET_FRAME_KERNEL] = 'k',
		[CRESSET_FRAME_INLINED] = 'i',
		[CRESSET_FRAME_JIT] = 'j',
	};
	char mark[] = "_[?]";
	size_t len = strlen(text);

	mark[2] = letters[kind < CALLTREE_N_KINDS ? kind : 0];
	return mark[2] && len > 4 && !strcmp(text + len - 4, mark) ? len - 4 : len;
}

static int frame_name(struct builder *b, const struct cresset_frame *f, uint32_t *ret_name)
{
	uint32_t *known = f->name ? &b->string_names[f->name] : &b->location_names[f->location];
	const char *text;
	char buf[320];
	int r;

	if (!*known) {
		text = f->name ? cresset_profile_string(b->p, f->name) : buf;
		if (!f->name)
			cresset_profile_location_text(b->p, f->location, buf, sizeof(buf));
		if (!*text)
			text = "[unknown]";
		r = strtab_add(&b->tree->names, text, length_without_mark(text, f->kind), known);
		if (r)
			return r;
	}
	*ret_name = *known;
	return 0;
}

/* The text of a label set's first level, as fmt_folded has it: "comm", "comm-pid" or
 * "thread-pid/tid"; "" for none. */
static void root_text(const struct builder *b, uint32_t labels, char *buf, size_t size)
{
	bool tid_roots = b->options->tid_roots, pid_roots = b->options->pid_roots || tid_roots;
	const struct cresset_label *comm = cresset_profile_find_label(b->p, labels, "comm");
	const struct cresset_label *thread = cresset_profile_find_label(b->p, labels, "thread");
	const struct cresset_label *pid = cresset_profile_find_label(b->p, labels, "pid");
	const struct cresset_label *tid = cresset_profile_find_label(b->p, labels, "tid");
	const char *name = comm ? cresset_profile_string(b->p, comm->str) : "";

	if (tid_roots && thread && thread->str)
		name = cresset_profile_string(b->p, thread->str);
	if (*name && tid_roots && pid && tid)
		snprintf(buf, size, "%.200s-%" PRId64 "/%" PRId64, name, pid->num, tid->num);
	else if (*name && pid_roots && pid)
		snprintf(buf, size, "%.200s-%" PRId64, name, pid->num);
	else
		snprintf(buf, size, "%s", name);
}

static int root_name(struct builder *b, uint32_t labels, uint32_t *ret_name)
{
	uint32_t *known = &b->label_names[labels];
	uint32_t name;
	char buf[320];
	int r;

	if (!*known) {
		root_text(b, labels, buf, sizeof(buf));
		r = strtab_add(&b->tree->names, buf, strlen(buf), &name);
		if (r)
			return r;
		*known = name + 1;
	}
	*ret_name = *known - 1;
	return 0;
}

/* Makes *node its child with that name and kind. */
static int descend(struct builder *b, uint32_t *node, uint32_t name, uint32_t kind)
{
	const struct calltree_node key = {.parent = *node, .name = name, .kind = kind};

	return table_add(&b->nodes, &key, node, NULL);
}

/* Notes where a frame's code is; what differs between its samples becomes a range, or unknown. */
static void note_source(const struct cresset_profile *p, struct calltree_node *n,
			const struct cresset_frame *f)
{
	const struct cresset_location *loc = cresset_profile_location(p, f->location);
	uint32_t module = cresset_profile_mapping(p, loc->mapping)->file;
	uint32_t file = cresset_profile_function(p, f->function)->filename;

	if (!n->last_location) {
		n->module = module;
		n->file = file;
		n->line_min = n->line_max = f->line;
	}
	n->last_location = f->location;
	if (n->module != module)
		n->module = 0;
	if (n->file != file)
		n->file = 0;
	if (f->line && (!n->line_min || f->line < n->line_min))
		n->line_min = f->line;
	if (f->line > n->line_max)
		n->line_max = f->line;
}

static int add_frame(struct builder *b, const struct cresset_frame *f, uint32_t *node)
{
	struct calltree_node *n;
	uint32_t name;
	int r = frame_name(b, f, &name);

	if (!r)
		r = descend(b, node, name, f->kind);
	if (r)
		return r;
	n = table_get(&b->nodes, *node);
	if (n->last_location != f->location)
		note_source(b->p, n, f);
	return 0;
}

/* Frames that the sample at hand and the one before have in common, below the same node. */
static size_t common_frames(const struct builder *b, uint32_t root, size_t n)
{
	size_t common = 0;

	if (b->path[0] != root)
		return 0;
	while (common < n && common < b->n_previous &&
	       !memcmp(&b->frames[common], &b->previous[common], sizeof(*b->frames)))
		common++;
	return common;
}

/* Descends along the first n of b->frames from *node. What went well is the next one's previous. */
static int add_frames(struct builder *b, size_t n, uint32_t *node)
{
	size_t i = common_frames(b, *node, n);
	struct cresset_frame *frames = b->frames;
	int r = 0;

	b->path[0] = *node;
	*node = b->path[i];
	for (; !r && i < n; i++) {
		r = add_frame(b, &frames[i], node);
		b->path[i + 1] = *node;
	}
	b->frames = b->previous;
	b->previous = frames;
	b->n_previous = n;
	return r;
}

static int add_sample(struct builder *b, const struct cresset_sample *s, int64_t value)
{
	size_t n = cresset_profile_frames(b->p, s->stack, b->frames, CALLTREE_MAX_FRAMES);
	uint32_t node = 1, name;
	int r = root_name(b, s->labels, &name);

	if (!r && name)
		r = descend(b, &node, name, CALLTREE_KIND_ROOT);
	if (!r)
		r = add_frames(b, n < CALLTREE_MAX_FRAMES ? n : CALLTREE_MAX_FRAMES, &node);
	if (!r && n > CALLTREE_MAX_FRAMES) {
		b->tree->n_cut++;
		r = strtab_add(&b->tree->names, "[error: stack too deep to draw]", SIZE_MAX, &name);
		if (!r)
			r = descend(b, &node, name, CRESSET_FRAME_ERROR);
	}
	if (!r)
		((struct calltree_node *)table_get(&b->nodes, node))->self += value;
	return r;
}

static int add_samples(struct builder *b)
{
	size_t n = cresset_profile_n_samples(b->p);
	int64_t value, room = INT64_MAX;
	int r = 0;

	if (!cresset_profile_n_value_types(b->p))
		return 0;
	for (size_t i = 0; !r && i < n; i++) {
		value = cresset_profile_values(b->p, i)[b->options->value_index];
		if (value < 0)
			b->tree->n_negative++;
		if (value > room) {
			b->tree->n_saturated++;
			value = room;
		}
		if (value > 0)
			r = add_sample(b, cresset_profile_sample(b->p, i), value);
		room -= value > 0 ? value : 0;
	}
	return r;
}

struct text {
	const char *text;
	uint32_t name;
};

static int compare_texts(const void *a, const void *b)
{
	return strcmp(((const struct text *)a)->text, ((const struct text *)b)->text);
}

static int compare_children(const void *a, const void *b)
{
	const struct child *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->kind < y->kind ? -1 : x->kind > y->kind;
}

/* ret_rank[name]: the name's place among all names. */
static int rank_names(const struct strtab *names, uint32_t **ret_rank)
{
	size_t n = (size_t)strtab_count(names) + 1;
	struct text *texts = calloc(n, sizeof(*texts));
	uint32_t *rank = calloc(n, sizeof(*rank));

	if (!texts || !rank) {
		free(texts);
		free(rank);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++)
		texts[i] = (struct text){strtab_get(names, i), i};
	qsort(texts, n, sizeof(*texts), compare_texts);
	for (uint32_t i = 0; i < n; i++)
		rank[texts[i].name] = i;
	free(texts);
	*ret_rank = rank;
	return 0;
}

/* Children of node id are list[first[id] … first[id + 1]). */
static void list_children(const struct builder *b, const uint32_t *rank, uint32_t *first,
			  struct child *list)
{
	uint32_t n = table_count(&b->nodes);
	const struct calltree_node *node;

	for (uint32_t id = 2; id <= n; id++)
		first[((const struct calltree_node *)table_get(&b->nodes, id))->parent + 1]++;
	for (uint32_t id = 1; id <= n + 1; id++)
		first[id] += first[id - 1];
	/* Filling moves first[id] on to the end of its own list … */
	for (uint32_t id = 2; id <= n; id++) {
		node = table_get(&b->nodes, id);
		list[first[node->parent]++] = (struct child){rank[node->name], node->kind, id};
	}
	/* … so shift back by one. */
	memmove(first + 1, first, (size_t)(n + 1) * sizeof(*first));
	first[0] = 0;
}

static void lay_out(struct builder *b, const uint32_t *first, struct child *list)
{
	struct calltree *t = b->tree;
	uint32_t n = table_count(&b->nodes), end = 1;
	struct calltree_node *nodes = t->nodes;

	nodes[0] = *(struct calltree_node *)table_get(&b->nodes, 1);
	/* Until a node's turn comes, first_child holds its id in the table. */
	nodes[0].first_child = 1;
	for (uint32_t i = 0; i < end; i++) {
		uint32_t id = nodes[i].first_child;
		struct child *children = list + first[id];

		nodes[i].first_child = end;
		nodes[i].n_children = first[id + 1] - first[id];
		if (nodes[i].n_children > 1)
			qsort(children, nodes[i].n_children, sizeof(*children), compare_children);
		for (uint32_t j = 0; j < nodes[i].n_children; j++) {
			nodes[end] = *(struct calltree_node *)table_get(&b->nodes, children[j].id);
			nodes[end].parent = i;
			nodes[end].depth = nodes[i].depth + 1;
			nodes[end++].first_child = children[j].id;
		}
	}
	for (uint32_t i = n; i-- > 0;) {
		nodes[i].total += nodes[i].self;
		if (i) {
			nodes[nodes[i].parent].n_below += nodes[i].n_below + 1;
			nodes[nodes[i].parent].total += nodes[i].total;
		}
	}
	t->n_nodes = n;
}

static int sort_nodes(struct builder *b)
{
	size_t n = table_count(&b->nodes);
	struct child *list = calloc(n, sizeof(*list));
	uint32_t *first = calloc(n + 2, sizeof(*first)), *rank = NULL;
	int r = -ENOMEM;

	b->tree->nodes = calloc(n, sizeof(*b->tree->nodes));
	if (list && first && b->tree->nodes)
		r = rank_names(&b->tree->names, &rank);
	if (!r) {
		list_children(b, rank, first, list);
		lay_out(b, first, list);
	}
	free(list);
	free(first);
	free(rank);
	return r;
}

int calltree_new(const struct cresset_profile *p, const struct calltree_options *options,
		 struct calltree **ret)
{
	struct builder b = {.p = p, .options = options};
	int r;

	if (cresset_profile_n_value_types(p) &&
	    options->value_index >= cresset_profile_n_value_types(p))
		return -EINVAL;
	b.tree = calloc(1, sizeof(*b.tree));
	if (!b.tree)
		return -ENOMEM;
	r = strtab_init(&b.tree->names);
	if (!r)
		r = builder_init(&b);
	if (!r)
		r = add_samples(&b);
	if (!r)
		r = sort_nodes(&b);
	builder_release(&b);
	if (r) {
		calltree_free(b.tree);
		return r;
	}
	*ret = b.tree;
	return 0;
}

void calltree_free(struct calltree *t)
{
	if (!t)
		return;
	strtab_release(&t->names);
	free(t->nodes);
	free(t);
}

uint32_t calltree_n_nodes(const struct calltree *t)
{
	return t->n_nodes;
}

uint32_t calltree_n_names(const struct calltree *t)
{
	return strtab_count(&t->names) + 1;
}

const struct calltree_node *calltree_node(const struct calltree *t, uint32_t i)
{
	return &t->nodes[i < t->n_nodes ? i : 0];
}

const char *calltree_name(const struct calltree *t, uint32_t name)
{
	return strtab_get(&t->names, name);
}

uint64_t calltree_n_negative(const struct calltree *t)
{
	return t->n_negative;
}

uint64_t calltree_n_saturated(const struct calltree *t)
{
	return t->n_saturated;
}

uint64_t calltree_n_cut(const struct calltree *t)
{
	return t->n_cut;
}
