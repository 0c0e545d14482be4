// SPDX-License-Identifier: Apache-2.0
/*
 * The table of commands, made from the one list in command.h.
 */
#include "command.h"

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
