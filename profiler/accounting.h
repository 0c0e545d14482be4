// SPDX-License-Identifier: Apache-2.0
/*
 * accounting - what became of every sample, by the counters of CRESSET_STATS.
 *
 * BPF counts in one slot for each CPU and context, in pages mapped here, so reading costs no system
 * call. A slot is read while its CPU may be half way through a sample (taken, but not yet counted);
 * such a reading is repeated, so that taken == counted + filtered + unsampled + losses holds in
 * every snapshot.
 */
#ifndef PROFILER_ACCOUNTING_H
#define PROFILER_ACCOUNTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"

struct accounting {
	uint64_t stats[CRESSET_N_STATS];
	uint64_t stops[CRESSET_N_STOPS]; /* how user walks ended */
	uint64_t lost;			 /* sum of the losses */
};

/* Sums n slots. */
void accounting_read(const struct cresset_slot *slots, size_t n, struct accounting *ret);
/* "samples_full" for a loss; NULL for counters that are none. */
const char *accounting_cause(enum cresset_stat_id stat);
/* A half sentence on what the counter counts. */
const char *accounting_help(enum cresset_stat_id stat);

#endif
