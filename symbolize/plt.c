// SPDX-License-Identifier: Apache-2.0
/*
 * plt - see plt.h. Instructions: Intel SDM (FF /4, RIP-relative); Arm ARM (ADRP, LDR immediate).
 */
#include "plt.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct plt {
	struct elf_image *e;
	Elf64_Rela *relocations; /* by r_offset */
	size_t n;
	const uint8_t *symbols;
	size_t n_symbols;
	const char *strings; /* a NUL behind it */
	size_t strings_size;
	plt_entry_fn fn;
	void *arg;
};

static int compare(const void *pa, const void *pb)
{
	const Elf64_Rela *a = pa, *b = pb;

	return a->r_offset < b->r_offset ? -1 : a->r_offset > b->r_offset;
}

/* The name of the function whose address the linker puts at `slot`, or NULL. */
static const char *slot_name(const struct plt *p, uint64_t slot)
{
	const Elf64_Rela key = {.r_offset = slot};
	const Elf64_Rela *rel = bsearch(&key, p->relocations, p->n, sizeof(key), compare);
	Elf64_Sym sym;
	uint64_t i;

	i = rel ? ELF64_R_SYM(rel->r_info) : 0;
	if (!i || i >= p->n_symbols)
		return NULL;
	memcpy(&sym, p->symbols + i * sizeof(sym), sizeof(sym));
	if (sym.st_name >= p->strings_size || !p->strings[sym.st_name])
		return NULL;
	return p->strings + sym.st_name;
}

static int report(const struct plt *p, uint64_t address, uint64_t size, uint64_t slot)
{
	const char *name = slot_name(p, slot);

	return name ? p->fn(p->arg, address, size, name, strlen(name)) : 0;
}

/* Stubs of 16 bytes with one jmp *slot(%rip) each, behind an endbr64 or bnd perhaps. */
static int scan_x86_64(const struct plt *p, uint64_t address, const uint8_t *code, size_t size)
{
	for (size_t at = 0; at + 16 <= size; at += 16) {
		for (size_t i = at; i + 6 <= at + 16; i++) {
			int32_t displacement;
			int r;

			if (code[i] != 0xff || code[i + 1] != 0x25)
				continue;
			memcpy(&displacement, code + i + 2, 4);
			r = report(p, address + at, 16,
				   address + i + 6 + (uint64_t)(int64_t)displacement);
			if (r < 0)
				return r;
			break;
		}
	}
	return 0;
}

/* adrp x16, page; ldr x17, [x16, offset]; add; br. */
static int scan_aarch64(const struct plt *p, uint64_t address, const uint8_t *code, size_t size)
{
	for (size_t at = 0; at + 16 <= size; at += 4) {
		uint32_t adrp, ldr;
		uint64_t page;
		int r;

		memcpy(&adrp, code + at, 4);
		memcpy(&ldr, code + at + 4, 4);
		if ((adrp & 0x9f00001f) != 0x90000010 || (ldr & 0xffc003ff) != 0xf9400211)
			continue;
		page = ((uint64_t)(adrp >> 5 & 0x7ffff) << 2 | (adrp >> 29 & 3)) << 12;
		if (page >> 32 & 1)
			page |= ~0ull << 33; /* 21 bits of pages, signed */
		page += (address + at) & ~0xfffull;
		r = report(p, address + at, 16, page + (uint64_t)(ldr >> 10 & 0xfff) * 8);
		if (r < 0)
			return r;
		at += 12;
	}
	return 0;
}

static int scan(struct plt *p, const char *name)
{
	const struct elf_section *s = elf_image_find(p->e, name);
	uint8_t *code;
	size_t size;
	int r;

	if (!s)
		return 0;
	r = elf_image_read(p->e, s, &code, &size);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = elf_image_machine(p->e) == EM_X86_64 ? scan_x86_64(p, s->addr, code, size)
						 : scan_aarch64(p, s->addr, code, size);
	free(code);
	return r;
}

static int read_table(struct elf_image *e, uint32_t section, uint8_t **ret, size_t *ret_size)
{
	size_t n;
	const struct elf_section *s = elf_image_sections(e, &n);

	return section < n ? elf_image_read(e, &s[section], ret, ret_size) : -ENOENT;
}

int plt_entries(struct elf_image *e, plt_entry_fn fn, void *arg)
{
	const struct elf_section *rel = elf_image_find(e, ".rela.plt");
	struct plt p = {.e = e, .fn = fn, .arg = arg};
	uint8_t *relocations = NULL, *symbols = NULL, *strings = NULL;
	size_t n_sections, size;
	const struct elf_section *sections = elf_image_sections(e, &n_sections);
	int r;

	if (!rel || rel->link >= n_sections || !elf_image_is_64bit(e) ||
	    (elf_image_machine(e) != EM_X86_64 && elf_image_machine(e) != EM_AARCH64))
		return 0;
	r = elf_image_read(e, rel, &relocations, &size);
	p.n = r == 0 ? size / sizeof(Elf64_Rela) : 0;
	if (r == 0)
		r = read_table(e, rel->link, &symbols, &size);
	p.n_symbols = r == 0 ? size / sizeof(Elf64_Sym) : 0;
	if (r == 0)
		r = read_table(e, sections[rel->link].link, &strings, &p.strings_size);
	if (r == 0) {
		p.relocations = (Elf64_Rela *)relocations;
		p.symbols = symbols;
		p.strings = (const char *)strings;
		qsort(p.relocations, p.n, sizeof(Elf64_Rela), compare);
		r = scan(&p, ".plt");
	}
	if (r == 0)
		r = scan(&p, ".plt.sec");
	free(relocations);
	free(symbols);
	free(strings);
	/* A file without usable relocations only has nameless stubs. */
	return r == -ENOMEM ? r : 0;
}
