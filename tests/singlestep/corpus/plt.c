// SPDX-License-Identifier: Apache-2.0
/* Calls through the procedure linkage table: the first (which binds them, if lazy) and the second.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mark.h"

static volatile long sink;

NOINLINE static void calls(void)
{
	char text[32];
	struct timespec ts;

	snprintf(text, sizeof(text), "%ld", sink);
	sink = atol(text) + (long)strlen(text) + labs(sink) + strcmp(text, "5");
	clock_gettime(CLOCK_MONOTONIC, &ts); /* in the vdso */
	sink += ts.tv_sec & 1;
	sink += time(NULL) & 1;
	free(malloc(100));
}

int main(void)
{
	MARK();
	calls();
	calls();
	MARK();
	return 0;
}
