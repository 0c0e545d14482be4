// SPDX-License-Identifier: Apache-2.0
/*
 * trouble - an LD_PRELOAD that gives one process a disk that hangs and clocks that jump.
 *
 *     TROUBLE_STALL=FILE   fsync() and fdatasync() wait as long as FILE is there
 *     TROUBLE_CLOCK=FILE   FILE holds two numbers of nanoseconds: what the wall clock is ahead of
 *                          the machine's, and what CLOCK_BOOTTIME is; read at each call
 *     TROUBLE_BPF=FILE     no BPF program can be loaded as long as FILE is there
 *
 * The machine's own clock and disk are left alone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static void stall(void)
{
	const char *file = getenv("TROUBLE_STALL");

	while (file && access(file, F_OK) == 0)
		usleep(10000);
}

int fsync(int fd)
{
	int (*real)(int) = dlsym(RTLD_NEXT, "fsync");

	stall();
	return real(fd);
}

int fdatasync(int fd)
{
	int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");

	stall();
	return real(fd);
}

/* As libbpf calls bpf(). */
long syscall(long nr, ...)
{
	long (*real)(long, ...) = dlsym(RTLD_NEXT, "syscall");
	const char *file = getenv("TROUBLE_BPF");
	long arg[6];
	va_list args;

	va_start(args, nr);
	for (int i = 0; i < 6; i++)
		arg[i] = va_arg(args, long);
	va_end(args);
	if (nr == SYS_bpf && arg[0] == BPF_PROG_LOAD && file && access(file, F_OK) == 0) {
		errno = EPERM;
		return -1;
	}
	return real(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

/* The file is small and its content is replaced by a rename: it is read whole or not at all. */
static void read_offsets(int64_t *ret_real, int64_t *ret_boot)
{
	const char *file = getenv("TROUBLE_CLOCK");
	long long real_ns = 0, boot_ns = 0;
	char text[64] = "";
	int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		if (read(fd, text, sizeof(text) - 1) > 0)
			sscanf(text, "%lld %lld", &real_ns, &boot_ns);
		close(fd);
	}
	*ret_real = real_ns;
	*ret_boot = boot_ns;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	static int (*real)(clockid_t, struct timespec *);
	int64_t real_ns, boot_ns, ns, add;
	int r;

	if (!real)
		real = dlsym(RTLD_NEXT, "clock_gettime");
	r = real(clock, t);
	if (r ||
	    (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE && clock != CLOCK_BOOTTIME))
		return r;
	read_offsets(&real_ns, &boot_ns);
	/* Who sleeps wakes up with both of them ahead. */
	add = clock == CLOCK_BOOTTIME ? boot_ns : real_ns + boot_ns;
	ns = (int64_t)t->tv_sec * 1000000000 + t->tv_nsec + add;
	t->tv_sec = (time_t)(ns / 1000000000);
	t->tv_nsec = (long)(ns % 1000000000);
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	if (ret)
		*ret = t.tv_sec;
	return t.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	ret->tv_sec = t.tv_sec;
	ret->tv_usec = t.tv_nsec / 1000;
	return 0;
}
