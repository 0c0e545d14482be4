// SPDX-License-Identifier: Apache-2.0
/*
 * walk.h - the stack of a snapshot as two other unwinders see it: libdw and libunwind.
 *
 * Both read the stack from the copy, and code and unwind information from the process that is still
 * there (it may run on: what is read of it does not change). Neither shares code or tables with
 * cresset. libdw falls back to the frame pointer where no unwind information is and does not say
 * so; libunwind does that too. What neither can see is a frame on a signal's alternate stack, as
 * only one stack was copied.
 */
#ifndef TESTS_ORACLE_WALK_H
#define TESTS_ORACLE_WALK_H

#include <stdbool.h>

#include "oracle/snapshot.h"

enum { ORACLE_MAX_FRAMES = 512 };

struct oracle_stack {
	size_t n;
	uint64_t pcs[ORACLE_MAX_FRAMES]; /* run-time addresses, leaf first; returns unadjusted */
	bool bottom;			 /* the end was reached by the rules, not by a failure */
};

/* A process as libdw knows it. */
struct oracle_dw;

int oracle_dw_new(pid_t pid, struct oracle_dw **ret);
void oracle_dw_free(struct oracle_dw *d);
void oracle_dw_walk(struct oracle_dw *d, const struct snapshot *snap, struct oracle_stack *ret);
/* The file (its base name) that pc is in and pc's virtual address in it. False: in none. */
bool oracle_dw_locate(struct oracle_dw *d, uint64_t pc, const char **ret_file,
		      uint64_t *ret_address);
/* The function, or "?". */
const char *oracle_dw_name(struct oracle_dw *d, uint64_t pc);

/* As libunwind knows it. */
struct oracle_unw;

int oracle_unw_new(pid_t pid, struct oracle_unw **ret);
void oracle_unw_free(struct oracle_unw *u);
void oracle_unw_walk(struct oracle_unw *u, const struct snapshot *snap, struct oracle_stack *ret);

#endif
