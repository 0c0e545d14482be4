// SPDX-License-Identifier: Apache-2.0
/* cfi_build.c - see cfi_build.h. */
#include "support/cfi_build.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

enum { N_SEGMENTS = 31, N_SECTIONS = 4, PCREL_SDATA4 = 0x1b };

void cfi_build_init(struct cfi_build *b, bool is_eh)
{
	memset(b, 0, sizeof(*b));
	b->is_eh = is_eh;
	b->plain = !is_eh;
}

void cfi_build_bytes(struct cfi_build *b, const void *data, size_t n)
{
	if (n > CFI_BUILD_MAX - b->n)
		abort();
	memcpy(b->data + b->n, data, n);
	b->n += n;
}

void cfi_build_uint(struct cfi_build *b, uint64_t v, size_t size)
{
	cfi_build_bytes(b, &v, size);
}

/* Writes a length over the four bytes at `at`, for what came behind them. */
static void end_record(struct cfi_build *b, size_t at)
{
	uint32_t length = (uint32_t)(b->n - at - 4);

	memcpy(b->data + at, &length, 4);
}

size_t cfi_build_raw_cie(struct cfi_build *b, const char *body, size_t n)
{
	size_t at = b->n;

	cfi_build_uint(b, 0, 4);
	cfi_build_uint(b, b->is_eh ? 0 : UINT32_MAX, 4);
	cfi_build_bytes(b, body, n);
	end_record(b, at);
	return at;
}

size_t cfi_build_cie(struct cfi_build *b, const char *letters, const char *program, size_t n)
{
	size_t at = b->n;

	b->z = *letters == 'z';
	b->plain = !b->z;
	cfi_build_uint(b, 0, 4);
	cfi_build_uint(b, b->is_eh ? 0 : UINT32_MAX, 4);
	cfi_build_uint(b, 1, 1);
	cfi_build_bytes(b, letters, strlen(letters) + 1);
	cfi_build_bytes(b, "\x01\x78\x10", 3);
	if (b->z)
		cfi_build_bytes(b, "\x01\x1b", 2);
	cfi_build_bytes(b, "\x0c\x07\x08\x90\x01", 5); /* def_cfa 7, 8; offset 16 at -8 */
	cfi_build_bytes(b, program, n);
	end_record(b, at);
	return at;
}

void cfi_build_fde(struct cfi_build *b, size_t cie, uint64_t pc, uint64_t size, const char *program,
		   size_t n)
{
	size_t at = b->n;

	cfi_build_uint(b, 0, 4);
	cfi_build_uint(b, b->is_eh ? b->n - cie : cie, 4);
	if (b->plain) {
		cfi_build_uint(b, pc, 8);
		cfi_build_uint(b, size, 8);
	} else {
		cfi_build_uint(b, pc ? pc - CFI_BUILD_SECTION - b->n : 0, 4);
		cfi_build_uint(b, size, 4);
	}
	if (b->z)
		cfi_build_uint(b, 0, 1);
	cfi_build_bytes(b, program, n);
	end_record(b, at);
}

struct file {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[N_SEGMENTS + 2];
	Elf64_Shdr shdrs[N_SECTIONS];
	char names[64];
	uint8_t hdr[16]; /* .eh_frame_hdr */
};

static void name_sections(const struct cfi_build_elf *e, struct file *f)
{
	size_t n = 1;

	for (int i = 1; i < N_SECTIONS - 1; i++) {
		const char *name = i == 1 ? e->section : e->other_section;

		f->shdrs[i].sh_name = (Elf64_Word)n;
		if (name)
			n += strlen(strcpy(f->names + n, name)) + 1;
	}
	f->ehdr.e_shoff = offsetof(struct file, shdrs);
	f->ehdr.e_shentsize = sizeof(Elf64_Shdr);
	f->ehdr.e_shnum = N_SECTIONS;
	f->ehdr.e_shstrndx = N_SECTIONS - 1;
	f->shdrs[1].sh_type = SHT_PROGBITS;
	f->shdrs[1].sh_addr = e->address;
	f->shdrs[1].sh_offset = sizeof(*f);
	f->shdrs[1].sh_size = e->size;
	f->shdrs[N_SECTIONS - 1].sh_type = SHT_STRTAB;
	f->shdrs[N_SECTIONS - 1].sh_offset = offsetof(struct file, names);
	f->shdrs[N_SECTIONS - 1].sh_size = sizeof(f->names);
}

/* The section is in a segment of its own, .eh_frame_hdr right before it. */
static void add_hdr(const struct cfi_build_elf *e, struct file *f)
{
	Elf64_Phdr *load = &f->phdrs[N_SEGMENTS], *hdr = load + 1;
	int32_t pointer = 12; /* from this field, 4 bytes into the header */

	f->hdr[0] = 1;
	f->hdr[1] = PCREL_SDATA4;
	f->hdr[2] = f->hdr[3] = 0xff; /* no table */
	memcpy(f->hdr + 4, &pointer, 4);
	load->p_type = PT_LOAD;
	load->p_flags = PF_R;
	load->p_offset = offsetof(struct file, hdr);
	load->p_vaddr = e->address - sizeof(f->hdr);
	load->p_filesz = load->p_memsz = e->size + sizeof(f->hdr);
	*hdr = *load;
	hdr->p_type = PT_GNU_EH_FRAME;
	hdr->p_filesz = hdr->p_memsz = sizeof(f->hdr);
}

uint8_t *cfi_build_elf(const struct cfi_build_elf *e, size_t *ret_size)
{
	size_t size = sizeof(struct file) + e->size;
	struct file *f = calloc(1, size);

	if (!f)
		abort();
	memcpy(f->ehdr.e_ident, ELFMAG, SELFMAG);
	f->ehdr.e_ident[EI_CLASS] = ELFCLASS64;
	f->ehdr.e_ident[EI_DATA] = ELFDATA2LSB;
	f->ehdr.e_type = ET_DYN;
	f->ehdr.e_machine = e->machine;
	f->ehdr.e_phoff = offsetof(struct file, phdrs);
	f->ehdr.e_phentsize = sizeof(Elf64_Phdr);
	f->ehdr.e_phnum = N_SEGMENTS + 2;
	for (size_t i = 0; i < N_SEGMENTS; i++)
		f->phdrs[i] = (Elf64_Phdr){.p_type = PT_LOAD,
					   .p_flags = PF_R | PF_X,
					   .p_vaddr = e->text + i * size,
					   .p_filesz = size,
					   .p_memsz = size};
	if (e->section)
		name_sections(e, f);
	else
		add_hdr(e, f);
	if (e->size)
		memcpy(f + 1, e->data, e->size);
	*ret_size = size;
	return (uint8_t *)f;
}

uint8_t *cfi_build_image(const struct cfi_build *b, size_t *ret_size)
{
	struct cfi_build_elf e = {.machine = EM_X86_64,
				  .section = b->is_eh ? ".eh_frame" : ".debug_frame",
				  .data = b->data,
				  .size = b->n,
				  .address = CFI_BUILD_SECTION,
				  .text = CFI_BUILD_TEXT};

	return cfi_build_elf(&e, ret_size);
}
