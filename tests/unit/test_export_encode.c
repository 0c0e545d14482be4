// SPDX-License-Identifier: Apache-2.0
/*
 * Profiles as requests: parts that add up, limits that hold, every profile of the cases for every
 * target, and every allocation failing once. What servers make of the bytes is
 * tests/e2e/test_upload.
 */
#include "export/inside.h"
#include "export/labels.h"
#include "export/template.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pprof_check.h"
#include "support/alloc_fail.h"
#include "support/cases.h"

static const struct export_label some_labels[] = {{"service", "a/b"}, {"host", "h"}, {"up", ".."}};

static struct export_config *config_of(const char *type)
{
	struct export_config *c = NULL;

	assert_int_equal(export_config_new("x", &c), 0);
	assert_int_equal(export_config_set(c, "type", type, NULL), 0);
	assert_int_equal(export_config_set(c, "url", "http://127.0.0.1:1", NULL), 0);
	assert_int_equal(export_config_set(c, "aws_region", "x-1", NULL), 0);
	setenv("AWS_ACCESS_KEY_ID", "a", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "b", 1);
	assert_int_equal(export_config_check(c, NULL), 0);
	return c;
}

static int encode(const struct export_config *c, const struct cresset_profile *p,
		  struct export_request **ret)
{
	struct export_input in = {.config = c, .profile = p, .labels = some_labels, .n_labels = 3};

	return export_encode(&in, ret, NULL);
}

static size_t free_list(struct export_request *r)
{
	size_t n = 0;

	for (; r; n++) {
		struct export_request *next = r->next;

		export_request_free(r);
		r = next;
	}
	return n;
}

static void test_every_case(void **state)
{
	const struct test_case *t;
	const char *name, *help;

	for (size_t i = 0; export_target_at(i, &name, &help); i++) {
		struct export_config *c = config_of(name);

		for (size_t j = 0; (t = test_case_at(j)); j++) {
			struct cresset_profile *p = test_case_profile(t->name);
			struct export_request *list = NULL;
			int r = encode(c, p, &list);

			assert_true(r == 0 || (r == -EOPNOTSUPP && !strcmp(name, "ingest")));
			if (r == 0)
				assert_true(list->bytes && list->raw_bytes &&
					    strlen(list->id) == 36);
			free_list(list);
			cresset_profile_free(p);
		}
		export_config_free(c);
	}
}

static struct cresset_profile *many(unsigned int n, size_t name_bytes)
{
	struct cresset_profile *p = NULL;
	char *name = malloc(name_bytes + 32);

	assert_non_null(name);
	memset(name, 'n', name_bytes + 31);
	assert_int_equal(cresset_profile_new(&p), 0);
	assert_int_equal(cresset_profile_add_value_type(p, "samples", "count"), 0);
	assert_int_equal(cresset_profile_add_value_type(p, "cpu", "nanoseconds"), 0);
	cresset_profile_set_default_type(p, 1);
	assert_int_equal(cresset_profile_set_period(p, "cpu", "nanoseconds", 10), 0);
	cresset_profile_set_time(p, 1000000000, 5);
	assert_int_equal(cresset_profile_add_comment(p, "said once"), 0);
	assert_int_equal(cresset_profile_set_stat(p, "samples.taken", n), 0);
	for (unsigned int i = 0; i < n; i++) {
		uint32_t location = 0, stack = 0, labels = 0, key = 0;

		snprintf(name + name_bytes, 32, "%u", i);
		assert_int_equal(cresset_profile_add_frame(p, name, strlen(name), 0, &location), 0);
		assert_int_equal(cresset_profile_add_stack(p, &location, 1, &stack), 0);
		assert_int_equal(cresset_profile_add_string(p, "tid", 3, &key), 0);
		assert_int_equal(
			cresset_profile_add_labels(
				p, &(struct cresset_label){.key = key, .num = i % 7}, 1, &labels),
			0);
		assert_int_equal(cresset_profile_add_sample(p, stack, labels, (int64_t[]){1, 10}),
				 0);
	}
	free(name);
	return p;
}

static void test_slices_add_up(void **state)
{
	struct cresset_profile *p = many(1000, 3), *sum = NULL;

	assert_int_equal(cresset_profile_new(&sum), 0);
	for (size_t first = 0; first < 1000; first += 300) {
		struct cresset_profile *part = NULL;
		size_t n = first + 300 < 1000 ? 300 : 1000 - first;

		assert_int_equal(export_slice(p, first, n, &part), 0);
		assert_int_equal(cresset_profile_n_samples(part), n);
		assert_int_equal(cresset_profile_n_functions(part), n);
		assert_int_equal(cresset_profile_n_comments(part), first == 0);
		assert_int_equal(cresset_profile_n_stats(part), first == 0);
		assert_int_equal(cresset_profile_period(part), 10);
		assert_int_equal(cresset_profile_time_ns(part), 1000000000);
		assert_int_equal(cresset_profile_default_type(part), 1);
		assert_int_equal(cresset_profile_merge(sum, part), 0);
		cresset_profile_free(part);
	}
	assert_int_equal(cresset_profile_n_samples(sum), 1000);
	assert_int_equal(cresset_profile_total(sum, 1), 10000);
	assert_int_equal(cresset_profile_n_stacks(sum), cresset_profile_n_stacks(p));
	assert_int_equal(cresset_profile_n_label_sets(sum), cresset_profile_n_label_sets(p));
	cresset_profile_free(sum);
	cresset_profile_free(p);
}

