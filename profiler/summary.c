// SPDX-License-Identifier: Apache-2.0
/*
 * Reads the stats by the names that cresset/profile.h gives. A cause of loss is whatever follows
 * "samples.lost.": a new counter of the recorder appears here without a change.
 */
#include "summary.h"

#include <string.h>

#define LOST  "samples.lost."
#define STOPS "unwind.stops."

static const char *stat_name(const struct cresset_profile *p, size_t i)
{
	return cresset_profile_string(p, cresset_profile_stat(p, i).name);
}

static bool is_lost(const char *name)
{
	return !strncmp(name, LOST, strlen(LOST));
}

static void read_stat(struct summary *s, const char *name, uint64_t value)
{
	const struct {
		const char *name;
		uint64_t *value;
		bool *has;
	} known[] = {
		{"samples.taken", &s->taken, &s->has_samples},
		{"samples.written", &s->written, &s->has_samples},
		{"samples.filtered", &s->filtered, &s->has_samples},
		{"samples.unsampled", &s->unsampled, &s->has_samples},
		{"stacks.user", &s->user, &s->has_stacks},
		{"stacks.user_complete", &s->complete, &s->has_stacks},
		{"stacks.user_clean", &s->clean, &s->has_stacks},
		{"unwind.frames.table", &s->by_table, &s->has_unwind},
		{"unwind.frames.jit", &s->by_jit, &s->has_unwind},
		{"unwind.frames.fallback", &s->by_fallback, &s->has_unwind},
		{"unwind.tables.loaded", &s->tables, &s->has_unwind},
		{"unwind.tables.rows", &s->rows, &s->has_unwind},
		{"unwind.tables.evicted", &s->evicted, &s->has_unwind},
		{"unwind.tables.refused", &s->refused, &s->has_unwind},
		{"unwind.bytes", &s->bytes, &s->has_unwind},
		{"frames.total", &s->frames, &s->has_frames},
		{"frames.named", &s->named, &s->has_frames},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!strcmp(name, known[i].name)) {
			*known[i].value = value;
			*known[i].has = true;
			return;
		}
	}
	if (is_lost(name)) {
		s->lost += value;
		s->has_samples = true;
	}
}

/* As cresset_profile_settle() weighs. */
static bool counts_events(const struct cresset_profile *p)
{
	struct cresset_value_type first;

	if (!cresset_profile_n_value_types(p))
		return true;
	first = cresset_profile_value_type(p, 0);
	return !strcmp(cresset_profile_string(p, first.unit), "count");
}

void summary_read(struct summary *s, const struct cresset_profile *p)
{
	*s = (struct summary){.by_count = counts_events(p)};
	for (size_t i = 0; i < cresset_profile_n_stats(p); i++)
		read_stat(s, stat_name(p, i), cresset_profile_stat(p, i).value);
}

int64_t summary_unaccounted(const struct summary *s)
{
	return (int64_t)(s->taken - s->written - s->filtered - s->unsampled - s->lost);
}

const char *summary_share(uint64_t part, uint64_t whole, char *buf, size_t size)
{
	unsigned int tenths;

	if (!whole) {
		snprintf(buf, size, "-");
		return buf;
	}
	/* long double keeps 64 bits: part * 1000 would overflow for counts from a hostile file */
	tenths = part >= whole ? 1000
			       : (unsigned int)((long double)part * 1000 / (long double)whole);
	snprintf(buf, size, "%u.%u %%", tenths / 10, tenths % 10);
	return buf;
}

const char *summary_bytes(uint64_t bytes, char *buf, size_t size)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	double value = (double)bytes;
	size_t u = 0;

	for (; value >= 1000 && u + 1 < sizeof(units) / sizeof(units[0]); u++)
		value /= 1000;
	snprintf(buf, size, u ? "%.1f %s" : "%.0f %s", value, units[u]);
	return buf;
}

