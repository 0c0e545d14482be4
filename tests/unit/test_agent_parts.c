// SPDX-License-Identifier: Apache-2.0
/* What the store, servers and captures get of a window: which samples, values and labels. */
#include "agent/parts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/agent_demo.h"
#include "support/alloc_fail.h"

struct demo {
	struct fixture f;
	struct agent_labels *labels;
	struct cresset_profile *window;
	struct parts parts;
};

static int setup(void **state)
{
	struct demo *d = calloc(1, sizeof(*d));

	fixture_init(&d->f);
	assert_int_equal(agent_demo_labels(&d->f, &d->labels), 0);
	assert_int_equal(agent_demo_window(1, &d->window), 0);
	assert_int_equal(parts_init(&d->parts, d->window, d->labels), 0);
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	struct demo *d = *state;

	parts_release(&d->parts);
	cresset_profile_free(d->window);
	agent_labels_free(d->labels);
	fixture_release(&d->f);
	free(d);
	return 0;
}

static struct cresset_profile *empty(enum parts_kind kind)
{
	struct cresset_profile *p = NULL;

	assert_int_equal(parts_new(kind, AGENT_DEMO_PERIOD, &p), 0);
	return p;
}

/* "name=value " of a sample's labels. */
static const char *labels_of(const struct cresset_profile *p, size_t i)
{
	static char text[2000];
	const struct cresset_label *l;
	size_t n, at = 0;

	text[0] = '\0';
	l = cresset_profile_labels(p, cresset_profile_sample(p, i)->labels, &n);
	for (size_t k = 0; k < n; k++) {
		const char *name = cresset_profile_string(p, l[k].key);

		if (l[k].str)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s=%s",
					       k ? " " : "", name,
					       cresset_profile_string(p, l[k].str));
		else
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s=%lld",
					       k ? " " : "", name, (long long)l[k].num);
	}
	return text;
}

/* The sample with these labels, which must be there. */
static const int64_t *values_at(const struct cresset_profile *p, const char *labels)
{
	for (size_t i = 0; i < cresset_profile_n_samples(p); i++)
		if (!strcmp(labels_of(p, i), labels))
			return cresset_profile_values(p, i);
	for (size_t i = 0; i < cresset_profile_n_samples(p); i++)
		print_error("%s\n", labels_of(p, i));
	fail_msg("no sample with the labels %s", labels);
	return NULL;
}

static void check_values(const int64_t *values, int64_t a, int64_t b, int64_t c)
{
	assert_int_equal(values[0], a);
	assert_int_equal(values[1], b);
	assert_int_equal(values[2], c);
}

#define FRONT "comm=front exe=front host=box region=eu service=shop"

static void test_stored(void **state)
{
	struct demo *d = *state;
	struct cresset_profile *p = empty(PARTS_STORED);

	assert_int_equal(parts_add_stored(&d->parts, p), 0);
	/* One sample a process: states have become values. */
	assert_int_equal(cresset_profile_n_samples(p), 4);
	check_values(values_at(p, FRONT), 100, 1000, 10000);
	check_values(values_at(p, "comm=kworker host=box region=eu service=kernel"), 120, 1200,
		     12000);
	check_values(values_at(p, "comm=gone host=box region=eu service=gone"), 130, 1300, 13000);
	assert_int_equal(cresset_profile_total(p, 0), 460);
	assert_int_equal(cresset_profile_total(p, 2), 46000);
	cresset_profile_free(p);
}

static void test_services(void **state)
{
	struct demo *d = *state;
	struct cresset_profile *p = empty(PARTS_OFF_CPU);

	assert_int_equal(parts_add_service(&d->parts, PARTS_OFF_CPU, "shop", p), 0);
	assert_int_equal(cresset_profile_n_samples(p), 4);
	/* blocked, runnable, off_cpu: service and host are said of the whole. */
	check_values(values_at(p, "comm=front exe=front region=eu state=blocked"), 10000, 0, 10000);
	check_values(values_at(p, "comm=back exe=back region=eu state=runnable"), 0, 1100, 1100);
	assert_int_equal(cresset_profile_total(p, 2), 21 * 1100);
	cresset_profile_free(p);

	p = empty(PARTS_CPU);
	assert_int_equal(parts_add_service(&d->parts, PARTS_CPU, "shop", p), 0);
	assert_int_equal(cresset_profile_n_samples(p), 2);
	assert_int_equal(values_at(p, "comm=back exe=back region=eu")[0], 110);
	cresset_profile_free(p);

	p = empty(PARTS_CPU);
	assert_int_equal(parts_add_service(&d->parts, PARTS_CPU, "nobody", p), 0);
	assert_int_equal(cresset_profile_n_samples(p), 0);
	cresset_profile_free(p);
}

