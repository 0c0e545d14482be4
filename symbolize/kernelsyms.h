// SPDX-License-Identifier: Apache-2.0
/*
 * kernelsyms - names of kernel addresses: the kernel is asked, or its list is read.
 *
 * Who has a way to ask the kernel for single names (cresset_kernel_names_find) pays a microsecond
 * for each; the list of all (kallsyms.h) takes some 70 ms and 8 MB, so it is read once and kept.
 * Then BPF programs are what is wrong first, as they come and go at the same addresses: their names
 * are not believed when the list is old, and an address without a name has it read again.
 */
#ifndef SYMBOLIZE_KERNELSYMS_H
#define SYMBOLIZE_KERNELSYMS_H

#include <cresset/symbolizer.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/strtab.h"
#include "kallsyms.h"

enum {
	KERNELSYMS_BATCH = CRESSET_KERNEL_NAMES_MAX,
	KERNELSYMS_NAMELESS = 64,
};

struct kernelsyms {
	cresset_kernel_names_fn ask; /* NULL: nobody can be asked */
	void *ask_arg;
	struct cresset_kernel_name *answers; /* of one question */
	char *path;			     /* of the list */
	struct kallsyms *list;
	uint64_t list_run; /* that read it, or failed to; 0: none yet */
	uint64_t list_ns;
	bool list_missing;
	/* Addresses that stay without a name, so that they do not cost a reading in each run. */
	uint64_t nameless[KERNELSYMS_NAMELESS]; /* a ring */
	uint64_t n_nameless;			/* ever */
	struct strtab names;			/* that were found since kernelsyms_begin() */
};

/* path NULL: the kernel's own list. -ENOMEM. */
int kernelsyms_init(struct kernelsyms *k, const char *path, cresset_kernel_names_fn ask,
		    void *ask_arg);
void kernelsyms_release(struct kernelsyms *k);

/* What kernelsyms_find() gives is good until kernelsyms_end(). -ENOMEM. */
int kernelsyms_begin(struct kernelsyms *k);
void kernelsyms_end(struct kernelsyms *k);
/*
 * The names of at most KERNELSYMS_BATCH addresses; a name of NULL: it has none. Equal names are the
 * same pointers. `run` counts calls, 1 and up: the list is read once in each at most. -ENOMEM.
 */
int kernelsyms_find(struct kernelsyms *k, uint64_t run, const uint64_t *addresses, size_t n,
		    struct kallsym *ret);

#endif
