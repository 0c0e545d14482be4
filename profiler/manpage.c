// SPDX-License-Identifier: Apache-2.0
/*
 * man(7) macros. Text is escaped so that no table entry can be taken for a request: backslashes,
 * hyphens (which must stay ASCII for copying) and a dot or quote at the start of a line.
 */
#include "manpage.h"

#include "command.h"
#include "help.h"

#include <cresset/types.h>
#include <string.h>

static void put(FILE *f, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\\')
			fputs("\\e", f);
		else if (text[i] == '-')
			fputs("\\-", f);
		else if ((text[i] == '.' || text[i] == '\'') && i == 0)
			fprintf(f, "\\&%c", text[i]);
		else
			fputc(text[i], f);
	}
}

static void put_text(FILE *f, const char *text)
{
	put(f, text, strlen(text));
}

/* Paragraphs, parted by newlines. */
static void put_paragraphs(FILE *f, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		if (n) {
			put(f, text, n);
			fputs("\n.PP\n", f);
		}
		text += n;
		text += *text == '\n';
	}
}

static void put_item(FILE *f, const char *term, const char *help)
{
	fputs(".TP\n.B ", f);
	put_text(f, term);
	fputc('\n', f);
	put_text(f, help);
	fputc('\n', f);
}

static void put_options(FILE *f, const struct command *c)
{
	char text[128];

	for (const struct option_row *row = c->options; row->kind != OPTION_END; row++) {
		if (row->kind == OPTION_GROUP) {
			fputs(".PP\n.I ", f);
			put_text(f, row->name);
			fputc('\n', f);
			continue;
		}
		help_option_text(row, text, sizeof(text));
		put_item(f, text + strspn(text, " "), row->help);
	}
	put_item(f, "-h, --help", "print the command's help");
}

static void put_lists(FILE *f, const struct command *c)
{
	for (const struct command_list *l = c->lists; l && l->title; l++) {
		struct option_choice item;
		char text[128];

		fputs(".PP\n.I ", f);
		put_text(f, l->title);
		fputc('\n', f);
		for (size_t i = 0; l->item(i, &item); i++) {
			snprintf(text, sizeof(text), "%s%s%s", item.name, *item.detail ? "  " : "",
				 item.detail);
			put_item(f, text, item.help);
		}
	}
}

static void put_command(FILE *f, const struct command *c)
{
	fputs(".SS ", f);
	fprintf(f, "\"cresset %s [OPTION]...%s", c->name, *c->words ? " " : "");
	put_text(f, c->words);
	fputs("\"\n", f);
	put_paragraphs(f, c->description);
	put_options(f, c);
	put_lists(f, c);
	if (c->notes) {
		fputs(".PP\n", f);
		put_paragraphs(f, c->notes);
	}
}

static void put_examples(FILE *f)
{
	const struct command *c;

	fputs(".SH EXAMPLES\n", f);
	for (size_t i = 0; (c = command_at(i)); i++) {
		for (const struct command_example *e = c->examples; e->line; e++)
			put_item(f, e->line, e->what);
	}
}

void manpage_print(FILE *f)
{
	const struct command *c;

	fprintf(f, ".TH CRESSET 1 \"\" \"cresset %s\" \"User Commands\"\n", cresset_version());
	fputs(".SH NAME\ncresset \\- CPU profiler for Linux\n", f);
	fputs(".SH SYNOPSIS\n", f);
	for (size_t i = 0; (c = command_at(i)); i++) {
		fprintf(f, ".B cresset %s\n[OPTION]...%s", c->name, *c->words ? " " : "");
		put_text(f, c->words);
		fputs("\n.br\n", f);
	}
	fputs(".B cresset help\n[COMMAND]\n.br\n.B cresset \\-\\-version\n", f);
	fputs(".SH DESCRIPTION\n", f);
	put_text(f,
		 "Samples whole systems, processes or cgroups with BPF, names functions, inlined "
		 "calls and lines on this host, and writes flame graphs, pprof and folded stacks.");
	fputs("\n.SH COMMANDS\n", f);
	for (size_t i = 0; (c = command_at(i)); i++)
		put_command(f, c);
	fputs(".SH EXIT STATUS\n", f);
	put_item(f, "0", "done");
	put_item(f, "1", "something failed; the message says what, and the remedy");
	put_item(f, "2", "wrong usage");
	put_item(f, "126, 127", "COMMAND of record could not be executed, was not found");
	put_item(f, "128+N", "ended by signal N, or COMMAND was");
	put_item(f, "other", "the exit status of COMMAND");
	fputs(".SH ENVIRONMENT\n", f);
	put_item(f, "DEBUGINFOD_URLS", "servers that --debuginfod asks, parted by blanks");
	put_item(f, "NO_COLOR", "if set and not empty: no colours");
	put_examples(f);
	fputs(".SH SEE ALSO\n.BR perf (1),\n.BR capabilities (7)\n", f);
}
