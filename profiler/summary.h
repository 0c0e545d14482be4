// SPDX-License-Identifier: Apache-2.0
/*
 * summary - how good a recording is, in a few lines: what became of every sample, how many user
 * stacks are whole, how many frames have a name. The numbers come from the profile's stats, so
 * `record` prints them when it ends and `report` prints the same ones from a file years later.
 *
 * Shares are rounded down: 99.96 % is never shown as 100 %.
 */
#ifndef PROFILER_SUMMARY_H
#define PROFILER_SUMMARY_H

#include <cresset/profile.h>
#include <stdio.h>

struct summary {
	bool has_samples, has_stacks, has_frames, has_unwind;
	bool by_count; /* stacks and frames are weighted by events, not by time */
	uint64_t taken, written, filtered, unsampled, lost;
	uint64_t user, complete, clean;
	uint64_t frames, named;
	uint64_t by_table, by_jit, by_fallback; /* frames */
	uint64_t tables, rows, bytes, evicted, refused;
};

void summary_read(struct summary *s, const struct cresset_profile *p);
/* taken - written - filtered - unsampled - lost: 0, or the accounting is wrong. */
int64_t summary_unaccounted(const struct summary *s);
/* Prints what the profile knows of it; nothing if it knows nothing. */
void summary_print(FILE *f, const struct cresset_profile *p);

/* Of recordings that followed context switches (summary_time.c): where the time went. */
void summary_print_time(FILE *f, const struct cresset_profile *p);

/* "99.8 %" of part in whole, rounded down; "-" if whole is 0. Returns buf. */
const char *summary_share(uint64_t part, uint64_t whole, char *buf, size_t size);
/* "12.3 MB". Returns buf. */
const char *summary_bytes(uint64_t bytes, char *buf, size_t size);

#endif
