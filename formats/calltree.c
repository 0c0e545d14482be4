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
	int64_t (*split)[N_STATES];   /* by node; NULL: all is STATE_CPU */
	struct calltree_sides *sides; /* by node; NULL: there is no base */
	int64_t base_total;
	int64_t hidden;
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
	size_t separator; /* the first "--" of the one before; SIZE_MAX: none */
	bool states;	  /* there is a node of a state */
	int64_t room;	  /* of the sum of values */
	size_t value_index;
	bool in_base;	      /* p is the base */
	uint32_t first_id;    /* nodes from here on are p's */
	struct vec base_self; /* int64_t by node id; shorter if the last ones have nothing */
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

static void forget_names(struct builder *b)
{
	free(b->string_names);
	free(b->location_names);
	free(b->label_names);
	b->string_names = b->location_names = b->label_names = NULL;
}

static void builder_release(struct builder *b)
{
	table_release(&b->nodes);
	vec_release(&b->base_self);
	free(b->frames);
	free(b->previous);
	free(b->path);
	forget_names(b);
}

/* What is remembered of samples and names is of one profile. */
static int builder_take(struct builder *b, const struct cresset_profile *p, size_t value_index)
{
	forget_names(b);
	b->p = p;
	b->value_index = value_index;
	b->first_id = table_count(&b->nodes);
	b->n_previous = 0;
	b->separator = SIZE_MAX;
	/* Two sums have room side by side. */
	b->room = b->options->base ? INT64_MAX / 2 : INT64_MAX;
	b->string_names = calloc((size_t)cresset_profile_n_strings(p) + 1, sizeof(uint32_t));
	b->location_names = calloc((size_t)cresset_profile_n_locations(p) + 1, sizeof(uint32_t));
	b->label_names = calloc((size_t)cresset_profile_n_label_sets(p) + 1, sizeof(uint32_t));
	return b->string_names && b->location_names && b->label_names ? 0 : -ENOMEM;
}

