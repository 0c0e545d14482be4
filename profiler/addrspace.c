// SPDX-License-Identifier: Apache-2.0
/*
 * addrspace.c - sorted ranges in one counted array.
 *
 * Adding is "splice": the ranges that the new one touches (found by two binary searches) are
 * replaced by at most three: what is left of the first, the new one, what is left of the last. The
 * counts are not atomic: one thread owns the process map.
 */
#include "addrspace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct addrspace_ranges {
	unsigned int refs;
	size_t n;
	size_t capacity;
	struct addrspace_range range[];
};

void addrspace_init(struct addrspace *as)
{
	as->ranges = NULL;
}

void addrspace_release(struct addrspace *as)
{
	if (as->ranges && --as->ranges->refs == 0)
		free(as->ranges);
	as->ranges = NULL;
}

void addrspace_share(struct addrspace *as, const struct addrspace *src)
{
	struct addrspace_ranges *ranges = src->ranges;

	if (ranges)
		ranges->refs++;
	addrspace_release(as);
	as->ranges = ranges;
}

size_t addrspace_memory(const struct addrspace *as)
{
	if (!as->ranges)
		return 0;
	return (sizeof(*as->ranges) + as->ranges->capacity * sizeof(struct addrspace_range)) /
	       as->ranges->refs;
}

const struct addrspace_range *addrspace_all(const struct addrspace *as, size_t *ret_n)
{
	*ret_n = as->ranges ? as->ranges->n : 0;
	return as->ranges ? as->ranges->range : NULL;
}

/* The first range that ends after the address; n if none does. */
static size_t first_after(const struct addrspace_ranges *r, uint64_t address)
{
	size_t lo = 0, hi = r ? r->n : 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->range[mid].end > address)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

const struct addrspace_range *addrspace_find(const struct addrspace *as, uint64_t address)
{
	size_t i = first_after(as->ranges, address);

	if (!as->ranges || i == as->ranges->n || as->ranges->range[i].start > address)
		return NULL;
	return &as->ranges->range[i];
}

/* An array of our own with room for n ranges. */
static int make_writable(struct addrspace *as, size_t n)
{
	struct addrspace_ranges *old = as->ranges, *r;
	size_t capacity = old ? old->capacity : 0;

	if (old && old->refs == 1 && n <= capacity)
		return 0;
	if (n > capacity)
		capacity = n < 8 ? 8 : n + n / 2;
	if (old && old->refs == 1) {
		r = realloc(old, sizeof(*r) + capacity * sizeof(r->range[0]));
		if (!r)
			return -ENOMEM;
	} else {
		r = malloc(sizeof(*r) + capacity * sizeof(r->range[0]));
		if (!r)
			return -ENOMEM;
		r->refs = 1;
		r->n = old ? old->n : 0;
		if (old) {
			memcpy(r->range, old->range, old->n * sizeof(r->range[0]));
			old->refs--;
		}
	}
	r->capacity = capacity;
	as->ranges = r;
	return 0;
}

static bool can_join(const struct addrspace_range *left, const struct addrspace_range *right)
{
	return left->end == right->start && left->dso == right->dso;
}

/* Grows *range over its neighbours in [*first, *last) ± 1 where they are of the same dso. */
static void join(const struct addrspace_ranges *r, size_t *first, size_t *last,
		 struct addrspace_range *range)
{
	size_t n = r ? r->n : 0;

	if (*first < *last && r->range[*first].start < range->start &&
	    r->range[*first].dso == range->dso)
		range->start = r->range[*first].start;
	else if (*first > 0 && can_join(&r->range[*first - 1], range))
		range->start = r->range[--*first].start;
	if (*first < *last && r->range[*last - 1].end > range->end &&
	    r->range[*last - 1].dso == range->dso)
		range->end = r->range[*last - 1].end;
	else if (*last < n && can_join(range, &r->range[*last]))
		range->end = r->range[(*last)++].end;
}

int addrspace_add(struct addrspace *as, const struct addrspace_range *range, bool joinable)
{
	struct addrspace_range new = *range, put[3], *at;
	size_t first, last, n_put = 0, n;
	int r;

	if (new.start >= new.end)
		return -EINVAL;
	first = first_after(as->ranges, new.start);
	for (last = first; as->ranges && last < as->ranges->n; last++) {
		if (as->ranges->range[last].start >= new.end)
			break;
	}
	if (joinable)
		join(as->ranges, &first, &last, &new);
	if (last == first + 1) {
		at = &as->ranges->range[first];
		if (at->start == new.start && at->end == new.end && at->pgoff == new.pgoff &&
		    at->dso == new.dso)
			return 0; /* known already: do not unshare */
	}
	if (first < last && as->ranges->range[first].start < new.start) {
		put[n_put] = as->ranges->range[first];
		put[n_put++].end = new.start;
	}
	put[n_put++] = new;
	if (first < last && as->ranges->range[last - 1].end > new.end) {
		put[n_put] = as->ranges->range[last - 1];
		put[n_put].pgoff += new.end - put[n_put].start;
		put[n_put++].start = new.end;
	}
	n = (as->ranges ? as->ranges->n : 0) - (last - first) + n_put;
	if (n > ADDRSPACE_MAX_RANGES)
		return -E2BIG;
	r = make_writable(as, n);
	if (r)
		return r;
	at = as->ranges->range;
	memmove(&at[first + n_put], &at[last], (as->ranges->n - last) * sizeof(*at));
	memcpy(&at[first], put, n_put * sizeof(*at));
	as->ranges->n = n;
	return 0;
}
