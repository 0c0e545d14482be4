// SPDX-License-Identifier: Apache-2.0
/*
 * A bash function that needs nothing but bash. For each command it holds the option words and, for
 * options that take one of a few names, those names; file arguments are left to bash itself
 * (complete -o default).
 */
#include "manpage.h"

#include "command.h"

static void put_words(FILE *f, const struct command *c)
{
	fprintf(f, "\t%s) words=\"", c->name);
	for (const struct option_row *row = c->options; row->kind != OPTION_END; row++) {
		if (row->kind != OPTION_GROUP)
			fprintf(f, "--%s ", row->name);
	}
	fputs("--help\" ;;\n", f);
}

/* "record:--format|record:-f) …" */
static void put_choices(FILE *f, const struct command *c)
{
	struct option_choice item;

	for (const struct option_row *row = c->options; row->kind != OPTION_END; row++) {
		if (!row->choice)
			continue;
		fprintf(f, "\t%s:--%s", c->name, row->name);
		if (row->letter)
			fprintf(f, "|%s:-%c", c->name, row->letter);
		fputs(") names=\"", f);
		for (size_t i = 0; row->choice(i, &item); i++)
			fprintf(f, "%s%s", i ? " " : "", item.name);
		fputs("\" ;;\n", f);
	}
}

static void put_pids(FILE *f, const struct command *c)
{
	for (const struct option_row *row = c->options; row->kind != OPTION_END; row++) {
		if (row->kind != OPTION_IDS)
			continue;
		fprintf(f, "\t%s:--%s|%s:-%c) names=$(cd /proc && printf '%%s\\n' [0-9]*) ;;\n",
			c->name, row->name, c->name, row->letter);
	}
}

void completion_print(FILE *f)
{
	const struct command *c;

	fputs("# bash completion for cresset, made from its option tables\n"
	      "_cresset()\n{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	      "\tlocal words= names= i\n"
	      "\tCOMPREPLY=()\n"
	      "\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
	      "\t\t[[ ${COMP_WORDS[i]} == -- ]] && return\n"
	      "\tdone\n"
	      "\tif ((COMP_CWORD == 1)); then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"",
	      f);
	for (size_t i = 0; (c = command_at(i)); i++)
		fprintf(f, "%s ", c->name);
	fputs("help --help --version\" -- \"$cur\"))\n\t\treturn\n\tfi\n", f);
	/* --format=x arrives as three words where '=' is a word break */
	fputs("\tif [[ $prev == \"=\" ]]; then\n"
	      "\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n"
	      "\telif [[ $cur == \"=\" ]]; then\n"
	      "\t\tcur=\n"
	      "\tfi\n"
	      "\tcase ${COMP_WORDS[1]}:$prev in\n",
	      f);
	for (size_t i = 0; (c = command_at(i)); i++) {
		put_choices(f, c);
		put_pids(f, c);
	}
	fputs("\tesac\n"
	      "\tif [[ $names ]]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$names\" -- \"$cur\"))\n"
	      "\t\treturn\n\tfi\n"
	      "\tcase ${COMP_WORDS[1]} in\n",
	      f);
	for (size_t i = 0; (c = command_at(i)); i++)
		put_words(f, c);
	fputs("\thelp) COMPREPLY=($(compgen -W \"", f);
	for (size_t i = 0; (c = command_at(i)); i++)
		fprintf(f, "%s%s", i ? " " : "", c->name);
	fputs("\" -- \"$cur\")); return ;;\n"
	      "\tesac\n"
	      "\t[[ $cur == -* ]] && COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	      "}\n"
	      "complete -o default -F _cresset cresset\n",
	      f);
}
