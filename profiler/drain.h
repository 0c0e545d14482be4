// SPDX-License-Identifier: Apache-2.0
/*
 * drain - empties the generation of maps that is not being filled.
 *
 * drain_switch() flips the generation and waits for the CPUs that are still writing to the old one
 * (microseconds). drain_read() then takes all rows and stacks of the old one out of the maps, in
 * batches; what it returns stands still until the next drain_read(). See bpf/core.bpf.c for why
 * nothing is lost or counted twice in between.
 */
#ifndef PROFILER_DRAIN_H
#define PROFILER_DRAIN_H

#include <stdint.h>

#include "bpf/abi.h"
#include "core/vec.h"

struct drain_row {
	struct cresset_sample_key key;
	struct cresset_count count;
};

/* Frames stand in one array for all stacks. */
struct drain_stack {
	uint64_t id;
	uint32_t first;
	uint32_t n;
};

struct drain {
	int samples_fds[2];
	int stacks_fds[2];
	int deep_stacks_fds[2];
	volatile uint32_t *generation;	  /* in BPF's memory */
	const struct cresset_slot *slots; /* of all CPUs and contexts */
	size_t n_slots;
	struct vec rows;   /* struct drain_row */
	struct vec stacks; /* struct drain_stack, by id */
	struct vec frames; /* uint64_t */
	size_t batch;	   /* rows at a time */
	void *keys;
	void *values;
};

/* The descriptors and memory stay the caller's. */
void drain_init(struct drain *d);
void drain_release(struct drain *d);
/* -ETIMEDOUT: a CPU would not let go (it is stopped); the switch then stands. */
int drain_switch(struct drain *d, uint32_t *ret_old);
int drain_read(struct drain *d, uint32_t generation);
/* The frames of a stack of the last drain_read(), leaf first; NULL if there is none of that id. */
const uint64_t *drain_frames(const struct drain *d, uint64_t id, size_t *ret_n);

#endif
