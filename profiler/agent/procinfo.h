// SPDX-License-Identifier: Apache-2.0
/*
 * procinfo - what labels need of a process, read once from /proc/PID.
 *
 * All files are opened relative to the process's directory, which stays that process's also when
 * its pid is used again. What cannot be read is told apart (gone, not allowed, other) and leaves
 * the rest. At most PROCINFO_ENVIRON_MAX bytes of the environment are read.
 */
#ifndef AGENT_PROCINFO_H
#define AGENT_PROCINFO_H

#include "agent/cgroup.h"

#include <stdint.h>

enum {
	PROCINFO_ENVIRON_MAX = 128 << 10,
	PROCINFO_CGROUP_MAX = 16 << 10,
	PROCINFO_EXE_BYTES = 256,
	PROCINFO_COMM_BYTES = 64, /* a kernel worker's can be long */
};

struct procinfo_stat {
	char comm[PROCINFO_COMM_BYTES];
	uint64_t start_ticks;
	bool kernel; /* a kernel thread */
};

struct procinfo {
	int error; /* of the process as a whole: 0, -ESRCH (gone), -EACCES, … */
	struct procinfo_stat stat;
	char exe[PROCINFO_EXE_BYTES]; /* base name; "": none */
	int exe_error;
	struct cgroup cgroup;
	uint64_t cgroup_hash; /* of the file's text; 0: not read */
	size_t environ_n;     /* of the buffer of procinfo_read() */
	int environ_error;
	bool environ_cut;
};

/* Of the text of /proc/PID/stat. -EINVAL. */
int procinfo_parse_stat(const char *text, size_t n, struct procinfo_stat *ret);
/* The stat file and the cgroup file's hash: is it what it was? */
int procinfo_look(int proc_fd, uint32_t pid, struct procinfo_stat *ret, uint64_t *ret_cgroup_hash);
/*
 * proc_fd is /proc. buf has PROCINFO_ENVIRON_MAX bytes; the environment is left in it, unless
 * want_environ is false.
 */
void procinfo_read(int proc_fd, uint32_t pid, bool want_environ, char *buf, struct procinfo *ret);

#endif
