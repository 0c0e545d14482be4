// SPDX-License-Identifier: Apache-2.0
/* The profile: interning, limits, frames, settling and merging. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <cresset/profile.h>

#include "core/merge.h"
#include "support/alloc_fail.h"

static int setup(void **state)
{
	struct cresset_profile *p;

	if (cresset_profile_new(&p) < 0 ||
	    cresset_profile_add_value_type(p, "samples", "count") < 0)
		return -1;
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	cresset_profile_free(*state);
	return 0;
}

static uint32_t string(struct cresset_profile *p, const char *s)
{
	uint32_t id;

	assert_int_equal(cresset_profile_add_string(p, s, strlen(s), &id), 0);
	return id;
}

static uint32_t frame(struct cresset_profile *p, const char *name, uint32_t flags)
{
	uint32_t id;

	assert_int_equal(cresset_profile_add_frame(p, name, strlen(name), flags, &id), 0);
	return id;
}

static uint32_t function(struct cresset_profile *p, const char *name)
{
	struct cresset_function f = {.name = string(p, name), .system_name = string(p, name)};
	uint32_t id;

	assert_int_equal(cresset_profile_add_function(p, &f, &id), 0);
	return id;
}

static uint32_t stack(struct cresset_profile *p, const uint32_t *locations, size_t n)
{
	uint32_t id;

	assert_int_equal(cresset_profile_add_stack(p, locations, n, &id), 0);
	return id;
}

static void add(struct cresset_profile *p, uint32_t stack_id, uint32_t labels, int64_t value)
{
	assert_int_equal(cresset_profile_add_sample(p, stack_id, labels, &value), 0);
}

static void samples_of_one_stack_add_up_and_saturate(void **state)
{
	struct cresset_profile *p = *state;
	uint32_t s = stack(p, (uint32_t[]){frame(p, "leaf", 0), frame(p, "main", 0)}, 2);

	add(p, s, 0, 3);
	add(p, s, 0, 4);
	assert_int_equal(cresset_profile_n_samples(p), 1);
	assert_int_equal(cresset_profile_values(p, 0)[0], 7);
	add(p, s, 0, INT64_MAX);
	assert_true(cresset_profile_values(p, 0)[0] == INT64_MAX);
	add(p, 0, 0, 1);
	assert_int_equal(cresset_profile_n_samples(p), 2);
	assert_true(cresset_profile_total(p, 0) == INT64_MAX);
	assert_int_equal(cresset_profile_total(p, 1), 0);
	assert_int_equal(cresset_profile_add_value_type(p, "late", "count"), -EBUSY);
}

/* Those that come in order are not looked for; the first that does not finds all of them. */
static void samples_are_one_in_any_order(void **state)
{
	struct cresset_profile *p = *state;
	uint32_t stacks[50], known = frame(p, "main", 0);

	for (uint32_t i = 0; i < 50; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f%u", i);
		stacks[i] = stack(p, (uint32_t[]){frame(p, name, 0), known}, 2);
	}
	for (uint32_t i = 0; i < 49; i++)
		add(p, stacks[i], 0, 1);
	add(p, stacks[48], 0, 1);
	for (uint32_t i = 50; i-- > 0;)
		add(p, stacks[i], 0, 1);
	assert_int_equal(cresset_profile_n_samples(p), 50);
	for (uint32_t i = 0; i < 50; i++) {
		assert_int_equal(cresset_profile_sample(p, i)->stack, stacks[i]);
		assert_int_equal(cresset_profile_values(p, i)[0], i < 48 ? 2 : i == 48 ? 3 : 1);
	}
}

