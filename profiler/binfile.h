// SPDX-License-Identifier: Apache-2.0
/*
 * binfile - opens files that other processes name, as root, without being led astray.
 *
 * The name may lead to a device, a pipe that never has a writer, or (by a symbolic link in another
 * root directory) to a file of ours. So: look first (O_PATH does nothing to what it names), refuse
 * all but regular files, then open what was looked at; resolve names of another root inside it. All
 * return a descriptor (O_RDONLY, close-on-exec) or -errno; -EINVAL for what is no regular file.
 */
#ifndef PROFILER_BINFILE_H
#define PROFILER_BINFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* no_follow: a symbolic link as last part is refused. */
int binfile_open(const char *path, bool no_follow);
/* As the process saw it: inside /proc/PID/root. */
int binfile_open_in_root(uint32_t pid, const char *path, bool no_follow);
/*
 * By /proc/PID/map_files: what is mapped at exactly this range, deleted or not. *ret_same says
 * whether it (still) goes by that path.
 */
int binfile_open_mapped(uint32_t pid, uint64_t start, uint64_t end, const char *path,
			bool *ret_same);
/* A descriptor of its own (own offset) for the same file. */
int binfile_reopen(int fd);

#endif
