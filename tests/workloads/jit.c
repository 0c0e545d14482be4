// SPDX-License-Identifier: Apache-2.0
/*
 * jit.c - anonymous executable memory with a perf map, as a JIT compiler leaves it.
 *
 *     jit [SECONDS]     main;run;jit_outer;jit_hot, the last two made at run time
 *
 * The map is /tmp/perf-PID.map, with the pid as the process itself sees it; removed at the end.
 */
#include "work.h"

#include <string.h>
#include <sys/mman.h>

#if defined(__x86_64__)
/* jit_outer(n): push rbp; mov rbp,rsp; call jit_hot; pop rbp; ret */
static const unsigned char outer[] = {0x55, 0x48, 0x89, 0xe5, 0xe8, 0x17, 0, 0, 0, 0x5d, 0xc3};
/* jit_hot(n), at 32: push rbp; mov rbp,rsp; mov rax,rdi; 1: dec rax; jnz 1b; pop rbp; ret */
static const unsigned char hot[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x89, 0xf8,
				    0x48, 0xff, 0xc8, 0x75, 0xfb, 0x5d, 0xc3};
#elif defined(__aarch64__)
/* stp x29,x30,[sp,#-16]!; mov x29,sp; bl +24; ldp x29,x30,[sp],#16; ret */
static const unsigned char outer[] = {0xfd, 0x7b, 0xbf, 0xa9, 0xfd, 0x03, 0x00, 0x91, 0x06, 0,
				      0,    0x94, 0xfd, 0x7b, 0xc1, 0xa8, 0xc0, 0x03, 0x5f, 0xd6};
/* at 32: stp; mov x29,sp; 1: subs x0,x0,#1; b.ne 1b; ldp; ret */
static const unsigned char hot[] = {0xfd, 0x7b, 0xbf, 0xa9, 0xfd, 0x03, 0x00, 0x91,
				    0x00, 0x04, 0x00, 0xf1, 0xe1, 0xff, 0xff, 0x54,
				    0xfd, 0x7b, 0xc1, 0xa8, 0xc0, 0x03, 0x5f, 0xd6};
#endif

static char map_path[64];

static int write_map(const unsigned char *code)
{
	FILE *f;

	snprintf(map_path, sizeof(map_path), "/tmp/perf-%d.map", (int)getpid());
	f = fopen(map_path, "wxe");
	if (!f)
		return -1;
	fprintf(f, "%llx %zx jit_outer\n", (unsigned long long)(uintptr_t)code, sizeof(outer));
	fprintf(f, "%llx %zx jit_hot\n", (unsigned long long)(uintptr_t)code + 32, sizeof(hot));
	return fclose(f);
}

static NOINLINE void run(double seconds, void (*code)(uint64_t n))
{
	uint64_t end = work_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);

	while (work_clock_ns(CLOCK_MONOTONIC) < end)
		code(2000000);
	work_tick();
}

int main(int argc, char **argv)
{
	double seconds = work_seconds(argc, argv, 1);
	unsigned char *code =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*entry)(uint64_t n);

	if (code == MAP_FAILED)
		return 1;
	memcpy(code, outer, sizeof(outer));
	memcpy(code + 32, hot, sizeof(hot));
	if (mprotect(code, 4096, PROT_READ | PROT_EXEC) || write_map(code))
		return 1;
	__builtin___clear_cache((char *)code, (char *)code + 4096);
	*(void **)&entry = code;
	printf("ready\n");
	fflush(stdout);
	run(seconds, entry);
	unlink(map_path);
	return 0;
}
