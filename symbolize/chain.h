// SPDX-License-Identifier: Apache-2.0
/*
 * chain - from one binary to its index, by way of every place that may know its names.
 *
 * Best first: the binary's own symbols and DWARF; if it is stripped of either, the separate debug
 * file (by build-id, then by .gnu_debuglink), .gnu_debugdata where there is no .symtab, and at last
 * debuginfod. A place is asked only for what is still missing, so the usual stripped binary on a
 * host without debug packages costs a few failed open() calls.
 */
#ifndef SYMBOLIZE_CHAIN_H
#define SYMBOLIZE_CHAIN_H

#include <cresset/symbolizer.h>

struct debuginfod;
struct elf_image;
struct symbol_index;

struct chain {
	const char *debug_dirs;
	bool no_lines;
	struct debuginfod *debuginfod; /* NULL: not to be asked */
	struct cresset_symbolizer_stats *stats;
};

/*
 * binary is NULL if the file cannot be had; then build_id, if not "", is what remains. path is
 * where the process saw it. A damaged part is counted and left out. -ENOENT: nothing was found at
 * all; -ENOMEM.
 */
int chain_build(const struct chain *c, struct elf_image *binary, const char *path,
		const char *build_id, struct symbol_index **ret);

#endif
