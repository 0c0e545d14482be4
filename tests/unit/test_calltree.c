// SPDX-License-Identifier: Apache-2.0
/*
 * The merged call tree: what is one node and what is not, sums, order, limits, and that it is the
 * same whatever the order in which the samples came.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/calltree.h"
#include "support/alloc_fail.h"
#include "support/cases.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cresset_profile *new_profile(void)
{
	struct cresset_profile *p;

	assert_int_equal(cresset_profile_new(&p), 0);
	assert_int_equal(cresset_profile_add_value_type(p, "cpu", "nanoseconds"), 0);
	return p;
}

static uint32_t string_id(struct cresset_profile *p, const char *s)
{
	uint32_t id;

	assert_int_equal(cresset_profile_add_string(p, s, strlen(s), &id), 0);
	return id;
}

/* Frames root first; "k:name" is a kernel frame, "i:name" inlined, "e:name" an error. */
static void add(struct cresset_profile *p, const char *comm, const char *const *names, size_t n,
		int64_t value)
{
	uint32_t locations[64], stack, labels = 0;

	for (size_t i = 0; i < n; i++) {
		const char *name = names[i];
		uint32_t flags = !strncmp(name, "k:", 2)   ? CRESSET_LOCATION_KERNEL
				 : !strncmp(name, "i:", 2) ? CRESSET_LOCATION_INLINED
				 : !strncmp(name, "e:", 2) ? CRESSET_LOCATION_ERROR
							   : 0;

		name += flags ? 2 : 0;
		assert_int_equal(cresset_profile_add_frame(p, name, strlen(name), flags,
							   &locations[n - 1 - i]),
				 0);
	}
	assert_int_equal(cresset_profile_add_stack(p, locations, n, &stack), 0);
	if (comm) {
		const struct cresset_label l[] = {
			{.key = string_id(p, "comm"), .str = string_id(p, comm)},
			{.key = string_id(p, "pid"), .num = 7},
			{.key = string_id(p, "tid"), .num = 9},
		};

		assert_int_equal(cresset_profile_add_labels(p, l, 3, &labels), 0);
	}
	assert_int_equal(cresset_profile_add_sample(p, stack, labels, &value), 0);
}

#define ADD(p, comm, value, ...)                                                                   \
	add(p, comm, (const char *const[]){__VA_ARGS__},                                           \
	    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), value)

static struct calltree *new_tree(const struct cresset_profile *p)
{
	const struct calltree_options options = {.value_index = 0};
	struct calltree *t;

	assert_int_equal(calltree_new(p, &options, &t), 0);
	return t;
}

/* "all 10 0 (main 10 4 (a 6 6))": name, total, self, children. */
static void print_tree(const struct calltree *t, uint32_t i, char *buf, size_t size)
{
	const struct calltree_node *n = calltree_node(t, i);

	snprintf(buf + strlen(buf), size - strlen(buf), "%s %" PRId64 " %" PRId64,
		 calltree_name(t, n->name), n->total, n->self);
	for (uint32_t c = 0; c < n->n_children; c++) {
		strncat(buf, c ? ", " : " (", size - strlen(buf) - 1);
		print_tree(t, n->first_child + c, buf, size);
	}
	if (n->n_children)
		strncat(buf, ")", size - strlen(buf) - 1);
}

static void assert_tree(const struct cresset_profile *p, const char *expected)
{
	struct calltree *t = new_tree(p);
	char text[4096] = "";

	print_tree(t, 0, text, sizeof(text));
	assert_string_equal(text, expected);
	calltree_free(t);
}

/* What calltree.h promises of every tree. */
static void assert_consistent(const struct calltree *t)
{
	for (uint32_t i = 0; i < calltree_n_nodes(t); i++) {
		const struct calltree_node *n = calltree_node(t, i);
		int64_t sum = n->self;
		uint32_t below = n->n_children;

		for (uint32_t c = n->first_child; c < n->first_child + n->n_children; c++) {
			const struct calltree_node *child = calltree_node(t, c);

			assert_true(c > i);
			assert_int_equal(child->parent, i);
			assert_int_equal(child->depth, n->depth + 1);
			sum += child->total;
			below += child->n_below;
		}
		assert_true(sum == n->total);
		assert_int_equal(below, n->n_below);
	}
}

