// SPDX-License-Identifier: Apache-2.0
/*
 * unwind.h - the user half of an unwinder: what its walks mean.
 *
 * The BPF half (bpf/unw_<name>.bpf.c) leaves addresses, leaf first, and why it stopped. Only the
 * unwinder knows which of its stops prove that a stack is whole.
 */
#ifndef UNWIND_UNWIND_H
#define UNWIND_UNWIND_H

#include <stddef.h>

#include "bpf/abi.h"

struct unwinder {
	const char *name;
	const char *help;
	/*
	 * NULL if a user stack of n frames that stopped so is known to be whole (or there is none),
	 * else the reason to show at its root.
	 */
	const char *(*broken)(enum cresset_stop stop, size_t n);
};

#define UNWINDER_DECLARE(name) extern const struct unwinder unwinder_##name;
CRESSET_UNWINDERS(UNWINDER_DECLARE)

/* NULL past the end of the table. */
const struct unwinder *unwinder_at(enum cresset_unwinder_id id);
/* The text of CRESSET_STOPS. */
const char *unwind_stop_text(enum cresset_stop stop);

#endif
