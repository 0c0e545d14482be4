// SPDX-License-Identifier: Apache-2.0
/*
 * programs.h - programs that run for long enough to be sampled: workloads of this tree, and
 * whatever of Debian's usual ones is installed.
 */
#ifndef TESTS_ORACLE_PROGRAMS_H
#define TESTS_ORACLE_PROGRAMS_H

#include <stddef.h>
#include <sys/types.h>

enum { ORACLE_MAX_PROGRAMS = 32, ORACLE_PROGRAM_SECONDS = 150 };

struct oracle_program_run {
	const char *name;
	pid_t pid;
};

/*
 * Starts those that exist (only the named one if name is set) and returns how many; each dies with
 * this process and after ORACLE_PROGRAM_SECONDS.
 */
size_t oracle_programs_start(const char *name, struct oracle_program_run *ret);
void oracle_programs_end(struct oracle_program_run *runs, size_t n);

#endif