static int builder_init(struct builder *b)
{
	const struct calltree_node root = {.kind = CALLTREE_KIND_ROOT};
	uint32_t id;
	int r = table_init(&b->nodes, sizeof(struct calltree_node), NODE_KEY_BYTES);

	vec_init(&b->base_self, sizeof(int64_t));
	if (r)
		return r;
	b->frames = calloc(CALLTREE_MAX_FRAMES, sizeof(*b->frames));
	b->previous = calloc(CALLTREE_MAX_FRAMES, sizeof(*b->previous));
	b->path = calloc(CALLTREE_MAX_FRAMES + 1, sizeof(*b->path));
	if (!b->frames || !b->previous || !b->path)
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
	static const char letters[CRESSET_FRAME_ERROR + 1] = {
		[CRESSET_FRAME_KERNEL] = 'k',
		[CRESSET_FRAME_INLINED] = 'i',
		[CRESSET_FRAME_JIT] = 'j',
	};
	char mark[] = "_[?]";
	size_t len = strlen(text);

	mark[2] = letters[kind <= CRESSET_FRAME_ERROR ? kind : 0];
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

/* What frame i is a node of: behind a "--" all but an error is the waker's. */
static uint32_t node_kind(struct builder *b, const struct cresset_frame *f, size_t i)
{
	bool separator = state_is_separator(b->p, f);

	if (separator && b->separator > i)
		b->separator = i;
	if (separator)
		return CALLTREE_KIND_SEPARATOR;
	return b->separator < i && f->kind != CRESSET_FRAME_ERROR ? CALLTREE_KIND_WAKER : f->kind;
}

static int add_frame(struct builder *b, const struct cresset_frame *f, uint32_t kind,
		     uint32_t *node)
{
	struct calltree_node *n;
	uint32_t name;
	int r = frame_name(b, f, &name);

	if (!r)
		r = descend(b, node, name, kind);
	if (r)
		return r;
	n = table_get(&b->nodes, *node);
	/* The base tells only of what is nowhere else. */
	if (n->last_location != f->location && *node > b->first_id)
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
	if (b->separator >= i)
		b->separator = SIZE_MAX;
	for (; !r && i < n; i++) {
		r = add_frame(b, &frames[i], node_kind(b, &frames[i], i), node);
		b->path[i + 1] = *node;
	}
	b->frames = b->previous;
	b->previous = frames;
	b->n_previous = n;
	return r;
}

/* A text of our own as the next node. */
static int descend_text(struct builder *b, uint32_t *node, const char *text, uint32_t kind)
{
	uint32_t name;
	int r = strtab_add(&b->tree->names, text, SIZE_MAX, &name);

	return r ? r : descend(b, node, name, kind);
}

static int add_self(struct builder *b, uint32_t node, int64_t value)
{
	struct vec *v = &b->base_self;

	if (!b->in_base) {
		((struct calltree_node *)table_get(&b->nodes, node))->self += value;
		return 0;
	}
	if (v->n <= node && !vec_push(v, NULL, node + 1 - v->n))
		return -ENOMEM;
	*(int64_t *)vec_at(v, node) += value;
	return 0;
}

static int add_sample(struct builder *b, uint32_t labels, enum state state, size_t n, int64_t value)
{
	uint32_t node = 1, name;
	int r = root_name(b, labels, &name);

	if (!r && name)
		r = descend(b, &node, name, CALLTREE_KIND_ROOT);
	if (!r)
		r = add_frames(b, n < CALLTREE_MAX_FRAMES ? n : CALLTREE_MAX_FRAMES, &node);
	if (!r && n > CALLTREE_MAX_FRAMES) {
		b->tree->n_cut++;
		r = descend_text(b, &node, "[error: stack too deep to draw]", CRESSET_FRAME_ERROR);
	}
	if (!r && state != STATE_CPU) {
		b->states = true;
		r = descend_text(b, &node, state_leaf(state),
				 CALLTREE_KIND_RUNNABLE + (state - STATE_RUNNABLE));
	}
	return r ? r : add_self(b, node, value);
}

/* The state of a sample, and how many of the frames that are then in b->frames it has. */
static enum state look_at(struct builder *b, const struct cresset_sample *s, size_t *ret_n)
{
	size_t n = cresset_profile_frames(b->p, s->stack, b->frames, CALLTREE_MAX_FRAMES), none = 0;

	*ret_n = n;
	/* The leaf of a stack that is cut is not at hand: only the labels count. */
	return state_of_sample(b->p, s->labels, b->frames, n > CALLTREE_MAX_FRAMES ? &none : ret_n);
}

static int add_samples(struct builder *b)
{
	size_t n = cresset_profile_n_samples(b->p), n_frames;
	const struct cresset_sample *s;
	int64_t value;
	enum state state;
	int r = 0;

	if (!cresset_profile_n_value_types(b->p))
		return 0;
	for (size_t i = 0; !r && i < n; i++) {
		value = cresset_profile_values(b->p, i)[b->value_index];
		if (value < 0)
			b->tree->n_negative++;
		if (value <= 0)
			continue;
		s = cresset_profile_sample(b->p, i);
		state = look_at(b, s, &n_frames);
		if (value > b->room) {
			b->tree->n_saturated++;
			value = b->room;
		}
		b->room -= value;
		if (state == STATE_IDLE && b->options->hide_idle)
			b->tree->hidden += b->in_base ? 0 : value;
		else if (value > 0)
			r = add_sample(b, s->labels, state, n_frames, value);
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

static bool is_state(const struct calltree_node *n)
{
	return n->kind >= CALLTREE_KIND_RUNNABLE && n->kind <= CALLTREE_KIND_IDLE;
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
		/* The order of states, past every name's. */
		list[first[node->parent]++] = (struct child){
			is_state(node) ? UINT32_MAX : rank[node->name], node->kind, id};
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

		if (t->sides && id < b->base_self.n)
			t->sides[i].before_self = *(int64_t *)vec_at(&b->base_self, id);
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
	t->n_nodes = n;
}

/* Scales the base's values: each by how far it takes their running sum, so that the sum is right.
 */
static void scale_base(struct calltree *t, int64_t after)
{
	int64_t seen = 0, done = 0, upto;

	for (uint32_t i = 0; t->base_total && i < t->n_nodes; i++) {
		seen += t->sides[i].before_self;
		upto = (int64_t)((__int128)seen * after / t->base_total);
		t->sides[i].before_self = upto - done;
		done = upto;
	}
}

/* Both sides of each node; then self is what a node's width is made of. */
static void add_up_sides(struct calltree *t, bool normalize)
{
	struct calltree_sides *s = t->sides, *parent;
	int64_t after = 0;

	for (uint32_t i = 0; i < t->n_nodes; i++) {
		t->base_total += s[i].before_self;
		s[i].after_self = t->nodes[i].self;
		after += s[i].after_self;
	}
	if (normalize && after)
		scale_base(t, after);
	for (uint32_t i = t->n_nodes; i-- > 0;) {
		parent = &s[t->nodes[i].parent];
		s[i].before += s[i].before_self;
		s[i].after += s[i].after_self;
		if (!s[i].after)
			t->nodes[i].self = s[i].before_self;
		if (!i)
			break;
		parent->before += s[i].before;
		parent->after += s[i].after;
	}
}

static void add_up(struct calltree *t, bool normalize)
{
	if (t->sides)
		add_up_sides(t, normalize);
	for (uint32_t i = t->n_nodes; i-- > 0;) {
		struct calltree_node *n = &t->nodes[i], *parent = &t->nodes[n->parent];

		n->total += n->self;
		if (!i)
			break;
		parent->n_below += n->n_below + 1;
		parent->total += n->total;
	}
}

static int split_by_state(struct calltree *t)
{
	t->split = calloc(t->n_nodes, sizeof(*t->split));
	if (!t->split)
		return -ENOMEM;
	for (uint32_t i = t->n_nodes; i-- > 0;) {
		const struct calltree_node *n = &t->nodes[i];

		t->split[i][is_state(n) ? STATE_RUNNABLE + (n->kind - CALLTREE_KIND_RUNNABLE)
					: STATE_CPU] += n->self;
		for (enum state s = 0; i && s < N_STATES; s++)
			t->split[n->parent][s] += t->split[i][s];
	}
	return 0;
}

static int sort_nodes(struct builder *b)
{
	size_t n = table_count(&b->nodes);
	struct child *list = calloc(n, sizeof(*list));
	uint32_t *first = calloc(n + 2, sizeof(*first)), *rank = NULL;
	int r = -ENOMEM;

	b->tree->nodes = calloc(n, sizeof(*b->tree->nodes));
	if (b->options->base)
		b->tree->sides = calloc(n, sizeof(*b->tree->sides));
	if (list && first && b->tree->nodes && (b->tree->sides || !b->options->base))
		r = rank_names(&b->tree->names, &rank);
	if (!r) {
		list_children(b, rank, first, list);
		lay_out(b, first, list);
		add_up(b->tree, b->options->normalize);
		r = b->states && !b->options->base ? split_by_state(b->tree) : 0;
	}
	free(list);
	free(first);
	free(rank);
	return r;
}

static bool has_value(const struct cresset_profile *p, size_t index)
{
	return !p || !cresset_profile_n_value_types(p) || index < cresset_profile_n_value_types(p);
}

static int build(struct builder *b, const struct cresset_profile *p)
{
	int r = builder_init(b);

	r = r ?: builder_take(b, p, b->options->value_index);
	r = r ?: add_samples(b);
	if (!r && b->options->base) {
		b->in_base = true;
		r = builder_take(b, b->options->base, b->options->base_index);
		r = r ?: add_samples(b);
	}
	return r ?: sort_nodes(b);
}

int calltree_new(const struct cresset_profile *p, const struct calltree_options *options,
		 struct calltree **ret)
{
	struct builder b = {.options = options, .separator = SIZE_MAX};
	int r;

	if (!has_value(p, options->value_index) || !has_value(options->base, options->base_index))
		return -EINVAL;
	b.tree = calloc(1, sizeof(*b.tree));
	if (!b.tree)
		return -ENOMEM;
	r = strtab_init(&b.tree->names);
	if (!r)
		r = build(&b, p);
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
	free(t->split);
	free(t->sides);
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

const int64_t *calltree_split(const struct calltree *t, uint32_t i)
{
	return t->split ? t->split[i < t->n_nodes ? i : 0] : NULL;
}

int64_t calltree_hidden(const struct calltree *t)
{
	return t->hidden;
}

const struct calltree_sides *calltree_sides(const struct calltree *t, uint32_t i)
{
	return t->sides ? &t->sides[i < t->n_nodes ? i : 0] : NULL;
}

int64_t calltree_base_total(const struct calltree *t)
{
	return t->base_total;
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
