// SPDX-License-Identifier: Apache-2.0
/*
 * Drained rows to samples: order of frames, where caller addresses point, what is shown where
 * frames are missing, labels, values, and that no row disappears when memory is out or a stack is
 * missing.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/unwind.h"
#include "procmap_inside.h"
#include "session.h"
#include "support/alloc_fail.h"

enum { KERNEL_ID = 1, USER_ID = 2, DEEP_ID = 3, MISSING_ID = 9 };

#define KERNEL_IP 0xffffffff81000100ull
#define USER_IP	  0x401000ull

struct fixture {
	struct session session;
	struct procmap *procmap;
	struct drain drain;
	struct rows rows;
	struct cresset_profile *profile;
};

static void add_stack(struct drain *d, uint64_t id, uint64_t first, uint32_t n)
{
	struct drain_stack stack = {.id = id, .first = (uint32_t)d->frames.n, .n = n};

	for (uint32_t i = 0; i < n; i++) {
		uint64_t frame = first + 16 * (uint64_t)i;

		assert_non_null(vec_push(&d->frames, &frame, 1));
	}
	assert_non_null(vec_push(&d->stacks, &stack, 1));
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	drain_init(&f->drain);
	f->procmap = calloc(1, sizeof(*f->procmap));
	assert_non_null(f->procmap);
	assert_int_equal(procmap_init(f->procmap), 0);
	assert_int_equal(cresset_profile_new(&f->profile), 0);
	f->session.source = &source_cpu;
	f->session.period = 1000;
	f->session.profile = f->profile;
	assert_int_equal(session_describe(&f->session, f->session.profile), 0);
	f->rows.session = &f->session;
	f->rows.source = &source_cpu;
	f->rows.unwinder = &unwinder_fp;
	f->rows.procmap = f->procmap;
	f->rows.profile = f->profile;
	f->rows.kernel_limit = CRESSET_MAX_FRAMES;
	add_stack(&f->drain, KERNEL_ID, KERNEL_IP, 3);
	add_stack(&f->drain, USER_ID, USER_IP, 2);
	add_stack(&f->drain, DEEP_ID, KERNEL_IP, CRESSET_MAX_FRAMES);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	drain_release(&f->drain);
	cresset_profile_free(f->profile);
	procmap_free(f->procmap);
	free(f);
	return 0;
}

static struct drain_row *add_row(struct fixture *f, uint64_t kernel, uint64_t user,
				 unsigned int flags)
{
	struct drain_row row = {.count = {.n = 3}};

	row.key.kernel_stack = kernel;
	row.key.user_stack = user;
	row.key.flags = (uint16_t)flags;
	row.key.pid = 100;
	row.key.tid = 101;
	memcpy(row.key.comm, "sixteen bytes!!!", 16); /* no NUL: BPF always writes one */
	return vec_push(&f->drain.rows, &row, 1);
}

/* Writes the one row; its stack's location ids. */
static const uint32_t *only_stack(struct fixture *f, size_t *ret_n)
{
	assert_int_equal(rows_write(&f->rows, &f->drain), 0);
	assert_int_equal(cresset_profile_n_samples(f->profile), 1);
	return cresset_profile_stack(f->profile, cresset_profile_sample(f->profile, 0)->stack,
				     ret_n);
}

static void check_address(struct fixture *f, uint32_t id, uint64_t address, bool kernel)
{
	const struct cresset_location *l = cresset_profile_location(f->profile, id);

	assert_int_equal(l->address, address);
	assert_int_equal(!!(l->flags & CRESSET_LOCATION_KERNEL), kernel);
	assert_int_equal(l->flags & CRESSET_LOCATION_ERROR, 0);
}

static void check_error(struct fixture *f, uint32_t id, const char *text)
{
	const struct cresset_location *l = cresset_profile_location(f->profile, id);
	const struct cresset_line *line = cresset_profile_lines(f->profile, id);

	assert_true(l->flags & CRESSET_LOCATION_ERROR);
	assert_int_equal(l->n_lines, 1);
	assert_string_equal(
		cresset_profile_string(f->profile,
				       cresset_profile_function(f->profile, line->function)->name),
		text);
}

static void both_stacks(void **state)
{
	struct fixture *f = *state;
	const uint32_t *stack;
	size_t n;

	add_row(f, KERNEL_ID, USER_ID, CRESSET_STOP_END);
	stack = only_stack(f, &n);
	assert_int_equal(n, 5);
	check_address(f, stack[0], KERNEL_IP, true);
	check_address(f, stack[1], KERNEL_IP + 16 - 1, true);
	check_address(f, stack[2], KERNEL_IP + 32 - 1, true);
	check_address(f, stack[3], USER_IP, false);
	check_address(f, stack[4], USER_IP + 16 - 1, false);
	assert_int_equal(f->rows.written, 3);
	assert_int_equal(f->rows.lost, 0);
}

