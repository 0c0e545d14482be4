// SPDX-License-Identifier: Apache-2.0
/* plugin.c - a shared object that oddbin opens by dlopen() while it is being profiled. */
#include "work.h"

__attribute__((visibility("default"))) void plugin_entry(uint64_t rounds);

static NOINLINE void plugin_inner(uint64_t rounds)
{
	WORK_SPIN(rounds);
}

void plugin_entry(uint64_t rounds)
{
	plugin_inner(rounds);
	work_tick();
}
