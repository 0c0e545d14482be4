// SPDX-License-Identifier: Apache-2.0
/*
 * idle_rules - the text that says which waits are benign, parsed.
 *
 * One rule a line, "NAME CONDITION...": a wait that meets all the conditions is idle, for the
 * reason NAME. Rules are tried from the top and the first that fits decides; one called "-" decides
 * that the wait is not idle. '#' at the start of a word begins a comment. Conditions:
 *
 *     frame=GLOB    the stack has such a function, of the kernel or of the program
 *     leaf=GLOB     the innermost function outside the kernel is such a one
 *     thread=GLOB   the name of the thread …
 *     comm=GLOB     … and of its process
 *     wait=GLOB     interruptible, uninterruptible, io, stopped, idle (a kernel thread's)
 *     depth<=N      at most N calls of the program's own, i.e. not of the kernel or the C library
 *
 * "A|B" is either, '*' any text, '?' any character (a blank too, which has no other spelling), and
 * a
 * '!' before a condition turns it round. A line that says only "default" stands for the shipped
 * rules.
 *
 * A file is believed nothing: sizes are bounded, matching takes time in proportion to pattern times
 * name, and every error says line and remedy.
 */
#ifndef PROFILER_IDLE_RULES_H
#define PROFILER_IDLE_RULES_H

#include <cresset/types.h>

#include "core/vec.h"

enum {
	IDLE_MAX_BYTES = 64 << 10,
	IDLE_MAX_CONDITIONS = 255, /* of all rules */
	IDLE_MAX_NAME = 40,
};

enum idle_kind {
	IDLE_FRAME,
	IDLE_LEAF,
	IDLE_THREAD,
	IDLE_COMM,
	IDLE_WAIT,
	IDLE_DEPTH,
	IDLE_N_KINDS,
};

struct idle_condition {
	enum idle_kind kind;
	bool negated;
	char *globs;	    /* n_globs texts, each with its NUL, one behind the other */
	size_t n_globs;	    /* 0: of IDLE_DEPTH */
	unsigned int limit; /* of IDLE_DEPTH */
};

struct idle_rule {
	const char *name; /* NULL: not idle */
	size_t first, n;  /* of the conditions */
};

struct idle_rules {
	struct vec texts; /* char *, owned: what names and globs stand in */
	struct vec rules; /* struct idle_rule */
	struct vec conditions;
};

/* From a file; path NULL: the shipped rules. err has "FILE:LINE: what". */
int idle_rules_new(const char *path, struct idle_rules **ret, struct cresset_error *err);
/* From text[0 … size), called `name` in errors. */
int idle_rules_parse(const char *text, size_t size, const char *name, struct idle_rules **ret,
		     struct cresset_error *err);
void idle_rules_free(struct idle_rules *r);
/* Is one of the condition's globs this text? Does not look at `negated`. */
bool idle_condition_matches(const struct idle_condition *c, const char *text);

#endif
