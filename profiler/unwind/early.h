// SPDX-License-Identifier: Apache-2.0
/*
 * early - tables of what is about to be sampled, compiled while the BPF programs are being loaded.
 *
 * Loading keeps one CPU busy for 50 ms. By then the process map has been filled on another thread,
 * which hands the files of targets, or, system-wide, of what was running, to the loader. So they
 * are there when the first sample is taken, and nothing has waited for them. Everything else is
 * loaded when a walk asks for it.
 *
 * One thread at a time: that of the scan adds, then the owner of the process map takes over.
 */
#ifndef UNWIND_EARLY_H
#define UNWIND_EARLY_H

#include "core/vec.h"
#include "procmap.h"
#include "unwind/loader.h"

enum {
	EARLY_MAX_FILES = 64,
	EARLY_MAX_PROCESSES = 16,
	/* Of the loader's results: file i has EARLY_FIRST_ID + i. No dso has such an id. */
	EARLY_FIRST_ID = 1 << 20,
};

struct early_file {
	uint32_t binary; /* of the process map; pinned */
	uint32_t dso;	 /* whose table it is to be; 0: nobody's */
	bool done;
	bool ignored; /* not to be loaded for what is there at the start */
};

struct early {
	struct loader *loader;
	struct vec files; /* struct early_file */
	size_t n_done;
	size_t n_ignored;
};

/* -ENOMEM or why there is no thread. */
int early_new(struct early **ret);
void early_free(struct early *e);
/* Hands over the files of a process; those beyond the limit wait until they are asked for. */
int early_add(struct early *e, struct procmap *pm, uint32_t pid);
/*
 * The files of this process are not to be loaded before a walk misses them, or a process comes to
 * have them later. A command's process begins as a copy of the recorder, with 40 files of which
 * none will be sampled.
 */
int early_ignore(struct early *e, struct procmap *pm, uint32_t pid);
bool early_ignores(const struct early *e, uint32_t binary);
/* As early_add() for what runs now; of this process, for what it needs while it records. */
int early_add_running(struct early *e, struct procmap *pm);
/* The file of a result; NULL: it is another's. */
struct early_file *early_find(const struct early *e, uint32_t result_id);
/* Files that the loader is still at. */
size_t early_pending(const struct early *e);

#endif
