// SPDX-License-Identifier: Apache-2.0
/*
 * What a store answers, as pprof: named locations have lost their address there and mappings have
 * not lost their range, and strict readers take it nevertheless.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pprof_check.h"
#include "store/store.h"
#include "support/cases.h"
#include "support/formats.h"
#include "support/store_fill.h"

static struct cresset_profile *through_store(const char *name)
{
	static const struct store_type types[] = {{"samples", "count"}, {"cpu", "nanoseconds"}};
	static const char *const labels[] = {"comm"};
	struct cresset_profile *p = test_case_profile(name), *back = NULL;
	const int64_t begin = cresset_profile_time_ns(p);
	struct store_options o = {.max_age_ns = INT64_MAX};
	struct store_query q = {.from_ns = begin - 1,
				.to_ns = begin + cresset_profile_duration_ns(p) + 1,
				.types = types,
				.n_types = 2,
				.keep_labels = labels,
				.n_keep_labels = 1};
	struct cresset_error err = {.text = ""};
	char *folder = store_fill_folder();
	struct store_result result;
	struct store *s;

	if (store_open(folder, &o, &s, &err) < 0 || store_append(s, p, &err) < 0 ||
	    store_query(s, &q, &back, &result, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(result.windows, 1);
	store_close(s);
	store_fill_remove(folder);
	cresset_profile_free(p);
	return back;
}

static void test_strict_readers(void **state)
{
	struct cresset_profile *p = through_store("recorded");
	bool far = false;
	char *data, *report = NULL;
	size_t n, n_report, breaches;
	FILE *f = open_memstream(&report, &n_report);

	/* It is about a range that the address is not in. */
	for (uint32_t i = 1; i <= cresset_profile_n_locations(p); i++) {
		const struct cresset_location *l = cresset_profile_location(p, i);

		far |= !l->address && cresset_profile_mapping(p, l->mapping)->start;
	}
	assert_true(far);
	assert_non_null(f);
	assert_int_equal(format_to_memory("pprof", p, NULL, &data, &n), 0);
	breaches = pprof_check(data, n, (struct pprof_check_options){.recorded = false}, f);
	fclose(f);
	if (breaches)
		fail_msg("%s", report);
	free(report);
	free(data);
	cresset_profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_strict_readers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
