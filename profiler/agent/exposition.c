// SPDX-License-Identifier: Apache-2.0
/*
 * See exposition.h. Most are sums of the stats that every window carries, so a row says which stat
 * becomes which series; the rest is what the parts of the agent say of themselves.
 */
#include "agent/exposition.h"

#include "web/metrics.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Series that are the sum of one stat. Rows of one family stand together. */
struct row {
	const char *family;
	const char *help; /* NULL: as the row before */
	const char *label, *value;
	const char *stat;
	double scale; /* 0: a count */
};

static const struct row rows[] = {
	{"cresset_samples_taken_total", "Ticks of the CPUs, and waits that were over.", NULL, NULL,
	 "samples.taken", 0},
	{"cresset_samples_written_total", "Of those, in a window.", NULL, NULL, "samples.written",
	 0},
	{"cresset_samples_filtered_total", "Left out because they were not asked for.", NULL, NULL,
	 "samples.filtered", 0},
	{"cresset_samples_unsampled_total",
	 "Waits left out to keep within the overhead budget; others stand for them.", NULL, NULL,
	 "samples.unsampled", 0},
	{"cresset_time_seconds_total", "Time of all threads, by what they did.", "state", "cpu",
	 "time.cpu_ns", 1e-9},
	{"cresset_time_seconds_total", NULL, "state", "runnable", "time.runnable_ns", 1e-9},
	{"cresset_time_seconds_total", NULL, "state", "blocked", "time.blocked_ns", 1e-9},
	{"cresset_wait_time_left_out_seconds_total",
	 "Time of waits that are in no window, by cause.", "cause", "filtered", "time.filtered_ns",
	 1e-9},
	{"cresset_wait_time_left_out_seconds_total", NULL, "cause", "lost", "time.lost_ns", 1e-9},
	{"cresset_wait_time_left_out_seconds_total", NULL, "cause", "unsampled",
	 "time.unsampled_ns", 1e-9},
	{"cresset_unwind_stacks_total",
	 "User stacks (weighted by time, in ns, where time off the CPU is recorded), by how whole.",
	 "result", "all", "stacks.user", 0},
	{"cresset_unwind_stacks_total", NULL, "result", "complete", "stacks.user_complete", 0},
	{"cresset_unwind_stacks_total", NULL, "result", "without_guess", "stacks.user_clean", 0},
	{"cresset_unwind_frames_total", "User frames, by how they were found.", "by", "table",
	 "unwind.frames.table", 0},
	{"cresset_unwind_frames_total", NULL, "by", "jit", "unwind.frames.jit", 0},
	{"cresset_unwind_frames_total", NULL, "by", "hotspot", "unwind.frames.hotspot", 0},
	{"cresset_unwind_frames_total", NULL, "by", "guess", "unwind.frames.fallback", 0},
	{"cresset_frames_total", "Frames of samples, by whether they have a name.", "result", "all",
	 "frames.total", 0},
	{"cresset_frames_total", NULL, "result", "named", "frames.named", 0},
	{"cresset_threads_lost_total", "Threads whose time is not all known.", NULL, NULL,
	 "threads.lost", 0},
	{"cresset_clock_back_total", "Intervals that ended before they began, counted as 0.", NULL,
	 NULL, "waits.clock_back", 0},
	{"cresset_switches_missed_total", "Context switches that the kernel did not tell of.", NULL,
	 NULL, "waits.switches_missed", 0},
	{"cresset_overhead_seconds_total",
	 "Estimate of what following context switches cost in the kernel.", NULL, NULL,
	 "overhead.self_ns", 1e-9},
};

static void write_row(struct metrics *m, const struct row *row, const struct tally *t)
{
	const struct metrics_label label = {row->label, row->value};
	uint64_t sum = tally_sum(t, row->stat);

	if (row->help)
		metrics_family(m, row->family, METRICS_COUNTER, row->help);
	if (row->scale > 0)
		metrics_double(m, (double)sum * row->scale, &label, row->label != NULL);
	else
		metrics_uint(m, sum, &label, row->label != NULL);
}

static void write_losses(struct metrics *m, const struct tally *t)
{
	static const char prefix[] = "samples.lost.";

	metrics_family(m, "cresset_samples_lost_total", METRICS_COUNTER, "Samples lost, by cause.");
	for (uint32_t id = 1; id < t->sums.n; id++) {
		const char *name = strtab_get(&t->names, id);
		const struct metrics_label label = {"cause", name + sizeof(prefix) - 1};

		if (!strncmp(name, prefix, sizeof(prefix) - 1))
			metrics_uint(m, *(const uint64_t *)vec_at(&t->sums, id), &label, 1);
	}
}

