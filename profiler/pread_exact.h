// SPDX-License-Identifier: Apache-2.0
/*
 * pread_exact - a part of a file that has to be there whole, as headers of ELF files have.
 */
#ifndef PROFILER_PREAD_EXACT_H
#define PROFILER_PREAD_EXACT_H

#include <stddef.h>
#include <stdint.h>

/* All of size bytes; -ENOEXEC if the file ends before, or -errno. */
int pread_exact(int fd, void *buf, size_t size, uint64_t offset);

#endif
