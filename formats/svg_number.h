// SPDX-License-Identifier: Apache-2.0
/*
 * svg_number - numbers as people read them: 1,234 samples; 12.3 ms; 4.50 MiB; 12.34 %.
 *
 * Three significant digits say what a sampled value can say; counts are exact. Shares are computed
 * in 128 bits, so no total overflows. Each function fills buf, always NUL-terminated.
 */
#ifndef FORMATS_SVG_NUMBER_H
#define FORMATS_SVG_NUMBER_H

#include <stddef.h>
#include <stdint.h>

enum { SVG_NUMBER_SIZE = 96 };

/* value of a pprof value type, e.g. {"cpu", "nanoseconds"}. */
void svg_number_value(char buf[SVG_NUMBER_SIZE], int64_t value, const char *type, const char *unit);
/* "1,234,567" */
void svg_number_grouped(char buf[SVG_NUMBER_SIZE], uint64_t value);
/* "12.34 %"; part in 0 … whole. "<0.01 %" for what would read as nothing. */
void svg_number_percent(char buf[SVG_NUMBER_SIZE], uint64_t part, uint64_t whole);
/* "10.1" of tenths, "10" where the tenth is 0. */
void svg_number_tenths(char buf[SVG_NUMBER_SIZE], int64_t tenths);

#endif
