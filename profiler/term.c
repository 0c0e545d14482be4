// SPDX-License-Identifier: Apache-2.0
/*
 * See term.h. Messages are put together in memory and written at once: a command's own output and
 * its child's may share the terminal.
 */
#include "term.h"

#include "command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct term term_of(int fd)
{
	struct term t = {.tty = isatty(fd) == 1};
	const char *no_color = getenv("NO_COLOR");
	const char *kind = getenv("TERM");
	struct winsize size;

	if (!t.tty)
		return t;
	t.color = !(no_color && *no_color) && kind && strcmp(kind, "dumb") != 0;
	t.columns = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
	return t;
}

const char *term_sgr(const struct term *t, const char *code, char buf[16])
{
	if (!t->color)
		return "";
	snprintf(buf, 16, "\033[%.8sm", code);
	return buf;
}

static void CRESSET_PRINTF(4, 0) say(const struct command *command, const char *kind,
				     const char *code, const char *fmt, va_list args)
{
	struct term t = term_of(STDERR_FILENO);
	char text[1024], on[16], off[16];

	vsnprintf(text, sizeof(text), fmt, args);
	for (char *c = text; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
	fprintf(stderr, "cresset%s%s: %s%s%s%s\n", command ? " " : "", command ? command->name : "",
		term_sgr(&t, code, on), kind, term_sgr(&t, "0", off), text);
}

void say_error(const struct command *command, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(command, "error: ", "1;31", fmt, args);
	va_end(args);
}

void say_warning(const struct command *command, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(command, "warning: ", "1;33", fmt, args);
	va_end(args);
}

int say_failure(const struct command *command, int r, const struct cresset_error *err)
{
	say_error(command, "%s", err->text[0] ? err->text : strerror(-r));
	return EXIT_FAILED;
}

int say_refusal(const struct command *command, int r, const struct cresset_error *err)
{
	return r == -EINVAL ? say_usage(command, err->text) : say_failure(command, r, err);
}

int say_usage(const struct command *command, const char *text)
{
	say_error(command, "%s", text);
	fprintf(stderr, "Try 'cresset %s%s--help'.\n", command ? command->name : "",
		command ? " " : "");
	return EXIT_USAGE;
}

void term_wrap(FILE *f, const char *text, unsigned int at, unsigned int indent, unsigned int width)
{
	unsigned int column = at;
	bool first = true;

	while (*text) {
		size_t space = strspn(text, " "), len;

		text += space;
		if (*text == '\n') {
			text++;
			fputc('\n', f);
			column = 0;
			first = true;
			continue;
		}
		len = strcspn(text, " \n");
		if (!len)
			break;
		if (!first && column + 1 + len > width) {
			fputc('\n', f);
			column = 0;
			first = true;
		}
		if (first && column < indent) {
			fprintf(f, "%*s", (int)(indent - column), "");
			column = indent;
		}
		column += (unsigned int)fprintf(f, "%s%.*s", first ? "" : " ", (int)len, text);
		first = false;
		text += len;
	}
	fputc('\n', f);
}
