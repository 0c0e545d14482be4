// SPDX-License-Identifier: Apache-2.0
/*
 * files - what the kernel is told of files by device and inode, so that the walker knows what it
 * finds mapped in a process of which nothing has been published (bpf/unwind_vma.bpf.c).
 *
 * One file may have several names here (a library in several containers is one table by build-id),
 * and one name stands for one file: with another size or time of change it is another one, and the
 * old entry is replaced. What does not fit is counted; its processes are known when they are
 * published, as all were.
 */
#ifndef UNWIND_FILES_H
#define UNWIND_FILES_H

#include "core/hash.h"
#include "core/vec.h"
#include "procmap.h"
#include "unwind/tabmem.h"

struct files {
	struct tabmem *mem;
	struct vec entries; /* struct files_entry */
	struct hash index;  /* position + 1 */
	uint64_t full;	    /* not told: no room */
};

void files_init(struct files *f, struct tabmem *mem);
void files_release(struct files *f);
/* Tells the kernel, unless it knows already. -ENOMEM. */
int files_add(struct files *f, const struct procmap_binary *b, uint32_t dso);
int files_add_vdso(struct files *f, uint32_t dso);
/* The id is about to mean nothing. */
void files_forget(struct files *f, uint32_t dso);

#endif