static void test_split(void **state)
{
	struct export_config *c = config_of("pyroscope"), *files = config_of("http");
	struct export_request *list = NULL;
	struct cresset_profile *p = many(24001, 3);
	char first[EXPORT_ID_SIZE];

	assert_int_equal(encode(c, p, &list), 0);
	memcpy(first, list->id, sizeof(first));
	assert_string_not_equal(first, list->next->id);
	assert_int_equal(list->time_ns, 1000000005);
	assert_int_equal(free_list(list), 3);
	assert_int_equal(encode(files, p, &list), 0);
	assert_int_equal(free_list(list), 1);
	cresset_profile_free(p);
	p = many(700, 9000); /* 6 MB of names */
	assert_int_equal(encode(c, p, &list), 0);
	for (const struct export_request *r = list; r; r = r->next)
		assert_true(r->raw_bytes <= 3u << 20);
	assert_in_range(free_list(list), 3, 8);
	cresset_profile_free(p);
	p = many(1, 4u << 20);
	assert_int_equal(encode(c, p, &list), -E2BIG);
	cresset_profile_free(p);
	export_config_free(files);
	export_config_free(c);
}

/* The body of plain HTTP is the profile itself: read by someone else's decoder. */
static void test_is_pprof(void **state)
{
	struct export_config *c = config_of("http");
	struct cresset_profile *p = many(20, 3), *part = NULL;
	struct export_request *list = NULL;

	assert_int_equal(export_slice(p, 5, 10, &part), 0);
	assert_int_equal(encode(c, part, &list), 0);
	assert_int_equal(pprof_check(list->body, list->bytes,
				     (struct pprof_check_options){.recorded = true}, stderr),
			 0);
	free_list(list);
	cresset_profile_free(part);
	cresset_profile_free(p);
	export_config_free(c);
}

static void test_template(void **state)
{
	static const char *const cases[][2] = {
		{"/p/{service}/{name}", "/p/a%2Fb/process_cpu"},
		{"/{up}/{none}/x", "/_../_/x"},
		{"/{date}/{time}", "/1970-01-01/19700101T000001Z"},
		{"", ""},
		{"/plain", "/plain"},
	};
	struct cresset_profile *p = many(1, 3);
	struct export_config *c = config_of("http");
	struct export_input in = {.profile = p, .config = c, .labels = some_labels, .n_labels = 3};
	struct export_request *r = NULL;
	char *text = NULL;

	assert_int_equal(export_request_new(&r), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(template_fill(cases[i][0], &in, r, &text), 0);
		assert_string_equal(text, cases[i][1]);
		free(text);
	}
	assert_int_equal(template_fill("/{id}", &in, r, &text), 0);
	assert_string_equal(text + 1, r->id);
	free(text);
	export_request_free(r);
	export_config_free(c);
	cresset_profile_free(p);
}

static void test_labels(void **state)
{
	struct export_label many_labels[60];
	char names[60][8];
	unsigned int cut = 0;
	struct export_input in = {.labels = many_labels, .n_labels = 60, .labels_cut = &cut};
	struct labels l;

	for (int i = 0; i < 60; i++) {
		snprintf(names[i], sizeof(names[i]), "n%d", i);
		many_labels[i] = (struct export_label){names[i], "v"};
	}
	many_labels[1] = (struct export_label){"comm", "redis"};
	many_labels[2] = (struct export_label){"n.3", "first"};
	many_labels[3] = (struct export_label){"n_3", "second"};
	assert_int_equal(labels_init(&l, LABELS_PROMETHEUS, &in, 2), 0);
	assert_int_equal(l.n, 28);
	assert_int_equal(cut, 60 + 1 - 1 - 28); /* service_name more, n_3 is there already */
	assert_string_equal(l.list[0].name, "service_name");
	assert_string_equal(l.list[0].value, "redis");
	assert_string_equal(l.list[3].value, "first");
	labels_release(&l);
	in.n_labels = 0;
	assert_int_equal(labels_init(&l, LABELS_OTEL, &in, 0), 0);
	assert_string_equal(l.list[0].name, "service.name");
	assert_string_equal(l.list[0].value, "unknown");
	labels_release(&l);
}

static void test_no_memory(void **state)
{
	const char *name, *help;
	struct cresset_profile *p = many(13, 3);

	for (size_t i = 0; export_target_at(i, &name, &help); i++) {
		struct export_config *c = config_of(name);
		struct export_target small = *c->target;

		small.max_samples = 6;
		c->target = &small;
		for (unsigned int n = 1; alloc_fail_next(&n, 20000);) {
			struct export_request *list = NULL;
			int r = encode(c, p, &list);
			bool refused = alloc_fail_end();
			size_t parts = free_list(list);

			/* Where only a smaller block was refused the result is whole. */
			assert_true(r == -ENOMEM || (r == 0 && parts == 3));
			if (!refused) {
				assert_int_equal(r, 0);
				break;
			}
		}
		export_config_free(c);
	}
	cresset_profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_case), cmocka_unit_test(test_slices_add_up),
		cmocka_unit_test(test_split),	   cmocka_unit_test(test_is_pprof),
		cmocka_unit_test(test_template),   cmocka_unit_test(test_labels),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
