// SPDX-License-Identifier: Apache-2.0
/*
 * vdso - the kernel's ELF image that is mapped into every process.
 *
 * All processes of one ABI share the same pages, so our own copy (AT_SYSINFO_EHDR of the auxiliary
 * vector) names the addresses of theirs. It has a .dynsym with sizes and a build-id. The image of
 * 32-bit processes is another one and cannot be reached from here.
 */
#ifndef SYMBOLIZE_VDSO_H
#define SYMBOLIZE_VDSO_H

#include <stddef.h>

#define VDSO_MAX_BYTES (64u << 10)

struct elf_image;

/* -ENOENT: this process has none. */
int vdso_open(struct elf_image **ret);
/* Bytes that the image with that ELF header reaches over; 0 if it is none of 64 bits, or over max.
 */
size_t vdso_image_size(const void *header, size_t max);

#endif