static void print_samples(FILE *f, const struct cresset_profile *p, const struct summary *s)
{
	const char *separator = " (";
	int64_t rest = summary_unaccounted(s);

	fprintf(f, "samples  %llu taken = %llu written + %llu filtered + ",
		(unsigned long long)s->taken, (unsigned long long)s->written,
		(unsigned long long)s->filtered);
	if (s->unsampled)
		fprintf(f, "%llu left out + ", (unsigned long long)s->unsampled);
	fprintf(f, "%llu lost", (unsigned long long)s->lost);
	for (size_t i = 0; i < cresset_profile_n_stats(p); i++) {
		const char *name = stat_name(p, i);
		uint64_t value = cresset_profile_stat(p, i).value;

		if (!is_lost(name) || !value)
			continue;
		fprintf(f, "%s%s %llu", separator, name + strlen(LOST), (unsigned long long)value);
		separator = ", ";
	}
	fprintf(f, "%s\n", *separator == ',' ? ")" : "");
	if (rest)
		fprintf(f, "         %lld samples are not accounted for\n", (long long)rest);
}

static void print_stacks(FILE *f, const struct summary *s)
{
	char share[32];

	fprintf(f, "stacks   %s of ", summary_share(s->complete, s->user, share, sizeof(share)));
	if (s->by_count)
		fprintf(f, "%llu user stacks are complete", (unsigned long long)s->user);
	else
		fprintf(f, "the time in user stacks is in complete ones");
	if (s->has_unwind)
		fprintf(f, ", %s without a guess",
			summary_share(s->clean, s->user, share, sizeof(share)));
	fputc('\n', f);
}

/* How frames were found, and why walks ended that did not get to the end. */
static void print_unwind(FILE *f, const struct cresset_profile *p, const struct summary *s)
{
	static const char *const good[] = {"no_user", "whole", "end"};
	uint64_t all = s->by_table + s->by_jit + s->by_fallback;
	const char *separator = "; ended early: ";
	char share[32];

	fprintf(f, "unwind   %s of %llu frames by table, %llu in generated code, %llu by guess",
		summary_share(s->by_table, all, share, sizeof(share)), (unsigned long long)all,
		(unsigned long long)s->by_jit, (unsigned long long)s->by_fallback);
	for (size_t i = 0; i < cresset_profile_n_stats(p); i++) {
		const char *name = stat_name(p, i);
		bool is_good = strncmp(name, STOPS, strlen(STOPS));

		for (size_t j = 0; j < sizeof(good) / sizeof(good[0]) && !is_good; j++)
			is_good = !strcmp(name + strlen(STOPS), good[j]);
		if (is_good)
			continue;
		fprintf(f, "%s%s %llu", separator, name + strlen(STOPS),
			(unsigned long long)cresset_profile_stat(p, i).value);
		separator = ", ";
	}
	fprintf(f, "\ntables   %llu loaded, %llu rows, %s", (unsigned long long)s->tables,
		(unsigned long long)s->rows, summary_bytes(s->bytes, share, sizeof(share)));
	if (s->evicted || s->refused)
		fprintf(f,
			"; for want of memory %llu evicted and %llu not loaded (see --max-memory)",
			(unsigned long long)s->evicted, (unsigned long long)s->refused);
	fputc('\n', f);
}

static void print_names(FILE *f, const struct summary *s)
{
	char share[32];

	fprintf(f, "frames   %s of ", summary_share(s->named, s->frames, share, sizeof(share)));
	if (s->by_count)
		fprintf(f, "%llu have a name\n", (unsigned long long)s->frames);
	else
		fprintf(f, "them, weighted by time, have a name\n");
}

void summary_print(FILE *f, const struct cresset_profile *p)
{
	struct summary s;

	summary_read(&s, p);
	if (s.has_samples)
		print_samples(f, p, &s);
	summary_print_time(f, p);
	if (s.has_stacks)
		print_stacks(f, &s);
	if (s.has_unwind)
		print_unwind(f, p, &s);
	if (s.has_frames)
		print_names(f, &s);
}
