// SPDX-License-Identifier: Apache-2.0
/*
 * addrspace - the executable ranges of one address space, sorted, shared until changed.
 *
 * A fork gives the child its parent's ranges: both then point to one counted array, and the first
 * to change copies it. So a shell that forks a thousand short children costs a thousand pointers.
 *
 * Newer ranges win over older ones where they overlap (munmap is never reported, so an old range
 * may have been gone for long); the rest of the older one stays. Invariant: ranges are sorted, not
 * empty and do not overlap; there are at most ADDRSPACE_MAX_RANGES.
 */
#ifndef PROFILER_ADDRSPACE_H
#define PROFILER_ADDRSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel's own limit (vm.max_map_count), about. */
enum { ADDRSPACE_MAX_RANGES = 65536 };

struct addrspace_range {
	uint64_t start;
	uint64_t end;
	uint64_t pgoff; /* bytes into the file at start */
	uint32_t dso;	/* what is mapped there; a dso_table id */
	uint32_t pad;
};

struct addrspace_ranges;

struct addrspace {
	struct addrspace_ranges *ranges; /* NULL: none */
};

void addrspace_init(struct addrspace *as);
void addrspace_release(struct addrspace *as);
/* Makes as (an initialised one) have src's ranges. */
void addrspace_share(struct addrspace *as, const struct addrspace *src);
/*
 * Adds a range, over whatever was there. `joinable` ranges (anonymous memory, in which pgoff means
 * nothing) are joined with a neighbour of the same dso. -EINVAL for an empty range, -E2BIG at the
 * limit, -ENOMEM; as is unchanged then.
 */
int addrspace_add(struct addrspace *as, const struct addrspace_range *range, bool joinable);
/* The range that has the address; NULL: none. Valid until as is changed. */
const struct addrspace_range *addrspace_find(const struct addrspace *as, uint64_t address);
/* All ranges in order. */
const struct addrspace_range *addrspace_all(const struct addrspace *as, size_t *ret_n);
/* Bytes; of a shared array, its share. */
size_t addrspace_memory(const struct addrspace *as);

#endif
