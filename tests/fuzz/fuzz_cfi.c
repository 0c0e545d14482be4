// SPDX-License-Identifier: Apache-2.0
/*
 * Unwind information of any bytes: the compiler ends, and what it gives is a sound table. The input
 * is an ELF file, or else the bytes of a section: the first says of which machine and whether it is
 * .eh_frame, .debug_frame, or found without section headers.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "support/cfi_build.h"
#include "unwind/cfi_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rule(const struct cresset_unwind_rule *r)
{
	if (r->cfa > CRESSET_CFA_INDEXED || r->fp > CRESSET_FP_LOST || r->ra > CRESSET_RA_AT_FP ||
	    r->cfa_reg > 31 || r->none >= CRESSET_N_NONE || r->saved > 31 || r->saved_at > 0)
		abort();
	if (r->ra == CRESSET_RA_REG && (r->ra_offset < 0 || r->ra_offset > 31))
		abort();
}

static void check(struct cfi_table *t)
{
	struct cfi_rules *rules;

	if (t->n < 2 || t->rows[0].pc != t->lo || t->rows[t->n - 1].pc != t->hi ||
	    t->rows[t->n - 1].rule || t->hi - t->lo > UINT32_MAX)
		abort();
	for (size_t i = 0; i < t->n; i++) {
		const struct cfi_row *row = &t->rows[i];

		if (row->rule >= cfi_rules_count(t->rules) ||
		    cfi_table_find(t, row->pc) != row->rule)
			abort();
		if (i && (row->pc <= row[-1].pc || row->rule == row[-1].rule))
			abort();
		check_rule(cfi_rules_get(t->rules, row->rule));
	}
	if (cfi_table_find(t, t->lo - 1) || cfi_table_find(t, t->hi))
		abort();
	if (cfi_rules_new(&rules))
		return;
	if (!cfi_table_intern(t, rules) && (t->rules || !t->n))
		abort();
	cfi_rules_free(rules);
}

static void compile(const uint8_t *image, size_t size)
{
	struct cfi_table *t;

	if (cfi_table_compile_memory(image, size, &t))
		return;
	check(t);
	cfi_table_free(t);
}

/* A real section describes code around the pc of the first FDE, behind the CIE it begins with. */
static uint64_t text_of(const struct cfi_build_elf *e)
{
	bool plain = e->section && !strcmp(e->section, ".debug_frame");
	const uint8_t *data = e->data;
	uint32_t cie_size = 0;
	uint64_t pc;
	int32_t delta;

	if (e->size >= 4)
		memcpy(&cie_size, data, 4);
	if (e->size < 24 || cie_size > e->size - 24)
		return CFI_BUILD_TEXT;
	memcpy(&pc, data + cie_size + 12, 8);
	memcpy(&delta, &pc, 4);
	if (!plain)
		pc = e->address + cie_size + 12 + (uint64_t)(int64_t)delta;
	return pc & ~UINT64_C(0xfff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {".eh_frame", ".debug_frame", NULL};
	struct cfi_build_elf e = {.address = CFI_BUILD_SECTION};
	size_t image_size;
	uint8_t *image;

	if (!size || (size >= SELFMAG && !memcmp(data, ELFMAG, SELFMAG))) {
		compile(data, size);
		return 0;
	}
	e.machine = data[0] & 1 ? EM_AARCH64 : EM_X86_64;
	e.section = names[(data[0] >> 1) % 3];
	e.data = data + 1;
	e.size = size - 1;
	e.text = text_of(&e);
	image = cfi_build_elf(&e, &image_size);
	compile(image, image_size);
	free(image);
	return 0;
}
