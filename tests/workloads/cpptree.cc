// SPDX-License-Identifier: Apache-2.0
/*
 * cpptree.cc - C++ with inlined templates, and known shares: 60 and 40 percent.
 *
 *     main;drive(double);Alpha::work(unsigned long) > mix_all<8> > mix_one<…>   60 %
 *     main;drive(double);zoo::Beta<int>::work(unsigned long) > scramble                 40 %
 *
 * What stands after '>' is always inlined: it exists in the debug information only. The lines
 * marked LINE-A and LINE-B are where nearly all of the time goes. They do their step 16 times, as a
 * processor may take the timer's interrupt after the slow instruction (of an EPYC's samples four in
 * five were there), and after a single step comes the loop, which is another function's.
 *
 *     cpptree [SECONDS]      prints {"cpu_ns": …, "Alpha::work": 0.6, …} at the end
 */
#include "work.h"

#define INLINE	   __attribute__((always_inline)) inline
#define FOUR(step) step step step step

template <typename T> static INLINE T mix_one(T x)
{
	FOUR(FOUR(x = x * T(6364136223846793005u) + T(1442695040888963407u);)) /* LINE-A */
	return x;
}

template <int N> static INLINE uint64_t mix_all(uint64_t x)
{
	for (int i = 0; i < N * 32; i++)
		x = mix_one<uint64_t>(x);
	return x;
}

struct Alpha {
	static NOINLINE void work(uint64_t rounds)
	{
		uint64_t x = 1;

		for (uint64_t r = 0; r < rounds; r++) {
			x = mix_all<8>(x);
			__asm__ volatile("" : "+r"(x));
			work_tick();
		}
	}
};

namespace zoo
{
static INLINE uint64_t scramble(uint64_t x)
{
	FOUR(FOUR(x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9u;)) /* LINE-B */
	return x;
}

template <typename T> struct Beta {
	static NOINLINE void work(uint64_t rounds)
	{
		uint64_t x = T(7);

		for (uint64_t r = 0; r < rounds; r++) {
			for (int i = 0; i < 256; i++)
				x = scramble(x);
			__asm__ volatile("" : "+r"(x));
			work_tick();
		}
	}
};
} // namespace zoo

static work_branch branches[] = {
	{"Alpha::work", Alpha::work, 0.6, 0},
	{"zoo::Beta<int>::work", zoo::Beta<int>::work, 0.4, 0},
};

static NOINLINE void drive(double seconds)
{
	work_for(seconds, branches, 2);
	work_tick();
}

int main(int argc, char **argv)
{
	drive(work_seconds(argc, argv, 1));
	work_print(branches, 2);
	return 0;
}
