// SPDX-License-Identifier: Apache-2.0
/*
 * codemap - where a binary has code: its executable sections, else its executable segments.
 *
 * What linkers drop (unused or duplicate functions) stays in symbol and debug tables with made-up
 * addresses near 0. Whatever does not start in code is such a leftover.
 */
#ifndef SYMBOLIZE_CODEMAP_H
#define SYMBOLIZE_CODEMAP_H

#include "elf_image.h"
#include "intervals.h"

/* -ENOMEM. */
int codemap_build(const struct elf_image *e, struct interval_map *ret);
/* Where the section or segment ends that the map's id stands for. */
uint64_t codemap_end(const struct elf_image *e, uint32_t id);

#endif
