// SPDX-License-Identifier: Apache-2.0
/*
 * unwind.h - the user half of an unwinder: what its walks need and what they mean.
 *
 * The BPF half (bpf/unw_<name>.bpf.c) leaves addresses, leaf first, and why it stopped. Only the
 * unwinder knows which of its stops prove that a stack is whole. One that walks by tables also has
 * to bring them while the session runs; those functions may be NULL, and all get the session.
 */
#ifndef UNWIND_UNWIND_H
#define UNWIND_UNWIND_H

#include <stddef.h>

#include <cresset/recorder.h>

#include "bpf/abi.h"

struct session;
struct remote;

struct unwinder {
	const char *name;
	const char *help;
	/*
	 * NULL if a user stack of n frames that stopped so is known to be whole (or there is none),
	 * else the reason to show at its root.
	 */
	const char *(*broken)(enum cresset_stop stop, size_t n);

	/* Before all else; makes session.unwind. -ENOMEM and the like. */
	int (*begin)(struct session *s);
	/*
	 * The process map has been filled. On another thread, while the programs are being loaded,
	 * so nothing of the session may be touched but that map and what the unwinder keeps apart.
	 */
	int (*scanned)(struct session *s);
	/* The programs are opened but not loaded: sizes of maps, constants, what is to be loaded.
	 */
	int (*configure)(struct session *s, struct cresset_error *err);
	/* They are loaded, nothing is attached. */
	int (*open)(struct session *s, struct cresset_error *err);
	/* Before the first sample. */
	int (*attach)(struct session *s, struct cresset_error *err);
	/* The last step before samples are being taken. */
	int (*start)(struct session *s);
	/* To be called when *ret_ms of the last call have passed, or the descriptor is readable. */
	int (*serve)(struct session *s, unsigned int *ret_ms);
	int (*fd)(const struct session *s);
	/* All of a drain has been located. */
	int (*drained)(struct session *s);
	/* Of a frame that names a dso (bpf/unwind.h); always gives one unless memory is out. */
	int (*location)(const struct session *s, struct cresset_profile *p, uint64_t frame,
			uint64_t address, uint32_t flags, uint32_t *ret_location);
	/* What walks the stacks of threads that sleep (unwind/remote.h); it stays the unwinder's.
	 */
	int (*remote)(struct session *s, struct remote **ret);
	/* Stats of the profile. */
	int (*finish)(struct session *s);
	void (*get_stats)(const struct session *s, struct cresset_recorder_stats *ret);
	/* session.unwind may be NULL. */
	void (*release)(struct session *s);
};

#define UNWINDER_DECLARE(name) extern const struct unwinder unwinder_##name;
CRESSET_UNWINDERS(UNWINDER_DECLARE)

/* NULL past the end of the table. */
const struct unwinder *unwinder_at(enum cresset_unwinder_id id);
enum cresset_unwinder_id unwinder_id(const struct unwinder *u);
/* The text of CRESSET_STOPS. */
const char *unwind_stop_text(enum cresset_stop stop);

#endif
