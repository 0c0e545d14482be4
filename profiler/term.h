// SPDX-License-Identifier: Apache-2.0
/*
 * term - what a stream can show, and the few ways in which commands say something.
 *
 * Colour is used on a terminal only, and never when NO_COLOR is set (no-color.org) or TERM is
 * "dumb". Errors go to standard error as one line, "cresset record: what failed: why (remedy)",
 * with control bytes of names that come from outside replaced by '?', so that a file name cannot
 * drive the terminal.
 */
#ifndef PROFILER_TERM_H
#define PROFILER_TERM_H

#include <cresset/types.h>
#include <stdio.h>

struct command;

struct term {
	bool tty;
	bool color;
	unsigned int columns; /* 0: not a terminal */
};

struct term term_of(int fd);
/* "\033[1m" and the like if colours are on, else "". code: "1", "31", "0". */
const char *term_sgr(const struct term *t, const char *code, char buf[16]);

/* command may be NULL: the program itself. */
void say_error(const struct command *command, const char *fmt, ...) CRESSET_PRINTF(2, 3);
void say_warning(const struct command *command, const char *fmt, ...) CRESSET_PRINTF(2, 3);
/* err's text, or where that is empty what the -errno r says. Returns EXIT_FAILED. */
int say_failure(const struct command *command, int r, const struct cresset_error *err);
/* The same of options that cannot be had; -EINVAL is wrong usage. Returns the exit code. */
int say_refusal(const struct command *command, int r, const struct cresset_error *err);
/* Wrong usage: the error and where to find help. Returns EXIT_USAGE. */
int say_usage(const struct command *command, const char *text);

/* Prints text in lines of at most width columns, each behind indent spaces; the first line starts
 * at column `at`. An empty line in text stays one. */
void term_wrap(FILE *f, const char *text, unsigned int at, unsigned int indent, unsigned int width);

#endif
