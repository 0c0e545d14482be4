// SPDX-License-Identifier: Apache-2.0
/*
 * maps - the text of /proc/PID/maps, for what the scan and the side-band did not tell.
 *
 *     start-end perms offset major:minor inode          path
 *
 * (fs/proc/task_mmu.c). The path is everything after the inode and blanks; a newline in it is
 * written as \012. The text is hostile: a process chooses its file names. Lines that are not of
 * this form are skipped and counted.
 */
#ifndef PROFILER_MAPS_H
#define PROFILER_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAPS_PATH_MAX = 4096 };

struct maps_entry {
	uint64_t start;
	uint64_t end;
	uint64_t pgoff;
	uint64_t ino;
	uint32_t dev_major;
	uint32_t dev_minor;
	bool executable;
	size_t path_len;
	char path[MAPS_PATH_MAX]; /* NUL-terminated */
};

/* One line without its newline. -EINVAL if it is not of that form. */
int maps_parse(const char *line, size_t len, struct maps_entry *ret);

typedef int (*maps_fn)(void *arg, const struct maps_entry *entry);

/* Each executable mapping of a text; stops when fn returns non-zero and returns that. */
int maps_each(const char *text, size_t len, maps_fn fn, void *arg, size_t *ret_malformed);
/* Of a living process: /proc/PID/maps, of which at most 64 MiB are read. -errno as open(2). */
int maps_read(uint32_t pid, maps_fn fn, void *arg, size_t *ret_malformed);

#endif
