// SPDX-License-Identifier: Apache-2.0
/*
 * cresset query - a profile of any range out of a store, while the agent goes on writing to it.
 */
#include "command.h"
#include "emit.h"
#include "idle_rules.h"
#include "outputs.h"
#include "query_table.h"
#include "summary.h"
#include "term.h"

#include "store/ask.h"
#include "store/when.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

struct query_options {
	const char *store;
	struct ask ask;
	bool normalize;
	struct vec keep;
	const char *by;
	bool list;
	struct vec outputs;
	const char *format;
	struct emit_view view;
	struct emit_idle idle;
};

static bool event_choice(size_t i, struct option_choice *ret)
{
	const struct store_event *e = store_event_at(i);

	if (e)
		*ret = (struct option_choice){.name = e->name, .detail = "", .help = e->help};
	return e != NULL;
}

#define T struct query_options

static const struct option_row rows[] = {
	{.kind = OPTION_GROUP, .name = "What to ask for"},
	OPTION_TEXT_ROW(T, "store", "PATH", store,
			"the folder of the store (default " STORE_DEFAULT_PATH ", the agent's)"),
	OPTION_TEXT_ROW(T, "from", "WHEN", ask.from,
			"begin of the range (default: an hour before its end)"),
	OPTION_TEXT_ROW(T, "to", "WHEN", ask.to, "end of the range (default: now)"),
	{.kind = OPTION_STRING,
	 .letter = 'm',
	 .name = "match",
	 .arg = "LABELS",
	 .help = "only series whose labels match, e.g. 'service=\"api\",comm=~\"redis.*\"'",
	 .offset = offsetof(T, ask.match)},
	{.kind = OPTION_STRING,
	 .letter = 'e',
	 .name = "event",
	 .arg = "NAME",
	 .help = "what to show, see below (default cpu)",
	 .offset = offsetof(T, ask.event),
	 .choice = event_choice},
	OPTION_TEXT_ROW(
		T, "diff-from", "WHEN", ask.diff_from,
		"show what changed since the range that begins here (folded: stack before after)"),
	OPTION_TEXT_ROW(T, "diff-to", "WHEN", ask.diff_to,
			"end of that range (default: it is as long as the other one)"),
	{.kind = OPTION_FLAG,
	 .name = "normalize",
	 .help = "scale the range compared with to the same total, to compare shares",
	 .offset = offsetof(T, normalize),
	 .value = true},
	{.kind = OPTION_STRINGS,
	 .name = "keep",
	 .arg = "LABEL",
	 .help = "samples keep this label, and stand apart by it; may be repeated (default comm, "
		 "the root of flame graphs)",
	 .offset = offsetof(T, keep)},
	{.kind = OPTION_GROUP, .name = "Instead of a profile"},
	OPTION_TEXT_ROW(T, "by", "LABEL", by, "print the values of LABEL with the most time"),
	{.kind = OPTION_FLAG,
	 .name = "list",
	 .help = "print what the store has: ranges, labels and their values, services",
	 .offset = offsetof(T, list),
	 .value = true},
	{.kind = OPTION_GROUP, .name = "Output"},
	EMIT_OUTPUT_ROWS(T, outputs, format, "a table of the top functions"),
	EMIT_SVG_ROWS(T, view),
	EMIT_VALUE_ROW(T, view),
	EMIT_TOP_ROW(T, view),
	{.kind = OPTION_FLAG,
	 .name = "idle",
	 .help = "show benign waits (epoll, accept, idle pools, ...) as [idle] (default: they are "
		 "left out of graphs and tables, as the agent records all processes)",
	 .offset = offsetof(T, idle.show),
	 .value = true},
	OPTION_TEXT_ROW(T, "idle-rules", "FILE", idle.rules,
			"what is a benign wait, instead of the shipped rules"),
	{.kind = OPTION_GROUP, .name = "Other"},
	{.kind = OPTION_END},
};

#undef T

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- How complete the answer is. */

static void print_result(const char *heading, const struct store_result *r)
{
	char from[32], to[32];

	fprintf(stderr, "%s %llu windows", heading, (unsigned long long)r->windows);
	if (r->windows)
		fprintf(stderr, " of %s to %s", when_text(r->first_ns, from, sizeof(from)),
			when_text(r->last_ns, to, sizeof(to)));
	fprintf(stderr, ", %llu rows in %llu segments\n", (unsigned long long)r->rows,
		(unsigned long long)r->segments);
	if (r->damaged)
		fprintf(stderr,
			"damaged  %llu segments, the first is %s: what they had is missing here\n",
			(unsigned long long)r->damaged, r->damaged_name);
	if (r->names_damaged)
		fprintf(stderr,
			"damaged  %llu parts of the dictionary: names, labels or values are missing\n",
			(unsigned long long)r->names_damaged);
	if (r->stacks_missing)
		fprintf(stderr, "stacks   %llu have lost their frames: [error: damaged store]\n",
			(unsigned long long)r->stacks_missing);
}