static void test_merge(void **state)
{
	struct cresset_profile *p = new_profile();

	ADD(p, "xz", 4, "main");
	ADD(p, "xz", 3, "main", "b");
	ADD(p, "xz", 2, "main", "a");
	ADD(p, "xz", 1, "main", "b", "c");
	ADD(p, "sh", 5, "main", "a");
	assert_tree(p, "all 15 0 (sh 5 0 (main 5 0 (a 5 5)), "
		       "xz 10 0 (main 10 4 (a 2 2, b 4 3 (c 1 1))))");
	cresset_profile_free(p);
}

static void test_recursion_is_depth(void **state)
{
	struct cresset_profile *p = new_profile();

	ADD(p, NULL, 1, "f", "f", "f");
	ADD(p, NULL, 1, "f");
	assert_tree(p, "all 2 0 (f 2 1 (f 1 0 (f 1 1)))");
	cresset_profile_free(p);
}

static void test_kinds_are_apart(void **state)
{
	struct cresset_profile *p = new_profile();
	struct calltree *t;
	const struct calltree_node *all;

	ADD(p, NULL, 1, "read");
	ADD(p, NULL, 2, "k:read");
	ADD(p, NULL, 4, "i:read");
	assert_tree(p, "all 7 0 (read 1 1, read 2 2, read 4 4)");
	t = new_tree(p);
	all = calltree_node(t, 0);
	assert_int_equal(all->kind, CALLTREE_KIND_ROOT);
	assert_int_equal(calltree_node(t, all->first_child)->kind, CRESSET_FRAME_USER);
	assert_int_equal(calltree_node(t, all->first_child + 1)->kind, CRESSET_FRAME_KERNEL);
	assert_int_equal(calltree_node(t, all->first_child + 2)->kind, CRESSET_FRAME_INLINED);
	calltree_free(t);
	cresset_profile_free(p);
}

static void test_marks(void **state)
{
	struct cresset_profile *p = new_profile();

	ADD(p, NULL, 1, "k:vfs_read_[k]");
	ADD(p, NULL, 1, "i:push_back_[i]");
	ADD(p, NULL, 1, "user_[k]");
	assert_tree(p, "all 3 0 (push_back 1 1, user_[k] 1 1, vfs_read 1 1)");
	cresset_profile_free(p);
}

static void test_order_does_not_matter(void **state)
{
	static const char *const names[] = {"m", "a", "z", "k:a", "Z", "b b", "", "ä"};
	char text[2][4096] = {"", ""};

	for (int way = 0; way < 2; way++) {
		struct cresset_profile *p = new_profile();
		struct calltree *t;

		for (size_t i = 0; i < 64; i++) {
			size_t j = way ? 63 - i : i;

			ADD(p, j % 3 ? "one" : "two", (int64_t)j + 1, names[j % 8],
			    names[j / 8 % 8]);
		}
		t = new_tree(p);
		assert_consistent(t);
		print_tree(t, 0, text[way], sizeof(text[way]));
		calltree_free(t);
		cresset_profile_free(p);
	}
	assert_true(strlen(text[0]) > 500);
	assert_string_equal(text[0], text[1]);
}

static void test_values_without_width(void **state)
{
	struct cresset_profile *p = new_profile();
	struct calltree *t;

	ADD(p, NULL, 3, "a");
	ADD(p, NULL, 0, "zero");
	ADD(p, NULL, -5, "negative");
	assert_tree(p, "all 3 0 (a 3 3)");
	t = new_tree(p);
	assert_int_equal(calltree_n_negative(t), 1);
	assert_int_equal(calltree_n_saturated(t), 0);
	calltree_free(t);
	cresset_profile_free(p);
}

static void test_sums_stop_at_the_end(void **state)
{
	struct cresset_profile *p = new_profile();
	struct calltree *t;

	ADD(p, NULL, INT64_MAX - 1, "a");
	ADD(p, NULL, 5, "a", "b");
	ADD(p, NULL, INT64_MAX, "c");
	t = new_tree(p);
	assert_true(calltree_node(t, 0)->total == INT64_MAX);
	assert_int_equal(calltree_n_saturated(t), 2);
	assert_consistent(t);
	calltree_free(t);
	cresset_profile_free(p);
}

