// SPDX-License-Identifier: Apache-2.0
/*
 * vmascan - every process and every executable mapping at this moment, by BPF iterators.
 *
 * The records (bpf/abi_procmap.h) come as two byte streams: first the processes, then the mappings
 * with the exec id and time of their process. They are handed on one by one; the path is only valid
 * in the callback. Without BPF the caller falls back to the text of /proc.
 */
#ifndef PROFILER_VMASCAN_H
#define PROFILER_VMASCAN_H

#include <stddef.h>
#include <stdint.h>

#include <cresset/types.h>

#include <linux/types.h>

#include "bpf/abi_procmap.h"

/* path is NUL-terminated, "" for anonymous memory. Non-zero stops the scan. */
typedef int (*vmascan_fn)(void *arg, const struct procmap_record *record, const char *path);

int vmascan_run(vmascan_fn fn, void *arg, struct cresset_error *err);

/*
 * Hands on the whole records in data and says how many bytes they were; what is left is the start
 * of the next one. -EBADMSG if it cannot be one. (The inside of vmascan_run(), for tests.)
 */
int vmascan_parse(const void *data, size_t size, vmascan_fn fn, void *arg, size_t *ret_used);

#endif
