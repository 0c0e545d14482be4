// SPDX-License-Identifier: Apache-2.0
/*
 * remote_walker - the kernel's walkers of user stacks (bpf/unw_*.bpf.c), running in the recorder.
 *
 * Knows no process: memory comes from whoever made it. See remote.h.
 */
#ifndef UNWIND_REMOTE_WALKER_H
#define UNWIND_REMOTE_WALKER_H

#include "unwind/remote.h"

struct remote_walker;

/* All of the bytes, and 0; or they cannot be had: anything else. */
typedef int (*remote_read_fn)(void *arg, void *to, uint32_t size, uint64_t from);

int remote_walker_new(const struct remote_options *options, remote_read_fn read, void *arg,
		      struct remote_walker **ret);
void remote_walker_free(struct remote_walker *w);
/* As remote_walk(), but that it always comes to a stop. */
enum cresset_stop remote_walker_walk(struct remote_walker *w, const struct remote_thread *thread,
				     uint64_t *ret_frames, size_t *ret_n);
/* Of all walks: enum cresset_stat_id. */
uint64_t remote_walker_stat(const struct remote_walker *w, enum cresset_stat_id id);
uint64_t remote_walker_misses(const struct remote_walker *w);

#endif
