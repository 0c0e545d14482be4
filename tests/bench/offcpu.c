// SPDX-License-Identifier: Apache-2.0
/*
 * offcpu.c - what offcpu.sh needs: a storm of context switches, and the cheapest BPF programs.
 *
 *     bench_offcpu storm CPU ROUND_TRIPS WARM_SECONDS
 *     bench_offcpu empty TRACEPOINT...
 *
 * storm: two processes on one CPU that hand a byte to and fro through pipes, so that every system
 * call is a switch, each below ten frames. Prints its pids, waits for a line on standard input,
 * warms up (profilers load their tables and find their rates then), and prints a line of
 * NAME=VALUE: us_switch, wall time of a switch; bpf_ns, what all BPF programs of the machine
 * together cost a switch, from a second storm with BPF statistics on (which cost time themselves,
 * so it is not the one that is timed); switches. It ends after a minute whatever happens.
 *
 * empty: attaches a program that returns at once to each tracepoint, prints a line, and stays until
 * standard input ends.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEPTH = 10, LIFE_SECONDS = 120, MAX_EMPTY = 8 };

#define NOINLINE __attribute__((noinline, noclone))

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static NOINLINE void hand_over(int from, int to)
{
	char c = 0;

	if (write(to, &c, 1) != 1 || read(from, &c, 1) != 1)
		_exit(1);
	__asm__ volatile("");
}

static NOINLINE void below(int n, int from, int to, unsigned long times)
{
	if (n)
		below(n - 1, from, to, times);
	else
		for (unsigned long i = 0; i < times; i++)
			hand_over(from, to);
	__asm__ volatile("");
}

static NOINLINE void echo(int n, int from, int to)
{
	char c;

	if (n)
		echo(n - 1, from, to);
	else
		while (read(from, &c, 1) == 1 && write(to, &c, 1) == 1)
			;
	__asm__ volatile("");
}

static bool pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

static uint64_t switches(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (uint64_t)(r.ru_nvcsw + r.ru_nivcsw);
}

/* Time of all BPF programs that there are. */
static uint64_t bpf_time_ns(void)
{
	uint64_t sum = 0;
	uint32_t id = 0;

	while (!bpf_prog_get_next_id(id, &id)) {
		struct bpf_prog_info info = {0};
		uint32_t size = sizeof(info);
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &size))
			sum += info.run_time_ns;
		close(fd);
	}
	return sum;
}

static int storm(int cpu, unsigned long trips, double warm_s)
{
	int there[2], back[2], stats;
	uint64_t n, ns;
	double begin, passed;
	char line[8];
	pid_t child;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(LIFE_SECONDS);
	if (!pin(cpu) || pipe(there) || pipe(back))
		return 1;
	child = fork();
	if (child < 0)
		return 1;
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(there[1]);
		close(back[0]);
		echo(DEPTH, there[0], back[1]);
		_exit(0);
	}
	printf("%d,%d\n", getpid(), child);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	for (begin = now_s(); now_s() - begin < warm_s;)
		below(DEPTH, back[0], there[1], 1000);
	begin = now_s();
	below(DEPTH, back[0], there[1], trips);
	passed = now_s() - begin;

	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	n = switches();
	ns = bpf_time_ns();
	below(DEPTH, back[0], there[1], trips / 4);
	ns = bpf_time_ns() - ns;
	/* The other side switches as often. */
	n = 2 * (switches() - n);
	if (stats >= 0)
		close(stats);
	printf("us_switch=%.4f bpf_ns=%.1f switches=%llu\n", passed * 1e6 / (2.0 * (double)trips),
	       n ? (double)ns / (double)n : 0, (unsigned long long)n);
	close(there[1]);
	waitpid(child, NULL, 0);
	return 0;
}

static int empty_program(const char *tracepoint)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_RAW_TP);
	int id = libbpf_find_vmlinux_btf_id(tracepoint, BPF_TRACE_RAW_TP), fd;

	if (id < 0)
		return id;
	options.attach_btf_id = (uint32_t)id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "empty", "GPL", code, 2, &options);
	return fd < 0 ? fd : bpf_raw_tracepoint_open(NULL, fd);
}

static int empty(int n, char **tracepoints)
{
	for (int i = 0; i < n && i < MAX_EMPTY; i++) {
		int r = empty_program(tracepoints[i]);

		if (r < 0)
			return fprintf(stderr, "%s: %s\n", tracepoints[i], strerror(-r)), 1;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(LIFE_SECONDS);
	puts("attached");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "storm"))
		return storm(atoi(argv[2]), strtoul(argv[3], NULL, 10), atof(argv[4]));
	if (argc > 2 && !strcmp(argv[1], "empty"))
		return empty(argc - 2, argv + 2);
	fprintf(stderr, "usage: bench_offcpu storm CPU ROUND_TRIPS WARM_SECONDS\n"
			"       bench_offcpu empty TRACEPOINT...\n");
	return 2;
}