static void leaf_after_a_system_call(void **state)
{
	struct fixture *f = *state;
	const uint32_t *stack;
	size_t n;

	add_row(f, 0, USER_ID, CRESSET_STOP_END | CRESSET_SAMPLE_LEAF_AFTER);
	stack = only_stack(f, &n);
	assert_int_equal(n, 2);
	check_address(f, stack[0], USER_IP - 1, false);
	check_address(f, stack[1], USER_IP + 16 - 1, false);
}

static void values_and_labels(void **state)
{
	static const char *const names[] = {"comm", "thread", "pid", "tid"};
	struct fixture *f = *state;
	const struct cresset_label *labels;
	size_t n;

	add_row(f, 0, USER_ID, CRESSET_STOP_END);
	only_stack(f, &n);
	assert_int_equal(cresset_profile_values(f->profile, 0)[0], 3);
	assert_int_equal(cresset_profile_values(f->profile, 0)[1], 3000);
	labels = cresset_profile_labels(f->profile, cresset_profile_sample(f->profile, 0)->labels,
					&n);
	assert_int_equal(n, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(cresset_profile_string(f->profile, labels[i].key), names[i]);
	/* The process is not known here: it is named by its thread. */
	assert_string_equal(cresset_profile_string(f->profile, labels[0].str), "sixteen bytes!!!");
	assert_string_equal(cresset_profile_string(f->profile, labels[1].str), "sixteen bytes!!!");
	assert_int_equal(labels[2].num, 100);
	assert_int_equal(labels[3].num, 101);
}

static void every_stop_is_shown(void **state)
{
	struct fixture *f = *state;
	const uint32_t *stack;
	size_t n;

	for (int stop = CRESSET_STOP_NO_USER; stop < CRESSET_N_STOPS; stop++)
		add_row(f, 0, stop == CRESSET_STOP_NO_USER ? 0 : USER_ID, (unsigned int)stop);
	assert_int_equal(rows_write(&f->rows, &f->drain), 0);
	assert_int_equal(cresset_profile_n_samples(f->profile), CRESSET_N_STOPS);
	for (int stop = CRESSET_STOP_NO_USER; stop < CRESSET_N_STOPS; stop++) {
		char text[64];

		stack = cresset_profile_stack(
			f->profile, cresset_profile_sample(f->profile, (size_t)stop)->stack, &n);
		if (stop == CRESSET_STOP_NO_USER) {
			assert_int_equal(n, 0);
			continue;
		}
		if (stop == CRESSET_STOP_END) {
			assert_int_equal(n, 2);
			continue;
		}
		assert_int_equal(n, 3);
		snprintf(text, sizeof(text), "[error: %s]", unwind_stop_text(stop));
		check_error(f, stack[2], text);
	}
}

static void a_leaf_alone_is_not_whole(void **state)
{
	struct fixture *f = *state;
	const uint32_t *stack;
	size_t n;

	add_stack(&f->drain, 7, USER_IP, 1);
	add_row(f, 0, 7, CRESSET_STOP_END);
	stack = only_stack(f, &n);
	assert_int_equal(n, 2);
	check_error(f, stack[1], "[error: no frame pointer]");
}

static void missing_kernel_stack(void **state)
{
	struct fixture *f = *state;
	const uint32_t *stack;
	size_t n;

	add_row(f, 0, USER_ID, CRESSET_STOP_END | CRESSET_SAMPLE_KERNEL_FAILED);
	stack = only_stack(f, &n);
	assert_int_equal(n, 3);
	check_error(f, stack[0], "[error: no kernel stack]");
	check_address(f, stack[1], USER_IP, false);
}

static void deep_kernel_stack(void **state)
{
	struct fixture *f = *state;
	const uint32_t *stack;
	size_t n;

	add_row(f, DEEP_ID, USER_ID, CRESSET_STOP_DEPTH);
	stack = only_stack(f, &n);
	assert_int_equal(n, CRESSET_MAX_FRAMES + 1 + 2 + 1);
	check_error(f, stack[CRESSET_MAX_FRAMES], "[error: kernel stack too deep]");
	check_error(f, stack[n - 1], "[error: stack too deep]");
}

/* ---- Frames of a walk by tables. */

enum { NATIVE_DSO = 5 };

static int test_location(const struct session *s, struct cresset_profile *p, uint64_t frame,
			 uint64_t address, uint32_t flags, uint32_t *ret)
{
	struct cresset_location loc = {.address = address, .flags = flags};

	assert_int_equal(CRESSET_FRAME_DSO(frame), NATIVE_DSO);
	/* As if some of that file were generated code. */
	if (address >= 0x9000)
		loc.flags |= CRESSET_LOCATION_JIT;
	return cresset_profile_add_location(p, &loc, NULL, ret);
}

static const char *never_broken(enum cresset_stop stop, size_t n)
{
	return NULL;
}

static const struct unwinder test_unwinder = {
	.name = "test", .help = "", .broken = never_broken, .location = test_location};

static void frames_that_name_a_file(void **state)
{
	const uint64_t dso = (uint64_t)NATIVE_DSO << CRESSET_FRAME_DSO_SHIFT;
	const struct {
		uint64_t frame;
		uint64_t address;
		uint32_t flags;
	} frames[] = {
		{dso | 0x1000, 0x1000, 0},
		{dso | 0x2000, 0x1fff, 0},
		{dso | 0x3000 | CRESSET_FRAME_FALLBACK, 0x2fff, CRESSET_LOCATION_FALLBACK},
		/* Behind a signal frame: the interrupted instruction itself. */
		{dso | 0x4000 | CRESSET_FRAME_EXACT, 0x4000, 0},
		{dso | 0x9801, 0x9800, CRESSET_LOCATION_JIT},
		/* The caller of generated code is always found so. */
		{dso | 0x5000 | CRESSET_FRAME_FALLBACK, 0x4fff, 0},
		{0x601000 | CRESSET_FRAME_FALLBACK, 0x600fff, CRESSET_LOCATION_FALLBACK},
	};
	enum { N = sizeof(frames) / sizeof(frames[0]) };
	struct fixture *f = *state;
	struct drain_stack stack = {.id = 8, .first = (uint32_t)f->drain.frames.n, .n = N};
	const uint32_t *ids;
	size_t n;

	for (size_t i = 0; i < N; i++)
		assert_non_null(vec_push(&f->drain.frames, &frames[i].frame, 1));
	assert_non_null(vec_push(&f->drain.stacks, &stack, 1));
	f->rows.unwinder = &test_unwinder;
	add_row(f, 0, 8, CRESSET_STOP_WHOLE);
	ids = only_stack(f, &n);
	assert_int_equal(n, N);
	for (size_t i = 0; i < N; i++) {
		const struct cresset_location *l = cresset_profile_location(f->profile, ids[i]);

		assert_int_equal(l->address, frames[i].address);
		assert_int_equal(l->flags, frames[i].flags);
	}
}

static void stack_not_drained(void **state)
{
	struct fixture *f = *state;

	add_row(f, MISSING_ID, USER_ID, CRESSET_STOP_END);
	add_row(f, KERNEL_ID, MISSING_ID, CRESSET_STOP_END);
	add_row(f, KERNEL_ID, USER_ID, CRESSET_STOP_END);
	assert_int_equal(rows_write(&f->rows, &f->drain), 0);
	assert_int_equal(f->rows.written, 3);
	assert_int_equal(f->rows.lost, 6);
}

static void out_of_memory(void **state)
{
	for (unsigned int n = 1; alloc_fail_next(&n, 1000);) {
		void *own = NULL;
		struct fixture *f;
		uint64_t rows;
		int r;

		alloc_fail_end();
		set_up(&own);
		f = own;
		add_row(f, KERNEL_ID, USER_ID, CRESSET_STOP_BAD_RA);
		add_row(f, 0, USER_ID, CRESSET_STOP_END);
		rows = 2 * 3;
		alloc_fail_begin(n);
		r = rows_write(&f->rows, &f->drain);
		if (!alloc_fail_end()) {
			assert_int_equal(r, 0);
			assert_int_equal(f->rows.written, rows);
			tear_down(&own);
			return;
		}
		assert_true(r == 0 || r == -ENOMEM);
		assert_int_equal(f->rows.written + f->rows.lost, rows);
		assert_int_equal(cresset_profile_total(f->profile, 0), f->rows.written);
		tear_down(&own);
	}
	fail();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_stacks),
		TEST(leaf_after_a_system_call),
		TEST(values_and_labels),
		TEST(every_stop_is_shown),
		TEST(a_leaf_alone_is_not_whole),
		TEST(missing_kernel_stack),
		TEST(deep_kernel_stack),
		TEST(frames_that_name_a_file),
		TEST(stack_not_drained),
		cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