static void write_windows(struct metrics *m, struct agent *a, const struct tally *t)
{
	struct captures_state captures;
	struct windows_state waiting;
	struct sampler_state s;

	windows_get_state(&a->windows, &waiting);
	captures_get_state(&a->captures, &captures);
	sampler_get_state(&a->sampler, &s);
	metrics_one(m, "cresset_windows_total", METRICS_COUNTER, "Windows that were given names.",
		    t->windows);
	metrics_family(m, "cresset_windows_dropped_total", METRICS_COUNTER,
		       "Windows given up because the writer was too far behind, by what was full.");
	for (int i = 0; i < WINDOWS_DROPS; i++) {
		const struct metrics_label label = {"cause",
						    windows_drop_name((enum windows_drop)i)};

		metrics_uint(m, waiting.dropped[i], &label, 1);
	}
	metrics_one(m, "cresset_windows_shortened_total", METRICS_COUNTER,
		    "Windows that ended early as they were larger than their share of memory.",
		    s.shortened);
	metrics_one(m, "cresset_windows_failed_total", METRICS_COUNTER,
		    "Windows lost for want of memory.", t->window_errors);
	metrics_one(m, "cresset_windows_waiting", METRICS_GAUGE,
		    "Windows that wait for the writer now.", waiting.n);
	metrics_one_double(m, "cresset_last_window_timestamp_seconds", METRICS_GAUGE,
			   "When the last window ended.", (double)t->last_window_ns * 1e-9);
	metrics_one(m, "cresset_captures", METRICS_GAUGE, "Captures that run now.", captures.n);
	metrics_one(m, "cresset_captures_too_large_total", METRICS_COUNTER,
		    "Captures that ended for want of memory.", captures.too_large);
}

static void write_store(struct metrics *m, const struct tally *t)
{
	const struct store_stats *s = &t->store;

	metrics_one(m, "cresset_store_windows_appended_total", METRICS_COUNTER,
		    "Windows stored since the start.", t->stored_windows);
	metrics_one(m, "cresset_store_errors_total", METRICS_COUNTER,
		    "Windows that could not be stored.", t->store_errors);
	metrics_one(m, "cresset_store_bytes", METRICS_GAUGE, "Of the store on disk.", s->bytes);
	metrics_one(m, "cresset_store_segments", METRICS_GAUGE, "Files of rows.", s->segments);
	metrics_one(m, "cresset_store_windows", METRICS_GAUGE, "Windows in the store.", s->windows);
	metrics_one(m, "cresset_store_rows", METRICS_GAUGE, "Rows in the store.", s->rows);
	metrics_one(m, "cresset_store_series", METRICS_GAUGE, "Label sets in the store.",
		    s->series);
	metrics_one(m, "cresset_store_damaged_segments", METRICS_GAUGE,
		    "Files that were found to be damaged or missing.", s->damaged);
	metrics_one(m, "cresset_store_dictionaries_cut_total", METRICS_COUNTER,
		    "Dictionaries begun anew for want of memory since the start.", s->dicts_cut);
	metrics_one(m, "cresset_store_compactions_total", METRICS_COUNTER,
		    "Files made of others since the start.", s->compacted);
	metrics_one(m, "cresset_store_expired_windows_total", METRICS_COUNTER,
		    "Windows removed for age or size since the start.", s->expired_windows);
}

static void write_labels(struct metrics *m, const struct tally *t)
{
	const struct agent_labels_stats *l = &t->labels;

	metrics_one(m, "cresset_label_sets", METRICS_GAUGE, "Label sets of processes, now.",
		    l->sets);
	metrics_one(m, "cresset_labelled_processes", METRICS_GAUGE,
		    "Processes whose labels are known, now.", l->processes);
	metrics_one(m, "cresset_label_overflow_total", METRICS_COUNTER,
		    "Processes whose labels were folded into overflow=\"true\".", l->overflowed);
	metrics_family(m, "cresset_label_shortfalls_total", METRICS_COUNTER,
		       "Processes with fewer labels than they could have, by cause.");
	for (int i = 0; i < AGENT_LABELS_N_CAUSES; i++) {
		const struct metrics_label label = {
			"cause", agent_labels_cause_name((enum agent_labels_cause)i)};

		metrics_uint(m, l->causes[i], &label, 1);
	}
}

