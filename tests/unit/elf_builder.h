// SPDX-License-Identifier: Apache-2.0
/*
 * elf_builder.h - small ELF64 files in memory, section by section, for tests that need exactly this
 * symbol or that lie in a header.
 */
#ifndef TESTS_UNIT_ELF_BUILDER_H
#define TESTS_UNIT_ELF_BUILDER_H

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BUILDER_SECTIONS = 16, BUILDER_BYTES = 1 << 16 };

struct elf_builder {
	uint8_t bytes[BUILDER_BYTES];
	size_t size;
	Elf64_Shdr sections[BUILDER_SECTIONS];
	size_t n;
	char names[512];
	size_t names_size;
	char strings[4096]; /* of symbols */
	size_t strings_size;
	Elf64_Sym symbols[128];
	size_t n_symbols;
};

static inline void builder_init(struct elf_builder *b)
{
	memset(b, 0, sizeof(*b));
	b->size = sizeof(Elf64_Ehdr);
	b->n = b->names_size = b->strings_size = b->n_symbols = 1;
}

/* Returns the section's header; contents may be NULL. */
static inline Elf64_Shdr *builder_section(struct elf_builder *b, const char *name, uint32_t type,
					  uint64_t flags, uint64_t addr, const void *data,
					  size_t size)
{
	Elf64_Shdr *s = &b->sections[b->n++];

	b->size = (b->size + 7) & ~(size_t)7;
	*s = (Elf64_Shdr){.sh_name = (uint32_t)b->names_size,
			  .sh_type = type,
			  .sh_flags = flags,
			  .sh_addr = addr,
			  .sh_offset = b->size,
			  .sh_size = size};
	strcpy(b->names + b->names_size, name);
	b->names_size += strlen(name) + 1;
	if (data)
		memcpy(b->bytes + b->size, data, size);
	if (type != SHT_NOBITS)
		b->size += size;
	return s;
}

/* Code of that size that is not in the file. */
static inline size_t builder_code(struct elf_builder *b, const char *name, uint64_t addr,
				  size_t size)
{
	builder_section(b, name, SHT_NOBITS, SHF_ALLOC | SHF_EXECINSTR, addr, NULL, size);
	return b->n - 1;
}

static inline void builder_symbol(struct elf_builder *b, const char *name, uint64_t value,
				  uint64_t size, unsigned int bind, unsigned int type,
				  unsigned int section)
{
	b->symbols[b->n_symbols++] = (Elf64_Sym){.st_name = (uint32_t)b->strings_size,
						 .st_info = (unsigned char)(bind << 4 | type),
						 .st_shndx = (uint16_t)section,
						 .st_value = value,
						 .st_size = size};
	strcpy(b->strings + b->strings_size, name);
	b->strings_size += strlen(name) + 1;
}

/* The file, malloc()ed. The symbols go to a table of that type (0: none). */
static inline uint8_t *builder_finish(struct elf_builder *b, uint32_t symtab, uint16_t machine,
				      size_t *ret_size)
{
	Elf64_Ehdr eh = {.e_type = ET_DYN, .e_machine = machine, .e_version = EV_CURRENT};
	Elf64_Shdr *names;
	uint8_t *copy;

	if (symtab) {
		Elf64_Shdr *s =
			builder_section(b, symtab == SHT_SYMTAB ? ".symtab" : ".dynsym", symtab, 0,
					0, b->symbols, b->n_symbols * sizeof(Elf64_Sym));

		s->sh_entsize = sizeof(Elf64_Sym);
		s->sh_link = (uint32_t)b->n;
		builder_section(b, ".strtab", SHT_STRTAB, 0, 0, b->strings, b->strings_size);
	}
	names = builder_section(b, ".shstrtab", SHT_STRTAB, 0, 0, NULL, sizeof(b->names));
	memcpy(b->bytes + names->sh_offset, b->names, sizeof(b->names));
	b->size = (b->size + 7) & ~(size_t)7;
	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	eh.e_ident[EI_VERSION] = EV_CURRENT;
	eh.e_ehsize = sizeof(eh);
	eh.e_shentsize = sizeof(Elf64_Shdr);
	eh.e_shnum = (uint16_t)b->n;
	eh.e_shstrndx = (uint16_t)(b->n - 1);
	eh.e_shoff = b->size;
	memcpy(b->bytes, &eh, sizeof(eh));
	memcpy(b->bytes + b->size, b->sections, b->n * sizeof(Elf64_Shdr));
	b->size += b->n * sizeof(Elf64_Shdr);
	copy = malloc(b->size);
	if (copy)
		memcpy(copy, b->bytes, b->size);
	*ret_size = b->size;
	return copy;
}

#endif
