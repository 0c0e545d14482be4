// SPDX-License-Identifier: Apache-2.0
/*
 * elfhead - what the process map needs of an ELF file: its PT_LOAD segments and its build-id.
 *
 * A few bounded pread(2) calls, 32 and 64 bit, in this machine's byte order; no mapping of the file
 * (a file that is truncated while mapped would be a SIGBUS), no libelf (which reads section headers
 * first). The file is hostile: each count is limited, each sum checked.
 */
#ifndef PROFILER_ELFHEAD_H
#define PROFILER_ELFHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ELFHEAD_MAX_LOADS = 24, ELFHEAD_BUILD_ID_BYTES = 64 };

struct elfhead_load {
	uint64_t offset;
	uint64_t filesz;
	uint64_t vaddr;
	uint64_t memsz;
	bool executable;
};

struct elfhead {
	struct elfhead_load loads[ELFHEAD_MAX_LOADS]; /* executable ones are kept first */
	size_t n_loads;
	uint8_t build_id[ELFHEAD_BUILD_ID_BYTES];
	size_t build_id_size; /* 0: none */
};

/* -ENOEXEC: not an ELF file with segments; -errno of pread. */
int elfhead_read(int fd, struct elfhead *ret);
/*
 * The segment that code at this file offset belongs to, -1 if none: an executable one that has the
 * offset, else any that has it, else an executable one whose pages have it.
 */
int elfhead_find(const struct elfhead *e, uint64_t offset);
/* The executable segment that most of this part of the file belongs to; -1 if none. */
int elfhead_find_code(const struct elfhead *e, uint64_t offset, uint64_t size);
/* The segment that has this virtual address, the pages of its ends included; -1 if none. */
int elfhead_find_address(const struct elfhead *e, uint64_t vaddr);
/* Finds the GNU build-id in the bytes of a note segment; the size, 0 if there is none. */
size_t elfhead_build_id(const void *notes, size_t size, size_t align, uint8_t *ret, size_t max);

#endif
