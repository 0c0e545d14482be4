// SPDX-License-Identifier: Apache-2.0
/*
 * proctab - processes and their images, as side-band records tell them.
 *
 * A process (pid) has a list of images, newest first: an image is what ran between a fork or exec
 * and the next exec, exit or reuse of the pid. Samples name an image by exec id and may be drained
 * after it ended, so ended images stay until proctab_expire() has been told of two more drains.
 *
 * What the scan saw has a time; records up to that time are in it already and change nothing
 * (`seen_ns`). An image whose beginning was lost has no known exec id and matches every one.
 */
#ifndef PROFILER_PROCTAB_H
#define PROFILER_PROCTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hash.h"
#include "core/vec.h"

#include "addrspace.h"

enum {
	PROCTAB_COMM_BYTES = 16,
	PROCTAB_MAX_PROCESSES = 1 << 18,
	PROCTAB_MAX_IMAGES = 64, /* of one process */
};

struct image {
	struct image *older;
	uint32_t exec_id;
	bool exec_known;
	bool by_exec; /* `older` is what the same process ran before */
	bool ended;
	uint64_t ended_drain;
	uint64_t seen_ns;
	struct addrspace space;
	char comm[PROCTAB_COMM_BYTES]; /* "": unknown */
	/* The owner's, for reading /proc again. */
	uint64_t rescan_drain; /* not before this drain */
	uint32_t rescan_wait;
	uint64_t rescan_lost; /* records that were lost when it was last read */
	/* The owner's cache: its "[unknown]" mapping in the profile of an epoch. */
	uint64_t unknown_epoch;
	uint32_t unknown_mapping;
};

struct process {
	uint32_t pid;
	uint32_t ppid;
	size_t n_images;
	bool running;	      /* the scan said so */
	bool changed;	      /* its pid is in the table's list */
	struct image *newest; /* never NULL */
};

struct proctab {
	struct vec processes; /* struct process * */
	struct hash index;    /* pid to position + 1 */
	uint64_t drain;	      /* counts proctab_expire() */
	bool tell_changes;    /* keep the list of changes; somebody empties it */
	struct vec changes;   /* uint32_t, pids of processes that are not what they were */
	uint64_t dropped;     /* for a limit */
};

void proctab_init(struct proctab *t);
void proctab_release(struct proctab *t);

struct process *proctab_find(const struct proctab *t, uint32_t pid);
/* The image with that exec id, else the newest. */
struct image *process_image(const struct process *p, uint32_t exec_id, bool *ret_exact);

/*
 * What happened. All return 0 or -ENOMEM; at a limit the event is dropped and counted. A record
 * that is not newer than seen_ns of the process's newest image is ignored.
 */
int proctab_fork(struct proctab *t, uint32_t pid, uint32_t ppid, uint64_t time_ns);
int proctab_exec(struct proctab *t, uint32_t pid, const char *comm, uint64_t time_ns);
int proctab_comm(struct proctab *t, uint32_t pid, const char *comm, uint64_t time_ns);
int proctab_exit(struct proctab *t, uint32_t pid, uint64_t time_ns);
int proctab_mmap(struct proctab *t, uint32_t pid, const struct addrspace_range *range,
		 bool joinable, uint64_t time_ns);

/*
 * The image that a scan sees: the newest if it has that exec id and has not ended, else a new one.
 * exec_known false: the newest unless it ended.
 */
int proctab_seen(struct proctab *t, uint32_t pid, uint32_t exec_id, bool exec_known,
		 uint64_t time_ns, struct process **ret);
/* Adds a range to an image; like proctab_mmap() where the limits are concerned. */
int proctab_add_range(struct proctab *t, struct image *image, const struct addrspace_range *range,
		      bool joinable);
void image_set_comm(struct image *image, const char *comm);
/* Empties the list of changes; pids[] stands until the next event. */
void proctab_take_changes(struct proctab *t, const uint32_t **ret_pids, size_t *ret_n);

/*
 * Ends a drain: drops images that ended before the last one but one. Whether a process whose leader
 * has exited still runs (other threads) is asked of alive().
 */
void proctab_expire(struct proctab *t, bool (*alive)(void *arg, uint32_t pid), void *arg);
/* After lost records: ends processes that are not alive. */
void proctab_check(struct proctab *t, bool (*alive)(void *arg, uint32_t pid), void *arg);
/* Bytes, about; and ranges of all images. */
size_t proctab_memory(const struct proctab *t, size_t *ret_ranges);

#endif
