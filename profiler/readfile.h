// SPDX-License-Identifier: Apache-2.0
/*
 * readfile - the first bytes of a small file, in one go: configurations, rules, files of /proc.
 *
 * The buffer is the bound: who must tell a file that is too large from one that just fits gives it
 * a byte more than is allowed. A FIFO without a writer is an empty file and not a wait.
 */
#ifndef PROFILER_READFILE_H
#define PROFILER_READFILE_H

#include <stddef.h>
#include <sys/types.h>

/* Below the directory `dir` (or AT_FDCWD). The bytes read, at most size; -errno. */
ssize_t readfile_at(int dir, const char *name, void *buf, size_t size);

#endif
