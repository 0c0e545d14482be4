// SPDX-License-Identifier: Apache-2.0
/*
 * help - what --help prints, made from the commands' tables.
 */
#ifndef PROFILER_HELP_H
#define PROFILER_HELP_H

#include "command.h"

#include <stdio.h>

struct term;

void help_overview(FILE *f, const struct term *t);
void help_command(FILE *f, const struct term *t, const struct command *command);
/* The help of a command, or the overview for NULL, on standard output. Returns the exit code. */
int help_show(const struct command *command);
/* "-p, --pid=PID[,PID...]": as help and man page show it. */
const char *help_option_text(const struct option_row *row, char *buf, size_t size);

#endif