static void ids_that_do_not_exist_are_refused(void **state)
{
	struct cresset_profile *p = *state;
	struct cresset_mapping m = {.file = 99};
	struct cresset_function f = {.name = 99};
	struct cresset_location l = {.mapping = 99};
	struct cresset_label label = {.key = 99};
	struct cresset_line line = {.function = 99};
	uint32_t id, bad = 99;
	int64_t one = 1;
	size_t n;

	assert_int_equal(cresset_profile_add_mapping(p, &m, &id), -EINVAL);
	assert_int_equal(cresset_profile_add_function(p, &f, &id), -EINVAL);
	assert_int_equal(cresset_profile_add_location(p, &l, NULL, &id), -EINVAL);
	l = (struct cresset_location){.n_lines = 1};
	assert_int_equal(cresset_profile_add_location(p, &l, &line, &id), -EINVAL);
	assert_int_equal(cresset_profile_add_labels(p, &label, 1, &id), -EINVAL);
	assert_int_equal(cresset_profile_add_stack(p, &bad, 1, &id), -EINVAL);
	bad = 0;
	assert_int_equal(cresset_profile_add_stack(p, &bad, 1, &id), -EINVAL);
	assert_int_equal(cresset_profile_add_sample(p, 99, 0, &one), -EINVAL);
	assert_int_equal(cresset_profile_add_sample(p, 0, 99, &one), -EINVAL);
	assert_int_equal(cresset_profile_set_lines(p, 99, NULL, 0, 0), -EINVAL);
	assert_int_equal(cresset_profile_set_mapping_flags(p, 99, 1), -EINVAL);
	assert_int_equal(cresset_profile_n_locations(p), 0);
	assert_int_equal(cresset_profile_location(p, 99)->address, 0);
	assert_null(cresset_profile_lines(p, 99));
	assert_null(cresset_profile_stack(p, 99, &n));
	assert_null(cresset_profile_labels(p, 99, &n));
	assert_string_equal(cresset_profile_string(p, 12345), "");
	assert_int_equal(cresset_profile_values(p, 99)[0], 0);
	assert_int_equal(cresset_profile_value_type(p, 99).type, 0);
	assert_string_equal(cresset_profile_comment(p, 99), "");
	assert_int_equal(cresset_profile_stat(p, 99).name, 0);
}

static void a_mapping_is_one_whatever_its_flags(void **state)
{
	struct cresset_profile *p = *state;
	struct cresset_mapping m = {.start = 0x1000, .limit = 0x2000, .file = string(p, "/bin/a")};
	uint32_t a, b, c;

	assert_int_equal(cresset_profile_add_mapping(p, &m, &a), 0);
	m.flags = CRESSET_MAPPING_HAS_LINES;
	assert_int_equal(cresset_profile_add_mapping(p, &m, &b), 0);
	m.pid = 7;
	assert_int_equal(cresset_profile_add_mapping(p, &m, &c), 0);
	assert_int_equal(a, b);
	assert_int_not_equal(a, c);
	assert_int_equal(cresset_profile_mapping(p, a)->flags, CRESSET_MAPPING_HAS_LINES);
}

static void a_location_keeps_its_id_when_it_gets_lines(void **state)
{
	struct cresset_profile *p = *state;
	struct cresset_mapping m = {.start = 0x1000, .limit = 0x2000, .file = string(p, "/bin/a")};
	struct cresset_location l = {.address = 0x1234};
	struct cresset_line lines[2] = {{.function = function(p, "inner"), .line = 10},
					{.function = function(p, "outer"), .line = 20}};
	struct cresset_frame frames[4];
	uint32_t id, again, s;

	assert_int_equal(cresset_profile_add_mapping(p, &m, &l.mapping), 0);
	assert_int_equal(cresset_profile_add_location(p, &l, NULL, &id), 0);
	s = stack(p, &id, 1);
	assert_int_equal(cresset_profile_frames(p, s, frames, 4), 1);
	assert_int_equal(frames[0].name, 0);
	assert_int_equal(cresset_profile_set_lines(p, id, lines, 2, CRESSET_LOCATION_RESOLVED), 0);
	assert_int_equal(cresset_profile_add_location(p, &l, NULL, &again), 0);
	assert_int_equal(id, again);
	assert_int_equal(cresset_profile_frames(p, s, frames, 4), 2);
	assert_string_equal(cresset_profile_string(p, frames[0].name), "outer");
	assert_int_equal(frames[0].kind, CRESSET_FRAME_USER);
	assert_string_equal(cresset_profile_string(p, frames[1].name), "inner");
	assert_int_equal(frames[1].kind, CRESSET_FRAME_INLINED);
	assert_int_equal(frames[1].line, 10);
	assert_int_equal(cresset_profile_frames(p, s, frames, 1), 2);
	assert_string_equal(cresset_profile_string(p, frames[0].name), "outer");
}

