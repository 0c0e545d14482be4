// SPDX-License-Identifier: Apache-2.0
/*
 * emit - the steps that record, convert and report share at their end: the options that say how a
 * profile is shown and named, and writing the outputs with a message for each that fails.
 */
#ifndef PROFILER_EMIT_H
#define PROFILER_EMIT_H

#include "outputs.h"

#include <cresset/symbolizer.h>

struct command;
struct idle_rules;

/* Set by `record` for all processes, so that the file says it. */
#define EMIT_STAT_ALL "recorder.all"

/* Where it goes, for outputs_init(); what it says of the default is the command's. */
#define EMIT_OUTPUT_ROWS(T, paths, name_of, standard)                                              \
	{.kind = OPTION_STRINGS,                                                                   \
	 .letter = 'o',                                                                            \
	 .name = "output",                                                                         \
	 .arg = "FILE",                                                                            \
	 .help = "write FILE, in the format of its extension; '-' is standard output; may be "     \
		 "repeated (default: " standard ")",                                               \
	 .offset = offsetof(T, paths)},                                                            \
	{                                                                                          \
		.kind = OPTION_STRING, .letter = 'f', .name = "format", .arg = "NAME",             \
		.help = "format of outputs whose extension does not tell, and of '-'; overrides "  \
			"the extension of a single output",                                        \
		.offset = offsetof(T, name_of), .choice = outputs_choice                           \
	}

/* How it is shown. The rows for it: EMIT_SVG_ROWS, EMIT_VALUE_ROW, EMIT_TOP_ROW. */
struct emit_view {
	const char *title;
	const char *value; /* NULL: the profile's default one */
	double min_width;
	unsigned int top;
};
#define EMIT_VIEW_INIT                                                                             \
	{                                                                                          \
		.min_width = 0.1, .top = 30                                                        \
	}

#define EMIT_TOP_ROW(T, m)                                                                         \
	{                                                                                          \
		.kind = OPTION_UINT, .name = "top", .arg = "N",                                    \
		.help = "rows of the table of top functions; 0: all (default 30)",                 \
		.offset = offsetof(T, m.top), .max = 1000000                                       \
	}
#define EMIT_VALUE_ROW(T, m)                                                                       \
	{                                                                                          \
		.kind = OPTION_STRING, .name = "value", .arg = "TYPE",                             \
		.help = "which value to show, by its type, e.g. samples or cpu (default: the "     \
			"profile's own default)",                                                  \
		.offset = offsetof(T, m.value)                                                     \
	}
#define EMIT_SVG_ROWS(T, m)                                                                        \
	{.kind = OPTION_STRING,                                                                    \
	 .name = "title",                                                                          \
	 .arg = "TEXT",                                                                            \
	 .help = "title of the flame graph (default: what was recorded)",                          \
	 .offset = offsetof(T, m.title)},                                                          \
	{                                                                                          \
		.kind = OPTION_NUMBER, .name = "min-width", .arg = "PERCENT",                      \
		.help = "merge frames of the flame graph that are narrower than this share of "    \
			"the whole (default 0.1)",                                                 \
		.offset = offsetof(T, m.min_width), .max = 100                                     \
	}

/* Which waits are benign, and whether they are shown. */
struct emit_idle {
	const char *rules; /* a file; NULL: the shipped ones */
	bool show, hide;   /* neither: hidden where all processes were recorded */
};

#define EMIT_IDLE_ROWS(T, m)                                                                       \
	{.kind = OPTION_FLAG,                                                                      \
	 .name = "idle",                                                                           \
	 .help = "show benign waits (epoll, accept, idle pools, ...) as [idle] (default, unless "  \
		 "all processes were recorded)",                                                   \
	 .offset = offsetof(T, m.show),                                                            \
	 .value = true},                                                                           \
		{.kind = OPTION_FLAG,                                                              \
		 .name = "no-idle",                                                                \
		 .help = "leave them out; sums have them (default for all processes)",             \
		 .offset = offsetof(T, m.hide),                                                    \
		 .value = true},                                                                   \
	{                                                                                          \
		.kind = OPTION_STRING, .name = "idle-rules", .arg = "FILE",                        \
		.help = "what is a benign wait, instead of the shipped rules (a line 'default' "   \
			"in FILE includes them)",                                                  \
		.offset = offsetof(T, m.rules)                                                     \
	}

