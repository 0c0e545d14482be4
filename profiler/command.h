// SPDX-License-Identifier: Apache-2.0
/*
 * command - one command of the program.
 *
 * A command is a const descriptor in its own cmd_<name>.c and one line in COMMANDS. The descriptor
 * holds all that --help, the man page and the shell completion print. run() gets the words behind
 * the command's name and returns the exit code: 0 done, 1 something failed, 2 wrong usage ("record"
 * also passes on its command's own).
 */
#ifndef PROFILER_COMMAND_H
#define PROFILER_COMMAND_H

#include "options.h"

#define COMMANDS(X) X(record) X(convert) X(report) X(query) X(agent) X(upload) X(doctor)

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

struct command_example {
	const char *what;
	const char *line;
};

/* A list of names that belongs to the help, e.g. of formats. */
struct command_list {
	const char *title;
	option_choice_fn item;
};

struct command {
	const char *name;
	const char *summary;	 /* half a line */
	const char *words;	 /* of the usage line, behind the options: "IN -o OUT..." */
	const char *description; /* paragraphs, parted by an empty line */
	const struct option_row *options;
	const struct command_list *lists;	/* the last has no title; NULL: none */
	const char *notes;			/* paragraphs behind the lists; NULL: none */
	const struct command_example *examples; /* the last has no line */
	int (*run)(const struct command *self, char *const *args, size_t n);
};

/*
 * How every run() begins and ends. Parses args into base, where the command's options point, and
 * words, which is initialised here. False: nothing is left to do, ret_code says how it went (help
 * was shown, or the usage is wrong and that was said). command_end() is due in both cases.
 */
bool command_begin(const struct command *self, enum option_words how, char *const *args, size_t n,
		   void *base, struct vec *words, int *ret_code);
void command_end(const struct command *self, void *base, struct vec *words);

#define X(name) extern const struct command command_##name;
COMMANDS(X)
#undef X

/* The i-th command, NULL past the end. */
const struct command *command_at(size_t i);
const struct command *command_by_name(const char *name);

#endif
