// SPDX-License-Identifier: Apache-2.0
/*
 * backoff - how long to wait before the next try: full jitter under a bound that doubles, so that a
 * fleet that lost its server together does not come back together. What the server asks for with
 * Retry-After is waited for at least.
 */
#ifndef EXPORT_BACKOFF_H
#define EXPORT_BACKOFF_H

#include <stdint.h>
#include <sys/random.h>

/* failures: in a row, from 1. random: any 64 bits. */
static inline uint64_t backoff_ns(uint64_t failures, uint64_t min_ns, uint64_t max_ns,
				  uint64_t retry_after_ns, uint64_t random)
{
	uint64_t bound = min_ns;

	for (uint64_t i = 1; i < failures && bound < max_ns; i++)
		bound = bound < max_ns / 2 ? bound * 2 : max_ns;
	bound = bound < max_ns ? bound : max_ns;
	return retry_after_ns + (bound ? random % bound : 0) + 1;
}

/* Without random bytes the bound itself is as good a pause as any. */
static inline uint64_t backoff_random(void)
{
	uint64_t x = 0;

	return getrandom(&x, sizeof(x), GRND_NONBLOCK) == (ssize_t)sizeof(x) ? x : UINT64_MAX;
}

#endif
