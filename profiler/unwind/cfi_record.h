// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_record - the records of .eh_frame and .debug_frame: CIEs and FDEs.
 *
 * A CIE (common information entry) has what many functions share: factors, the column of the return
 * address, how addresses are encoded, first instructions. An FDE (frame description entry) names
 * its CIE, a range of code and its own instructions. Layouts: DWARF 5, 6.4.1 and 7.24; for
 * .eh_frame the LSB core specification, 10.6.
 *
 * The two sections differ: in .eh_frame a CIE has id 0, an FDE's pointer counts back from itself,
 * and the augmentation string says how addresses are written; in .debug_frame a CIE has id ~0, the
 * pointer counts from the section's start, and addresses are plain.
 */
#ifndef UNWIND_CFI_RECORD_H
#define UNWIND_CFI_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/vec.h"
#include "symbolize/dwarf_reader.h"
#include "unwind/cfi_arch.h"
#include "unwind/cfi_state.h"

struct cfi_section {
	const uint8_t *data;
	size_t size;
	uint64_t address; /* of its first byte */
	bool is_eh;
};

struct cfi_cie {
	const struct cfi_section *section;
	uint32_t offset;  /* in the section */
	bool bad;	  /* cannot be understood: nor can its FDEs */
	bool signal;	  /* 'S': describes the frame that a signal handler returns to */
	bool augmented;	  /* 'z': FDEs have augmentation data with its size before it */
	uint8_t encoding; /* DW_EH_PE_* of addresses */
	uint64_t code_align;
	int64_t data_align;
	uint64_t ra; /* column of the return address */
	const uint8_t *program;
	size_t program_size;
	struct cfi_state initial; /* after the program; set by cfi_program_cie() */
};

struct cfi_fde {
	uint64_t pc;
	uint64_t size; /* bytes of code, not 0 */
	uint32_t cie;  /* index */
	uint32_t program;
	uint32_t program_size;
};

struct cfi_records {
	struct vec cies; /* struct cfi_cie */
	struct vec fdes; /* struct cfi_fde, in the order of the file */
	size_t dropped;	 /* FDEs that are damaged or empty, or that belong to no code (pc 0) */
};

/* A section may have at most this many bytes and records. */
enum { CFI_MAX_SECTION = 128 << 20, CFI_MAX_FDES = 1 << 21, CFI_MAX_CIES = 1 << 18 };

void cfi_records_init(struct cfi_records *r);
void cfi_records_release(struct cfi_records *r);
/* Adds those of a section, which must outlive them. -ENOMEM, -EFBIG. */
int cfi_records_add(struct cfi_records *r, const struct cfi_section *section);

/* An address in the encoding of a CIE that is not bad. */
uint64_t cfi_read_address(struct dwarf_reader *r, const struct cfi_section *s, uint8_t encoding);

#endif
