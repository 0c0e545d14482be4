// SPDX-License-Identifier: Apache-2.0
/*
 * load_failure - why the kernel did not take the BPF programs: one line, with the remedy.
 *
 * "Permission denied" has two causes that want different things of the user. Without the rights the
 * kernel mostly refuses before it looks, and the log stays empty; what the verifier does not like
 * it refuses by the same number, whoever asks, and the log's last line says what that was. With few
 * rights it looks with more suspicion, so the rights are the remedy even where it has said a word.
 */
#ifndef PROFILER_LOAD_FAILURE_H
#define PROFILER_LOAD_FAILURE_H

#include <cresset/types.h>

/* Has this thread the capabilities that loading needs? Of a user namespace they do not count. */
bool load_failure_has_rights(void);
/* code: of libbpf. log: the verifier's, "" if it has said nothing; it is cut. Returns code. */
int load_failure_describe(int code, bool has_rights, char *log, struct cresset_error *err);

#endif
