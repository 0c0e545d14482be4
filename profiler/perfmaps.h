// SPDX-License-Identifier: Apache-2.0
/*
 * perfmaps - finds the perf map (/tmp/perf-PID.map) of processes with run-time generated code.
 *
 * The file is in the process's own /tmp and has the pid that the process knows itself by, so both
 * are asked for while it lives: at its first sample in such code, and again at later drains until
 * the file is there. Then the file is kept open, as the process's root is gone once it exits. At
 * most PERFMAPS_MAX processes are remembered; the longest unused is forgotten.
 *
 * The file must be a regular one (no symbolic link) of the process's user or of root; anyone may
 * write to /tmp.
 */
#ifndef PROFILER_PERFMAPS_H
#define PROFILER_PERFMAPS_H

#include <stddef.h>
#include <stdint.h>

enum { PERFMAPS_MAX = 64 };

struct perfmap {
	uint32_t pid; /* 0: unused */
	uint32_t inner_pid;
	uint32_t uid;
	int fd; /* -1: not there yet */
	uint64_t drain;
	uint64_t used;
};

struct perfmaps {
	struct perfmap map[PERFMAPS_MAX];
	uint64_t clock;
};

void perfmaps_init(struct perfmaps *m);
void perfmaps_release(struct perfmaps *m);
/* A sample was in generated code of this process. */
void perfmaps_note(struct perfmaps *m, uint32_t pid, uint64_t drain);
/* A descriptor of the caller's own, or -errno. */
int perfmaps_open(struct perfmaps *m, uint32_t pid);
/* From the text of /proc/PID/status: the innermost NSpid and the effective uid. */
int perfmaps_parse_status(const char *text, uint32_t *ret_inner_pid, uint32_t *ret_uid);

#endif
