// SPDX-License-Identifier: Apache-2.0
/*
 * cresset record - one recording, from the options to the written files.
 *
 * The order is what keeps promises: outputs are checked before anything is loaded; the command (if
 * one is given) is forked but held until the recorder is attached to its pid, so that its first
 * instruction is in the profile; raw outputs are written as soon as the names that only this moment
 * knows are in, before files are searched for the others; every output is tried even if one fails.
 */
#include "command.h"
#include "duration.h"
#include "emit.h"
#include "events.h"
#include "idle_rules.h"
#include "interrupt.h"
#include "outputs.h"
#include "progress.h"
#include "summary.h"
#include "term.h"
#include "workload.h"

#include <cresset/recorder.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS	     100
#define FREQ_DEFAULT 99

struct record_options {
	struct vec pids, tids;
	const char *cgroup;
	bool all, no_inherit;
	const char *event;
	unsigned int freq_hz;
	uint64_t duration_ns;
	bool user_only, kernel_only;
	const char *unwind;
	uint64_t max_memory;
	const char *state;
	uint64_t min_wait_ns, max_wait_ns;
	double overhead_percent;
	bool exact;
	bool wakers;
	unsigned int wake_depth;
	struct vec outputs;
	const char *format;
	bool per_process, per_thread;
	struct emit_view view;
	struct emit_symbols symbols;
	struct emit_idle idle;
	bool quiet;
};

static const struct option_choice unwind_choices[] = {
	[CRESSET_UNWIND_AUTO] = {"auto", "", "unwind tables (.eh_frame), frame pointers elsewhere"},
	[CRESSET_UNWIND_FP] = {"fp", "", "frame pointers"},
	[CRESSET_UNWIND_DWARF] = {"dwarf", "", "unwind tables, and nothing else"},
};

static bool unwind_choice(size_t i, struct option_choice *ret)
{
	if (i >= sizeof(unwind_choices) / sizeof(unwind_choices[0]))
		return false;
	*ret = unwind_choices[i];
	return true;
}

static const struct option_choice state_choices[] = {
	[CRESSET_RECORD_WAITS] = {"all", "", "time blocked and time runnable"},
	[CRESSET_RECORD_BLOCKED] = {"blocked", "", "from when a thread blocks until it is woken"},
	[CRESSET_RECORD_RUNNABLE] = {"runnable", "", "until it gets a CPU"},
};

static bool state_choice(size_t i, struct option_choice *ret)
{
	if (i >= sizeof(state_choices) / sizeof(state_choices[0]))
		return false;
	*ret = state_choices[i];
	return true;
}

#define T struct record_options

