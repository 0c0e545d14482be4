// SPDX-License-Identifier: Apache-2.0
/*
 * alloc_fail.h - makes the n-th allocation of the code under test fail.
 *
 * Test programs are linked with --wrap for the allocating functions, so every call from our own
 * modules comes here first (calls made inside libc or other libraries do not). Outside of a
 * countdown nothing changes. The usual loop: run the code with every n until it gets through, and
 * let ASan look for leaks and use after free on each of the ways out.
 *
 *     for (unsigned int n = 1; alloc_fail_next(&n, 10000);) {
 *             r = thing_new(&thing);
 *             if (!alloc_fail_end())
 *                     break;                       // all allocations were granted: done
 *             assert_int_equal(r, -ENOMEM);
 *     }
 *
 * Not for tests with several threads: one counter serves the whole process.
 */
#ifndef TESTS_ALLOC_FAIL_H
#define TESTS_ALLOC_FAIL_H

#include <stdbool.h>

/* The n-th allocation from now on fails (1: the next), once. */
void alloc_fail_begin(unsigned int n);
/* Ends it; true if an allocation was refused. */
bool alloc_fail_end(void);
/* Loop condition: begins with *n and counts it up; false once max is passed. */
bool alloc_fail_next(unsigned int *n, unsigned int max);

#endif
