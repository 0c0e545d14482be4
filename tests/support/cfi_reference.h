// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_reference.h - what libdw says of a frame, worked out on made-up registers and memory.
 *
 * libdw gives DWARF operations; here is the stack machine that they are for. Used by cfi_oracle.c.
 */
#ifndef TESTS_CFI_REFERENCE_H
#define TESTS_CFI_REFERENCE_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORLD_REGISTERS = 64 };

/* Random registers and memory. */
struct world {
	uint64_t registers[WORLD_REGISTERS];
	uint64_t salt;
};

/* Where a value is, or what it is. */
struct location {
	enum { NOWHERE, SAME, AT, IS, IN_REGISTER, UNKNOWN } kind;
	uint64_t n;
};

uint64_t world_mix(uint64_t x);
uint64_t world_memory(const struct world *w, uint64_t address);

/* False: an operation that is not known here, or a broken expression. */
bool cfi_reference_evaluate(const struct world *w, const Dwarf_Op *ops, size_t n, uint64_t cfa,
			    uint64_t *ret);
/* Where the caller's value of a register is. */
struct location cfi_reference_register(const struct world *w, Dwarf_Frame *frame, int reg,
				       uint64_t cfa);

#endif