static const struct option_row rows[] = {
	{.kind = OPTION_GROUP, .name = "Target (default: all processes, or COMMAND if given)"},
	{.kind = OPTION_IDS,
	 .letter = 'p',
	 .name = "pid",
	 .arg = "PID[,PID...]",
	 .help = "these processes, with all their threads; may be repeated",
	 .offset = offsetof(T, pids)},
	{.kind = OPTION_IDS,
	 .letter = 't',
	 .name = "tid",
	 .arg = "TID[,TID...]",
	 .help = "these threads only; may be repeated",
	 .offset = offsetof(T, tids)},
	{.kind = OPTION_FLAG,
	 .letter = 'a',
	 .name = "all",
	 .help = "all processes",
	 .offset = offsetof(T, all),
	 .value = true},
	{.kind = OPTION_STRING,
	 .name = "cgroup",
	 .arg = "PATH",
	 .help = "what runs in this cgroup (v2) or below it, e.g. "
		 "/sys/fs/cgroup/system.slice/ssh.service",
	 .offset = offsetof(T, cgroup)},
	{.kind = OPTION_FLAG,
	 .name = "inherit",
	 .help = "follow children that targets start later (default)",
	 .offset = offsetof(T, no_inherit),
	 .value = false},
	{.kind = OPTION_FLAG,
	 .name = "no-inherit",
	 .help = "do not follow them",
	 .offset = offsetof(T, no_inherit),
	 .value = true},
	{.kind = OPTION_GROUP, .name = "Sampling"},
	{.kind = OPTION_STRING,
	 .letter = 'e',
	 .name = "event",
	 .arg = "NAME",
	 .help = "what to record, see Events below (default cpu)",
	 .offset = offsetof(T, event),
	 .choice = events_choice},
	{.kind = OPTION_UINT,
	 .letter = 'F',
	 .name = "freq",
	 .arg = "HZ",
	 .help = "samples a second on each CPU (default 99)",
	 .offset = offsetof(T, freq_hz),
	 .min = 1,
	 .max = 1000000},
	{.kind = OPTION_DURATION,
	 .letter = 'd',
	 .name = "duration",
	 .arg = "TIME",
	 .help = "how long: 10s, 1m30s, 500ms, or seconds (default: until Ctrl-C, or until the "
		 "targets have ended)",
	 .offset = offsetof(T, duration_ns)},
	{.kind = OPTION_FLAG,
	 .letter = 'U',
	 .name = "user",
	 .help = "user frames only",
	 .offset = offsetof(T, user_only),
	 .value = true},
	{.kind = OPTION_FLAG,
	 .letter = 'K',
	 .name = "kernel",
	 .help = "kernel frames only",
	 .offset = offsetof(T, kernel_only),
	 .value = true},
	{.kind = OPTION_STRING,
	 .name = "unwind",
	 .arg = "HOW",
	 .help = "how user stacks are found: by unwind tables, with frame pointers where there are "
		 "none (auto, the default), by frame pointers only (fp), or by tables only (dwarf)",
	 .offset = offsetof(T, unwind),
	 .choice = unwind_choice},
	{.kind = OPTION_BYTES,
	 .name = "max-memory",
	 .arg = "SIZE",
	 .help = "at most so much memory for unwind tables (default 128M)",
	 .offset = offsetof(T, max_memory)},
	{.kind = OPTION_GROUP, .name = "Waits (events off-cpu, wall and runqueue)"},
	{.kind = OPTION_STRING,
	 .name = "state",
	 .arg = "STATE",
	 .help = "only time blocked, or only time runnable (default: both)",
	 .offset = offsetof(T, state),
	 .choice = state_choice},
	{.kind = OPTION_DURATION,
	 .name = "min-block",
	 .arg = "TIME",
	 .help = "leave out waits that are shorter, e.g. 1ms; their sum is said",
	 .offset = offsetof(T, min_wait_ns)},
	{.kind = OPTION_DURATION,
	 .name = "max-block",
	 .arg = "TIME",
	 .help = "leave out waits that are longer",
	 .offset = offsetof(T, max_wait_ns)},
	{.kind = OPTION_NUMBER,
	 .name = "overhead-budget",
	 .arg = "PERCENT",
	 .help = "how much of each CPU following context switches may cost (default 1); past it "
		 "only some waits are recorded, with weights that make up for the others",
	 .offset = offsetof(T, overhead_percent),
	 .min = 0.01,
	 .max = 100},
	{.kind = OPTION_FLAG,
	 .name = "exact",
	 .help = "record every wait, whatever it costs",
	 .offset = offsetof(T, exact),
	 .value = true},
	{.kind = OPTION_FLAG,
	 .name = "wakers",
	 .help = "add to time blocked who woke the thread: behind a frame \"--\" the wake-up call, "
		 "the waker's callers up to its root, and its name or [interrupt]",
	 .offset = offsetof(T, wakers),
	 .value = true},
	{.kind = OPTION_UINT,
	 .name = "wake-depth",
	 .arg = "N",
	 .help = "and who woke the waker before that, N wakers in all (1 to 8, default 1; implies "
		 "--wakers)",
	 .offset = offsetof(T, wake_depth),
	 .min = 1,
	 .max = 8},
	{.kind = OPTION_GROUP, .name = "Output"},
	EMIT_OUTPUT_ROWS(T, outputs, format, "a table of the top functions on standard output"),
	{.kind = OPTION_FLAG,
	 .name = "per-thread",
	 .help = "folded, svg: a root frame per thread, comm-pid/tid",
	 .offset = offsetof(T, per_thread),
	 .value = true},
	{.kind = OPTION_FLAG,
	 .name = "per-process",
	 .help = "folded, svg: a root frame per process, comm-pid",
	 .offset = offsetof(T, per_process),
	 .value = true},
	EMIT_SVG_ROWS(T, view),
	EMIT_TOP_ROW(T, view),
	EMIT_IDLE_ROWS(T, idle),
	{.kind = OPTION_GROUP, .name = "Names"},
	EMIT_SYMBOL_ROWS(T, symbols),
	{.kind = OPTION_GROUP, .name = "Other"},
	{.kind = OPTION_FLAG,
	 .letter = 'q',
	 .name = "quiet",
	 .help = "no progress line (the closing summary stays)",
	 .offset = offsetof(T, quiet),
	 .value = true},
	{.kind = OPTION_END},
};