static void write_symbols(struct metrics *m, const struct tally *t)
{
	const struct cresset_symbolizer_stats *s = &t->symbols;

	metrics_one(m, "cresset_symbolized_locations_total", METRICS_COUNTER,
		    "Code addresses that were looked up.", s->locations);
	metrics_one(m, "cresset_symbolized_named_total", METRICS_COUNTER,
		    "Of those, with a function.", s->named);
	metrics_one(m, "cresset_binaries_indexed_total", METRICS_COUNTER,
		    "Binaries whose symbols were read.", s->binaries);
	metrics_one(m, "cresset_binaries_missing_total", METRICS_COUNTER,
		    "Binaries that could not be opened, or are not what ran.", s->binaries_missing);
	metrics_one(m, "cresset_binaries_damaged_total", METRICS_COUNTER,
		    "Binaries whose symbols are damaged.", s->binaries_damaged);
}

/* ---- Servers: one family after the other, as the format wants all of a family in one place. */

enum { UPLOAD_LABELS = 2 };

static void write_uploads_of(struct metrics *m, const struct upload_stats *uploads, size_t n,
			     const char *family, enum metrics_kind kind, const char *help,
			     size_t offset)
{
	metrics_family(m, family, kind, help);
	for (size_t i = 0; i < n; i++) {
		const struct metrics_label labels[UPLOAD_LABELS] = {{"upload", uploads[i].name},
								    {"type", uploads[i].type}};
		uint64_t value;

		memcpy(&value, (const char *)&uploads[i].stats + offset, sizeof(value));
		metrics_uint(m, value, labels, UPLOAD_LABELS);
	}
}

static void write_drops(struct metrics *m, const struct upload_stats *uploads, size_t n)
{
	metrics_family(m, "cresset_upload_dropped_total", METRICS_COUNTER,
		       "Requests given up, by cause.");
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < EXPORT_DROP_COUNT; k++) {
			const struct metrics_label labels[] = {
				{"upload", uploads[i].name},
				{"type", uploads[i].type},
				{"cause", export_drop_name((enum export_drop)k)}};

			metrics_uint(m, uploads[i].stats.dropped[k], labels, 3);
		}
}

static void write_uploads(struct metrics *m, struct agent *a)
{
#define FIELD(name) offsetof(struct exporter_stats, name)
	struct upload_stats uploads[AGENT_CONFIG_MAX_UPLOADS];
	size_t n = 0;

	while (n < AGENT_CONFIG_MAX_UPLOADS && uploads_stats(&a->uploads, n, &uploads[n]))
		n++;
	if (!n)
		return;
	write_uploads_of(m, uploads, n, "cresset_upload_requests_total", METRICS_COUNTER,
			 "Requests made of windows.", FIELD(pushed));
	write_uploads_of(m, uploads, n, "cresset_upload_restored_total", METRICS_COUNTER,
			 "Requests found in the spool at the start.", FIELD(restored));
	write_uploads_of(m, uploads, n, "cresset_upload_sent_total", METRICS_COUNTER,
			 "Requests that the server accepted.", FIELD(sent));
	write_uploads_of(m, uploads, n, "cresset_upload_sent_bytes_total", METRICS_COUNTER,
			 "Bytes of accepted requests.", FIELD(sent_bytes));
	write_uploads_of(m, uploads, n, "cresset_upload_retries_total", METRICS_COUNTER,
			 "Tries that are to be made again.", FIELD(retried));
	write_uploads_of(m, uploads, n, "cresset_upload_queue_requests", METRICS_GAUGE,
			 "Requests in memory.", FIELD(queued));
	write_uploads_of(m, uploads, n, "cresset_upload_queue_bytes", METRICS_GAUGE,
			 "Bytes of requests in memory.", FIELD(queued_bytes));
	write_uploads_of(m, uploads, n, "cresset_upload_queue_max_bytes", METRICS_GAUGE,
			 "Bytes of requests that may be in memory.", FIELD(queue_max_bytes));
	write_uploads_of(m, uploads, n, "cresset_upload_spool_requests", METRICS_GAUGE,
			 "Requests in the spool.", FIELD(spooled));
	write_uploads_of(m, uploads, n, "cresset_upload_spool_bytes", METRICS_GAUGE,
			 "Bytes of the spool.", FIELD(spooled_bytes));
	write_uploads_of(m, uploads, n, "cresset_upload_spool_errors_total", METRICS_COUNTER,
			 "Failed writes to the spool.", FIELD(spool_errors));
	write_uploads_of(m, uploads, n, "cresset_upload_failures", METRICS_GAUGE,
			 "Failed tries in a row, now.", FIELD(failures));
	write_drops(m, uploads, n);
#undef FIELD
}

/* ---- The agent itself. */

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec * 1e-6;
}

