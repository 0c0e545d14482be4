// SPDX-License-Identifier: Apache-2.0
/*
 * hotspot - which processes are Java VMs, and where these keep their code, for the walker.
 *
 * A process that has generated code is asked whether one of its libraries is HotSpot's; the answer
 * is kept for each file. If so it gets a record in the kernel (bpf/unwind.h). A VM that is still
 * being started has one that says so: walks that come to its code then report a miss, whereupon the
 * process is published again, and the VM looked at again.
 *
 * The memory of processes is read as remote_reader does it, so a process that does not answer
 * cannot hold us up. What can be lost by that is the stacks of that process.
 */
#ifndef UNWIND_HOTSPOT_H
#define UNWIND_HOTSPOT_H

#include "procmap.h"
#include "unwind/hotspot_vm.h"

struct hotspot;

struct hotspot_options {
	/* Puts a record in the kernel; NULL: takes it away. 0 or -errno. */
	int (*set)(void *arg, uint32_t pid, const struct cresset_unwind_jvm *jvm);
	void *arg;
};

struct hotspot_stats {
	uint64_t vms;	    /* records now */
	uint64_t complete;  /* … of VMs that have been started */
	uint64_t failed;    /* could not be read, or there was no room in the kernel */
	uint64_t libraries; /* builds of HotSpot met */
};

int hotspot_new(const struct hotspot_options *options, struct hotspot **ret);
void hotspot_free(struct hotspot *h);
/* The executable ranges of a process, one after the other, and then what is to be done. NULL: no.
 */
void hotspot_begin(struct hotspot *h);
int hotspot_view(struct hotspot *h, const struct procmap_view *view);
int hotspot_end(struct hotspot *h, struct procmap *pm, uint32_t pid, uint32_t exec_id);
void hotspot_remove(struct hotspot *h, uint32_t pid);
/* The record of a process; NULL: it has none. Valid until the next call. */
const struct cresset_unwind_jvm *hotspot_find(const struct hotspot *h, uint32_t pid);
void hotspot_get_stats(const struct hotspot *h, struct hotspot_stats *ret);

#endif
