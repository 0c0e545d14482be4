// SPDX-License-Identifier: Apache-2.0
/*
 * verdict.h - our stack against libdw's, and why they differ if they do.
 *
 * A sample counts where libdw comes to the bottom. It is equal if all addresses are, each in the
 * same file, and our walk says that it is whole. A walk that ended because user space had not
 * brought a table yet says so, and is counted apart. Each disagreement belongs to a class: the file
 * and function of the last frame in common, how our walk ended, and with whom libunwind agrees.
 */
#ifndef TESTS_ORACLE_VERDICT_H
#define TESTS_ORACLE_VERDICT_H

#include "core/vec.h"
#include "oracle/record.h"
#include "oracle/walk.h"

enum verdict_side { VERDICT_CRESSET, VERDICT_LIBDW, VERDICT_NEITHER, VERDICT_NOBODY };

struct verdict_counts {
	uint64_t samples;   /* with a stack of ours */
	uint64_t unmatched; /* without one */
	uint64_t early;	    /* a table or mapping was still being loaded: not compared */
	uint64_t compared;  /* libdw came to the bottom */
	uint64_t equal;
	uint64_t cut;			     /* deeper than we walk, and equal as far as that */
	uint64_t sided[VERDICT_NEITHER + 1]; /* disagreements, by whom libunwind agrees with */
	uint64_t callers, callers_right;     /* the direct caller of the leaf */
	uint64_t whole, fallback;	     /* of our stacks */
	uint64_t only_ours;		     /* whole, where libdw failed */
	uint64_t stops[CRESSET_N_STOPS];     /* how our walks ended */
};

struct verdict_class {
	char what[200];
	uint64_t count;
	char example[1400];
};

struct verdict {
	struct vec files;   /* what a dso id was seen to be */
	struct vec classes; /* struct verdict_class */
	bool verbose;	    /* other frames are another class */
};

void verdict_init(struct verdict *v);
void verdict_release(struct verdict *v);
/* -ENOMEM */
int verdict_add(struct verdict *v, const char *program, const struct oracle_record *ours,
		const struct snapshot *snap, struct oracle_dw *dw, struct oracle_unw *unw,
		struct verdict_counts *counts);
void verdict_print(const struct verdict *v);
/* As in CRESSET_STOPS. */
const char *verdict_stop_name(uint32_t stop);

#endif
