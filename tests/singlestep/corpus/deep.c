// SPDX-License-Identifier: Apache-2.0
/* Ten thousand frames: a walk is cut, and says so. */
#include "mark.h"

static volatile int sink;

NOINLINE static int down(int n)
{
	int r;

	if (!n) {
		MARK();
		sink = 1;
	}
	r = n ? down(n - 1) + 1 : 0;
	if (n == 100)
		MARK();
	return r + sink;
}

int main(void)
{
	return down(10000) == 0;
}
