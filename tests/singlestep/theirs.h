// SPDX-License-Identifier: Apache-2.0
/*
 * theirs - the same stack by those who are asked whether ours is right: libunwind and libdw, both
 * on the process as it stands still.
 */
#ifndef SINGLESTEP_THEIRS_H
#define SINGLESTEP_THEIRS_H

#include "bpf/abi.h"
#include "tracee.h"

enum { THEIRS_MAX_FRAMES = CRESSET_MAX_FRAMES };

struct theirs_stack {
	size_t n;
	bool whole; /* it came to an end, not to an error */
	uint64_t ips[THEIRS_MAX_FRAMES];
};

struct theirs_unw;
struct theirs_dw;

int theirs_unw_new(struct theirs_unw **ret);
void theirs_unw_free(struct theirs_unw *u);
/* What it has remembered of the process's code is not true any more. */
void theirs_unw_flush(struct theirs_unw *u);
void theirs_unw_walk(struct theirs_unw *u, const struct tracee *t, struct theirs_stack *ret);

int theirs_dw_new(struct theirs_dw **ret);
void theirs_dw_free(struct theirs_dw *d);
void theirs_dw_flush(struct theirs_dw *d);
enum described { DESCRIBED_NOT, DESCRIBED, DESCRIBED_END /* the outermost frame */ };

/* What unwind information says of the code at this address. */
enum described theirs_dw_describes(struct theirs_dw *d, const struct tracee *t, uint64_t address);
void theirs_dw_walk(struct theirs_dw *d, const struct tracee *t, struct theirs_stack *ret);

#endif
