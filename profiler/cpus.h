// SPDX-License-Identifier: Apache-2.0
/*
 * cpus - which CPUs are online, as the kernel lists them ("0-3,8").
 *
 * A set is an array of bool, one for each possible CPU; CPUs past its end are ignored.
 */
#ifndef PROFILER_CPUS_H
#define PROFILER_CPUS_H

#include <stdbool.h>
#include <stddef.h>

/* -EINVAL for what is no list of CPUs; the set is then empty. */
int cpus_parse(const char *text, bool *ret_set, size_t n);
/* The CPUs that are online now. */
int cpus_online(bool *ret_set, size_t n);
size_t cpus_count(const bool *set, size_t n);

#endif
