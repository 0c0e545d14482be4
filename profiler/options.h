// SPDX-License-Identifier: Apache-2.0
/*
 * options - a command's options as a table of rows.
 *
 * One row says all there is to know about an option: its names, its argument, where the value goes
 * and the help. The parser, --help, the man page and the shell completion are loops over the rows,
 * so none of them can know an option that the others do not.
 *
 * Values land in a struct of the command's own, at the row's offset; the caller fills it with the
 * defaults first. -h and --help are understood everywhere. Long names must be spelled out; letters
 * may be bundled (-Kq) and a value may follow directly (-F99, --freq=99).
 */
#ifndef PROFILER_OPTIONS_H
#define PROFILER_OPTIONS_H

#include "core/vec.h"

#include <cresset/types.h>

enum option_kind {
	OPTION_END = 0,
	OPTION_GROUP,	 /* a heading: name */
	OPTION_FLAG,	 /* bool, set to .value */
	OPTION_STRING,	 /* const char * */
	OPTION_STRINGS,	 /* struct vec of const char *; every use adds one */
	OPTION_IDS,	 /* struct vec of uint32_t; "1,2", every use adds; no repeats are kept */
	OPTION_UINT,	 /* unsigned int within min … max */
	OPTION_NUMBER,	 /* double within min … max */
	OPTION_DURATION, /* uint64_t, ns */
	OPTION_BYTES,	 /* uint64_t */
};

/* One of the names that an argument may be. */
struct option_choice {
	const char *name;
	const char *detail; /* a word or two for a list, or "" */
	const char *help;
};
/* False past the end. */
typedef bool (*option_choice_fn)(size_t i, struct option_choice *ret);

struct option_row {
	enum option_kind kind;
	char letter; /* 0: none */
	const char *name;
	const char *arg; /* how --help calls the argument */
	const char *help;
	size_t offset;
	bool value;		 /* OPTION_FLAG */
	double min, max;	 /* OPTION_UINT, OPTION_NUMBER */
	option_choice_fn choice; /* OPTION_STRING: only these; NULL: anything */
};

/* OPTION_STRING into a field of T, any text. */
#define OPTION_TEXT_ROW(T, n, a, field, h)                                                         \
	{                                                                                          \
		.kind = OPTION_STRING, .name = n, .arg = a, .help = h,                             \
		.offset = offsetof(T, field)                                                       \
	}

/* How words that are not options are taken. */
enum option_words {
	OPTION_WORDS_MIXED, /* anywhere between the options */
	OPTION_WORDS_TAIL,  /* the first one ends the options; all from there on are words */
};

enum { OPTIONS_PARSED = 0, OPTIONS_HELP = 1 };

/*
 * Reads args[0 … n). Fills what the rows point at in base, and words (a vec of const char *, which
 * the caller has initialised) with everything that is no option. Returns OPTIONS_PARSED,
 * OPTIONS_HELP if help was asked for, -EINVAL with err saying what is wrong, or -ENOMEM. Strings
 * are not copied.
 */
int options_parse(const struct option_row *rows, enum option_words how, char *const *args, size_t n,
		  void *base, struct vec *words, struct cresset_error *err);
/* Prepares, and frees, the vecs that the rows point at. */
void options_init(const struct option_row *rows, void *base);
void options_release(const struct option_row *rows, void *base);

/* The name nearest to what was typed, for error messages: " (did you mean 'x'?)", or "". */
const char *option_choice_hint(option_choice_fn choice, const char *typed, char *buf, size_t size);
bool option_choice_valid(option_choice_fn choice, const char *name);

#endif
