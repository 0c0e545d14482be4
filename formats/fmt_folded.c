// SPDX-License-Identifier: Apache-2.0
/*
 * Folded stacks, `comm;root;…;leaf count`, as Brendan Gregg's FlameGraph scripts take them.
 *
 * The format has no escape, so names are changed where they would be taken for something else: ';'
 * becomes ':', control characters become blanks, bytes that are not UTF-8 become U+FFFD, and a name
 * that ends in a number after a blank ("operator 12") gets a '_' behind it, as readers take a
 * second number for the other half of a diff. A first element that begins with '#' would make the
 * line a comment and gets a '_' before it. The first element is the label "comm" (with pid_roots
 * comm-pid, with tid_roots comm-pid/tid and the thread's own name where known); without that label
 * there is none. Waiting has one more element at the end that says its state (states.h).
 *
 * With a base (options.base) a line is `stack before after`, as difffolded.pl of the same scripts
 * writes it: every stack of either side, 0 where a side has none. Normalised, the base's counts are
 * scaled to the other's sum and rounded down, also as that does.
 *
 * Stacks that read alike are merged, lines are in the order of `LC_ALL=C sort`, and values of zero
 * or less are left out. To get there without holding a line for each stack, the stacks are put in
 * one tree of names whose siblings are sorted when they are written: 24 bytes for each node, which
 * is some four for each stack, instead of half a kilobyte. Invariant: two siblings never have the
 * same name.
 */
#include "formats/fmt_folded.h"

#include "formats/names.h"
#include "formats/states.h"
#include "formats/text.h"
#include "formats/times.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT_SIZE = 48 }; /* two int64_t */

struct node {
	int64_t value;
	uint32_t name; /* id in names */
	uint32_t parent;
	uint32_t child; /* the newest */
	uint32_t next;	/* the sibling that came before */
};

struct folded {
	struct cresset_format_options options;
	struct names names; /* as written */
	struct vec nodes;   /* struct node; [0] is the root */
	struct vec before;  /* int64_t by node, the base's values; empty: there is no base */
	int64_t before_sum, after_sum; /* what one is scaled by; 0: it is not */
	struct hash index;	       /* (parent, name) → node */
	struct vec path;	       /* char: the text before the item that is written */
	struct vec items;	       /* struct item, still to be written, the next one last */
	struct vec last; /* struct step: the stack before, to find what it shares with this one */
};

/* A frame of the stack before: its text, and the node it led to. */
struct step {
	uint32_t name;
	uint32_t node;
};

