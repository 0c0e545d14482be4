// SPDX-License-Identifier: Apache-2.0
/*
 * wakers - who woke the thread of a wait: the user half of bpf/wakers.h.
 *
 * A sample names a record, or a list of records, by the id of a row of the stacks maps. Records are
 * drained, kept and forgotten with the stacks (kept.h). A thread remembers its wakers for as long
 * as an epoch, so whoever asks for what is kept on its behalf must ask for all that a record names.
 */
#ifndef PROFILER_WAKERS_H
#define PROFILER_WAKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "kept.h"

struct waker {
	uint64_t kernel_stack; /* ids; 0: none */
	uint64_t user_stack;
	uint32_t pid;
	uint32_t exec_id;
	uint16_t flags;		 /* CRESSET_SAMPLE_* */
	uint32_t kernel_skipped; /* frames that were not asked for */
	char comm[CRESSET_COMM_BYTES];
};

/* The words of a row as a record. False: it is none. */
bool waker_read(const uint64_t *words, size_t n, struct waker *ret);
/*
 * The ids of a sample's records, nearest first, at most CRESSET_MAX_WAKERS: `words` are of the row
 * that it names, `depth` is config.waker_depth.
 */
size_t waker_ids(uint64_t id, unsigned int depth, const uint64_t *words, size_t n, uint64_t *ret);
/* kept_touch() of all that an open wait's waker names. */
void wakers_touch(struct kept *kept, uint64_t id, unsigned int depth);

#endif
