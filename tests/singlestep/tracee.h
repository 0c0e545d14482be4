// SPDX-License-Identifier: Apache-2.0
/*
 * tracee - a stopped thread: its registers, its stack (read once), its mappings.
 */
#ifndef SINGLESTEP_TRACEE_H
#define SINGLESTEP_TRACEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

enum { TRACEE_STACK_BYTES = 16384 };

struct tracee {
	pid_t pid;
	pid_t tid;
	struct user_regs_struct regs;
	uint64_t stack_start;
	size_t stack_bytes;
	unsigned char stack[TRACEE_STACK_BYTES];
};

/* Takes registers and stack. 0 or -errno. */
int tracee_take(struct tracee *t, pid_t pid, pid_t tid);
/* 0 or -EFAULT: all or nothing. */
int tracee_read(const struct tracee *t, uint64_t address, void *to, size_t size);

#endif
