// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_image - the parts of an ELF file that the compiler reads, copied into memory.
 *
 * Copied because the file may be cut short or rewritten meanwhile: of a mapped file that would be a
 * SIGBUS, here it is unwind information that makes no sense. .eh_frame is found by its section, or
 * where there are no section headers by PT_GNU_EH_FRAME (sstrip; the vdso in some kernels).
 */
#ifndef UNWIND_CFI_IMAGE_H
#define UNWIND_CFI_IMAGE_H

#include <stdbool.h>

#include "unwind/cfi_arch.h"
#include "unwind/cfi_record.h"

enum { CFI_MAX_SEGMENTS = 32 };

struct cfi_segment {
	uint64_t start;
	uint64_t end;
};

struct cfi_image {
	const struct cfi_arch *arch;
	struct cfi_segment
		exec[CFI_MAX_SEGMENTS]; /* executable segments, as far as the file goes */
	size_t n_exec;
	struct cfi_section eh_frame; /* data NULL: none */
	struct cfi_section debug_frame;
	/*
	 * Go keeps frame pointers, and its .debug_frame is silent about them: to follow it would
	 * lose the frame pointer on the first frame.
	 */
	bool is_go;
};

/* Where the file's bytes are: in an open file (fd >= 0), or in memory. */
struct cfi_bytes {
	int fd;
	const uint8_t *data;
	size_t size;
};

/* Errors as of cfi_table_compile_fd(), but for -ENODATA: no section is no error. */
int cfi_image_read(const struct cfi_bytes *bytes, struct cfi_image *ret);
void cfi_image_release(struct cfi_image *image);

#endif
