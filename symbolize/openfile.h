// SPDX-License-Identifier: Apache-2.0
/*
 * openfile - opening paths that somebody else chose.
 *
 * A path comes out of another process' mappings or out of an ELF section, so what stands there may
 * be a FIFO (an open would wait for ever), a terminal (it would become ours) or a device. Only
 * regular files are given back, and opening never waits.
 */
#ifndef SYMBOLIZE_OPENFILE_H
#define SYMBOLIZE_OPENFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* A descriptor for reading, or -errno; -EINVAL for what is no regular file. ret_st may be NULL. */
int openfile_regular(const char *path, struct stat *ret_st);
/*
 * The same inside the root directory of another process (/proc/PID/root): links in there, absolute
 * ones as well, stay in there.
 */
int openfile_in_root(const char *root, const char *path, struct stat *ret_st);
/* Checks a descriptor that somebody else opened: 0, -EINVAL for no regular file, or -errno. */
int openfile_check(int fd, struct stat *ret_st);
/*
 * Reads at most size bytes from offset; fewer only at the end of the file. The count, or -errno.
 * The descriptor's own position, which may be shared with others, is neither used nor moved.
 */
ssize_t openfile_read(int fd, void *buf, size_t size, uint64_t offset);
/* True for a non-empty even number of lower-case hex digits, 128 at most: a build-id in text. */
bool openfile_is_build_id(const char *s);

#endif