static void test_roots(void **state)
{
	struct cresset_profile *p = new_profile();
	struct calltree_options options = {.pid_roots = true};
	struct calltree *t;

	ADD(p, "xz", 1, "main");
	assert_int_equal(calltree_new(p, &options, &t), 0);
	assert_string_equal(calltree_name(t, calltree_node(t, 1)->name), "xz-7");
	assert_int_equal(calltree_node(t, 1)->kind, CALLTREE_KIND_ROOT);
	calltree_free(t);
	options.tid_roots = true;
	assert_int_equal(calltree_new(p, &options, &t), 0);
	assert_string_equal(calltree_name(t, calltree_node(t, 1)->name), "xz-7/9");
	calltree_free(t);
	cresset_profile_free(p);
}

static uint32_t add_at(struct cresset_profile *p, uint32_t mapping, const char *name,
		       const char *file, uint32_t line, uint64_t address)
{
	const struct cresset_function f = {.name = string_id(p, name),
					   .filename = string_id(p, file)};
	const struct cresset_location loc = {
		.address = address, .mapping = mapping, .n_lines = line ? 1 : 0};
	struct cresset_line l = {.line = line};
	uint32_t id, stack;
	const int64_t value = 1;

	assert_int_equal(cresset_profile_add_function(p, &f, &l.function), 0);
	assert_int_equal(cresset_profile_add_location(p, &loc, &l, &id), 0);
	assert_int_equal(cresset_profile_add_stack(p, &id, 1, &stack), 0);
	assert_int_equal(cresset_profile_add_sample(p, stack, 0, &value), 0);
	return id;
}

static const struct calltree_node *find_node(const struct calltree *t, const char *name)
{
	for (uint32_t i = 0; i < calltree_n_nodes(t); i++)
		if (!strcmp(calltree_name(t, calltree_node(t, i)->name), name))
			return calltree_node(t, i);
	fail_msg("no node %s", name);
	return NULL;
}

static uint32_t index_of(const struct calltree *t, const struct calltree_node *n)
{
	return (uint32_t)(n - calltree_node(t, 0));
}

static void assert_split(const struct calltree *t, const char *name, int64_t cpu_ms,
			 int64_t runnable_ms, int64_t blocked_ms, int64_t idle_ms)
{
	const int64_t *split = calltree_split(t, index_of(t, find_node(t, name)));

	assert_non_null(split);
	assert_int_equal(split[STATE_CPU], cpu_ms * 1000000);
	assert_int_equal(split[STATE_RUNNABLE], runnable_ms * 1000000);
	assert_int_equal(split[STATE_BLOCKED], blocked_ms * 1000000);
	assert_int_equal(split[STATE_IDLE], idle_ms * 1000000);
}

/* Waiting is a leaf of its own, the last of its siblings, and every sum is known by state. */
static void test_states(void **state)
{
	struct cresset_profile *p = test_case_profile("wall");
	const struct calltree_options options = {.value_index = 3};
	const struct calltree_node *n;
	struct calltree *t;

	assert_int_equal(calltree_new(p, &options, &t), 0);
	assert_consistent(t);
	assert_split(t, "all", 3000, 600, 7400, 9000);
	assert_split(t, "main", 600, 400, 0, 9000);
	assert_split(t, "futex_wait", 0, 200, 6400, 0);
	assert_split(t, "preempt_schedule_irq", 0, 300, 0, 0);
	assert_split(t, "[idle]", 0, 0, 0, 9000);
	n = find_node(t, "ep_poll");
	n = calltree_node(t, n->first_child);
	assert_string_equal(calltree_name(t, n->name), "schedule");
	assert_int_equal(n->kind, CRESSET_FRAME_KERNEL);
	assert_int_equal(n->self, 0);
	assert_int_equal(n->n_children, 2);
	assert_int_equal(calltree_node(t, n->first_child)->kind, CALLTREE_KIND_RUNNABLE);
	assert_int_equal(calltree_node(t, n->first_child + 1)->kind, CALLTREE_KIND_IDLE);
	assert_int_equal(calltree_hidden(t), 0);
	calltree_free(t);
	cresset_profile_free(p);
}