static int take_range(void *arg, const struct store_range *range)
{
	struct store_range *all = arg;

	if (!all->to_ns)
		all->from_ns = range->from_ns;
	all->to_ns = range->to_ns > all->to_ns ? range->to_ns : all->to_ns;
	return 0;
}

/* Why there is nothing. */
static void explain_nothing(const struct command *self, struct store *s, const struct asked *asked,
			    const struct store_result *r)
{
	struct store_range all = {.to_ns = 0};
	char from[32], to[32];

	if (r->windows)
		say_warning(self, "nothing matches in that range: %s has no %s time there",
			    *asked->match_text ? asked->match_text : "the store",
			    asked->event->name);
	else if (store_ranges(s, 0, 0, 0, take_range, &all, NULL) < 0 || !all.to_ns)
		say_warning(self, "the store is empty");
	else
		say_warning(self, "no window begins in that range; the store has %s to %s",
			    when_text(all.from_ns, from, sizeof(from)),
			    when_text(all.to_ns, to, sizeof(to)));
}

/* ---- Profiles. */

static int tag_idle(const struct query_options *o, struct ask_answer *answer,
		    struct cresset_error *err)
{
	struct idle_rules *rules = NULL;
	int r = idle_rules_new(o->idle.rules, &rules, err);

	r = r ?: emit_idle_tag(rules, answer->profile, err);
	if (r == 0 && answer->base)
		r = emit_idle_tag(rules, answer->base, err);
	idle_rules_free(rules);
	return r;
}

static int write_answer(const struct command *self, const struct query_options *o,
			const struct asked *asked, const struct outputs *outputs,
			const struct ask_answer *answer)
{
	struct cresset_format_options fo = CRESSET_FORMAT_OPTIONS_INIT;
	struct cresset_error err = {.text = ""};
	char title[512];
	size_t failed;

	if (emit_value_index(answer->profile, o->view.value, &fo.value_index, &err) < 0) {
		say_error(self, "%s", err.text);
		return EXIT_USAGE;
	}
	fo.title = o->view.title ? o->view.title : ask_title(asked, title, sizeof(title));
	fo.min_width = o->view.min_width;
	fo.top = o->view.top;
	fo.hide_idle = !o->idle.show;
	fo.base = answer->base;
	fo.normalize = o->normalize;
	failed = emit_outputs(self, outputs, false, answer->profile, &fo);
	return failed ? EXIT_FAILED : 0;
}

static int query_profile(const struct command *self, const struct query_options *o,
			 const struct asked *asked, const struct outputs *outputs, struct store *s,
			 struct cresset_error *err)
{
	struct ask_answer answer;
	int code, r = ask_profile(s, asked, &answer, err);

	if (r < 0)
		return r;
	r = tag_idle(o, &answer, err);
	if (r < 0) {
		ask_answer_release(&answer);
		return r;
	}
	code = write_answer(self, o, asked, outputs, &answer);
	if (isatty(STDOUT_FILENO) && isatty(STDERR_FILENO) && !o->outputs.n)
		fputc('\n', stderr);
	print_result("store   ", &answer.result);
	if (asked->has_base)
		print_result("against ", &answer.base_result);
	if (!cresset_profile_n_samples(answer.profile))
		explain_nothing(self, s, asked, &answer.result);
	if (asked->has_base && !cresset_profile_n_samples(answer.base))
		explain_nothing(self, s, asked, &answer.base_result);
	ask_answer_release(&answer);
	return code;
}

/* ---- Tables. */

static struct query_table table_of(const struct query_options *o)
{
	struct term t = term_of(STDOUT_FILENO);

	return (struct query_table){
		.f = stdout, .columns = t.columns ? t.columns : 80, .top = o->view.top};
}

static int query_by(const struct command *self, const struct query_options *o,
		    const struct asked *asked, struct store *s, struct cresset_error *err)
{
	struct query_table t = table_of(o);
	struct store_result result;
	bool found;
	int r = query_table_by(&t, s, asked, o->by, &result, &found, err);

	if (r < 0)
		return r;
	fflush(stdout);
	print_result("store   ", &result);
	if (!result.rows)
		explain_nothing(self, s, asked, &result);
	else if (!found)
		say_warning(self, "no series has the label '%s' (see --list)", o->by);
	return 0;
}

static int query_list(const struct query_options *o, const struct asked *asked, struct store *s,
		      struct cresset_error *err)
{
	struct query_table t = table_of(o);
	struct store_query q = asked->query;
	struct store_result result;
	int r;

	/* Not the last hour: everything, unless a range is given. */
	if (!o->ask.from && !o->ask.to)
		q.from_ns = q.to_ns = 0;
	r = query_table_list(&t, s, &q, &result, err);
	if (r == 0 && result.damaged) {
		fflush(stdout);
		print_result("read    ", &result);
	}
	return r;
}

