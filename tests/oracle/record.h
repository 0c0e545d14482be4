/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * record.h - a stack as cresset's walker left it, with the time that the samples map has no room
 * for: what oracle.bpf.c sends and the live oracle reads.
 */
#ifndef TESTS_ORACLE_RECORD_H
#define TESTS_ORACLE_RECORD_H

#include "bpf/abi.h"

enum { ORACLE_RECORD_FRAMES = 256 };

struct oracle_record {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 ip;
	__u64 sp;
	__u32 pid;
	__u32 tid;
	__u32 stop; /* enum cresset_stop */
	__u32 n;
	__u64 frames[ORACLE_RECORD_FRAMES];
};

#endif
