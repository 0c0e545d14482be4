// SPDX-License-Identifier: Apache-2.0
/*
 * cresset convert - a profile from one format into others. Needs no privileges: the file of a raw
 * recording is all it reads, besides the binaries whose names it looks up.
 */
#include "command.h"
#include "emit.h"
#include "input.h"
#include "outputs.h"
#include "term.h"

#include <signal.h>

struct convert_options {
	struct vec outputs;
	const char *format;
	struct emit_view view;
	struct emit_symbols symbols;
	bool pid;
	bool tid;
	bool no_symbols;
	struct emit_idle idle;
	struct emit_diff diff;
};

#define T struct convert_options

static const struct option_row rows[] = {
	{.kind = OPTION_GROUP, .name = "Output"},
	EMIT_OUTPUT_ROWS(T, outputs, format, "standard output, needs -f"),
	{.kind = OPTION_FLAG,
	 .name = "pid",
	 .help = "folded, svg: a root frame per process, comm-pid",
	 .offset = offsetof(T, pid),
	 .value = true},
	{.kind = OPTION_FLAG,
	 .name = "tid",
	 .help = "folded, svg: a root frame per thread, comm-pid/tid",
	 .offset = offsetof(T, tid),
	 .value = true},
	EMIT_SVG_ROWS(T, view),
	EMIT_VALUE_ROW(T, view),
	EMIT_TOP_ROW(T, view),
	EMIT_IDLE_ROWS(T, idle),
	EMIT_DIFF_ROWS(T, diff),
	EMIT_INPUT_NAME_ROWS(T, symbols, no_symbols),
	{.kind = OPTION_GROUP, .name = "Other"},
	{.kind = OPTION_END},
};

#undef T

static int convert(const struct command *self, const struct convert_options *o, const char *path,
		   const struct outputs *outputs)
{
	struct cresset_format_options fo = CRESSET_FORMAT_OPTIONS_INIT;
	struct cresset_error err = {.text = ""};
	struct input_shown in;
	size_t failed;
	int r;

	/* A closed pipe is a write error of one output, not the end of the others. */
	signal(SIGPIPE, SIG_IGN);
	r = input_shown_read(&in, path, o->diff.base, o->idle.rules,
			     o->no_symbols ? NULL : &o->symbols, &err);
	if (r < 0) {
		input_shown_release(&in);
		return say_failure(self, r, &err);
	}
	r = emit_value_index(in.profile, o->view.value, &fo.value_index, &err);
	if (r < 0) {
		say_error(self, "%s", err.text);
		input_shown_release(&in);
		return EXIT_USAGE;
	}
	fo.title = o->view.title;
	fo.min_width = o->view.min_width;
	fo.top = o->view.top;
	fo.pid_roots = o->pid;
	fo.tid_roots = o->tid;
	fo.hide_idle = emit_idle_hidden(&o->idle, in.profile);
	fo.base = in.base;
	fo.normalize = o->diff.normalize;
	failed = emit_outputs(self, outputs, false, in.profile, &fo);
	input_shown_release(&in);
	return failed ? EXIT_FAILED : 0;
}

static int run_parsed(const struct command *self, const struct convert_options *o,
		      const struct vec *words)
{
	const char *problem = emit_problem(&o->idle, &o->diff);
	struct outputs outputs = {.list = {.n = 0}};
	struct cresset_error err = {.text = ""};
	int r;

	problem = problem ? problem : input_problem(words);
	if (!problem && !o->outputs.n && !o->format)
		problem = "where to? give -o FILE, or -f NAME for standard output";
	if (problem)
		return say_usage(self, problem);
	r = outputs_init(&outputs, &o->outputs, o->format, NULL, &err);
	if (r == 0 && o->diff.base)
		r = outputs_check_diff(&outputs, &err);
	if (r < 0)
		r = say_refusal(self, r, &err);
	else
		r = convert(self, o, *(const char **)vec_at(words, 0), &outputs);
	outputs_release(&outputs);
	return r;
}

static int run(const struct command *self, char *const *args, size_t n)
{
	struct convert_options o = {.view = EMIT_VIEW_INIT};
	struct vec words;
	int code;

	if (command_begin(self, OPTION_WORDS_MIXED, args, n, &o, &words, &code))
		code = run_parsed(self, &o, &words);
	command_end(self, &o, &words);
	return code;
}

const struct command command_convert = {
	.name = "convert",
	.summary = "turn a recorded profile into another format",
	.words = "IN -o OUT...",
	.description =
		"Reads a profile (.cresset, pprof or folded stacks, recognised by content; '-' is "
		"standard input) and writes it in any output format. Addresses of a .cresset file "
		"get their names from the binaries and debug files of this host.",
	.options = rows,
	.lists = (const struct command_list[]){{"Input formats", outputs_choice_read},
					       {"Output formats", outputs_choice},
					       {0}},
	.examples =
		(const struct command_example[]){
			{"a flame graph of a raw recording",
			 "cresset convert run.cresset -o flame.svg"},
			{"folded stacks from elsewhere, as a flame graph and for go tool pprof",
			 "cresset convert stacks.folded -o flame.svg -o profile.pb.gz"},
			{"one root frame per thread, on standard output",
			 "cresset convert run.cresset -f folded --tid"},
			{0}},
	.run = run,
};
