// SPDX-License-Identifier: Apache-2.0
/*
 * perfmap - names that a JIT compiler wrote down: /tmp/perf-PID.map.
 *
 * A line is "address size name": two hex numbers (an 0x is allowed) and the rest of the line, which
 * may hold blanks (Linux, tools/perf/Documentation/jit-interface.txt). JITs append while they run
 * and use memory again, so lines overlap; the later line is the truth for the bytes that it covers,
 * the earlier keeps what is left of it. The file is written by the profiled process: it may be cut
 * off in the middle of a line, be huge, or lie about anything.
 */
#ifndef SYMBOLIZE_PERFMAP_H
#define SYMBOLIZE_PERFMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define PERFMAP_MAX_BYTES (256u << 20)
#define PERFMAP_MAX_NAME  4096u

struct perfmap;

/*
 * Opens /tmp/perf-PID.map as the process sees it: in its mount namespace and by its own idea of its
 * pid; if the process is gone, the host's file. Belongs only to who may write it: the file's owner
 * must be root or a uid of the process (of a process that is gone: our own). -EPERM if not.
 */
int perfmap_open(pid_t pid);
/*
 * The rule of ownership alone, for a file that was opened another way. -EPERM, or -ESRCH if it
 * cannot be told any more because the process is gone.
 */
int perfmap_check_owner(const struct stat *st, pid_t pid);

/* The whole file, wherever the descriptor's position is. -EFBIG past PERFMAP_MAX_BYTES. */
int perfmap_load(int fd, struct perfmap **ret);
int perfmap_parse(const char *text, size_t size, struct perfmap **ret);
void perfmap_free(struct perfmap *m);
/* The name, which belongs to the map, or NULL. */
const char *perfmap_lookup(const struct perfmap *m, uint64_t address);
size_t perfmap_bytes(const struct perfmap *m);

#endif
