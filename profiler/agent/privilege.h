// SPDX-License-Identifier: Apache-2.0
/*
 * privilege - the agent as an unprivileged user with a handful of capabilities.
 *
 * The list is what was found to be needed by trying (README.md has the table). It is the whole of
 * what is left after privilege_drop(): no other capability in any set, nothing to be gained by
 * exec (bounding set, no_new_privs), and no debugger or core dump of the user's other processes
 * (not dumpable: the agent's memory holds other processes' environments).
 *
 * Capabilities belong to threads, and are handed on to the threads that one starts. Sampling and
 * naming need them all the time (new processes to be read, new maps for unwind tables, CPUs that
 * come online). What talks to the network or writes the store needs none: such threads call
 * privilege_drop_thread() first, or are started by one that has.
 */
#ifndef AGENT_PRIVILEGE_H
#define AGENT_PRIVILEGE_H

#include <cresset/types.h>

#define PRIVILEGES(X)                                                                              \
	X(BPF, bpf, "load BPF programs, make their maps")                                          \
	X(PERFMON, perfmon, "sample all processes, read their memory from BPF")                    \
	X(SYS_PTRACE, sys_ptrace, "read maps and binaries of other users' processes")              \
	X(DAC_READ_SEARCH, dac_read_search, "read environments, and binaries only their user may") \
	X(CHECKPOINT_RESTORE, checkpoint_restore, "read libraries that were deleted or replaced")  \
	X(SYSLOG, syslog, "see the addresses of kernel functions")

/*
 * Before the first thread is started. As root: becomes `user` (NULL: stays root, who owns files
 * but has no other capability either). As anybody else: keeps what there is of the list; user must
 * then be NULL or oneself. -ENOENT: no such user. -EPERM with the reason.
 */
int privilege_drop(const char *user, struct cresset_error *err);
/* All capabilities of this thread, and of those that it starts. */
int privilege_drop_thread(struct cresset_error *err);
/* Of the list, what this thread does not have: "sys_ptrace, syslog", "" for nothing. Returns buf.
 */
const char *privilege_missing(char *buf, size_t size);
/*
 * What the list is not enough for: kernels of Debian and others refuse events to all but
 * CAP_SYS_ADMIN when kernel.perf_event_paranoid is above 2, which is their default. -EPERM with
 * the remedy; 0 also where CAP_SYS_ADMIN is there.
 */
int privilege_check(struct cresset_error *err);
/* The i-th capability's name and what it is for; false past the end. */
bool privilege_at(size_t i, const char **ret_name, const char **ret_help);

#endif
