// SPDX-License-Identifier: Apache-2.0
/*
 * cresset report - the table of top functions of a profile, and how good its recording was.
 */
#include "command.h"
#include "emit.h"
#include "input.h"
#include "summary.h"
#include "term.h"

#include <stdio.h>
#include <unistd.h>

struct report_options {
	struct emit_view view;
	struct emit_symbols symbols;
	bool no_symbols;
	struct emit_idle idle;
	struct emit_diff diff;
};

#define T struct report_options

static const struct option_row rows[] = {
	{.kind = OPTION_GROUP, .name = "Table"},
	EMIT_TOP_ROW(T, view),
	EMIT_VALUE_ROW(T, view),
	EMIT_IDLE_ROWS(T, idle),
	EMIT_DIFF_ROWS(T, diff),
	EMIT_INPUT_NAME_ROWS(T, symbols, no_symbols),
	{.kind = OPTION_GROUP, .name = "Other"},
	{.kind = OPTION_END},
};

#undef T

static int report(const struct command *self, const struct report_options *o, const char *path)
{
	struct cresset_format_options fo = CRESSET_FORMAT_OPTIONS_INIT;
	struct cresset_error err = {.text = ""};
	struct input_shown in;
	struct vec none = {.n = 0};
	struct outputs outputs;
	int r, code = EXIT_FAILED;

	r = input_shown_read(&in, path, o->diff.base, o->idle.rules,
			     o->no_symbols ? NULL : &o->symbols, &err);
	if (r < 0) {
		input_shown_release(&in);
		return say_failure(self, r, &err);
	}
	r = outputs_init(&outputs, &none, "top", NULL, &err);
	if (r == 0)
		r = emit_value_index(in.profile, o->view.value, &fo.value_index, &err);
	if (r < 0) {
		say_error(self, "%s", err.text);
		code = EXIT_USAGE;
	} else {
		fo.top = o->view.top;
		fo.hide_idle = emit_idle_hidden(&o->idle, in.profile);
		fo.base = in.base;
		fo.normalize = o->diff.normalize;
		if (emit_outputs(self, &outputs, false, in.profile, &fo) == 0) {
			if (cresset_profile_n_stats(in.profile))
				putchar('\n');
			summary_print(stdout, in.profile);
			code = 0;
		}
	}
	outputs_release(&outputs);
	input_shown_release(&in);
	return code;
}

static int run_parsed(const struct command *self, const struct report_options *o,
		      const struct vec *words)
{
	const char *problem = emit_problem(&o->idle, &o->diff);

	problem = problem ? problem : input_problem(words);
	if (problem)
		return say_usage(self, problem);
	return report(self, o, *(const char **)vec_at(words, 0));
}

static int run(const struct command *self, char *const *args, size_t n)
{
	struct report_options o = {.view = EMIT_VIEW_INIT};
	struct vec words;
	int code;

	if (command_begin(self, OPTION_WORDS_MIXED, args, n, &o, &words, &code))
		code = run_parsed(self, &o, &words);
	command_end(self, &o, &words);
	return code;
}

const struct command command_report = {
	.name = "report",
	.summary = "print the top functions of a recorded profile",
	.words = "IN",
	.description =
		"Reads a profile (.cresset, pprof or folded stacks, recognised by content; '-' is "
		"standard input) and prints its functions by the time spent in them (self) and below "
		"them (total), and how complete the recording is.",
	.options = rows,
	.lists = (const struct command_list[]){{"Input formats", outputs_choice_read}, {0}},
	.examples =
		(const struct command_example[]){
			{"the ten functions that used the most CPU",
			 "cresset report run.cresset --top 10"},
			{"a profile that a Go program serves",
			 "curl -s localhost:6060/debug/pprof/profile | cresset report -"},
			{0}},
	.run = run,
};