/* What it is compared with. */
struct emit_diff {
	const char *base; /* a file; NULL: nothing */
	bool normalize;
};

#define EMIT_DIFF_ROWS(T, m)                                                                       \
	{.kind = OPTION_STRING,                                                                    \
	 .name = "diff",                                                                           \
	 .arg = "BASE",                                                                            \
	 .help = "show what changed since the profile BASE (folded: stack before after)",          \
	 .offset = offsetof(T, m.base)},                                                           \
	{                                                                                          \
		.kind = OPTION_FLAG, .name = "normalize",                                          \
		.help = "with --diff: scale BASE to the same total, to compare shares of "         \
			"recordings of unequal length or load",                                    \
		.offset = offsetof(T, m.normalize), .value = true                                  \
	}

/* How names are found. */
struct emit_symbols {
	bool debuginfod;
	bool no_inlines;
	bool no_lines;
	const char *debug_dirs;
};

#define EMIT_SYMBOL_ROWS(T, m)                                                                     \
	{.kind = OPTION_FLAG,                                                                      \
	 .name = "debuginfod",                                                                     \
	 .help = "fetch missing debug files from the servers in $DEBUGINFOD_URLS",                 \
	 .offset = offsetof(T, m.debuginfod),                                                      \
	 .value = true},                                                                           \
		{.kind = OPTION_STRING,                                                            \
		 .name = "debug-dirs",                                                             \
		 .arg = "DIR[:DIR...]",                                                            \
		 .help = "where separate debug files are (default /usr/lib/debug)",                \
		 .offset = offsetof(T, m.debug_dirs)},                                             \
		{.kind = OPTION_FLAG,                                                              \
		 .name = "no-inline",                                                              \
		 .help = "do not expand inlined calls",                                            \
		 .offset = offsetof(T, m.no_inlines),                                              \
		 .value = true},                                                                   \
	{                                                                                          \
		.kind = OPTION_FLAG, .name = "no-lines",                                           \
		.help = "function names only: no files and lines, no inlined calls",               \
		.offset = offsetof(T, m.no_lines), .value = true                                   \
	}

/* The same where names are of what is read: m is the struct emit_symbols, no a bool. */
#define EMIT_INPUT_NAME_ROWS(T, m, no)                                                             \
	{.kind = OPTION_GROUP, .name = "Names (of .cresset input, which has addresses)"},          \
		{.kind = OPTION_FLAG,                                                              \
		 .name = "no-symbols",                                                             \
		 .help = "do not look up names",                                                   \
		 .offset = offsetof(T, no),                                                        \
		 .value = true},                                                                   \
		EMIT_SYMBOL_ROWS(T, m)

/* What only who has recorded can find. */
struct emit_origin {
	cresset_open_fn open;
	void *open_arg;
	struct cresset_kernel_names *kernel_names; /* NULL: the kernel cannot be asked */
};

/* Resolves `what` (CRESSET_RESOLVE_*) of p by its own symbolizer; origin may be NULL. */
int emit_resolve(const struct emit_symbols *options, struct cresset_profile *p, unsigned int what,
		 const struct emit_origin *origin);

/* The position of a value type by name, -1 for NULL; -EINVAL with err if there is none such. */
int emit_value_index(const struct cresset_profile *p, const char *name, int *ret,
		     struct cresset_error *err);

/* NULL, or what is wrong with the options; diff may be NULL. */
const char *emit_problem(const struct emit_idle *idle, const struct emit_diff *diff);
/* Labels benign waits by the rules. err says what is wrong with the file. */
int emit_idle_tag(const struct idle_rules *rules, struct cresset_profile *p,
		  struct cresset_error *err);
/* Are they left out of graphs and tables? */
bool emit_idle_hidden(const struct emit_idle *o, const struct cresset_profile *p);

/*
 * Writes the outputs not written yet (raw_only: of those the raw ones), says what failed, and
 * returns how many did.
 */
size_t emit_outputs(const struct command *self, const struct outputs *o, bool raw_only,
		    const struct cresset_profile *p, const struct cresset_format_options *options);

#endif
