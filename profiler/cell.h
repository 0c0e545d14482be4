// SPDX-License-Identifier: Apache-2.0
/*
 * cell - names of any bytes in a table on a terminal: no control character gets through, and a
 * letter is one column, however many bytes it has.
 */
#ifndef PROFILER_CELL_H
#define PROFILER_CELL_H

#include <stdint.h>
#include <stdio.h>

/* Columns that text takes as it is shown (wide letters count as one). */
unsigned int cell_columns(const char *text);
/* Prints at most `columns` of text, ended by "..." if it is longer, and blanks up to `pad`. */
void cell_print(FILE *f, const char *text, unsigned int columns, unsigned int pad);
/* "950 ns", "12.3 ms", "1.23 s", "3m05s": at most 9 columns. Returns buf. */
const char *cell_time(int64_t ns, char *buf, size_t size);

#endif
