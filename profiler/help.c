// SPDX-License-Identifier: Apache-2.0
/*
 * The layout: a usage line, the description, the options under their headings, lists (formats,
 * events), notes, examples. Option help starts at column HELP_COLUMN; an option too long for that
 * has its help on the next line. Lines are as wide as the terminal, between 60 and 100 columns.
 */
#include "help.h"

#include "term.h"

#include <unistd.h>

#define HELP_COLUMN 28

static unsigned int width_of(const struct term *t)
{
	if (!t->columns)
		return 80;
	return t->columns < 60 ? 60 : t->columns > 100 ? 100 : t->columns;
}

static void heading(FILE *f, const struct term *t, const char *title)
{
	char on[16], off[16];

	fprintf(f, "\n%s%s:%s\n", term_sgr(t, "1", on), title, term_sgr(t, "0", off));
}

const char *help_option_text(const struct option_row *row, char *buf, size_t size)
{
	const char *equals = row->arg ? "=" : "";
	const char *arg = row->arg ? row->arg : "";

	if (row->letter)
		snprintf(buf, size, "-%c, --%s%s%s", row->letter, row->name, equals, arg);
	else
		snprintf(buf, size, "    --%s%s%s", row->name, equals, arg);
	return buf;
}

/* A name in the left column and its help in the right one. */
static void entry(FILE *f, const struct term *t, const char *name, const char *help)
{
	unsigned int column = 2 + (unsigned int)fprintf(f, "  %s", name) - 2;

	if (column + 2 > HELP_COLUMN) {
		fputc('\n', f);
		column = 0;
	}
	term_wrap(f, help, column, HELP_COLUMN, width_of(t));
}

static void print_options(FILE *f, const struct term *t, const struct command *command)
{
	char name[128];

	for (const struct option_row *row = command->options; row->kind != OPTION_END; row++) {
		if (row->kind == OPTION_GROUP)
			heading(f, t, row->name);
		else
			entry(f, t, help_option_text(row, name, sizeof(name)), row->help);
	}
	entry(f, t, "-h, --help", "print this help");
}

static void print_lists(FILE *f, const struct term *t, const struct command *command)
{
	for (const struct command_list *l = command->lists; l && l->title; l++) {
		struct option_choice c;

		heading(f, t, l->title);
		for (size_t i = 0; l->item(i, &c); i++) {
			char name[128];

			snprintf(name, sizeof(name), "%-10s %s", c.name, c.detail);
			entry(f, t, name, c.help);
		}
	}
}

void help_command(FILE *f, const struct term *t, const struct command *command)
{
	unsigned int width = width_of(t);
	char on[16], off[16];

	fprintf(f, "%sUsage:%s cresset %s [OPTION]...%s%s\n\n", term_sgr(t, "1", on),
		term_sgr(t, "0", off), command->name, *command->words ? " " : "", command->words);
	term_wrap(f, command->description, 0, 0, width);
	print_options(f, t, command);
	print_lists(f, t, command);
	if (command->notes) {
		heading(f, t, "Notes");
		term_wrap(f, command->notes, 0, 2, width);
	}
	heading(f, t, "Examples");
	for (const struct command_example *e = command->examples; e->line; e++)
		fprintf(f, "  %s# %s%s\n  %s\n", term_sgr(t, "2", on), e->what,
			term_sgr(t, "0", off), e->line);
}

void help_overview(FILE *f, const struct term *t)
{
	const struct command *c;
	char on[16], off[16];

	fprintf(f, "%sUsage:%s cresset COMMAND [OPTION]...\n\n", term_sgr(t, "1", on),
		term_sgr(t, "0", off));
	term_wrap(f,
		  "A CPU profiler for Linux: samples whole systems, processes or cgroups with BPF, "
		  "names functions, inlined calls and lines on this host, and writes flame graphs, "
		  "pprof and folded stacks.",
		  0, 0, width_of(t));
	heading(f, t, "Commands");
	for (size_t i = 0; (c = command_at(i)); i++)
		fprintf(f, "  %-10s %s\n", c->name, c->summary);
	fprintf(f, "  %-10s %s\n", "help", "print this help, or that of a command");
	heading(f, t, "Options");
	fprintf(f, "  -h, --help      print this help\n"
		   "  -V, --version   print the version and what it was built with\n");
	heading(f, t, "Examples");
	for (size_t i = 0; (c = command_at(i)); i++)
		fprintf(f, "  %s# %s%s\n  %s\n", term_sgr(t, "2", on), c->examples[0].what,
			term_sgr(t, "0", off), c->examples[0].line);
	fprintf(f, "\nEach command has its own help: cresset COMMAND --help.\n"
		   "Exit codes: 0 done, 1 something failed, 2 wrong usage.\n");
}

int help_show(const struct command *command)
{
	struct term t = term_of(STDOUT_FILENO);

	if (command)
		help_command(stdout, &t, command);
	else
		help_overview(stdout, &t);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : EXIT_FAILED;
}
