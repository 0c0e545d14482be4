// SPDX-License-Identifier: Apache-2.0
/* second - see second.h. */
#include "store/second.h"

#include <sched.h>

#include "quiet_thread.h"

bool second_start(pthread_t *ret, void *(*run)(void *arg), void *arg)
{
	cpu_set_t cpus;

	/* More CPUs than fit there: then there are two. */
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0 && CPU_COUNT(&cpus) < 2)
		return false;
	return quiet_thread_start(ret, NULL, run, arg) == 0;
}