/* A node's own line, or all that is below it. */
struct item {
	const char *name;
	size_t len;
	size_t path; /* length of the text before name */
	uint32_t node;
	bool line;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Does it end in a blank and a number, with or without decimals? */
static bool ends_in_number(const char *s, size_t n)
{
	size_t i = n, point;

	while (i && is_digit(s[i - 1]))
		i--;
	point = i;
	if (i && s[i - 1] == '.') {
		for (i--; i && is_digit(s[i - 1]);)
			i--;
		if (i == point - 1)
			return false;
	} else if (i == n) {
		return false;
	}
	return i && s[i - 1] == ' ';
}

static int clean(struct vec *out, const char *s)
{
	size_t begin = out->n;
	char *text;

	if (text_append_shown(out, s[0] ? s : "[unknown]", s[0] ? strlen(s) : 9) < 0)
		return -ENOMEM;
	text = vec_at(out, begin);
	for (size_t i = 0; i < out->n - begin; i++)
		if (text[i] == ';')
			text[i] = ':';
	if (ends_in_number(text, out->n - begin) && !vec_push(out, "_", 1))
		return -ENOMEM;
	return 0;
}

static bool node_equal(const void *table, uint32_t id, const void *key)
{
	const struct node *a = vec_at(table, id), *b = key;

	return a->parent == b->parent && a->name == b->name;
}

static int child_of(struct folded *f, uint32_t parent, uint32_t name, uint32_t *ret)
{
	struct node key = {.parent = parent, .name = name};
	uint64_t hash = ((uint64_t)parent << 32 | name) * 0x9e3779b97f4a7c15u;
	struct node *up;
	uint32_t id = hash_find(&f->index, hash, node_equal, &f->nodes, &key);

	if (id) {
		*ret = id;
		return 0;
	}
	if (f->nodes.n > INT32_MAX)
		return -E2BIG;
	if (hash_reserve(&f->index) < 0 || vec_reserve(&f->nodes, 1) < 0)
		return -ENOMEM;
	id = (uint32_t)f->nodes.n;
	up = vec_at(&f->nodes, parent);
	key.next = up->child;
	up->child = id;
	vec_push(&f->nodes, &key, 1);
	hash_insert(&f->index, hash, id);
	*ret = id;
	return 0;
}

/* As child_of(), for a text. */
static int child_of_text(struct folded *f, uint32_t parent, const char *text, uint32_t *ret)
{
	uint32_t name;
	int r = names_add(&f->names, text, &name);

	return r < 0 ? r : child_of(f, parent, name, ret);
}

/* The first element of a line. */
static int first_of_text(struct folded *f, const char *text, uint32_t *ret)
{
	char *hidden;
	int r;

	if (text[0] != '#')
		return child_of_text(f, 0, text, ret);
	if (asprintf(&hidden, "_%s", text) < 0)
		return -ENOMEM;
	r = child_of_text(f, 0, hidden, ret);
	free(hidden);
	return r;
}

static int root_of_sample(struct folded *f, uint32_t labels, uint32_t *ret)
{
	const struct cresset_profile *p = f->names.p;
	const struct cresset_label *comm = cresset_profile_find_label(p, labels, "comm");
	const struct cresset_label *thread = cresset_profile_find_label(p, labels, "thread");
	const struct cresset_label *pid = cresset_profile_find_label(p, labels, "pid");
	const struct cresset_label *tid = cresset_profile_find_label(p, labels, "tid");
	const char *name = comm ? cresset_profile_string(p, comm->str) : "";
	char text[512];

	if (f->options.tid_roots && thread && thread->str)
		name = cresset_profile_string(p, thread->str);
	*ret = 0;
	if (!name[0])
		return 0;
	if (f->options.tid_roots && pid && tid)
		snprintf(text, sizeof(text), "%.400s-%lld/%lld", name, (long long)pid->num,
			 (long long)tid->num);
	else if ((f->options.tid_roots || f->options.pid_roots) && pid)
		snprintf(text, sizeof(text), "%.400s-%lld", name, (long long)pid->num);
	else
		return first_of_text(f, name, ret);
	return first_of_text(f, text, ret);
}

/* Goes down by a stack's frames from *at. Most stacks begin as the one before them did, from the
 * same root; so far nothing needs to be looked up. */
static int add_frames(struct folded *f, const struct cresset_frame *frames, size_t n, uint32_t *at)
{
	struct step root = {.node = *at}, *steps;
	bool same = f->last.n && ((struct step *)f->last.data)->node == *at;
	size_t before = f->last.n;
	int r = 0;

	if (n > UINT32_MAX || vec_reserve(&f->last, n + 1) < 0)
		return -ENOMEM;
	steps = f->last.data;
	steps[0] = root;
	for (size_t i = 0; i < n && r == 0; i++) {
		struct step *step = &steps[i + 1];
		uint32_t name;

		r = names_of_frame(&f->names, &frames[i], &name);
		same = same && i + 1 < before && step->name == name;
		/* Only the first element may need more than the text that all places share. */
		if (r == 0 && !same && *at == 0)
			r = first_of_text(f, names_text(&f->names, name), &step->node);
		else if (r == 0 && !same)
			r = child_of(f, *at, name, &step->node);
		step->name = name;
		*at = step->node;
	}
	f->last.n = n + 1;
	return r;
}

static int add_sample(struct folded *f, const struct cresset_sample *s, int64_t value)
{
	const struct cresset_frame *frames;
	enum state state;
	struct node *leaf;
	uint32_t at = 0;
	size_t n = 0;
	int r = names_frames(&f->names, s->stack, &frames, &n);

	if (r < 0)
		return r;
	state = state_of_sample(f->names.p, s->labels, frames, &n);
	if (state == STATE_IDLE && f->options.hide_idle)
		return 0;
	r = root_of_sample(f, s->labels, &at);
	r = r ?: add_frames(f, frames, n, &at);
	if (r == 0 && state != STATE_CPU)
		r = child_of_text(f, at, state_leaf(state), &at);
	else if (r == 0 && at == 0)
		r = child_of_text(f, 0, "[no stack]", &at);
	if (r < 0)
		return r;
	leaf = vec_at(&f->nodes, at);
	leaf->value = times_add(leaf->value, value);
	return 0;
}

static int add_samples(struct folded *f, int index)
{
	const struct cresset_profile *p = f->names.p;
	size_t n = index < 0 ? 0 : cresset_profile_n_samples(p);
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		int64_t value = cresset_profile_values(p, i)[index];

		if (value)
			r = add_sample(f, cresset_profile_sample(p, i), value);
	}
	return r;
}

