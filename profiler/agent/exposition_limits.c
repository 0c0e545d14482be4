// SPDX-License-Identifier: Apache-2.0
/* The agent's limits on itself, what it takes of them, and what fell out. See exposition.h. */
#include "agent/exposition.h"

#include "web/metrics.h"

#include <dirent.h>

struct share {
	const char *name;
	uint64_t limit, used;
};

enum { SHARES = 7 };

static uint64_t uploads_bytes(struct agent *a)
{
	struct upload_stats u;
	uint64_t sum = 0;

	for (size_t i = 0; uploads_stats(&a->uploads, i, &u); i++)
		sum += u.stats.queued_bytes;
	return sum;
}

static uint64_t count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	uint64_t n = 0;

	/* Less ".", ".." and its own. */
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n > 3 ? n - 3 : 0;
}

static void write_memory(struct metrics *m, struct agent *a, const struct tally *t)
{
	size_t n_uploads = atomic_load(&a->n_uploads);
	struct captures_state captures;
	struct windows_state windows;
	struct memory_split split;
	struct sampler_state s;

	n_uploads = n_uploads ? n_uploads : 1;
	memory_split(a->limits.max_memory_bytes, n_uploads, &split);
	windows_get_state(&a->windows, &windows);
	captures_get_state(&a->captures, &captures);
	sampler_get_state(&a->sampler, &s);
	const struct share shares[SHARES] = {
		{"tables", split.tables, s.table_memory_bytes},
		{"symbols", split.symbols, t->symbols.bytes},
		{"windows", split.windows, s.window_bytes + windows.bytes},
		{"captures", split.captures, captures.bytes},
		{"queues", split.queue * n_uploads, uploads_bytes(a)},
		{"store", split.store, t->store.memory_bytes},
		{"labels", split.labels, t->labels.memory_bytes},
	};

	metrics_one(m, "cresset_memory_budget_bytes", METRICS_GAUGE,
		    "max_memory: of all parts together.", a->limits.max_memory_bytes);
	metrics_family(m, "cresset_memory_limit_bytes", METRICS_GAUGE,
		       "A part's share of the budget.");
	for (size_t i = 0; i < SHARES; i++)
		metrics_uint(m, shares[i].limit, &(struct metrics_label){"part", shares[i].name},
			     1);
	metrics_uint(m, split.queries, &(struct metrics_label){"part", "queries"}, 1);
	metrics_family(m, "cresset_memory_used_bytes", METRICS_GAUGE,
		       "What a part takes now. Queries are bounded one by one.");
	for (size_t i = 0; i < SHARES; i++)
		metrics_uint(m, shares[i].used, &(struct metrics_label){"part", shares[i].name}, 1);
}

/* What has to go for them, by cause. */
static void write_evictions(struct metrics *m, struct agent *a, const struct tally *t)
{
	struct sampler_state s;

	sampler_get_state(&a->sampler, &s);
	metrics_family(m, "cresset_symbols_evicted_total", METRICS_COUNTER,
		       "Binaries whose symbols were dropped, to be read again, by what was full.");
	metrics_uint(m, t->symbols.evicted, &(struct metrics_label){"cause", "memory"}, 1);
	metrics_uint(m, t->symbols.evicted_files, &(struct metrics_label){"cause", "descriptors"},
		     1);
	metrics_family(m, "cresset_unwind_tables_dropped_total", METRICS_COUNTER,
		       "Unwind tables dropped, or not loaded, for want of memory (of the recorder "
		       "that runs).");
	metrics_uint(m, s.tables_evicted, &(struct metrics_label){"how", "evicted"}, 1);
	metrics_uint(m, s.tables_refused, &(struct metrics_label){"how", "refused"}, 1);
	metrics_one(m, "cresset_binaries_closed_total", METRICS_COUNTER,
		    "Binaries closed, to be opened again, for want of descriptors (of the recorder "
		    "that runs).",
		    s.files_closed);
	metrics_one(m, "cresset_descriptors_limit", METRICS_GAUGE,
		    "Descriptors that the agent may have open.", a->limits.files.allowed);
	metrics_one(m, "cresset_descriptors_open", METRICS_GAUGE,
		    "Descriptors that it has open now.", count_descriptors());
	metrics_family(m, "cresset_descriptors_share", METRICS_GAUGE,
		       "How many of them a part may have.");
	metrics_uint(m, a->limits.files.symbols, &(struct metrics_label){"part", "symbols"}, 1);
	metrics_uint(m, a->limits.files.recorder, &(struct metrics_label){"part", "recorder"}, 1);
	metrics_uint(m, a->limits.files.connections, &(struct metrics_label){"part", "http"}, 1);
}

void exposition_limits(struct metrics *m, struct agent *a)
{
	write_memory(m, a, &a->tally);
	write_evictions(m, a, &a->tally);
}
