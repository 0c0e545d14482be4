// SPDX-License-Identifier: Apache-2.0
/*
 * manpage - cresset(1) and the shell completion, out of the commands' tables. Both are written at
 * build time, by the program itself (`cresset __man`, `cresset __completion`).
 */
#ifndef PROFILER_MANPAGE_H
#define PROFILER_MANPAGE_H

#include <stdio.h>

void manpage_print(FILE *f);
void completion_print(FILE *f);

#endif
