// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_build.h - unwind information byte by byte, and an ELF file around it: what compilers and
 * linkers write, and what they never would.
 *
 * Addresses: the section is at CFI_BUILD_SECTION; code is from CFI_BUILD_TEXT on, in executable
 * segments of all the bytes of the file again and again, so that a small file has much of it.
 */
#ifndef TESTS_CFI_BUILD_H
#define TESTS_CFI_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CFI_BUILD_TEXT = 0x10000, CFI_BUILD_SECTION = 0x400000, CFI_BUILD_MAX = 1 << 16 };

/* A program: the bytes of a string literal, and how many. */
#define CFI_PROGRAM(s) (s), sizeof(s) - 1

struct cfi_build {
	uint8_t data[CFI_BUILD_MAX];
	size_t n;
	bool is_eh;
	bool plain; /* addresses of FDEs: 8 bytes, else pcrel|sdata4 */
	bool z;	    /* FDEs have augmentation data */
};

void cfi_build_init(struct cfi_build *b, bool is_eh);
void cfi_build_bytes(struct cfi_build *b, const void *data, size_t n);
void cfi_build_uint(struct cfi_build *b, uint64_t v, size_t size);
/*
 * "zR" or "zRS" with pcrel|sdata4, or "" with plain addresses; factors 1 and -8, column 16. The
 * usual beginning, CFA = sp + 8 with the return address below it, comes before the program. Returns
 * its offset.
 */
size_t cfi_build_cie(struct cfi_build *b, const char *letters, const char *program, size_t n);
/* A CIE whose bytes behind its id are given. */
size_t cfi_build_raw_cie(struct cfi_build *b, const char *body, size_t n);
void cfi_build_fde(struct cfi_build *b, size_t cie, uint64_t pc, uint64_t size, const char *program,
		   size_t n);

struct cfi_build_elf {
	uint16_t machine;
	const char *section; /* name; NULL: no section headers, a PT_GNU_EH_FRAME without table */
	const char *other_section; /* one more, empty; may be NULL */
	const void *data;
	size_t size;
	uint64_t address; /* of the section; text is at `text` */
	uint64_t text;
};

/* malloc'ed. */
uint8_t *cfi_build_elf(const struct cfi_build_elf *e, size_t *ret_size);
/* An x86-64 file with that as .eh_frame or .debug_frame. */
uint8_t *cfi_build_image(const struct cfi_build *b, size_t *ret_size);

#endif
