// SPDX-License-Identifier: Apache-2.0
/*
 * gnu_debugdata - the small symbol table that Fedora and its kin put into stripped binaries.
 *
 * The section .gnu_debugdata holds an ELF file, compressed as .xz, whose .symtab has the functions
 * that are not in .dynsym (GDB manual, "MiniDebugInfo"). A few hundred bytes of .xz can unpack to
 * gigabytes, so both the decoder's memory and what it gives out are bounded.
 */
#ifndef SYMBOLIZE_GNU_DEBUGDATA_H
#define SYMBOLIZE_GNU_DEBUGDATA_H

#include <stddef.h>

#define GNU_DEBUGDATA_MAX_BYTES		(64u << 20)
#define GNU_DEBUGDATA_MAX_DECODER_BYTES (96u << 20)

struct elf_image;

/* The image inside img's section. -ENOENT: there is none; -EBADMSG: damaged; -EFBIG; -ENOMEM. */
int gnu_debugdata_open(struct elf_image *img, struct elf_image **ret);
/* Unpacks .xz; *ret is malloc()ed. */
int gnu_debugdata_unpack(const void *data, size_t size, void **ret, size_t *ret_size);

#endif
