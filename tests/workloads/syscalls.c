// SPDX-License-Identifier: Apache-2.0
/*
 * syscalls.c - kernel time with a known user caller.
 *
 *     main;run;read_zeros;read;[kernel] …     60 %, reads of /dev/zero
 *     main;run;ask_parent;syscall;[kernel] …  40 %, getppid
 *
 *     syscalls [SECONDS]     prints the true shares
 */
#include "work.h"

#include <fcntl.h>
#include <sys/syscall.h>

static int zero_fd;

static NOINLINE void read_zeros(uint64_t rounds)
{
	static char buf[16384];

	for (uint64_t i = 0; i < rounds * 8; i++)
		if (read(zero_fd, buf, sizeof(buf)) < 0)
			abort();
}

static NOINLINE void ask_parent(uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds * 32; i++)
		syscall(SYS_getppid);
}

static struct work_branch branches[] = {
	{"read_zeros", read_zeros, 0.6, 0},
	{"ask_parent", ask_parent, 0.4, 0},
};

static NOINLINE void run(double seconds)
{
	work_for(seconds, branches, 2);
	work_tick();
}

int main(int argc, char **argv)
{
	double seconds = work_seconds(argc, argv, 1);

	zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (zero_fd < 0)
		return 1;
	run(seconds);
	work_print(branches, 2);
	return 0;
}
