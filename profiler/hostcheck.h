// SPDX-License-Identifier: Apache-2.0
/*
 * hostcheck - what `doctor` looks at besides the kernel's features: capabilities, sysctls, limits,
 * files and libraries. A check reads, judges and says in a few words what it found; it changes
 * nothing.
 */
#ifndef PROFILER_HOSTCHECK_H
#define PROFILER_HOSTCHECK_H

#include <stddef.h>

enum check_level {
	CHECK_OK,
	CHECK_WARN, /* recording works, something is worse than it could be */
	CHECK_FAIL, /* no recording */
};

struct check_result {
	enum check_level level;
	char detail[200];
	char remedy[200]; /* "" if there is nothing to do */
};

struct hostcheck {
	const char *name;
	void (*run)(struct check_result *r);
};

/* The i-th check, NULL past the end. */
const struct hostcheck *hostcheck_at(size_t i);

#endif