/* Of one state's value, only what was in that state has any. */
static void test_one_state(void **state)
{
	struct cresset_profile *p = test_case_profile("wall");
	struct calltree_options options = {.value_index = 0};
	struct calltree *t;

	assert_int_equal(calltree_new(p, &options, &t), 0);
	assert_int_equal(calltree_node(t, 0)->total, 3000000000);
	assert_null(calltree_split(t, 0));
	calltree_free(t);
	options.value_index = 2;
	assert_int_equal(calltree_new(p, &options, &t), 0);
	assert_split(t, "all", 0, 0, 7400, 9000);
	calltree_free(t);
	cresset_profile_free(p);
}

static void test_hide_idle(void **state)
{
	struct cresset_profile *p = test_case_profile("wall");
	struct calltree_options options = {.value_index = 3, .hide_idle = true};
	struct calltree *t;

	assert_int_equal(calltree_new(p, &options, &t), 0);
	assert_consistent(t);
	assert_int_equal(calltree_hidden(t), 9000000000);
	assert_int_equal(calltree_node(t, 0)->total, 11000000000);
	assert_split(t, "all", 3000, 600, 7400, 0);
	calltree_free(t);
	cresset_profile_free(p);
	/* What is hidden and what is shown stop at one limit together. */
	p = new_profile();
	ADD(p, NULL, 5, "f");
	ADD(p, NULL, INT64_MAX, "[idle]");
	options.value_index = 0;
	assert_int_equal(calltree_new(p, &options, &t), 0);
	assert_int_equal(calltree_n_saturated(t), 1);
	assert_int_equal(calltree_node(t, 0)->total, 5);
	assert_true(calltree_hidden(t) == INT64_MAX - 5);
	calltree_free(t);
	cresset_profile_free(p);
}

/* Only a leaf is a state, and only with that very text. */
static void test_states_of_text(void **state)
{
	struct cresset_profile *p = new_profile();
	struct calltree *t;

	ADD(p, NULL, 1, "main", "Zebra");
	ADD(p, NULL, 2, "main", "a");
	ADD(p, NULL, 3, "main", "[blocked]");
	ADD(p, NULL, 4, "main", "[runnable]");
	ADD(p, NULL, 5, "main", "[blocked]", "b");
	ADD(p, NULL, 6, "main", "[blocked");
	ADD(p, NULL, 7, "[idle]");
	assert_tree(p,
		    "all 28 0 (main 21 0 (Zebra 1 1, [blocked 6 6, [blocked] 5 0 (b 5 5), a 2 2, "
		    "[runnable] 4 4, [blocked] 3 3), [idle] 7 7)");
	t = new_tree(p);
	assert_consistent(t);
	assert_int_equal(calltree_split(t, 0)[STATE_CPU], 14);
	assert_int_equal(calltree_split(t, 0)[STATE_RUNNABLE], 4);
	assert_int_equal(calltree_split(t, 0)[STATE_BLOCKED], 3);
	assert_int_equal(calltree_split(t, 0)[STATE_IDLE], 7);
	calltree_free(t);
	cresset_profile_free(p);
}

