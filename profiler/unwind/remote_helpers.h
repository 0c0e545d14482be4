// SPDX-License-Identifier: Apache-2.0
/*
 * remote_helpers.h - the helpers of the walkers' BPF sources in the recorder: see bpf/native.h.
 * Defined in remote_walker.c, the only file that includes this.
 */
#ifndef UNWIND_REMOTE_HELPERS_H
#define UNWIND_REMOTE_HELPERS_H

#include <stdint.h>

/* Each thread walks by itself. */
#define CRESSET_SET_AT_LOAD  _Thread_local volatile
#define CRESSET_SET_ANY_TIME _Thread_local volatile
#define CRESSET_TEST_POINT()

static void *bpf_map_lookup_elem(const void *map, const void *key);
static long bpf_map_update_elem(const void *map, const void *key, const void *value,
				uint64_t flags);
static long bpf_probe_read_user(void *to, uint32_t size, const void *from);
static uint32_t bpf_get_smp_processor_id(void);

#endif
