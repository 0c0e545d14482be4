// SPDX-License-Identifier: Apache-2.0
/*
 * ours - the native walker, compiled for the host, on a stopped thread.
 *
 * Tables are compiled from the files that the process has mapped, interned and published as the
 * recorder does; the walker reads them and the thread's memory as it would in the kernel.
 */
#ifndef SINGLESTEP_OURS_H
#define SINGLESTEP_OURS_H

#include "bpf/abi.h"
#include "tracee.h"

struct ours;

struct ours_stack {
	enum cresset_stop stop;
	size_t n;
	enum cresset_stop reason; /* of the first fallback; 0: there was none */
	size_t n_fallback;	  /* frames that did not come from tables */
	bool fallback[CRESSET_MAX_FRAMES];
	bool exact[CRESSET_MAX_FRAMES]; /* not a return address */
	uint64_t ips[CRESSET_MAX_FRAMES];
};

int ours_new(struct ours **ret);
void ours_free(struct ours *o);
/* The process has new mappings: reads them, and loads the tables of new files. 0 or -errno. */
int ours_map(struct ours *o, pid_t pid);
bool ours_knows(const struct ours *o, pid_t pid);
void ours_forget(struct ours *o, pid_t pid);
/* Is there code of the process mapped last? */
bool ours_is_code(const struct ours *o, uint64_t address);
bool ours_is_vdso(const struct ours *o, uint64_t address);
void ours_walk(struct ours *o, const struct tracee *t, struct ours_stack *ret);

#endif
