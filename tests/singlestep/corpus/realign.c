// SPDX-License-Identifier: Apache-2.0
/*
 * Frames aligned to 32 and 64 bytes for vectors: compilers keep the caller's frame in an extra
 * register (DRAP) when there are arguments on the stack or the frame grows.
 */
#include <alloca.h>
#include <immintrin.h>
#include <string.h>

#include "mark.h"

static volatile double sink;

NOINLINE static void use(const double *v, int n)
{
	for (int i = 0; i < n; i++)
		sink = sink + v[i];
}

NOINLINE static double leaf(double a)
{
	return a * 2 + sink;
}

__attribute__((target("avx"), noinline)) static double aligned_local(double a, double b)
{
	double v[16] __attribute__((aligned(32)));
	__m256d x = _mm256_set1_pd(a), y = _mm256_set1_pd(b);

	for (int i = 0; i < 16; i += 4)
		_mm256_store_pd(v + i, _mm256_add_pd(x, y));
	use(v, 16);
	return v[3] + leaf(a);
}

__attribute__((target("avx"), noinline)) static double stack_arguments(double a, double b, double c,
								       double d, double e, double f,
								       double g, double h, double i,
								       double j, double k)
{
	double v[8] __attribute__((aligned(64)));
	__m256d x = _mm256_set_pd(a, b, c, d);

	_mm256_store_pd(v, x);
	_mm256_store_pd(v + 4, _mm256_set_pd(i, j, k, e + f + g + h));
	use(v, 8);
	return aligned_local(i, j) + k;
}

__attribute__((target("avx"), noinline)) static double grows(int n, double a)
{
	double v[4] __attribute__((aligned(32)));
	double *p = alloca((size_t)n * sizeof(double));

	_mm256_store_pd(v, _mm256_set1_pd(a));
	memset(p, 0, (size_t)n * sizeof(double));
	use(v, 4);
	use(p, n);
	return n > 2 ? grows(n - 1, a) + p[n - 1] : v[1] + aligned_local(a, p[0]);
}

int main(void)
{
	if (!__builtin_cpu_supports("avx"))
		return 77;
	MARK();
	sink = aligned_local(1, 2);
	sink = stack_arguments(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
	sink = grows(6, 3);
	MARK();
	return 0;
}
