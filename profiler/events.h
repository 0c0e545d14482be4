// SPDX-License-Identifier: Apache-2.0
/*
 * events - the names that `record -e` takes, out of the table of event sources.
 */
#ifndef PROFILER_EVENTS_H
#define PROFILER_EVENTS_H

#include "options.h"

bool events_choice(size_t i, struct option_choice *ret);

#endif
