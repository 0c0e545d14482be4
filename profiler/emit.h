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

/* How it is shown. The rows for it are EMIT_VIEW_ROWS. */
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

/* Resolves `what` (CRESSET_RESOLVE_*) of p by its own symbolizer. */
int emit_resolve(const struct emit_symbols *options, struct cresset_profile *p, unsigned int what,
		 cresset_open_fn open, void *open_arg);

/* The position of a value type by name, -1 for NULL; -EINVAL with err if there is none such. */
int emit_value_index(const struct cresset_profile *p, const char *name, int *ret,
		     struct cresset_error *err);

/*
 * Writes the outputs not written yet (raw_only: of those the raw ones), says what failed, and
 * returns how many did.
 */
size_t emit_outputs(const struct command *self, const struct outputs *o, bool raw_only,
		    const struct cresset_profile *p, const struct cresset_format_options *options);

#endif