static void unnamed_locations_have_a_text(void **state)
{
	struct cresset_profile *p = *state;
	struct cresset_mapping m = {.file = string(p, "/usr/lib/libc.so.6")};
	struct cresset_location l = {.address = 0x29d90};
	uint32_t id;
	char text[64], tiny[4];

	assert_int_equal(cresset_profile_add_mapping(p, &m, &l.mapping), 0);
	assert_int_equal(cresset_profile_add_location(p, &l, NULL, &id), 0);
	cresset_profile_location_text(p, id, text, sizeof(text));
	assert_string_equal(text, "[libc.so.6+0x29d90]");
	cresset_profile_location_text(p, id, tiny, sizeof(tiny));
	assert_string_equal(tiny, "[li");
	m.file = string(p, "[vdso]");
	assert_int_equal(cresset_profile_add_mapping(p, &m, &l.mapping), 0);
	assert_int_equal(cresset_profile_add_location(p, &l, NULL, &id), 0);
	cresset_profile_location_text(p, id, text, sizeof(text));
	assert_string_equal(text, "[vdso+0x29d90]");
	cresset_profile_location_text(p, 0, text, sizeof(text));
	assert_string_equal(text, "[unknown+0x0]");
}

static uint64_t stat(const struct cresset_profile *p, const char *name)
{
	for (size_t i = 0; i < cresset_profile_n_stats(p); i++) {
		struct cresset_stat s = cresset_profile_stat(p, i);

		if (strcmp(cresset_profile_string(p, s.name), name) == 0)
			return s.value;
	}
	fail_msg("no stat %s", name);
	return 0;
}

static void settling_believes_known_bottoms_only(void **state)
{
	struct cresset_profile *p = *state;
	uint32_t error = frame(p, "[error: bad frame pointer]", CRESSET_LOCATION_ERROR);
	uint32_t leaf = frame(p, "leaf", 0), main_ = frame(p, "main", 0);
	uint32_t libc = frame(p, "libc", 0), kernel = frame(p, "clone", CRESSET_LOCATION_KERNEL);
	struct cresset_location unnamed = {.address = 5};
	uint32_t raw, whole, cut, in_kernel, deep;
	size_t n;

	assert_int_equal(cresset_profile_add_location(p, &unnamed, NULL, &raw), 0);
	whole = stack(p, (uint32_t[]){leaf, main_, libc, libc, error}, 5);
	cut = stack(p, (uint32_t[]){leaf, raw, error}, 3);
	in_kernel = stack(p, (uint32_t[]){kernel, error}, 2);
	deep = stack(p, (uint32_t[]){main_, leaf, leaf, leaf, error}, 5);
	add(p, whole, 0, 10);
	add(p, cut, 0, 5);
	add(p, in_kernel, 0, 2);
	add(p, deep, 0, 1);
	assert_int_equal(cresset_profile_settle(p), 0);
	cresset_profile_stack(p, whole, &n);
	assert_int_equal(n, 4);
	cresset_profile_stack(p, cut, &n);
	assert_int_equal(n, 3);
	cresset_profile_stack(p, in_kernel, &n);
	assert_int_equal(n, 2);
	cresset_profile_stack(p, deep, &n);
	assert_int_equal(n, 5);
	assert_int_equal(stat(p, "stacks.user"), 16);
	assert_int_equal(stat(p, "stacks.user_complete"), 10);
	assert_int_equal(stat(p, "frames.total"), 10 * 4 + 5 * 2 + 2 * 1 + 1 * 4);
	assert_int_equal(stat(p, "frames.named"), 10 * 4 + 5 * 1 + 2 * 1 + 1 * 4);
}

