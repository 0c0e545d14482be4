// SPDX-License-Identifier: Apache-2.0
/*
 * work.h - what the workloads share: slices of CPU work with known shares.
 *
 * A workload has branches with target shares. Again and again it runs a slice (2..10 ms, of random
 * length, so that it never falls into step with a sampling timer) of the branch that is furthest
 * behind its target, and measures the slice by the thread's CPU clock. So any window much longer
 * than a slice has the target shares, on a busy machine too, and the program knows the true ones.
 * It prints them as one line of JSON at its end.
 *
 * A spinning function calls work_tick() now and then. That makes it a function with calls, which
 * gets a stack frame from gcc; a leaf would get none, and then its caller is missing from every
 * stack that is walked by frame pointers.
 */
#ifndef WORKLOADS_WORK_H
#define WORKLOADS_WORK_H

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#ifdef __clang__
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif

struct work_branch {
	const char *name; /* as a profiler should show it */
	void (*run)(uint64_t rounds);
	double target; /* share of all, 0..1 */
	uint64_t ns;   /* CPU time it has had */
};

static inline uint64_t work_clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static NOINLINE void work_tick(void)
{
	__asm__ volatile("" ::: "memory");
}

/* One round is about 4096 dependent multiplications (some 5 us). */
#define WORK_SPIN(rounds)                                                                          \
	do {                                                                                       \
		uint64_t x_ = 88172645463325252u;                                                  \
		for (uint64_t r_ = 0; r_ < (rounds); r_++) {                                       \
			for (int i_ = 0; i_ < 4096; i_++)                                          \
				x_ = x_ * 6364136223846793005u + 1442695040888963407u;             \
			__asm__ volatile("" : "+r"(x_));                                           \
			work_tick();                                                               \
		}                                                                                  \
	} while (0)

static inline uint64_t work_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Rounds that make a millisecond of CPU time of the branch. */
static inline uint64_t work_calibrate(const struct work_branch *b)
{
	uint64_t rounds = 16;

	for (;;) {
		uint64_t t = work_clock_ns(CLOCK_THREAD_CPUTIME_ID);

		b->run(rounds);
		t = work_clock_ns(CLOCK_THREAD_CPUTIME_ID) - t;
		if (t > 1000000)
			return rounds * 1000000 / t ? rounds * 1000000 / t : 1;
		rounds *= 2;
	}
}

static inline void work_slice(struct work_branch *b, int n, uint64_t per_ms, uint64_t *random)
{
	uint64_t sum = 0, t;
	int pick = 0;
	double most = -1e300;

	for (int i = 0; i < n; i++)
		sum += b[i].ns;
	for (int i = 0; i < n; i++) {
		double behind = b[i].target * (double)sum - (double)b[i].ns;

		if (behind > most)
			most = behind, pick = i;
	}
	t = work_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	b[pick].run(per_ms * (2000 + work_random(random) % 8000) / 1000 + 1);
	b[pick].ns += work_clock_ns(CLOCK_THREAD_CPUTIME_ID) - t;
}

static inline void work_print(const struct work_branch *b, int n)
{
	uint64_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += b[i].ns;
	printf("{\"cpu_ns\": %llu", (unsigned long long)sum);
	for (int i = 0; i < n; i++)
		printf(", \"%s\": %.5f", b[i].name, sum ? (double)b[i].ns / (double)sum : 0);
	printf("}\n");
	fflush(stdout);
}

/* Ends with its parent, and after twice the seconds whatever happens. Call first in main(). */
static inline double work_seconds(int argc, char **argv, int index)
{
	double seconds = argc > index ? atof(argv[index]) : 5;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm((unsigned int)(seconds * 2) + 10);
	return seconds;
}

static inline void work_for(double seconds, struct work_branch *b, int n)
{
	uint64_t end = work_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
	uint64_t per_ms = work_calibrate(&b[0]);
	uint64_t random = 0x9e3779b97f4a7c15u;

	while (work_clock_ns(CLOCK_MONOTONIC) < end)
		work_slice(b, n, per_ms, &random);
}

#endif
