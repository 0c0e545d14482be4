// SPDX-License-Identifier: Apache-2.0
/*
 * feature - what this kernel can do for a profiler, found out by trying.
 *
 * Each row of the table has a name and a probe: a two-instruction program of the kind in question
 * is loaded, an event is opened, a map made and used. Versions are never compared: distributions
 * backport, and builds leave things out. A probe runs once; its result is kept. (The file is not
 * called features.h: the C library includes one of that name.)
 */
#ifndef PROFILER_FEATURE_H
#define PROFILER_FEATURE_H

#include <stdbool.h>
#include <stddef.h>

enum { FEATURE_TEXT = 128 };

struct feature {
	const char *name;
	bool required;	    /* no recording without it */
	const char *what;   /* what it is for */
	const char *remedy; /* what to do where it is missing */
	/* 0 or -errno; may leave a few words in detail. */
	int (*probe)(char detail[FEATURE_TEXT]);
};

struct features;

int features_new(struct features **ret);
void features_free(struct features *f);

/* The i-th row, NULL past the end. */
const struct feature *feature_at(size_t i);
/* Its result: 0, or the -errno of the attempt. *ret_detail (may be NULL) lives as long as f. */
int features_probe(struct features *f, size_t i, const char **ret_detail);

#endif