static int64_t positive_sum(const struct vec *values)
{
	int64_t sum = 0;

	for (size_t i = 0; i < values->n; i++) {
		int64_t value = *(int64_t *)vec_at(values, i);

		sum = times_add(sum, value > 0 ? value : 0);
	}
	return sum;
}

/* Puts the values so far aside, in f->before or, in exchange for those, back. */
static int swap_values(struct folded *f)
{
	if (f->before.n < f->nodes.n && !vec_push(&f->before, NULL, f->nodes.n - f->before.n))
		return -ENOMEM;
	for (size_t i = 0; i < f->nodes.n; i++) {
		struct node *node = vec_at(&f->nodes, i);
		int64_t *before = vec_at(&f->before, i), value = node->value;

		node->value = *before;
		*before = value;
	}
	return 0;
}

/* Both sides go the same way, the base last, so that a name reads as it does alone. */
static int add_base(struct folded *f, int index, struct cresset_error *err)
{
	const struct cresset_profile *p = f->names.p, *base = f->options.base;
	size_t base_index;
	int r = format_base_index(p, index, &f->options, &base_index, err);

	if (r == 0)
		r = swap_values(f);
	if (r == 0 && f->options.normalize)
		f->after_sum = positive_sum(&f->before);
	f->last.n = 0;
	r = r ?: names_take(&f->names, base);
	if (r == 0)
		r = add_samples(f, cresset_profile_n_value_types(base) ? (int)base_index : -1);
	r = r ?: swap_values(f);
	if (r == 0 && f->options.normalize)
		f->before_sum = positive_sum(&f->before);
	return r;
}

/* What the base has of a node, 0 or more. */
static int64_t value_before(const struct folded *f, uint32_t node)
{
	int64_t value = f->before.n ? *(int64_t *)vec_at(&f->before, node) : 0;

	if (value <= 0)
		return 0;
	if (!f->after_sum)
		return value;
	/* The value is a part of the sum, unless that stopped at its limit. */
	value = value < f->before_sum ? value : f->before_sum;
	return (int64_t)((__int128)value * f->after_sum / f->before_sum);
}

static bool has_line(const struct folded *f, uint32_t node)
{
	return ((struct node *)vec_at(&f->nodes, node))->value > 0 ||
	       (f->before.n && *(int64_t *)vec_at(&f->before, node) > 0);
}

/* What follows the stack in a line. Returns its length. */
static size_t count_text(const struct folded *f, uint32_t node, char buf[COUNT_SIZE])
{
	long long value = ((struct node *)vec_at(&f->nodes, node))->value;
	int n;

	if (f->before.n)
		n = snprintf(buf, COUNT_SIZE, "%lld %lld", (long long)value_before(f, node),
			     value > 0 ? value : 0);
	else
		n = snprintf(buf, COUNT_SIZE, "%lld", value);
	return (size_t)n;
}

/* The i-th byte of an item's text: the name, then what follows it in the line. */
static unsigned char item_byte(const struct item *a, const char *count, size_t i)
{
	if (i < a->len)
		return (unsigned char)a->name[i];
	if (i == a->len)
		return a->line ? ' ' : ';';
	return a->line ? (unsigned char)count[i - a->len - 1] : 0;
}