#undef T

struct record {
	const struct command *self;
	struct record_options o;
	struct vec words; /* COMMAND and its arguments, then NULL; or empty */
	struct outputs outputs;
	struct idle_rules *idle;
	struct interrupt *interrupt;
	struct workload workload;
	struct progress progress;
	struct cresset_recorder *recorder;
	struct cresset_recorder_stats stats;
	struct cresset_profile *profile;
	uint64_t start_ns, elapsed_ns;
	struct rusage usage; /* of this program, when the sampling ended */
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static double cpu_seconds(const struct rusage *u)
{
	return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
	       (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

static bool has_target(const struct record_options *o)
{
	return o->pids.n || o->tids.n || o->cgroup || o->all;
}

static bool follows_switches(const struct record_options *o)
{
	return o->event && strcmp(o->event, "cpu") != 0;
}

static const char *usage_problem(const struct record_options *o)
{
	if (o->user_only && o->kernel_only)
		return "-U and -K leave nothing (give one of them)";
	if (o->all && (o->pids.n || o->tids.n || o->cgroup))
		return "-a is all processes: it takes no -p, -t or --cgroup";
	if (emit_problem(&o->idle, NULL))
		return emit_problem(&o->idle, NULL);
	if (o->per_process && o->per_thread)
		return "--per-process and --per-thread exclude each other";
	if (!follows_switches(o) &&
	    (o->state || o->min_wait_ns || o->max_wait_ns || o->overhead_percent > 0 || o->exact))
		return "--state, --min-block, --max-block, --overhead-budget and --exact are about "
		       "waits (give -e off-cpu, wall or runqueue)";
	if ((o->wakers || o->wake_depth) && (!follows_switches(o) || !strcmp(o->event, "runqueue")))
		return "--wakers and --wake-depth are about time blocked (give -e off-cpu or wall)";
	if ((o->wakers || o->wake_depth) && o->state && !strcmp(o->state, "runnable"))
		return "--state runnable has no time blocked: there are no wakers to tell";
	if (o->max_wait_ns && o->min_wait_ns > o->max_wait_ns)
		return "--min-block is longer than --max-block: nothing is left";
	if (o->exact && o->overhead_percent > 0)
		return "--exact has no --overhead-budget";
	if (o->event && !strcmp(o->event, "runqueue") && o->state)
		return "-e runqueue is about time runnable: it takes no --state";
	if (o->event && !strcmp(o->event, "wall") && (o->state || o->min_wait_ns || o->max_wait_ns))
		return "-e wall adds up to wall time: it leaves no waits out (try -e off-cpu)";
	return NULL;
}

/* The parser has refused all other names. */
static enum cresset_unwind unwind_of(const char *name)
{
	size_t i = 0;

	while (name && strcmp(unwind_choices[i].name, name))
		i++;
	return (enum cresset_unwind)i;
}

static enum cresset_record_states states_of(const char *name)
{
	size_t i = 0;

	while (name && strcmp(state_choices[i].name, name))
		i++;
	return (enum cresset_record_states)i;
}

static int load(struct record *r)
{
	struct cresset_recorder_options ro = CRESSET_RECORDER_OPTIONS_INIT;
	struct cresset_error err = {.text = ""};
	uint32_t child = (uint32_t)r->workload.pid;
	int code;

	ro.event = r->o.event;
	ro.pids = r->o.pids.data;
	ro.n_pids = r->o.pids.n;
	ro.tids = r->o.tids.data;
	ro.n_tids = r->o.tids.n;
	ro.cgroup = r->o.cgroup;
	ro.no_inherit = r->o.no_inherit;
	ro.user_only = r->o.user_only;
	ro.kernel_only = r->o.kernel_only;
	ro.freq_hz = r->o.freq_hz;
	ro.unwind = unwind_of(r->o.unwind);
	ro.max_memory = r->o.max_memory;
	ro.states = states_of(r->o.state);
	ro.min_wait_ns = r->o.min_wait_ns;
	ro.max_wait_ns = r->o.max_wait_ns;
	ro.waker_depth = r->o.wake_depth ? r->o.wake_depth : r->o.wakers;
	ro.overhead_budget = r->o.exact ? -1 : r->o.overhead_percent / 100;
	if (child && !has_target(&r->o)) {
		ro.pids = &child;
		ro.n_pids = 1;
	}
	code = cresset_recorder_new(&ro, &r->recorder, &err);
	if (code == 0)
		code = cresset_recorder_start(r->recorder, &err);
	return code < 0 ? say_failure(r->self, code, &err) : 0;
}

/* Runs until the time is over, the targets or the command have ended, or a signal came. */
static int sample(struct record *r)
{
	uint64_t limit = r->o.duration_ns;
	int code = 1;

	while (code > 0 && !interrupt_asked(r->interrupt, NULL)) {
		uint64_t left, elapsed = now_ns() - r->start_ns;
		int timeout = POLL_MS;

		if (limit && elapsed >= limit)
			break;
		left = limit ? (limit - elapsed + 999999) / 1000000 : POLL_MS;
		if (left < POLL_MS)
			timeout = (int)left;
		code = cresset_recorder_poll(r->recorder, timeout);
		cresset_recorder_get_stats(r->recorder, &r->stats);
		progress_show(&r->progress, now_ns() - r->start_ns, limit, r->stats.counted,
			      r->stats.lost);
		if (workload_ended(&r->workload))
			break;
	}
	r->elapsed_ns = now_ns() - r->start_ns;
	return code < 0 && code != -EINTR ? code : 0;
}

static int run_workload(struct record *r)
{
	const char *name = *(const char **)vec_at(&r->words, 0);
	int code = workload_release(&r->workload);

	if (code == 0)
		return 0;
	say_error(r->self, "cannot run '%s': %s%s", name, strerror(-code),
		  code == -ENOENT ? " (is it spelled right, and in $PATH?)" : "");
	return code == -ENOENT ? 127 : 126;
}

static void set_stats(struct record *r)
{
	cresset_recorder_get_stats(r->recorder, &r->stats);
	getrusage(RUSAGE_SELF, &r->usage);
	/* What later readers of the file want to know of its making. */
	cresset_profile_set_stat(r->profile, "memory.kernel_bytes", r->stats.kernel_memory_bytes);
	cresset_profile_set_stat(r->profile, "recorder.freq_hz", r->stats.freq_hz);
	cresset_profile_set_stat(r->profile, EMIT_STAT_ALL,
				 r->o.all || (!has_target(&r->o) && !r->words.n));
}

static int record_samples(struct record *r)
{
	struct cresset_error err = {.text = ""};
	int code;

	r->start_ns = now_ns();
	if (r->workload.pid) {
		code = run_workload(r);
		if (code)
			return code;
	}
	code = sample(r);
	if (code < 0)
		say_warning(r->self, "recording ended early: %s", strerror(-code));
	progress_wipe(&r->progress);
	code = cresset_recorder_stop(r->recorder, &r->profile, &err);
	if (code < 0)
		return say_failure(r->self, code, &err);
	set_stats(r);
	return 0;
}

static int resolve(struct record *r, unsigned int what)
{
	struct emit_origin origin = {cresset_recorder_open, r->recorder, NULL};
	int code;

	/* Files need none; else, if it cannot be had, the kernel's list is read. */
	if (what & CRESSET_RESOLVE_EPHEMERAL && !r->o.user_only)
		cresset_kernel_names_new(&origin.kernel_names);
	code = emit_resolve(&r->o.symbols, r->profile, what, &origin);
	cresset_kernel_names_free(origin.kernel_names);
	if (code < 0)
		say_warning(r->self, "names are missing: %s", strerror(-code));
	return code;
}

static void tag_idle(const struct record *r)
{
	struct cresset_error err = {.text = ""};

	if (emit_idle_tag(r->idle, r->profile, &err) < 0)
		say_warning(r->self, "%s", err.text);
}

/* Names and files. Returns how many outputs failed. */
static size_t write_outputs(struct record *r)
{
	struct cresset_format_options fo = CRESSET_FORMAT_OPTIONS_INIT;
	size_t failed = 0;

	fo.title = r->o.view.title;
	fo.min_width = r->o.view.min_width;
	fo.top = r->o.view.top;
	fo.pid_roots = r->o.per_process;
	fo.tid_roots = r->o.per_thread;
	progress_say(&r->progress, "finding names (Ctrl-C again to quit)");
	resolve(r, CRESSET_RESOLVE_EPHEMERAL);
	if (outputs_any_raw(&r->outputs))
		failed = emit_outputs(r->self, &r->outputs, true, r->profile, &fo);
	if (!outputs_all_raw(&r->outputs)) {
		resolve(r, CRESSET_RESOLVE_FILES);
		if (cresset_profile_settle(r->profile) < 0)
			say_warning(r->self, "out of memory: some stacks are not tidied");
		tag_idle(r);
	}
	fo.hide_idle = emit_idle_hidden(&r->o.idle, r->profile);
	progress_wipe(&r->progress);
	return failed + emit_outputs(r->self, &r->outputs, false, r->profile, &fo);
}

/* Do the table and the summary meet on one terminal? */
static bool prints_table(const struct record *r)
{
	const struct output *out;

	for (size_t i = 0; (out = outputs_at(&r->outputs, i)); i++) {
		if (!strcmp(out->path, "-"))
			return isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
	}
	return false;
}

static void print_event(const struct record *r)
{
	char time[32];

	fprintf(stderr, "event    ");
	if (follows_switches(&r->o))
		fprintf(stderr, "%s%s", r->o.event, r->stats.freq_hz ? " with " : "");
	if (r->stats.freq_hz)
		fprintf(stderr, "%s at %u Hz",
			r->stats.hardware ? "cycles (hardware counter)"
					  : "cpu-clock (no hardware counter here)",
			r->stats.freq_hz);
	fprintf(stderr, " for %s\n", duration_text(r->elapsed_ns, time, sizeof(time)));
}

static void print_summary(const struct record *r)
{
	struct rusage now;
	char time[32], memory[32];

	if (prints_table(r))
		putchar('\n');
	fflush(stdout);
	summary_print(stderr, r->profile);
	if (outputs_all_raw(&r->outputs))
		fprintf(stderr, "names    left to 'cresset report' and 'cresset convert'\n");
	print_event(r);
	getrusage(RUSAGE_SELF, &now);
	fprintf(stderr, "cost     %.2f s of CPU while recording, %.2f s for names and files; ",
		cpu_seconds(&r->usage), cpu_seconds(&now) - cpu_seconds(&r->usage));
	if (r->stats.bpf_run_count)
		fprintf(stderr, "%.2f us in BPF a sample; ",
			(double)r->stats.bpf_run_ns / (double)r->stats.bpf_run_count / 1000);
	fprintf(stderr, "%s resident, %s of kernel maps\n",
		summary_bytes((uint64_t)now.ru_maxrss * 1024, memory, sizeof(memory)),
		summary_bytes(r->stats.kernel_memory_bytes, time, sizeof(time)));
	if (!cresset_profile_n_samples(r->profile))
		say_warning(r->self, "no samples: %s",
			    has_target(&r->o) || r->workload.pid
				    ? "the target did not use a CPU while it was recorded"
				    : "nothing ran");
	if (r->o.freq_hz && r->stats.freq_hz && r->stats.freq_hz < r->o.freq_hz)
		say_warning(r->self,
			    "sampled at %u Hz, the limit of kernel.perf_event_max_sample_rate",
			    r->stats.freq_hz);
}

/* Waits for a command that still runs when the recording is over, and gives its exit code. */
static int finish_workload(struct record *r)
{
	const char *name;

	if (!r->workload.pid)
		return 0;
	if (!workload_ended(&r->workload)) {
		name = *(const char **)vec_at(&r->words, 0);
		fprintf(stderr, "'%s' still runs; waiting for it (Ctrl-C ends it)\n", name);
	}
	workload_wait(&r->workload);
	return workload_exit_code(&r->workload);
}

static int record(struct record *r)
{
	size_t failed;
	int code, child;

	code = interrupt_new(&r->interrupt);
	if (code == 0 && r->words.n)
		code = workload_start(&r->workload, r->words.data, r->interrupt);
	if (code < 0)
		return say_failure(r->self, code, &(struct cresset_error){.text = ""});
	interrupt_guard_child(r->interrupt, r->workload.pid);
	code = load(r);
	if (code == 0)
		code = record_samples(r);
	if (code)
		return code;
	failed = write_outputs(r);
	print_summary(r);
	child = finish_workload(r);
	return child ? child : failed ? EXIT_FAILED : 0;
}

/* Checks what can be checked without doing anything. 0, or an exit code. */
static int prepare(struct record *r)
{
	struct cresset_error err = {.text = ""};
	const char *problem = usage_problem(&r->o);
	int code;

	if (problem)
		return say_usage(r->self, problem);
	if (r->words.n && !vec_push(&r->words, NULL, 1))
		return say_failure(r->self, -ENOMEM, &err);
	code = outputs_init(&r->outputs, &r->o.outputs, r->o.format, "top", &err);
	if (code < 0)
		return say_refusal(r->self, code, &err);
	code = idle_rules_new(r->o.idle.rules, &r->idle, &err);
	if (code < 0)
		return say_failure(r->self, code, &err);
	if (r->o.symbols.debuginfod && !getenv("DEBUGINFOD_URLS"))
		say_warning(r->self, "--debuginfod does nothing: DEBUGINFOD_URLS is not set");
	progress_init(&r->progress, r->o.quiet);
	return 0;
}

static int run(const struct command *self, char *const *args, size_t n)
{
	struct record r = {.self = self,
			   .o = {.view = EMIT_VIEW_INIT},
			   .workload = {.hold_fd = -1, .error_fd = -1}};
	int code;

	vec_init(&r.outputs.list, sizeof(struct output));
	if (command_begin(self, OPTION_WORDS_TAIL, args, n, &r.o, &r.words, &code)) {
		code = prepare(&r);
		if (code == 0)
			code = record(&r);
	}
	progress_wipe(&r.progress);
	workload_release_fds(&r.workload);
	cresset_profile_free(r.profile);
	cresset_recorder_free(r.recorder);
	interrupt_free(r.interrupt);
	outputs_release(&r.outputs);
	idle_rules_free(r.idle);
	command_end(self, &r.o, &r.words);
	return code;
}

const struct command command_record = {
	.name = "record",
	.summary = "record a CPU profile of processes, a command, or the whole system",
	.words = "[--] [COMMAND [ARG]...]",
	.description =
		"Samples what runs on the CPUs, with kernel and user stacks, and writes a flame "
		"graph, pprof, folded stacks or a raw recording. Needs root, or the capabilities "
		"that 'cresset doctor' names.\n"
		"\n"
		"With COMMAND, starts it, records it from its first instruction until it ends, and "
		"passes its exit status on (128 + signal if it was killed). With a target as well, "
		"COMMAND only sets how long: 'record -a -- sleep 10'.",
	.options = rows,
	.lists = (const struct command_list[]){{"Events", events_choice},
					       {"Output formats", outputs_choice},
					       {0}},
	.notes =
		"Ctrl-C (or SIGTERM) ends the recording early and writes the outputs; a second one "
		"quits at once, with nothing half written.\n"
		"The closing summary goes to standard error: samples taken, written, filtered and "
		"lost by cause; the share of user stacks that are complete and of frames that have "
		"a name.\n"
		"If the time is over before COMMAND, the outputs are written and COMMAND is waited "
		"for.",
	.examples =
		(const struct command_example[]){
			{"a flame graph of a process, 10 seconds",
			 "sudo cresset record -p 1234 -d 10s -o flame.svg"},
			{"the whole system until Ctrl-C: a table of the top functions",
			 "sudo cresset record"},
			{"a command from start to end, as a flame graph and for go tool pprof",
			 "sudo cresset record -o flame.svg -o profile.pb.gz -- make -j4"},
			{"every thread by itself, 499 samples a second, folded stacks to a pipe",
			 "sudo cresset record -p 1234 -F 499 -d 5 --per-thread -f folded -o - | sort -k2"},
			{"record here, look at it elsewhere or later",
			 "sudo cresset record -a -d 1m -o run.cresset"},
			{0}},
	.run = run,
};