static struct match *match_of(const char *text)
{
	struct cresset_error err = {.text = ""};
	struct match *m = NULL;

	if (match_new(text, &m, &err) < 0)
		fail_msg("%s", err.text);
	return m;
}

static void test_matching(void **state)
{
	struct demo *d = *state;
	struct match *m = match_of("service=\"shop\",comm=~\"b.*\"");
	struct cresset_profile *p = empty(PARTS_CPU);

	assert_int_equal(parts_add_matching(&d->parts, PARTS_CPU, m, p), 0);
	assert_int_equal(cresset_profile_n_samples(p), 1);
	/* What the recorder said of it stays. */
	assert_string_equal(labels_of(p, 0), "comm=back thread=t pid=11 tid=1011");
	assert_int_equal(cresset_profile_values(p, 0)[0], 110);
	cresset_profile_free(p);
	match_free(m);

	p = empty(PARTS_OFF_CPU);
	assert_int_equal(parts_add_matching(&d->parts, PARTS_OFF_CPU, NULL, p), 0);
	assert_int_equal(cresset_profile_n_samples(p), 8);
	assert_int_equal(cresset_profile_total(p, 2), 46 * 1100);
	cresset_profile_free(p);
}

/* Event cpu alone, or off-cpu alone: what was not recorded is 0, not something else. */
static void test_values_that_are_not_there(void **state)
{
	struct demo *d = *state;
	struct cresset_profile *window = NULL, *p = empty(PARTS_STORED);
	const int64_t values[] = {1, 500};
	struct parts parts;
	uint32_t frame, stack;

	assert_int_equal(cresset_profile_new(&window), 0);
	assert_int_equal(cresset_profile_add_value_type(window, "samples", "count"), 0);
	assert_int_equal(cresset_profile_add_value_type(window, "cpu", "nanoseconds"), 0);
	assert_int_equal(cresset_profile_add_frame(window, "f", 1, 0, &frame), 0);
	assert_int_equal(cresset_profile_add_stack(window, &frame, 1, &stack), 0);
	/* Without any label: the kernel's own. */
	assert_int_equal(cresset_profile_add_sample(window, stack, 0, values), 0);
	assert_int_equal(parts_init(&parts, window, d->labels), 0);
	assert_int_equal(parts_add_stored(&parts, p), 0);
	check_values(values_at(p, "comm=swapper host=box region=eu service=kernel"), 500, 0, 0);
	cresset_profile_free(p);
	p = empty(PARTS_OFF_CPU);
	assert_int_equal(parts_add_matching(&parts, PARTS_OFF_CPU, NULL, p), 0);
	assert_int_equal(cresset_profile_n_samples(p), 0);
	cresset_profile_free(p);
	parts_release(&parts);
	cresset_profile_free(window);
}

static void test_period(void **state)
{
	struct demo *d = *state;
	struct cresset_profile *p = NULL;

	assert_int_equal(parts_new(PARTS_CPU, 0, &p), 0);
	parts_take_period(&d->parts, p);
	assert_int_equal(cresset_profile_period(p), AGENT_DEMO_PERIOD);
	cresset_profile_free(p);
	assert_int_equal(parts_new(PARTS_OFF_CPU, 0, &p), 0);
	parts_take_period(&d->parts, p);
	assert_int_equal(cresset_profile_period(p), 1);
	cresset_profile_free(p);
}

static int try_all(struct demo *d)
{
	struct cresset_profile *p = NULL;
	struct parts parts = {.sets = NULL};
	int r = parts_new(PARTS_STORED, 1, &p);

	if (!r)
		r = parts_init(&parts, d->window, d->labels);
	if (!r)
		r = parts_add_stored(&parts, p);
	parts_release(&parts);
	cresset_profile_free(p);
	return r;
}

static void test_memory_out(void **state)
{
	struct demo *d = *state;
	bool refused = true;

	for (unsigned int n = 1; refused && alloc_fail_next(&n, 10000);) {
		int r = try_all(d);

		refused = alloc_fail_end();
		assert_true(r == 0 || r == -ENOMEM);
	}
	assert_false(refused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stored, setup, teardown),
		cmocka_unit_test_setup_teardown(test_services, setup, teardown),
		cmocka_unit_test_setup_teardown(test_matching, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values_that_are_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_period, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory_out, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
