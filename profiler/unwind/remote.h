// SPDX-License-Identifier: Apache-2.0
/*
 * remote - the user stack of a thread that sleeps, walked from outside.
 *
 * BPF can only walk the stack of the task that runs. A thread that sleeps since before the
 * recording began (or whose switch-out was not sampled) has its registers saved in the kernel and
 * its stack in its memory; from those the very steps of the kernel's walker (bpf/unw_*.bpf.c, built
 * a second time for the host: remote_walker.c) find the frames by the very tables. So a stack has
 * the same frames, in the same encoding, with the same flags and reason to stop, whoever walked it.
 *
 * What is asked of the process is only what is resident, as in the kernel: nothing is paged in for
 * us, and no other process's page fault handler is waited for (remote_reader.h).
 *
 * Two things are the caller's: where the first address is behind its instruction (a system call),
 * the sample's CRESSET_SAMPLE_LEAF_AFTER; and that the thread slept all the while: if it has been
 * switched in since its registers were taken, the walk is of two different stacks and must be
 * thrown away.
 *
 * All from the session's thread.
 */
#ifndef UNWIND_REMOTE_H
#define UNWIND_REMOTE_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/abi.h"
#include "bpf/registers.h"
#include "unwind/pool.h"

struct remote;

struct remote_options {
	enum cresset_unwinder_id unwinder;
	bool tables_only; /* as cresset_config.tables_only */
	/* What the native unwinder walks by; they must outlive the remote. NULL for others. */
	struct tabmem *mem;
	const struct pool *pool;
	const volatile uint32_t *epoch; /* in BPF's memory: the time at which tables are used */
	/* A process's entry in unwind_jvms: 0, or -ENOENT. NULL: no process has one. */
	int (*get_jvm)(void *arg, uint32_t pid, struct cresset_unwind_jvm *ret);
	void *arg;
};

/* A thread that sleeps. All of general[] is wanted by the native unwinder only. */
struct remote_thread {
	uint32_t pid;
	uint32_t tid;
	uint32_t exec_id;
	struct cresset_registers registers;
};

struct remote_stats {
	uint64_t walks;
	uint64_t gone;	    /* of those: the thread or its memory was not there any more */
	uint64_t refused;   /* … its memory may not be read: needs CAP_SYS_PTRACE */
	uint64_t slow;	    /* … its memory did not answer in time; left alone for a while */
	uint64_t frames;    /* found */
	uint64_t fallback;  /* of those: found by a fallback */
	uint64_t misses;    /* noted for the loader */
	uint64_t reads;	    /* of memory, each of some pages */
	uint64_t not_there; /* of those: nothing was resident */
	uint64_t misses_full;
};

/* -ENOMEM. */
int remote_new(const struct remote_options *options, struct remote **ret);
/* Never waits for a process that does not answer. */
void remote_free(struct remote *r);
/*
 * Frames leaf first into ret_frames[CRESSET_MAX_FRAMES], as CRESSET_FRAME_* say. Returns an enum
 * cresset_stop; or -ESRCH: gone, -EPERM, -ETIMEDOUT, -EAGAIN: as slow, and left alone now, -ENOMEM.
 * With NOT_KNOWN, NO_TABLE, EVICTED and NOT_MAPPED misses have been noted, as those of the
 * kernel's walks; ask again some milliseconds after the unwinder was served.
 */
int remote_walk(struct remote *r, const struct remote_thread *thread, uint64_t *ret_frames,
		size_t *ret_n);
void remote_get_stats(const struct remote *r, struct remote_stats *ret);

#endif
