// SPDX-License-Identifier: Apache-2.0
/*
 * session.c - runs a profiler and watches it from outside, the same way whichever it is.
 *
 *     bench_session [-s SECONDS] [-o FILE] COMMAND ARGUMENTS...
 *
 * Prints one line of NAME=VALUE: wall_s, user_s, sys_s, rss_mb (its own, from wait4; children that
 * it waited for included in the times), and, if it loaded perf_event BPF programs, first_s (exec to
 * the first run of one of them), runs, run_ns (mean time of a run), maps_mb (kernel memory of the
 * maps it made, as their fdinfo states it). -s: SIGINT after so many seconds, for tools that know
 * no end; -o: its output goes there.
 *
 * BPF statistics are on while this runs, and no longer: they hang on a descriptor. Programs and
 * maps that were there before are not counted. The programs are polled every millisecond until the
 * first run and every 20 ms then, so first_s is late by a millisecond at most; what a tool frees in
 * the last 20 ms is counted as it was last seen.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_OBJECTS = 512 };

struct seen {
	uint32_t id;
	uint64_t runs, ns, bytes;
};

struct watch {
	uint32_t last_prog, last_map; /* ids in use before the start */
	struct seen progs[MAX_OBJECTS], maps[MAX_OBJECTS];
	size_t n_progs, n_maps;
	double first_s; /* < 0: no run yet */
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t last_id(int (*next)(uint32_t id, uint32_t *ret))
{
	uint32_t id = 0, n;

	while (next(id, &n) == 0)
		id = n;
	return id;
}

static struct seen *find(struct seen *list, size_t *n, uint32_t id)
{
	for (size_t i = 0; i < *n; i++)
		if (list[i].id == id)
			return &list[i];
	if (*n == MAX_OBJECTS)
		return NULL;
	list[*n] = (struct seen){.id = id};
	return &list[(*n)++];
}

static void look_at_prog(struct watch *w, uint32_t id)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);
	struct seen *s;

	if (fd < 0)
		return;
	if (bpf_obj_get_info_by_fd(fd, &info, &size) == 0 &&
	    info.type == BPF_PROG_TYPE_PERF_EVENT) {
		s = find(w->progs, &w->n_progs, id);
		if (s)
			s->runs = info.run_cnt, s->ns = info.run_time_ns;
	}
	close(fd);
}

static void look_at_map(struct watch *w, uint32_t id)
{
	int fd = bpf_map_get_fd_by_id(id);
	unsigned long long bytes = 0;
	char path[64], line[128];
	struct seen *s;
	FILE *f;

	if (fd < 0)
		return;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	if (f)
		fclose(f);
	s = find(w->maps, &w->n_maps, id);
	if (s && bytes > s->bytes)
		s->bytes = bytes;
	close(fd);
}

static void look(struct watch *w, double start)
{
	uint64_t runs = 0;
	uint32_t id;

	for (id = w->last_prog; bpf_prog_get_next_id(id, &id) == 0;)
		look_at_prog(w, id);
	for (size_t i = 0; i < w->n_progs; i++)
		runs += w->progs[i].runs;
	if (w->first_s < 0 && runs)
		w->first_s = now_s() - start;
}

static void look_at_maps(struct watch *w)
{
	for (uint32_t id = w->last_map; bpf_map_get_next_id(id, &id) == 0;)
		look_at_map(w, id);
}

static pid_t spawn(char **argv, const char *output)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (output) {
		int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0644);

		if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
			_exit(126);
	}
	signal(SIGINT, SIG_DFL);
	execvp(argv[0], argv);
	_exit(127);
}

/* Until it ends; returns its status. */
static int watch_it(struct watch *w, pid_t pid, double start, double stop_after,
		    struct rusage *usage)
{
	double next_maps = 0;
	int status;

	for (;;) {
		double t = now_s() - start;
		pid_t r = wait4(pid, &status, WNOHANG, usage);

		if (r == pid || (r < 0 && errno != EINTR))
			return status;
		look(w, start);
		if (t >= next_maps)
			look_at_maps(w), next_maps = t + 0.5;
		if (stop_after > 0 && t > stop_after)
			kill(pid, SIGINT), stop_after = 0;
		usleep(w->first_s < 0 && t < 10 ? 1000 : 20000);
	}
}

static void print(const struct watch *w, double wall, const struct rusage *u, int status)
{
	uint64_t runs = 0, ns = 0, bytes = 0;

	for (size_t i = 0; i < w->n_progs; i++)
		runs += w->progs[i].runs, ns += w->progs[i].ns;
	for (size_t i = 0; i < w->n_maps; i++)
		bytes += w->maps[i].bytes;
	printf("wall_s=%.2f user_s=%.3f sys_s=%.3f rss_mb=%.1f status=%d", wall,
	       (double)u->ru_utime.tv_sec + (double)u->ru_utime.tv_usec / 1e6,
	       (double)u->ru_stime.tv_sec + (double)u->ru_stime.tv_usec / 1e6,
	       (double)u->ru_maxrss / 1024,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	if (runs)
		printf(" first_s=%.3f runs=%llu run_ns=%.0f maps_mb=%.1f", w->first_s,
		       (unsigned long long)runs, (double)ns / (double)runs, (double)bytes / 1e6);
	printf("\n");
}

int main(int argc, char **argv)
{
	struct watch *w = calloc(1, sizeof(*w));
	const char *output = NULL;
	struct rusage usage = {0};
	double start, stop_after = 0;
	int c, stats, status;
	pid_t pid;

	while ((c = getopt(argc, argv, "+s:o:")) != -1) {
		if (c == 's')
			stop_after = atof(optarg);
		else if (c == 'o')
			output = optarg;
		else
			return 2;
	}
	if (!w || optind >= argc)
		return 2;
	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (stats < 0)
		fprintf(stderr, "no BPF statistics: %s\n", strerror(-stats));
	w->last_prog = last_id(bpf_prog_get_next_id);
	w->last_map = last_id(bpf_map_get_next_id);
	w->first_s = -1;
	start = now_s();
	pid = spawn(argv + optind, output);
	if (pid < 0)
		return 1;
	status = watch_it(w, pid, start, stop_after, &usage);
	print(w, now_s() - start, &usage, status);
	free(w);
	return 0;
}
