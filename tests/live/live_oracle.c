// SPDX-License-Identifier: Apache-2.0
/*
 * The walker in the kernel against libdw, at the same instant: see tests/oracle/README.md.
 *
 *     live_oracle [-v] [PROGRAM [SAMPLES]]     by hand: one program (or all), more samples; -v:
 *                                              every different disagreement, not one of a class
 *
 * ORACLE_SAMPLES and ORACLE_HZ in the environment: where the machine is slow.
 *
 * Printed for each program: samples, how many of them libdw walks to the bottom, how many of these
 * are equal, how often the leaf's direct caller is right, and each class of disagreement.
 */
#include "oracle/program.h"
#include "oracle/programs.h"
#include "oracle/verdict.h"
#include "recording.h"

enum {
	FREQ_HZ = 499,
	WANTED = 4000,
	MAX_ROUNDS = 3000,
	QUIET_ROUNDS = 100,
};

struct comparison {
	struct oracle_program_run runs[ORACLE_MAX_PROGRAMS];
	struct verdict_counts counts[ORACLE_MAX_PROGRAMS];
	size_t n;
	struct snapshots snapshots;
	struct oracle_program program;
	struct verdict verdict;
	unsigned int freq_hz;
};

struct arguments {
	const char *name;
	size_t wanted;
	unsigned int freq_hz;
	bool verbose;
};

static struct session *session_of(const struct comparison *c)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	uint32_t pids[ORACLE_MAX_PROGRAMS];

	for (size_t i = 0; i < c->n; i++)
		pids[i] = (uint32_t)c->runs[i].pid;
	options.freq_hz = c->freq_hz;
	options.pids = pids;
	options.n_pids = c->n;
	return begin(&options, NULL);
}

static uint64_t early_stops(const struct session *s)
{
	struct accounting a;

	accounting_read(s->slots, s->drain.n_slots, &a);
	return a.stops[CRESSET_STOP_NO_TABLE] + a.stops[CRESSET_STOP_NOT_KNOWN];
}

/* Until the tables that the targets need have been brought: a second has gone without a miss. */
static void settle(struct session *s)
{
	uint64_t stops = 0;

	for (int quiet = 0, i = 0; quiet < QUIET_ROUNDS && i < MAX_ROUNDS; i++) {
		assert_true(session_poll(s, 10) >= 0);
		quiet = early_stops(s) == stops ? quiet + 1 : 0;
		stops = early_stops(s);
	}
}

/* Both halves of a sample come from one interrupt; they are read at leisure. */
static void sample(struct comparison *c, struct session *s, size_t wanted)
{
	settle(s);
	assert_int_equal(oracle_program_load(&c->program, s), 0);
	assert_int_equal(snapshots_open(&c->snapshots, c->program.fd, c->freq_hz), 0);
	for (int i = 0; i < MAX_ROUNDS && c->snapshots.all.n < wanted; i++) {
		assert_true(session_poll(s, 10) >= 0);
		assert_int_equal(snapshots_read(&c->snapshots), 0);
		assert_int_equal(oracle_program_read(&c->program), 0);
	}
	snapshots_stop(&c->snapshots);
	/* They are still looked at, and the CPUs are wanted for that. */
	for (size_t i = 0; i < c->n; i++)
		kill(c->runs[i].pid, SIGSTOP);
	assert_int_equal(snapshots_read(&c->snapshots), 0);
	assert_int_equal(oracle_program_read(&c->program), 0);
}

static int by_thread_and_time(const void *a, const void *b)
{
	const struct oracle_record *x = a, *y = b;

	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	return x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

static bool is_match(const struct oracle_record *r, const struct snapshot *snap, uint64_t apart_ns)
{
	uint64_t apart = r->time_ns > snap->time_ns ? r->time_ns - snap->time_ns
						    : snap->time_ns - r->time_ns;

	return r->tid == snap->tid && apart < apart_ns && r->ip == snap->registers[SNAPSHOT_IP] &&
	       r->sp == snap->registers[SNAPSHOT_SP];
}

/*
 * Ours of the same interrupt. Which of the two reads the clock first depends on the kernel: perf
 * before it runs the program (6.12), or when it writes the sample (6.1).
 */
static const struct oracle_record *record_of(const struct comparison *c,
					     const struct snapshot *snap)
{
	const struct vec *records = &c->program.records;
	uint64_t half_period_ns = 500000000 / c->freq_hz;
	size_t low = 0, high = records->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct oracle_record *r = vec_at(records, middle);

		if (r->tid < snap->tid || (r->tid == snap->tid && r->time_ns < snap->time_ns))
			low = middle + 1;
		else
			high = middle;
	}
	if (low < records->n && is_match(vec_at(records, low), snap, half_period_ns))
		return vec_at(records, low);
	if (low > 0 && is_match(vec_at(records, low - 1), snap, half_period_ns))
		return vec_at(records, low - 1);
	return NULL;
}

