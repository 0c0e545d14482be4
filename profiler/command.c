// SPDX-License-Identifier: Apache-2.0
/*
 * The table of commands, made from the one list in command.h, and what their run() share.
 */
#include "command.h"

#include "help.h"
#include "term.h"

#include <string.h>

static const struct command *const commands[] = {
#define X(name) &command_##name,
	COMMANDS(X)
#undef X
};

const struct command *command_at(size_t i)
{
	return i < sizeof(commands) / sizeof(commands[0]) ? commands[i] : NULL;
}

const struct command *command_by_name(const char *name)
{
	const struct command *c;

	for (size_t i = 0; (c = command_at(i)); i++) {
		if (!strcmp(c->name, name))
			return c;
	}
	return NULL;
}

bool command_begin(const struct command *self, enum option_words how, char *const *args, size_t n,
		   void *base, struct vec *words, int *ret_code)
{
	struct cresset_error err = {.text = ""};
	int r;

	vec_init(words, sizeof(const char *));
	options_init(self->options, base);
	r = options_parse(self->options, how, args, n, base, words, &err);
	if (r == OPTIONS_HELP)
		*ret_code = help_show(self);
	else if (r < 0)
		*ret_code = say_usage(self, err.text[0] ? err.text : strerror(-r));
	return r == OPTIONS_PARSED;
}

void command_end(const struct command *self, void *base, struct vec *words)
{
	options_release(self->options, base);
	vec_release(words);
}
