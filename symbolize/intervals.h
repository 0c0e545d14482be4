// SPDX-License-Identifier: Apache-2.0
/*
 * intervals - from an address to the innermost of the ranges that cover it.
 *
 * Symbols, units and inlined calls all are ranges that nest, and in damaged files overlap anyhow. A
 * map cuts the address space once at every place where the owner changes; a lookup is then one
 * binary search. Where ranges overlap the one with the highest priority owns the place; the rest of
 * the others stays theirs. Starts take 4 bytes each while all lie within 4 GiB, as code does.
 */
#ifndef SYMBOLIZE_INTERVALS_H
#define SYMBOLIZE_INTERVALS_H

#include "core/vec.h"

#include <stddef.h>
#include <stdint.h>

struct interval {
	uint64_t start;
	uint64_t end; /* the first address past it */
	uint32_t priority;
	uint32_t id; /* not 0 */
};

struct interval_map {
	uint64_t base;
	struct vec starts; /* uint32_t from base on, or uint64_t; ascending */
	struct vec ids;	   /* uint32_t; 0: nobody's */
};

/* Sorts the vec of struct interval by start and priority; empty ones are left out. -ENOMEM. */
int interval_map_build(struct interval_map *m, struct vec *intervals);
void interval_map_release(struct interval_map *m);
/* 0 if nothing owns the address. */
uint32_t interval_map_find(const struct interval_map *m, uint64_t address);
size_t interval_map_bytes(const struct interval_map *m);

#endif