static void compare_program(struct comparison *c, size_t i)
{
	struct verdict_counts *counts = &c->counts[i];
	struct oracle_unw *unw = NULL;
	struct oracle_dw *dw = NULL;
	pid_t pid = c->runs[i].pid;

	if (oracle_dw_new(pid, &dw)) {
		printf("%s ended too early\n", c->runs[i].name);
		return;
	}
	assert_int_equal(oracle_unw_new(pid, &unw), 0);
	for (size_t j = 0; j < c->snapshots.all.n; j++) {
		const struct snapshot *snap = vec_at(&c->snapshots.all, j);
		const struct oracle_record *ours;

		if (snap->pid != (uint32_t)pid)
			continue;
		ours = record_of(c, snap);
		if (!ours) {
			counts->unmatched++;
			continue;
		}
		assert_int_equal(
			verdict_add(&c->verdict, c->runs[i].name, ours, snap, dw, unw, counts), 0);
	}
	oracle_unw_free(unw);
	oracle_dw_free(dw);
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void print_counts(const char *name, const struct verdict_counts *n)
{
	printf("%-10s %8" PRIu64 " %6" PRIu64 " %9" PRIu64 " %9.3f %9.3f %8.2f %9.2f %9" PRIu64
	       " %6" PRIu64 " %5" PRIu64 "/%" PRIu64 "/%" PRIu64 "\n",
	       name, n->samples, n->early, n->compared, percent(n->equal, n->compared - n->cut),
	       percent(n->callers_right, n->callers), percent(n->whole, n->samples - n->early),
	       percent(n->fallback, n->samples - n->early), n->only_ours, n->cut,
	       n->sided[VERDICT_CRESSET], n->sided[VERDICT_LIBDW], n->sided[VERDICT_NEITHER]);
}

static void print_stops(const struct verdict_counts *n)
{
	printf("our walks ended:");
	for (uint32_t i = 0; i < CRESSET_N_STOPS; i++)
		if (n->stops[i])
			printf(" %s %" PRIu64, verdict_stop_name(i), n->stops[i]);
	printf("\n");
}

static void add_counts(struct verdict_counts *sum, const struct verdict_counts *n)
{
	const uint64_t *from = (const uint64_t *)n;
	uint64_t *to = (uint64_t *)sum;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

static void judge(struct comparison *c, struct verdict_counts *ret_sum)
{
	if (c->program.records.n)
		qsort(c->program.records.data, c->program.records.n, c->program.records.element,
		      by_thread_and_time);
	printf("%-10s %8s %6s %9s %9s %9s %8s %9s %9s %6s  %s\n", "", "samples", "early",
	       "compared", "equal %", "caller %", "whole %", "fallb. %", "only ours", "cut",
	       "libunwind sides with us/libdw/neither");
	memset(ret_sum, 0, sizeof(*ret_sum));
	for (size_t i = 0; i < c->n; i++) {
		compare_program(c, i);
		print_counts(c->runs[i].name, &c->counts[i]);
		add_counts(ret_sum, &c->counts[i]);
	}
	print_counts("all", ret_sum);
	print_stops(ret_sum);
	printf("unmatched %" PRIu64 ", lost by perf %" PRIu64 ", by us %" PRIu64 "\n",
	       ret_sum->unmatched, c->snapshots.lost, oracle_program_dropped(&c->program));
	verdict_print(&c->verdict);
}

static void same_instant(void **state)
{
	const struct arguments *a = *state;
	struct comparison *c = calloc(1, sizeof(*c));
	struct verdict_counts sum;
	struct session *s;

	assert_non_null(c);
	verdict_init(&c->verdict);
	c->verdict.verbose = a->verbose;
	c->freq_hz = a->freq_hz;
	c->n = oracle_programs_start(a->name, c->runs);
	assert_true(c->n > 0);
	s = session_of(c);
	sample(c, s, a->wanted);
	judge(c, &sum);
	oracle_programs_end(c->runs, c->n);
	oracle_program_release(&c->program);
	snapshots_release(&c->snapshots);
	verdict_release(&c->verdict);
	cresset_profile_free(end(s));
	free(c);

	/* A comparison of next to nothing proves nothing. */
	assert_true(sum.compared >= a->wanted / 2);
	assert_true(sum.unmatched * 100 <= sum.samples);
	assert_true(sum.early * 20 <= sum.samples);
	assert_true((sum.equal + sum.cut) * 1000 >= sum.compared * 999);
	assert_true(sum.callers_right * 1000 >= sum.callers * 999);
}

/* From the environment. */
static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);
	unsigned long value = text ? strtoul(text, NULL, 0) : 0;

	return value ? value : otherwise;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {
		.wanted = (size_t)number("ORACLE_SAMPLES", WANTED),
		.freq_hz = (unsigned int)number("ORACLE_HZ", FREQ_HZ),
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(same_instant, &arguments),
	};

	arguments.verbose = argc > 1 && !strcmp(argv[1], "-v");
	argc -= arguments.verbose;
	argv += arguments.verbose;
	if (argc > 1)
		arguments.name = strcmp(argv[1], "all") ? argv[1] : NULL;
	if (argc > 2)
		arguments.wanted = (size_t)strtoul(argv[2], NULL, 0);
	if (not_allowed())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