static uint64_t resident_bytes(void)
{
	unsigned long long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%llu %llu", &size, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void write_self(struct metrics *m, struct agent *a)
{
	const struct metrics_label version = {"version", cresset_version()};
	struct sampler_state s;
	struct rusage u;
	char digest[24];

	sampler_get_state(&a->sampler, &s);
	getrusage(RUSAGE_SELF, &u);
	metrics_family(m, "cresset_build_info", METRICS_GAUGE, "The version that runs.");
	metrics_uint(m, 1, &version, 1);
	metrics_one_double(m, "cresset_start_time_seconds", METRICS_GAUGE,
			   "When the agent was started.", (double)a->start_ns * 1e-9);
	metrics_one_double(m, "cresset_cpu_seconds_total", METRICS_COUNTER,
			   "CPU time of the agent's own process.",
			   seconds(&u.ru_utime) + seconds(&u.ru_stime));
	metrics_one(m, "cresset_resident_memory_bytes", METRICS_GAUGE,
		    "Resident memory of the agent.", resident_bytes());
	metrics_one(m, "cresset_kernel_memory_bytes", METRICS_GAUGE,
		    "Memory of its BPF maps in the kernel.", s.kernel_memory_bytes);
	metrics_one(m, "cresset_unwind_table_memory_bytes", METRICS_GAUGE,
		    "Memory of unwind tables, in the kernel and beside it.", s.table_memory_bytes);
	metrics_one(m, "cresset_sampling_frequency_hertz", METRICS_GAUGE,
		    "Samples a second on each CPU, now.", s.freq_hz);
	metrics_one(m, "cresset_sampling_lowered_total", METRICS_COUNTER,
		    "How often the frequency was lowered to keep the CPU budget.",
		    s.governor.lowered);
	metrics_one_double(m, "cresset_cpu_budget_used_ratio", METRICS_GAUGE,
			   "What the agent costs of late, of its CPU budget.",
			   s.governor.budget > 0 ? s.governor.cost / s.governor.budget : 0);
	metrics_family(m, "cresset_clock_jumps_total", METRICS_COUNTER,
		       "How often the wall clock was set by half a second or more.");
	metrics_uint(m, s.clocks.forward, &(struct metrics_label){"direction", "forward"}, 1);
	metrics_uint(m, s.clocks.backward, &(struct metrics_label){"direction", "back"}, 1);
	metrics_one(m, "cresset_suspends_total", METRICS_COUNTER, "How often the machine slept.",
		    s.clocks.sleeps);
	metrics_one_double(m, "cresset_suspended_seconds_total", METRICS_COUNTER,
			   "For how long; that time is in no window.",
			   (double)s.clocks.sleep_ns * 1e-9);
	metrics_one(m, "cresset_recorder_restarts_total", METRICS_COUNTER,
		    "How often the recorder was made anew for a configuration.", s.restarts);
	metrics_one(m, "cresset_recorder_errors_total", METRICS_COUNTER,
		    "Windows that the recorder could not give.", s.errors);
	snprintf(digest, sizeof(digest), "%016llx", atomic_load(&a->digest));
	metrics_family(m, "cresset_config_info", METRICS_GAUGE,
		       "The configuration in force; agent --check prints the same of a file.");
	metrics_uint(m, 1, &(struct metrics_label){"digest", digest}, 1);
	metrics_one(m, "cresset_config_keys_not_in_force", METRICS_GAUGE,
		    "Keys of the file last read that were refused, or wait for a new start.",
		    atomic_load(&a->keys_pending));
	metrics_one(m, "cresset_reloads_total", METRICS_COUNTER,
		    "Configurations that were taken over.", atomic_load(&a->reloads));
	metrics_one(m, "cresset_reload_errors_total", METRICS_COUNTER,
		    "Configurations that were refused, or in part.",
		    atomic_load(&a->reload_errors));
}

int exposition_write(struct agent *a, struct cresset_sink *sink)
{
	struct metrics m;
	int r = metrics_init(&m, sink), r2;

	if (!r) {
		write_self(&m, a);
		write_uploads(&m, a);
		tally_lock(&a->tally);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			write_row(&m, &rows[i], &a->tally);
		write_losses(&m, &a->tally);
		write_windows(&m, a, &a->tally);
		write_store(&m, &a->tally);
		write_labels(&m, &a->tally);
		write_symbols(&m, &a->tally);
		exposition_limits(&m, a);
		metrics_one(&m, "cresset_upload_push_errors_total", METRICS_COUNTER,
			    "Profiles that could not be queued.", a->tally.push_errors);
		tally_unlock(&a->tally);
	}
	r2 = metrics_release(&m);
	return r ? r : r2;
}
