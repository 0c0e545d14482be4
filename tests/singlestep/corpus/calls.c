// SPDX-License-Identifier: Apache-2.0
/*
 * Frames of every shape that a C compiler makes: leaves, many saved registers, alloca, arrays of
 * variable length, a megabyte of local variables, tail calls, calls that do not return.
 */
#include <alloca.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "mark.h"

#define BIG (1 << 20)

static volatile int sink;
static jmp_buf out;

NOINLINE static int leaf(int x)
{
	return x * 3 + sink;
}

NOINLINE static int many_registers(int a, int b, int c, int d, int e, int f, int g, int h)
{
	int x = leaf(a), y = leaf(b), z = leaf(c), u = leaf(d), v = leaf(e), w = leaf(f);

	return leaf(x + y) + leaf(z + u) + leaf(v + w) + leaf(g) + leaf(h) + x * y + z * u + v * w;
}

NOINLINE static int with_alloca(int n)
{
	char *p = alloca((size_t)n * 16);

	memset(p, n, (size_t)n * 16);
	sink = p[n];
	return n ? with_alloca(n - 1) + leaf(p[0]) : leaf(1);
}

NOINLINE static int with_vla(int n)
{
	volatile int a[n + 1];

	for (int i = 0; i <= n; i++)
		a[i] = leaf(i);
	return a[n] + a[0];
}

NOINLINE static int big_frame(int n)
{
	volatile char a[BIG];

	a[n] = (char)n;
	a[BIG - 1] = 1;
	return leaf(a[n]) + (n ? big_frame(n - 1) : many_registers(1, 2, 3, 4, 5, 6, 7, 8));
}

NOINLINE static int tail_b(int x);

NOINLINE static int tail_a(int x)
{
	return x > 0 ? tail_b(x - 1) : leaf(x);
}

NOINLINE static int tail_b(int x)
{
	return x > 0 ? tail_a(x - 1) : leaf(-x);
}

NOINLINE static int by_pointer(int (*fn)(int), int x)
{
	return fn(x) + 1;
}

__attribute__((noreturn, noinline)) static void leave(int x)
{
	sink = x;
	longjmp(out, x);
}

/* The call is the last instruction: its return address is in whatever comes next. */
NOINLINE static void ends_in_a_call(int x)
{
	sink = leaf(x);
	leave(x + 1);
}

static int compare(const void *a, const void *b)
{
	return leaf(*(const int *)a) - leaf(*(const int *)b);
}

NOINLINE static int called_back(void)
{
	int a[8] = {5, 2, 8, 1, 9, 3, 7, 4};

	qsort(a, 8, sizeof(a[0]), compare);
	return a[0];
}

int main(void)
{
	MARK();
	sink = leaf(1);
	sink = many_registers(1, 2, 3, 4, 5, 6, 7, 8);
	sink = with_alloca(5);
	sink = with_vla(9);
	sink = big_frame(2);
	sink = tail_a(7);
	sink = by_pointer(tail_b, 4) + by_pointer(leaf, 3);
	if (!setjmp(out))
		ends_in_a_call(4);
	sink = called_back();
	MARK();
	return 0;
}