static void labels_are_found_by_key(void **state)
{
	struct cresset_profile *p = *state;
	struct cresset_label l[2] = {{.key = string(p, "comm"), .str = string(p, "bash")},
				     {.key = string(p, "pid"), .num = 42}};
	uint32_t set, again, s = stack(p, (uint32_t[]){frame(p, "f", 0)}, 1);

	assert_int_equal(cresset_profile_add_labels(p, l, 2, &set), 0);
	assert_int_equal(cresset_profile_add_labels(p, l, 2, &again), 0);
	assert_int_equal(set, again);
	assert_int_equal(cresset_profile_find_label(p, set, "pid")->num, 42);
	assert_null(cresset_profile_find_label(p, set, "tid"));
	assert_null(cresset_profile_find_label(p, 0, "pid"));
	add(p, s, set, 1);
	add(p, s, 0, 1);
	assert_int_equal(cresset_profile_n_samples(p), 2);
}

static void merging_a_profile_twice_doubles_it(void **state)
{
	struct cresset_profile *src = *state, *p;
	struct cresset_mapping m = {.file = string(src, "/bin/a"), .build_id = string(src, "ab")};
	struct cresset_location l = {.address = 1, .n_lines = 1};
	struct cresset_line line = {.function = function(src, "f"), .line = 3};
	struct cresset_label label = {.key = string(src, "comm"), .str = string(src, "a")};
	uint32_t id, set;

	assert_int_equal(cresset_profile_add_mapping(src, &m, &l.mapping), 0);
	assert_int_equal(cresset_profile_add_location(src, &l, &line, &id), 0);
	assert_int_equal(cresset_profile_add_labels(src, &label, 1, &set), 0);
	add(src, stack(src, &id, 1), set, 21);
	cresset_profile_set_time(src, 1000, 10);
	assert_int_equal(cresset_profile_set_stat(src, "samples.taken", 21), 0);
	assert_int_equal(cresset_profile_new(&p), 0);
	assert_int_equal(cresset_profile_merge(p, src), 0);
	assert_int_equal(cresset_profile_merge(p, src), 0);
	assert_int_equal(cresset_profile_n_samples(p), 1);
	assert_int_equal(cresset_profile_values(p, 0)[0], 42);
	assert_int_equal(stat(p, "samples.taken"), 42);
	assert_int_equal(cresset_profile_duration_ns(p), 20);
	assert_int_equal(cresset_profile_time_ns(p), 1000);
	assert_int_equal(cresset_profile_n_mappings(p), 1);
	assert_string_equal(
		cresset_profile_string(p, cresset_profile_find_label(p, 1, "comm")->str), "a");
	assert_int_equal(cresset_profile_merge(p, p), -EINVAL);
	cresset_profile_free(p);
}

static void profiles_of_other_values_do_not_merge(void **state)
{
	struct cresset_profile *p;

	assert_int_equal(cresset_profile_new(&p), 0);
	assert_int_equal(cresset_profile_add_value_type(p, "off_cpu", "nanoseconds"), 0);
	assert_int_equal(cresset_profile_merge(p, *state), -EINVAL);
	cresset_profile_free(p);
}

/* ---- A part of another profile. */

static const size_t second_and_none[] = {1, 99};

static bool not_the_first(void *arg, size_t i)
{
	return i != 0;
}

static int one_set(void *arg, size_t i, struct cresset_profile *p, uint32_t *ret)
{
	struct cresset_label label = {.num = 7};
	int r = cresset_profile_add_string(p, "group", 5, &label.key);

	return r ? r : cresset_profile_add_labels(p, &label, 1, ret);
}

/* Three stacks f0, f1, f2 with values {i + 1, 10 * i}, each with a label of its own. */
static struct cresset_profile *of_two_values(void)
{
	struct cresset_profile *p = NULL;
	char name[8];