/* The later one first, as items are taken from the end. */
static int item_compare(const void *pa, const void *pb, void *arg)
{
	const struct item *a = pa, *b = pb;
	const struct folded *f = arg;
	size_t same = a->len < b->len ? a->len : b->len;
	char count_a[COUNT_SIZE], count_b[COUNT_SIZE];
	int r = memcmp(a->name, b->name, same);

	if (r)
		return -r;
	r = item_byte(a, "", same) - item_byte(b, "", same);
	if (r)
		return -r;
	/* "a" with a count against "a (b)": the count's digits decide. */
	count_text(f, a->node, count_a);
	count_text(f, b->node, count_b);
	for (size_t i = same; r == 0; i++) {
		unsigned char byte_a = item_byte(a, count_a, i), byte_b = item_byte(b, count_b, i);

		r = byte_a - byte_b;
		if (!byte_a || !byte_b)
			break;
	}
	return -r;
}

/* Puts the children of a node on the list, in order. */
static int push_children(struct folded *f, uint32_t parent, size_t path)
{
	size_t first = f->items.n;

	for (uint32_t id = ((struct node *)vec_at(&f->nodes, parent))->child; id;) {
		const struct node *n = vec_at(&f->nodes, id);
		const char *name = names_text(&f->names, n->name);
		struct item item = {.name = name, .len = strlen(name), .path = path, .node = id};

		if (n->child && !vec_push(&f->items, &item, 1))
			return -ENOMEM;
		item.line = true;
		if (has_line(f, id) && !vec_push(&f->items, &item, 1))
			return -ENOMEM;
		id = n->next;
	}
	if (f->items.n - first > 1)
		qsort_r(vec_at(&f->items, first), f->items.n - first, sizeof(struct item),
			item_compare, f);
	return 0;
}

static int write_item(struct folded *f, const struct item *item, struct cresset_sink *sink)
{
	if (item->line) {
		char count[COUNT_SIZE];
		size_t len = count_text(f, item->node, count);

		cresset_sink_write(sink, f->path.data, item->path);
		cresset_sink_write(sink, item->name, item->len);
		cresset_sink_write(sink, " ", 1);
		cresset_sink_write(sink, count, len);
		return cresset_sink_write(sink, "\n", 1);
	}
	f->path.n = item->path;
	if (!vec_push(&f->path, item->name, item->len) || !vec_push(&f->path, ";", 1))
		return -ENOMEM;
	return push_children(f, item->node, f->path.n);
}

/* Depth first, without recursion: a stack may be as deep as its file is long. */
static int write_lines(struct folded *f, struct cresset_sink *sink)
{
	int r;

	f->path.n = 0;
	r = push_children(f, 0, 0);
	while (r == 0 && f->items.n) {
		struct item item = *(struct item *)vec_at(&f->items, --f->items.n);

		r = write_item(f, &item, sink);
	}
	return r;
}

static int folded_init(struct folded *f, const struct cresset_profile *p)
{
	vec_init(&f->nodes, sizeof(struct node));
	vec_init(&f->before, sizeof(int64_t));
	vec_init(&f->path, 1);
	vec_init(&f->items, sizeof(struct item));
	vec_init(&f->last, sizeof(struct step));
	hash_init(&f->index);
	if (names_init(&f->names, p, clean) < 0 || !vec_push(&f->nodes, NULL, 1))
		return -ENOMEM;
	return 0;
}

static void folded_release(struct folded *f)
{
	names_release(&f->names);
	hash_release(&f->index);
	vec_release(&f->nodes);
	vec_release(&f->before);
	vec_release(&f->path);
	vec_release(&f->items);
	vec_release(&f->last);
}

static int folded_write(const struct cresset_profile *p, struct cresset_sink *sink,
			const struct cresset_format_options *options, struct cresset_error *err)
{
	struct folded f = {.options = format_options(options)};
	int r = folded_init(&f, p), index = format_value_index(p, &f.options);

	if (r == 0)
		r = add_samples(&f, index);
	if (r == 0 && f.options.base)
		r = add_base(&f, index, err);
	if (r == 0)
		r = write_lines(&f, sink);
	folded_release(&f);
	return format_error(err, r, "folded stacks");
}

const struct cresset_format format_folded = {
	.name = "folded",
	.extensions = ".folded .collapsed",
	.help = "folded stacks, one line each: root;...;leaf count",
	.flags = CRESSET_FORMAT_DIFF,
	.write = folded_write,
	.read = folded_read,
	.sniff = folded_sniff,
};