/* Labels that say something else, or too much. */
static void test_odd_labels(void **state)
{
	static const char *const odd[][4] = {
		{"state", "sleeping", "idle", "epoll"}, /* not a state of ours */
		{"idle", "epoll", "wait", "io"},	/* on a CPU it is not idle */
		{"state", "runnable", "idle", "epoll"}, /* nor when it wants one */
	};
	struct cresset_profile *p = new_profile();
	struct calltree *t;
	uint32_t location, stack, labels;
	const int64_t value = 10;

	assert_int_equal(cresset_profile_add_frame(p, "f", 1, 0, &location), 0);
	assert_int_equal(cresset_profile_add_stack(p, &location, 1, &stack), 0);
	for (size_t i = 0; i < 3; i++) {
		const struct cresset_label l[] = {
			{.key = string_id(p, odd[i][0]), .str = string_id(p, odd[i][1])},
			{.key = string_id(p, odd[i][2]), .str = string_id(p, odd[i][3])},
			{.key = string_id(p, "state"), .num = 7},
		};

		assert_int_equal(cresset_profile_add_labels(p, l, 3, &labels), 0);
		assert_int_equal(cresset_profile_add_sample(p, stack, labels, &value), 0);
	}
	t = new_tree(p);
	assert_int_equal(calltree_split(t, 0)[STATE_CPU], 20);
	assert_int_equal(calltree_split(t, 0)[STATE_RUNNABLE], 10);
	calltree_free(t);
	cresset_profile_free(p);
}

static void test_wakers(void **state)
{
	struct cresset_profile *p = test_case_profile("wakers");
	const struct calltree_options options = {.value_index = 3};
	struct calltree *t;

	assert_int_equal(calltree_new(p, &options, &t), 0);
	assert_int_equal(find_node(t, "--")->kind, CALLTREE_KIND_SEPARATOR);
	assert_int_equal(find_node(t, "schedule")->kind, CRESSET_FRAME_KERNEL);
	assert_int_equal(find_node(t, "try_to_wake_up")->kind, CALLTREE_KIND_WAKER);
	assert_int_equal(find_node(t, "main")->kind, CALLTREE_KIND_WAKER);
	assert_int_equal(find_node(t, "waker server")->kind, CALLTREE_KIND_WAKER);
	assert_int_equal(find_node(t, "[error: bad frame pointer]")->kind, CRESSET_FRAME_ERROR);
	assert_int_equal(find_node(t, "[blocked]")->kind, CALLTREE_KIND_BLOCKED);
	calltree_free(t);
	cresset_profile_free(p);
	/* What one stack has behind a "--" is no waker in the next one, which begins alike. */
	p = new_profile();
	ADD(p, NULL, 1, "a", "b", "--", "w");
	ADD(p, NULL, 1, "a", "b", "c", "--", "w2");
	ADD(p, NULL, 1, "a", "b", "c", "--", "w3");
	ADD(p, NULL, 1, "a", "b", "d");
	t = new_tree(p);
	for (const char *const *name = (const char *const[]){"w", "w2", "w3", NULL}; *name; name++)
		assert_int_equal(find_node(t, *name)->kind, CALLTREE_KIND_WAKER);
	for (const char *const *name = (const char *const[]){"a", "c", "d", NULL}; *name; name++)
		assert_int_equal(find_node(t, *name)->kind, CRESSET_FRAME_USER);
	calltree_free(t);
	cresset_profile_free(p);
}

static void test_sources(void **state)
{
	struct cresset_profile *p = new_profile();
	struct cresset_mapping m = {.limit = 4096, .file = string_id(p, "/usr/bin/xz")};
	const struct calltree_node *n;
	struct calltree *t;
	uint32_t one, two;

	assert_int_equal(cresset_profile_add_mapping(p, &m, &one), 0);
	m.file = string_id(p, "/lib/libc.so");
	assert_int_equal(cresset_profile_add_mapping(p, &m, &two), 0);
	add_at(p, one, "same", "a.c", 30, 1);
	add_at(p, one, "same", "a.c", 10, 2);
	add_at(p, one, "mixed", "b.c", 5, 3);
	add_at(p, two, "mixed", "c.c", 6, 4);
	add_at(p, two, "", "", 0, 0x1234);
	t = new_tree(p);
	assert_int_equal(calltree_n_nodes(t), 4);
	n = calltree_node(t, 1);
	assert_string_equal(calltree_name(t, n->name), "[libc.so+0x1234]");
	n = calltree_node(t, 2);
	assert_string_equal(calltree_name(t, n->name), "mixed");
	assert_int_equal(n->module, 0);
	assert_int_equal(n->file, 0);
	n = calltree_node(t, 3);
	assert_string_equal(cresset_profile_string(p, n->module), "/usr/bin/xz");
	assert_string_equal(cresset_profile_string(p, n->file), "a.c");
	assert_int_equal(n->line_min, 10);
	assert_int_equal(n->line_max, 30);
	calltree_free(t);
	cresset_profile_free(p);
}

