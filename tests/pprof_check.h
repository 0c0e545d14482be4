// SPDX-License-Identifier: Apache-2.0
/*
 * pprof_check.h - is this a pprof file that every reader takes?
 *
 * Checks the intersection of what is asked by pprof's own definition, by go tool pprof, by Parca
 * (ids are 1, 2, 3 … in table order; types and units are PromQL names) and by Pyroscope (UTF-8; no
 * '-' in types), much of which go tool pprof lets pass. It reads through protobuf-c and zlib,
 * sharing no code with our own writer and reader.
 */
#ifndef TESTS_PPROF_CHECK_H
#define TESTS_PPROF_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct pprof_check_options {
	bool recorded; /* has a time, a duration and a period, as recordings do */
	bool negative; /* values may be: it is a difference */
};

/* Writes each breach to report as a line. Returns how many there are. */
size_t pprof_check(const void *data, size_t size, struct pprof_check_options options, FILE *report);

#endif
