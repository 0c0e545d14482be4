// SPDX-License-Identifier: Apache-2.0
/*
 * summary_time.c - where the time of threads went, as the recorder's stats have it: exact sums of
 * all that was followed, how far recorded waits stand for others, and the histograms of runqueue.
 */
#include "summary.h"

#include "duration.h"

#include <stdlib.h>
#include <string.h>

enum { LENGTHS = 64, BAR = 40 };

static uint64_t stat_value(const struct cresset_profile *p, const char *name, bool *ret_has)
{
	for (size_t i = 0; i < cresset_profile_n_stats(p); i++) {
		struct cresset_stat stat = cresset_profile_stat(p, i);

		if (!strcmp(cresset_profile_string(p, stat.name), name)) {
			*ret_has = true;
			return stat.value;
		}
	}
	return 0;
}

static const char *time_text(uint64_t ns, char *buf, size_t size)
{
	snprintf(buf, size, "%.3f s", (double)ns / 1e9);
	return buf;
}

static void print_sums(FILE *f, const struct cresset_profile *p)
{
	bool has = false;
	uint64_t cpu = stat_value(p, "time.cpu_ns", &has);
	uint64_t runnable = stat_value(p, "time.runnable_ns", &has);
	uint64_t blocked = stat_value(p, "time.blocked_ns", &has);
	bool has_idle = false;
	uint64_t idle = stat_value(p, "time.idle_ns", &has_idle);
	char a[32], b[32], c[32], d[32];

	if (!has)
		return;
	fprintf(f, "time     %s of %llu threads = %s on CPU + %s runnable + %s blocked",
		time_text(cpu + runnable + blocked, a, sizeof(a)),
		(unsigned long long)stat_value(p, "threads.followed", &has),
		time_text(cpu, b, sizeof(b)), time_text(runnable, c, sizeof(c)),
		time_text(blocked, d, sizeof(d)));
	if (has_idle)
		fprintf(f, ", of which %s idle (%s)", time_text(idle, a, sizeof(a)),
			summary_share(idle, blocked, b, sizeof(b)));
	fputc('\n', f);
}

/* What is not in the samples, or stands for more than itself. */
static void print_waits(FILE *f, const struct cresset_profile *p)
{
	bool has = false;
	uint64_t recorded = stat_value(p, "waits.recorded", &has);
	uint64_t unsampled = stat_value(p, "waits.unsampled", &has);
	uint64_t filtered = stat_value(p, "time.filtered_ns", &has);
	uint64_t lost = stat_value(p, "time.lost_ns", &has);
	char a[32], b[32];

	if (!has)
		return;
	fprintf(f, "waits    %llu recorded", (unsigned long long)recorded);
	if (unsampled)
		fprintf(f,
			" of %llu, to keep within the overhead budget (%.1f %% of the short ones; "
			"standard error: blocked %s, runnable %s)",
			(unsigned long long)recorded + unsampled,
			(double)stat_value(p, "waits.rate_ppm", &has) / 1e4,
			time_text(stat_value(p, "time.blocked_stderr_ns", &has), a, sizeof(a)),
			time_text(stat_value(p, "time.runnable_stderr_ns", &has), b, sizeof(b)));
	else
		fprintf(f, ", all of them");
	if (filtered)
		fprintf(f, "; too short or too long: %s", time_text(filtered, a, sizeof(a)));
	if (lost)
		fprintf(f, "; lost: %s", time_text(lost, a, sizeof(a)));
	fputc('\n', f);
}

static void print_wakers(FILE *f, const struct cresset_profile *p)
{
	static const char prefix[] = "wakers.lost.";
	const char *separator = "; lost: ";
	bool has = false;
	uint64_t taken = stat_value(p, "wakers.taken", &has);

	if (!has)
		return;
	fprintf(f, "wakers   %llu taken", (unsigned long long)taken);
	for (size_t i = 0; i < cresset_profile_n_stats(p); i++) {
		struct cresset_stat stat = cresset_profile_stat(p, i);
		const char *name = cresset_profile_string(p, stat.name);

		if (!stat.value || strncmp(name, prefix, sizeof(prefix) - 1))
			continue;
		fprintf(f, "%s%s %llu", separator, name + sizeof(prefix) - 1,
			(unsigned long long)stat.value);
		separator = ", ";
	}
	fputc('\n', f);
}

static size_t read_lengths(const struct cresset_profile *p, const char *prefix, uint64_t *ret)
{
	size_t last = 0, length = strlen(prefix);

	memset(ret, 0, LENGTHS * sizeof(*ret));
	for (size_t i = 0; i < cresset_profile_n_stats(p); i++) {
		struct cresset_stat stat = cresset_profile_stat(p, i);
		const char *name = cresset_profile_string(p, stat.name);
		unsigned long bits;

		if (strncmp(name, prefix, length))
			continue;
		bits = strtoul(name + length, NULL, 10);
		/* In microseconds; what is shorter is together in the first line. */
		bits = bits > 10 ? bits - 10 : 0;
		if (bits >= LENGTHS)
			continue;
		ret[bits] += stat.value;
		last = bits > last ? bits : last;
	}
	return last;
}

/* As runqlat and cpudist print it: powers of two. */
static void print_lengths(FILE *f, const struct cresset_profile *p, const char *prefix,
			  const char *title)
{
	uint64_t lengths[LENGTHS], most = 0;
	size_t last = read_lengths(p, prefix, lengths);
	char bar[BAR + 1];

	for (size_t i = 0; i <= last; i++)
		most = lengths[i] > most ? lengths[i] : most;
	if (!most)
		return;
	fprintf(f, "\n%s\n     %19s : %-10s\n", title, "microseconds", "count");
	for (size_t i = 0; i <= last; i++) {
		uint64_t low = i ? UINT64_C(1) << (i - 1) : 0;
		size_t stars = (size_t)((long double)lengths[i] * BAR / (long double)most);

		memset(bar, '*', stars);
		bar[stars] = '\0';
		fprintf(f, "     %8llu -> %-8llu : %-10llu |%-*s|\n", (unsigned long long)low,
			(unsigned long long)(i ? 2 * low - 1 : 0), (unsigned long long)lengths[i],
			BAR, bar);
	}
}

void summary_print_time(FILE *f, const struct cresset_profile *p)
{
	print_sums(f, p);
	print_waits(f, p);
	print_wakers(f, p);
	print_lengths(f, p, "runqueue.delays.", "time runnable before each run");
	print_lengths(f, p, "runqueue.slices.", "time on a CPU in one go");
}