static void test_too_deep(void **state)
{
	struct cresset_profile *p = new_profile();
	const struct calltree_node *n;
	struct calltree *t;
	uint32_t *locations = calloc(5000, sizeof(*locations)), stack;
	const int64_t value = 2;

	assert_non_null(locations);
	for (uint32_t i = 0; i < 5000; i++)
		assert_int_equal(cresset_profile_add_frame(p, i % 2 ? "odd" : "even", i % 2 ? 3 : 4,
							   0, &locations[i]),
				 0);
	assert_int_equal(cresset_profile_add_stack(p, locations, 5000, &stack), 0);
	assert_int_equal(cresset_profile_add_sample(p, stack, 0, &value), 0);
	free(locations);
	t = new_tree(p);
	assert_int_equal(calltree_n_cut(t), 1);
	assert_int_equal(calltree_n_nodes(t), CALLTREE_MAX_FRAMES + 2);
	n = calltree_node(t, CALLTREE_MAX_FRAMES + 1);
	assert_int_equal(n->kind, CRESSET_FRAME_ERROR);
	assert_int_equal(n->self, 2);
	assert_consistent(t);
	calltree_free(t);
	cresset_profile_free(p);
}

static void test_empty(void **state)
{
	const struct calltree_options options = {.value_index = 1};
	struct cresset_profile *p;
	struct calltree *t;

	assert_int_equal(cresset_profile_new(&p), 0);
	assert_tree(p, "all 0 0");
	assert_int_equal(cresset_profile_add_value_type(p, "cpu", "nanoseconds"), 0);
	assert_tree(p, "all 0 0");
	assert_int_equal(calltree_new(p, &options, &t), -EINVAL);
	cresset_profile_free(p);
	calltree_free(NULL);
}

/* ---- Compared. */

static struct calltree *new_comparison(const struct cresset_profile *base,
				       const struct cresset_profile *p, bool normalize,
				       bool hide_idle)
{
	const struct calltree_options options = {
		.base = base, .normalize = normalize, .hide_idle = hide_idle};
	struct calltree *t;

	assert_int_equal(calltree_new(p, &options, &t), 0);
	assert_consistent(t);
	return t;
}

/* "main 3>5 (a 3>0=3)": name, before>after, and the width where that is not what came after. */
static void print_sides(const struct calltree *t, uint32_t i, char *buf, size_t size)
{
	const struct calltree_node *n = calltree_node(t, i);
	const struct calltree_sides *s = calltree_sides(t, i);

	snprintf(buf + strlen(buf), size - strlen(buf), "%s %" PRId64 ">%" PRId64,
		 calltree_name(t, n->name), s->before, s->after);
	if (n->total != s->after)
		snprintf(buf + strlen(buf), size - strlen(buf), "=%" PRId64, n->total);
	for (uint32_t c = 0; c < n->n_children; c++) {
		strncat(buf, c ? ", " : " (", size - strlen(buf) - 1);
		print_sides(t, n->first_child + c, buf, size);
	}
	if (n->n_children)
		strncat(buf, ")", size - strlen(buf) - 1);
}

static void assert_sides(struct calltree *t, const char *expected)
{
	char text[4096] = "";

	print_sides(t, 0, text, sizeof(text));
	assert_string_equal(text, expected);
	for (uint32_t i = 0; i < calltree_n_nodes(t); i++) {
		const struct calltree_sides *s = calltree_sides(t, i);
		int64_t before = s->before_self, after = s->after_self;
		const struct calltree_node *n = calltree_node(t, i);

		for (uint32_t c = n->first_child; c < n->first_child + n->n_children; c++) {
			before += calltree_sides(t, c)->before;
			after += calltree_sides(t, c)->after;
		}
		assert_true(before == s->before && after == s->after);
		assert_true(n->self == (s->after ? s->after_self : s->before_self));
	}
	calltree_free(t);
}

