// SPDX-License-Identifier: Apache-2.0
/*
 * program.h - loads oracle.bpf.c beside a recording session and reads what it sends.
 *
 * It shares the session's maps of targets and unwind tables, so it walks with just the tables that
 * the session has brought to the kernel, as the session's own samples do.
 */
#ifndef TESTS_ORACLE_PROGRAM_H
#define TESTS_ORACLE_PROGRAM_H

#include "core/vec.h"
#include "oracle/record.h"
#include "session.h"

struct oracle_program {
	struct oracle_bpf *bpf;
	struct ring_buffer *ring;
	struct vec records; /* struct oracle_record; n > ORACLE_RECORD_FRAMES never */
	int fd;		    /* of the program */
};

/* Of a session whose unwinder is the native one. */
int oracle_program_load(struct oracle_program *p, const struct session *s);
int oracle_program_read(struct oracle_program *p);
/* Samples that its ring buffer had no room for. */
uint64_t oracle_program_dropped(const struct oracle_program *p);
void oracle_program_release(struct oracle_program *p);

#endif
