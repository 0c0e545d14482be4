// SPDX-License-Identifier: Apache-2.0
/*
 * loader - compiles unwind tables on a thread of its own, so that draining never waits for it.
 *
 * Jobs are done in the order in which they were submitted. Each gives one result, whatever happens.
 * The thread holds nothing but its job: results are published by the thread that takes them. It
 * runs at the priority of its creator: on a machine that is busy all the time (load 20 on 2 CPUs) a
 * thread of the lowest one loaded 4 tables in 4 seconds, and stacks stayed broken for as long.
 */
#ifndef UNWIND_LOADER_H
#define UNWIND_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unwind/cfi_table.h"

struct loader;

struct loader_result {
	uint32_t id; /* as submitted */
	int error;   /* of cfi_table_compile_fd(), or of the call */
	uint64_t cpu_ns;
	struct cfi_table *table; /* the taker's; NULL on error */
};

int loader_new(struct loader **ret);
/* Ends the thread after the job that it is at. */
void loader_free(struct loader *l);
/* Takes the descriptor, also when it fails with -ENOMEM. */
int loader_submit_fd(struct loader *l, uint32_t id, int fd);
/* The image must outlive the loader. */
int loader_submit_memory(struct loader *l, uint32_t id, const void *image, size_t size);
/* Any other work that takes long: fn(arg) on the thread; its value is the result's error. */
int loader_submit_call(struct loader *l, uint32_t id, int (*fn)(void *arg), void *arg);
/* Readable while there are results. */
int loader_fd(const struct loader *l);
/* False if there is none now. */
bool loader_take(struct loader *l, struct loader_result *ret);
/* Submitted and not taken yet. */
size_t loader_pending(const struct loader *l);

#endif
