// SPDX-License-Identifier: Apache-2.0
/*
 * cases.h - profiles made by hand that between them have everything a profile can have. Used by the
 * tests of the formats and by the goldens; nothing in them depends on the machine.
 */
#ifndef TESTS_SUPPORT_CASES_H
#define TESTS_SUPPORT_CASES_H

#include <stdbool.h>

#include <cresset/profile.h>

struct test_case {
	const char *name;
	int (*build)(struct cresset_profile *p);
	bool odd; /* has values that strict readers of pprof refuse: negative ones */
};

/* The i-th case, NULL past the end. */
const struct test_case *test_case_at(size_t i);
/* A new profile of the case of that name; aborts if it cannot be made. */
struct cresset_profile *test_case_profile(const char *name);

#endif
