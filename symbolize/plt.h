// SPDX-License-Identifier: Apache-2.0
/*
 * plt - the jump stubs of a dynamic binary: which function each of them leads to.
 *
 * Stubs have no symbols. But a stub jumps through a word of the GOT, and a relocation says which
 * symbol that word is for; so reading the jump's operand names the stub, whatever way the linker
 * laid out .plt, .plt.sec and .plt.got. x86-64 and aarch64.
 */
#ifndef SYMBOLIZE_PLT_H
#define SYMBOLIZE_PLT_H

#include "elf_image.h"

typedef int (*plt_entry_fn)(void *arg, uint64_t address, uint64_t size, const char *name,
			    size_t len);

/* Calls fn for each stub that has a name, until it fails. 0, what fn returned, or -errno. */
int plt_entries(struct elf_image *e, plt_entry_fn fn, void *arg);

#endif
