// SPDX-License-Identifier: Apache-2.0
/*
 * age - how old a request is, when the clock may have been set meanwhile.
 *
 * Requests are dated by the wall clock, as the next process has to know their age too. If that
 * clock moved by more than AGE_JUMP_NS against CLOCK_BOOTTIME, which nobody sets and which goes on
 * in suspend, nothing is taken for too old during the hour that follows: the server, which has a
 * clock of its own, says what it does not want.
 */
#ifndef EXPORT_AGE_H
#define EXPORT_AGE_H

#include <stdbool.h>
#include <stdint.h>

#define AGE_JUMP_NS	(INT64_C(600) * 1000000000)
#define AGE_DISTRUST_NS (INT64_C(3600) * 1000000000)

struct age {
	bool seen;
	int64_t ahead_ns; /* of the wall clock */
	int64_t distrust_until_ns;
};

/* To be told at least every minute. Is the wall clock to be believed? */
static inline bool age_trusts(struct age *a, int64_t now_ns, int64_t boot_ns)
{
	int64_t ahead = now_ns - boot_ns, jump = ahead - a->ahead_ns;

	if (a->seen && (jump > AGE_JUMP_NS || jump < -AGE_JUMP_NS))
		a->distrust_until_ns = boot_ns + AGE_DISTRUST_NS;
	a->seen = true;
	a->ahead_ns = ahead;
	return boot_ns >= a->distrust_until_ns;
}

#endif
