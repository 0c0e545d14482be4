// SPDX-License-Identifier: Apache-2.0
/*
 * seccomp - system calls that the agent has no use for are refused once it has started.
 *
 * It is a list of what is refused, not of what is allowed. The agent is linked with the C library,
 * SQLite, libcurl, a TLS library and name services, whose calls change with their versions and
 * with the machine's configuration; one that an allow list forgot would end the agent at night,
 * long after the upgrade. What an attacker inside would want is a short list that does not
 * change: run another program, enter another process, change user, mounts, namespaces, modules
 * or the clock, make memory executable, open other kinds of sockets, use io_uring to get around
 * all that. See README.md.
 *
 * Most are refused with EPERM, as if the right were missing. What nothing in this process can have
 * reason to try ends it: then it is no longer the agent that runs.
 */
#ifndef AGENT_SECCOMP_H
#define AGENT_SECCOMP_H

#include <cresset/types.h>

/*
 * For all threads, those to come, and for good; sets no_new_privs. -EOPNOTSUPP: the kernel has no
 * such filter, or this is a build with sanitizers, whose reports start other programs.
 */
int agent_seccomp_apply(struct cresset_error *err);
/* The i-th call that is always refused; false past the end. */
bool agent_seccomp_at(size_t i, const char **ret_name, bool *ret_kills);

#endif
