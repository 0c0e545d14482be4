// SPDX-License-Identifier: Apache-2.0
/*
 * index - everything that turns an address of one binary into names: its symbols and its DWARF.
 *
 *     symbol_index_new(&index);
 *     symbol_index_add_symbols(index, image);          the binary, its debug file, .gnu_debugdata …
 *     symbol_index_add_dwarf(index, debug_image, sup); whichever of them has DWARF
 *     symbol_index_seal(index);
 *     n = symbol_index_lookup(index, vaddr, frames, max);
 *
 * Symbols are sorted once. A symbol with a size owns nothing past its end; one without (assembly)
 * owns what no sized symbol owns, up to the next symbol or the end of its section. Of several names
 * for one address the global one wins, then the weak, then the local, then the one with fewer
 * leading underscores. Addresses are the ELF's own virtual addresses.
 *
 * DWARF is read in two steps: when it is added, only which unit owns which addresses; a unit's
 * functions, inlined calls and lines when the first address in it is looked up. So a lookup reads
 * the file, and changes the index: one thread at a time.
 */
#ifndef SYMBOLIZE_INDEX_H
#define SYMBOLIZE_INDEX_H

#include "elf_image.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol_index;

/* Strings belong to the index and stay where they are until it is freed. */
struct symbol_frame {
	const char *name;     /* as the linker has it (mangled), or plain; never NULL */
	const char *filename; /* "" if not known */
	uint32_t line;	      /* 0: not known; column and start_line (of the function) too */
	uint32_t column;
	uint32_t start_line;
	bool inlined; /* into the next frame */
};

struct symbol_index_stats {
	uint64_t symbols;	/* that own something */
	uint64_t units;		/* of DWARF with code */
	uint64_t units_read;	/* because an address was in them */
	uint64_t units_damaged; /* not wholly readable: some names or lines are missing */
	uint64_t units_split;	/* whose DWARF is in a .dwo file: function names and lines only */
};

int symbol_index_new(struct symbol_index **ret);
/* NULL is allowed. */
void symbol_index_free(struct symbol_index *x);

/*
 * Adds the functions of .symtab, .dynsym and .plt ("name@plt"). The image is not needed any more
 * after that. -ENOENT: has none; -ENOTSUP: relocatable; -EIO, -EBADMSG: damaged; -ENOMEM.
 */
int symbol_index_add_symbols(struct symbol_index *x, struct elf_image *e);
/*
 * Adds DWARF 2 to 5; sup is the dwz file that .gnu_debugaltlink names, or NULL. Keeps references to
 * both, and their descriptors open. Once per index (-EBUSY). -ENODATA: has none; -EBADMSG; -ENOMEM.
 */
int symbol_index_add_dwarf(struct symbol_index *x, struct elf_image *e, struct elf_image *sup);
/* Any other name; the text is copied. size 0: up to the next symbol, at most 64 KiB. */
int symbol_index_add_raw(struct symbol_index *x, uint64_t address, uint64_t size, const char *name,
			 size_t len);
/* Sorts. Nothing can be added after that (-EBUSY). */
int symbol_index_seal(struct symbol_index *x);

/*
 * Innermost inlined callee first; the last frame is the function that has the code. 0: nothing owns
 * the address. Of a chain longer than max, calls next to the outermost frame are left out.
 */
size_t symbol_index_lookup(struct symbol_index *x, uint64_t vaddr, struct symbol_frame *frames,
			   size_t max);

/* Memory in use; grows with lookups. */
size_t symbol_index_bytes(const struct symbol_index *x);
/* Files that it holds open. */
size_t symbol_index_files(const struct symbol_index *x);
void symbol_index_get_stats(const struct symbol_index *x, struct symbol_index_stats *ret);

#endif
