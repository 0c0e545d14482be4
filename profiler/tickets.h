// SPDX-License-Identifier: Apache-2.0
/*
 * tickets - user stacks that BPF could not take, read from outside while their threads sleep.
 *
 * BPF gives a wait a ticket and tells the registers; here the stack is walked (unwind/remote.h), as
 * soon as the tables for it are there. The wait's row names the ticket in place of a stack. A walk
 * counts only if the thread slept until it was done: BPF says when the wait of a ticket ended.
 */
#ifndef PROFILER_TICKETS_H
#define PROFILER_TICKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "core/hash.h"
#include "core/vec.h"

struct remote;

struct tickets {
	struct remote *remote; /* the caller's; NULL: no stack can be read */
	struct vec list;       /* struct ticket; [0] is empty */
	struct vec frames;     /* uint64_t */
	struct hash index;
	size_t n_waiting; /* not walked yet */
	uint64_t given;	  /* all in all */
	uint64_t late;	  /* of those: the thread ran before its stack had been read */
	uint64_t failed;  /* … it could not be read */
};

void tickets_init(struct tickets *t);
void tickets_release(struct tickets *t);
/* A report of kind TICKET. -ENOMEM: the wait will have no stack. */
int tickets_add(struct tickets *t, const struct cresset_thread_report *report);
/* A report of kind USED. */
void tickets_used(struct tickets *t, uint64_t id, uint64_t at_ns);
/* Walks those that are waiting. `last`: what tables are missing now will not come. */
void tickets_walk(struct tickets *t, bool last);
/*
 * The stack of a ticket, leaf first; *ret_flags has its stop reason and CRESSET_SAMPLE_LEAF_AFTER.
 * NULL with flags: there is none, and why.
 */
const uint64_t *tickets_frames(const struct tickets *t, uint64_t id, size_t *ret_n,
			       uint16_t *ret_flags);
/* Rows of waits that ended before this time have been read: their tickets can go. */
void tickets_expire(struct tickets *t, uint64_t before_ns);

#endif
