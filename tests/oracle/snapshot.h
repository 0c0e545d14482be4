// SPDX-License-Identifier: Apache-2.0
/*
 * snapshot.h - what a thread looked like at the instant of a sample: registers and a copy of its
 * stack.
 *
 * perf can put the user registers and up to 65,528 bytes of the stack in a sample. If a BPF program
 * is attached to the same event it runs in the same interrupt, and the sample is written only if it
 * returns 1. So the stack that the program found and the one that a debugger's library finds in
 * the copy are of the same instant, and must be equal.
 */
#ifndef TESTS_ORACLE_SNAPSHOT_H
#define TESTS_ORACLE_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/vec.h"

enum {
	/* x86-64, in DWARF's numbering: rax rdx rcx rbx rsi rdi rbp rsp r8 … r15, rip. */
	SNAPSHOT_REGISTERS = 17,
	SNAPSHOT_SP = 7,
	SNAPSHOT_IP = 16,
	SNAPSHOT_STACK_BYTES = 65528,
};

struct snapshot {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint32_t pid;
	uint32_t tid;
	uint64_t registers[SNAPSHOT_REGISTERS];
	size_t stack_bytes; /* from the stack pointer on */
	uint8_t *stack;
};

struct snapshots {
	struct vec rings; /* one for each CPU */
	struct vec all;	  /* struct snapshot */
	uint64_t lost;	  /* the rings had no room for */
	uint64_t refused; /* malformed, or of 32-bit code */
};

/* Opens cpu-clock events of that frequency on all online CPUs, with the program on each. */
int snapshots_open(struct snapshots *s, int program_fd, unsigned int freq_hz);
/* Takes what is in the rings. */
int snapshots_read(struct snapshots *s);
/* No samples from here on; what is in the rings can still be read. */
void snapshots_stop(struct snapshots *s);
void snapshots_release(struct snapshots *s);

#endif
