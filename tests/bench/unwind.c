// SPDX-License-Identifier: Apache-2.0
/*
 * unwind.c - how fast unwind tables are made, and how large they are in the kernel.
 *
 *     bench_unwind FILE...
 *
 * Each file is compiled five times; the fastest counts. Bytes are what the file takes of the
 * kernel's memory: blocks and directory cells, as they are laid out for the walker. Prints a line
 * of NAME=VALUE for each file.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "unwind/blocks.h"
#include "unwind/cfi_table.h"

enum { ROUNDS = 5 };

static double now_s(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int compile(const char *path, double *ret_s, double *ret_cpu_s, struct cfi_table **ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;
	double start = now_s(CLOCK_MONOTONIC), cpu = now_s(CLOCK_PROCESS_CPUTIME_ID);

	if (fd < 0)
		return -1;
	r = cfi_table_compile_fd(fd, ret);
	*ret_s = now_s(CLOCK_MONOTONIC) - start;
	*ret_cpu_s = now_s(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	close(fd);
	return r;
}

static int bench(const char *path)
{
	struct cfi_table *t = NULL;
	double best = 1e9, best_cpu = 1e9, s, cpu;
	uint64_t bytes;

	for (int i = 0; i < ROUNDS; i++) {
		cfi_table_free(t);
		if (compile(path, &s, &cpu, &t))
			return fprintf(stderr, "%s: cannot be compiled\n", path), 1;
		best = s < best ? s : best;
		best_cpu = cpu < best_cpu ? cpu : best_cpu;
	}
	bytes = (uint64_t)blocks_count(t) * sizeof(struct cresset_unwind_block) +
		(uint64_t)blocks_cells(t) * sizeof(uint32_t);
	printf("rows_raw=%zu rows=%zu compile_s=%.4f cpu_s=%.4f raw_per_s=%.0f rows_per_s=%.0f "
	       "bytes=%llu bytes_per_row=%.2f file=%s\n",
	       t->n_rows_raw, t->n, best, best_cpu, (double)t->n_rows_raw / best_cpu,
	       (double)t->n / best_cpu, (unsigned long long)bytes, (double)bytes / (double)t->n,
	       path);
	cfi_table_free(t);
	return 0;
}

int main(int argc, char **argv)
{
	int r = 0;

	for (int i = 1; i < argc; i++)
		r |= bench(argv[i]);
	return r;
}