static void test_sides(void **state)
{
	struct cresset_profile *base = new_profile(), *p = new_profile();
	struct calltree *t;

	ADD(base, "xz", 4, "main");
	ADD(base, "xz", 3, "main", "gone", "deep");
	ADD(base, "xz", 2, "main", "b");
	ADD(p, "xz", 1, "main");
	ADD(p, "xz", 5, "main", "b");
	ADD(p, "xz", 6, "main", "new");
	assert_sides(new_comparison(base, p, false, false),
		     "all 9>12=15 (xz 9>12=15 (main 9>12=15 (b 2>5, gone 3>0=3 (deep 3>0=3), "
		     "new 0>6)))");
	/* From 9 to 12, and that exactly; the order of tables does not matter. */
	t = new_comparison(base, p, true, false);
	assert_int_equal(calltree_base_total(t), 9);
	assert_int_equal(calltree_sides(t, 0)->before, 12);
	assert_sides(t, "all 12>12=16 (xz 12>12=16 (main 12>12=16 (b 3>5, gone 4>0=4 "
			"(deep 4>0=4), new 0>6)))");
	/* Against itself nothing has changed. */
	assert_sides(new_comparison(p, p, false, false),
		     "all 12>12 (xz 12>12 (main 12>12 (b 5>5, new 6>6)))");
	cresset_profile_free(base);
	cresset_profile_free(p);
}

/* One side without anything, and sums that only just fit. */
static void test_sides_at_the_limits(void **state)
{
	struct cresset_profile *base = new_profile(), *p = new_profile();
	struct calltree *t;

	ADD(base, NULL, INT64_MAX, "a");
	assert_sides(new_comparison(base, p, true, false),
		     "all 4611686018427387903>0=4611686018427387903 "
		     "(a 4611686018427387903>0=4611686018427387903)");
	assert_sides(new_comparison(p, base, true, false),
		     "all 0>4611686018427387903 (a 0>4611686018427387903)");
	ADD(p, NULL, INT64_MAX, "b");
	t = new_comparison(base, p, false, false);
	assert_int_equal(calltree_n_saturated(t), 2);
	assert_true(calltree_node(t, 0)->total == INT64_MAX - 1);
	calltree_free(t);
	/* Scaled to nothing: a node without any width. */
	cresset_profile_free(p);
	p = new_profile();
	ADD(p, NULL, 1, "b");
	ADD(base, NULL, 1, "c");
	assert_sides(new_comparison(base, p, true, false), "all 1>1=2 (a 1>0=1, b 0>1)");
	cresset_profile_free(base);
	cresset_profile_free(p);
}

static void test_base_of_another_type(void **state)
{
	struct cresset_profile *base = new_profile(), *p = new_profile();
	const struct calltree_options options = {.base = base, .base_index = 1};
	struct calltree *t;

	assert_int_equal(calltree_new(p, &options, &t), -EINVAL);
	cresset_profile_free(base);
	cresset_profile_free(p);
}

static void test_sides_allocations(void **state)
{
	struct cresset_profile *base = test_case_profile("off_cpu");
	struct cresset_profile *p = test_case_profile("wakers");
	const struct calltree_options options = {.base = base, .normalize = true};
	unsigned int n;

	for (n = 1; alloc_fail_next(&n, 10000);) {
		struct calltree *t = NULL;
		int r = calltree_new(p, &options, &t);
		bool failed = alloc_fail_end();

		if (r == 0)
			calltree_free(t);
		if (!failed)
			break;
		assert_int_equal(r, -ENOMEM);
	}
	assert_true(n > 5);
	cresset_profile_free(base);
	cresset_profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_recursion_is_depth),
		cmocka_unit_test(test_kinds_are_apart),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_values_without_width),
		cmocka_unit_test(test_sums_stop_at_the_end),
		cmocka_unit_test(test_roots),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_one_state),
		cmocka_unit_test(test_hide_idle),
		cmocka_unit_test(test_states_of_text),
		cmocka_unit_test(test_odd_labels),
		cmocka_unit_test(test_wakers),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_too_deep),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_sides),
		cmocka_unit_test(test_sides_at_the_limits),
		cmocka_unit_test(test_base_of_another_type),
		cmocka_unit_test(test_sides_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
