// SPDX-License-Identifier: Apache-2.0
/*
 * burner.c - burns the CPU time it is told to, by its own clock from main() on, then exits.
 *
 *     burner [MILLISECONDS [EXIT-CODE]]     main;burn;burn_round
 */
#include "work.h"

static NOINLINE void burn_round(void)
{
	WORK_SPIN(20);
}

static NOINLINE void burn(uint64_t ns)
{
	while (work_clock_ns(CLOCK_PROCESS_CPUTIME_ID) < ns)
		burn_round();
	work_tick();
}

int main(int argc, char **argv)
{
	double ms = argc > 1 ? atof(argv[1]) : 20;

	alarm((unsigned int)(ms / 250) + 10);
	burn(work_clock_ns(CLOCK_PROCESS_CPUTIME_ID) + (uint64_t)(ms * 1e6));
	return argc > 2 ? atoi(argv[2]) : 0;
}
