// SPDX-License-Identifier: Apache-2.0
/*
 * follow - brings the native walker what it needs: the mappings of processes and the tables of
 * files.
 *
 * It hears of processes in two ways. The process map tells what changed: programs started,
 * libraries mapped, processes forked and ended. And the walker itself asks ("misses") for what it
 * came across and did not have; whatever is lost or late in the first way is repaired by the
 * second.
 *
 * With `everything` (system-wide) all processes are published, a few at a time, but tables are only
 * loaded when a walk asks for them. Without, processes are published that are targets, their
 * children, or asked for, and then all of their files are loaded at once.
 *
 * All from one thread, that of the process map; what takes long happens elsewhere: compiling on the
 * loader's thread, waiting for walkers and for new pools on another.
 */
#ifndef UNWIND_FOLLOW_H
#define UNWIND_FOLLOW_H

#include "procmap.h"
#include "unwind/early.h"
#include "unwind/files.h"
#include "unwind/hotspot.h"
#include "unwind/procpages.h"
#include "unwind/tables.h"

struct follow_options {
	bool everything;
	uint64_t max_blocks;	  /* budget of tables */
	struct early *early;	  /* not owned; NULL: nothing was begun before */
	struct hotspot *hotspot;  /* not owned; NULL: Java VMs are not looked for */
	volatile uint32_t *epoch; /* in BPF's memory */
	/*
	 * A number that changes when walks have missed something; may be NULL. Looking into the map
	 * keeps the CPU from being sampled for some microseconds.
	 */
	uint64_t (*activity)(void *arg);
	void *arg;
};

struct follow_stats {
	struct tables_stats tables;
	struct procpages_stats pages;
	uint64_t pending;	 /* files asked for and not there yet */
	uint64_t misses;	 /* read */
	uint64_t miss_processes; /* of those: of processes or their mappings */
	uint64_t compile_ns;	 /* CPU time of the loader */
	uint64_t compiled_rows;	 /* before merging */
};

struct follow;

/* mem and pm stay the caller's and must outlive it. */
int follow_new(struct tabmem *mem, struct procmap *pm, const struct follow_options *options,
	       struct follow **ret);
void follow_free(struct follow *f);
/* Publishes a process and asks for its tables, as far as they are known now. */
int follow_process(struct follow *f, uint32_t pid);
/*
 * Publishes what has been begun early and asked for, as it gets finished, but waits no longer than
 * so: no sample should come late for a table's sake.
 */
int follow_await(struct follow *f, unsigned int max_ms);
/* Everything that is known: to be called once the process map has been filled. */
int follow_all(struct follow *f);
/*
 * Reads the side-band and the misses, publishes what came of them, and starts new jobs. Call often:
 * *ret_ms says how soon. 0, -ENOMEM or an error of the kernel's; the next call goes on in any case.
 */
int follow_serve(struct follow *f, uint64_t now_ns, unsigned int *ret_ms);
/* Readable when tables have been compiled. */
int follow_fd(const struct follow *f);
/* After each drain, when nothing of it is to be located any more. */
int follow_drained(struct follow *f);
/* The location of an address in the numbering of a dso of ours; always gives one. */
int follow_location(struct follow *f, struct cresset_profile *p, uint32_t dso, uint64_t address,
		    uint32_t flags, uint32_t *ret_location);
/* Where the tables' blocks are, for a walker in this process. */
const struct pool *follow_pool(const struct follow *f);
/* True if tables are still being compiled or asked for. */
bool follow_busy(const struct follow *f);
void follow_get_stats(const struct follow *f, struct follow_stats *ret);

#endif