	assert_int_equal(cresset_profile_new(&p), 0);
	assert_int_equal(cresset_profile_add_value_type(p, "samples", "count"), 0);
	assert_int_equal(cresset_profile_add_value_type(p, "cpu", "nanoseconds"), 0);
	for (int64_t i = 0; i < 3; i++) {
		const int64_t values[] = {i + 1, 10 * i};
		struct cresset_label label = {.key = string(p, "n"), .num = i};
		uint32_t set;

		snprintf(name, sizeof(name), "f%d", (int)i);
		assert_int_equal(cresset_profile_add_labels(p, &label, 1, &set), 0);
		assert_int_equal(
			cresset_profile_add_sample(p, stack(p, (uint32_t[]){frame(p, name, 0)}, 1),
						   set, values),
			0);
	}
	return p;
}

static int merge_part(const struct cresset_profile *src, const struct profile_part *part,
		      struct cresset_profile **ret)
{
	struct cresset_profile *p = NULL;
	int r = cresset_profile_new(&p);

	r = r ? r : cresset_profile_add_value_type(p, "cpu", "nanoseconds");
	r = r ? r : cresset_profile_add_value_type(p, "blocked", "nanoseconds");
	r = r ? r : profile_merge_part(p, src, part);
	if (r) {
		cresset_profile_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

static void a_part_has_what_was_asked_for(void **state)
{
	struct cresset_profile *src = of_two_values(), *p = NULL;
	struct profile_part part = {.types = second_and_none};

	/* The first sample has nothing but 0 there: it, its stack and its labels are left out. */
	assert_int_equal(merge_part(src, &part, &p), 0);
	assert_int_equal(cresset_profile_n_samples(p), 2);
	assert_int_equal(cresset_profile_n_stacks(p), 2);
	assert_int_equal(cresset_profile_n_label_sets(p), 2);
	assert_int_equal(cresset_profile_values(p, 0)[0], 10);
	assert_int_equal(cresset_profile_values(p, 0)[1], 0);
	assert_int_equal(
		cresset_profile_find_label(p, cresset_profile_sample(p, 0)->labels, "n")->num, 1);
	cresset_profile_free(p);

	/* All values as they are, but for the first sample, below one label. */
	part = (struct profile_part){.wants = not_the_first, .labels = one_set};
	assert_int_equal(merge_part(src, &part, &p), 0);
	assert_int_equal(cresset_profile_n_samples(p), 2);
	assert_int_equal(cresset_profile_n_label_sets(p), 1);
	assert_int_equal(cresset_profile_total(p, 0), 5);
	assert_int_equal(cresset_profile_total(p, 1), 30);
	/* Neither time nor stats are its business. */
	assert_int_equal(cresset_profile_duration_ns(p), 0);
	assert_int_equal(profile_merge_part(p, p, &part), -EINVAL);
	cresset_profile_free(p);
	cresset_profile_free(src);
}

static void a_part_without_memory(void **state)
{
	struct cresset_profile *src = of_two_values(), *p = NULL;
	const struct profile_part part = {.types = second_and_none, .labels = one_set};
	bool refused = true;

	for (unsigned int n = 1; refused && alloc_fail_next(&n, 1000);) {
		int r = merge_part(src, &part, &p);

		refused = alloc_fail_end();
		assert_int_equal(r, refused ? -ENOMEM : 0);
	}
	assert_false(refused);
	assert_int_equal(cresset_profile_total(p, 0), 30);
	cresset_profile_free(p);
	cresset_profile_free(src);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(samples_of_one_stack_add_up_and_saturate, setup,
						teardown),
		cmocka_unit_test_setup_teardown(samples_are_one_in_any_order, setup, teardown),
		cmocka_unit_test_setup_teardown(ids_that_do_not_exist_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_mapping_is_one_whatever_its_flags, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_location_keeps_its_id_when_it_gets_lines, setup,
						teardown),
		cmocka_unit_test_setup_teardown(unnamed_locations_have_a_text, setup, teardown),
		cmocka_unit_test_setup_teardown(settling_believes_known_bottoms_only, setup,
						teardown),
		cmocka_unit_test_setup_teardown(labels_are_found_by_key, setup, teardown),
		cmocka_unit_test_setup_teardown(merging_a_profile_twice_doubles_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(profiles_of_other_values_do_not_merge, setup,
						teardown),
		cmocka_unit_test(a_part_has_what_was_asked_for),
		cmocka_unit_test(a_part_without_memory),
	};

	return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
