// SPDX-License-Identifier: Apache-2.0
#include "tracee.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

static ssize_t read_memory(pid_t pid, uint64_t address, void *to, size_t size)
{
	struct iovec local = {to, size}, remote = {(void *)(uintptr_t)address, size};

	return process_vm_readv(pid, &local, 1, &remote, 1, 0);
}

int tracee_take(struct tracee *t, pid_t pid, pid_t tid)
{
	ssize_t n;

	t->pid = pid;
	t->tid = tid;
	if (ptrace(PTRACE_GETREGS, tid, NULL, &t->regs))
		return -errno;
	t->stack_start = t->regs.rsp & ~7ull;
	n = read_memory(tid, t->stack_start, t->stack, sizeof(t->stack));
	t->stack_bytes = n > 0 ? (size_t)n : 0;
	return 0;
}

int tracee_read(const struct tracee *t, uint64_t address, void *to, size_t size)
{
	uint64_t offset = address - t->stack_start;

	if (offset < t->stack_bytes && size <= t->stack_bytes - offset) {
		memcpy(to, t->stack + offset, size);
		return 0;
	}
	return read_memory(t->tid, address, to, size) == (ssize_t)size ? 0 : -EFAULT;
}