/* ---- The command. */

static int query(const struct command *self, const struct query_options *o,
		 const struct asked *asked, const struct outputs *outputs)
{
	struct store_options so = {.read_only = true};
	struct cresset_error err = {.text = ""};
	struct store *s = NULL;
	int r = store_open(o->store, &so, &s, &err);

	/* A closed pipe is a write error of one output, not the end of the others. */
	signal(SIGPIPE, SIG_IGN);
	if (r == 0 && o->list)
		r = query_list(o, asked, s, &err);
	else if (r == 0 && o->by)
		r = query_by(self, o, asked, s, &err);
	else if (r == 0)
		r = query_profile(self, o, asked, outputs, s, &err);
	store_close(s);
	return r < 0 ? say_failure(self, r, &err) : r;
}

/* NULL, or what is wrong with the options together. */
static const char *problem(const struct query_options *o)
{
	bool diff = o->ask.diff_from || o->ask.diff_to;

	if (o->by && o->list)
		return "--by and --list exclude each other";
	if ((o->by || o->list) && (o->outputs.n || o->format))
		return "--by and --list print a table: leave out -o and -f";
	if ((o->by || o->list) && diff)
		return "--by and --list are of one range: leave out --diff-from and --diff-to";
	if (o->normalize && !diff)
		return "--normalize is for two ranges (give --diff-from)";
	return NULL;
}

/* Checks all that can be checked before the store is opened. */
static int understand(const struct query_options *o, struct asked *asked, struct outputs *outputs,
		      struct cresset_error *err)
{
	int r;

	if (problem(o))
		return cresset_error_set(err, -EINVAL, "%s", problem(o));
	r = ask_parse(&o->ask, now_ns(), asked, err);
	r = r ?: outputs_init(outputs, &o->outputs, o->format, "top", err);
	if (r == 0 && asked->has_base)
		r = outputs_check_diff(outputs, err);
	return r;
}

static int run_parsed(const struct command *self, struct query_options *o, const struct vec *words)
{
	static const char *const comm[] = {"comm"};
	struct outputs outputs = {.list = {.n = 0}};
	struct cresset_error err = {.text = ""};
	struct asked asked = {.match = NULL};
	int r;

	if (words->n)
		return say_usage(self, "no file is needed: the store is given by --store");
	o->ask.keep_labels = o->keep.n ? o->keep.data : comm;
	o->ask.n_keep_labels = o->keep.n ? o->keep.n : 1;
	r = understand(o, &asked, &outputs, &err);
	if (r < 0)
		r = say_refusal(self, r, &err);
	else
		r = query(self, o, &asked, &outputs);
	outputs_release(&outputs);
	asked_release(&asked);
	return r;
}

static int run(const struct command *self, char *const *args, size_t n)
{
	struct query_options o = {.store = STORE_DEFAULT_PATH, .view = EMIT_VIEW_INIT};
	struct vec words;
	int code;

	if (command_begin(self, OPTION_WORDS_MIXED, args, n, &o, &words, &code))
		code = run_parsed(self, &o, &words);
	command_end(self, &o, &words);
	return code;
}

const struct command command_query = {
	.name = "query",
	.summary = "print or draw any range of what the agent has stored",
	.words = "",
	.description =
		"Reads the store that 'cresset agent' fills and merges the windows of a range into "
		"one profile: a table of the top functions, a flame graph, or any other format. "
		"It can be used while the agent runs, and needs no binaries: names are stored.",
	.options = rows,
	.lists = (const struct command_list[]){{"Events", event_choice},
					       {"Output formats", outputs_choice},
					       {0}},
	.notes =
		"WHEN is 'now', a time before now (-90s, -1h, -1d12h), a date and time "
		"(2026-11-22T13:05:00Z, '2026-11-22 13:05' in local time), or seconds since 1970. A "
		"window belongs to the range that it begins in; what is older than some minutes has "
		"windows of a minute.\n\n"
		"LABELS are terms with = != =~ !~ and values in quotes, all of which must hold; a "
		"regular expression matches the whole value, and a label that a series does not have "
		"is empty.\n\n"
		"How complete an answer is (windows found, damaged segments, stacks that lost their "
		"frames) is printed on standard error.",
	.examples =
		(const struct command_example[]){
			{"a flame graph of the last hour of one service",
			 "cresset query --match 'service=\"api\"' -o api.svg"},
			{"all time of its threads, also waiting, this morning",
			 "cresset query -m 'service=\"api\"' -e wall --from '2026-11-22 08:00' --to "
			 "'2026-11-22 12:00' -o api.svg"},
			{"what changed since the same hour of yesterday",
			 "cresset query --from -1h --diff-from -25h --normalize -o change.svg"},
			{"which services use the CPU", "cresset query --from -1d --by service"},
			{"for go tool pprof", "cresset query -o profile.pb.gz --keep service"},
			{0}},
	.run = run,
};
