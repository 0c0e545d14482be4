// SPDX-License-Identifier: Apache-2.0
/* What loading.c loads; built twice, with frames of different sizes at the same offsets. */
#include "mark.h"

#ifndef WORDS
#define WORDS 4
#endif

int entry(int x);

static volatile int sink;

NOINLINE static int inside(int x)
{
	volatile int a[WORDS] = {x};

	for (int i = 0; i < WORDS; i++)
		a[i] += x;
	return a[0] + (x ? inside(x - 1) : sink);
}

int entry(int x)
{
	volatile int a[WORDS] = {0};

	a[0] = inside(x);
	return a[0] + inside(x + 2);
}
