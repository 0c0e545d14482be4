// SPDX-License-Identifier: Apache-2.0
/*
 * elfhead.c - see elfhead.h. Layouts: gABI chapters 4 and 5, <elf.h>. 32-bit headers are widened to
 * the 64-bit form as they are read, so that the rest knows one form only.
 */
#include "elfhead.h"

#include "pread_exact.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

enum {
	MAX_PHDRS = 1024,
	MAX_NOTE_BYTES = 16 << 10,
	MAX_NOTE_SEGMENTS = 8,
	PAGE_BYTES = 4096,
};

static const unsigned char NATIVE_DATA =
	__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;

struct phdrs {
	uint64_t offset;
	size_t entry_bytes;
	size_t n;
	bool is_64;
};

static int read_header(int fd, struct phdrs *ret)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf32_Ehdr e32;
		Elf64_Ehdr e64;
	} h;
	int r;

	memset(&h, 0, sizeof(h));
	r = pread_exact(fd, &h, sizeof(h.e32), 0);
	if (r)
		return r;
	if (memcmp(h.ident, ELFMAG, SELFMAG) || h.ident[EI_DATA] != NATIVE_DATA)
		return -ENOEXEC;
	ret->is_64 = h.ident[EI_CLASS] == ELFCLASS64;
	if (!ret->is_64) {
		if (h.ident[EI_CLASS] != ELFCLASS32 || h.e32.e_phentsize != sizeof(Elf32_Phdr))
			return -ENOEXEC;
		ret->offset = h.e32.e_phoff;
		ret->n = h.e32.e_phnum;
		ret->entry_bytes = sizeof(Elf32_Phdr);
		return 0;
	}
	r = pread_exact(fd, &h, sizeof(h.e64), 0);
	if (r || h.e64.e_phentsize != sizeof(Elf64_Phdr))
		return r ? r : -ENOEXEC;
	ret->offset = h.e64.e_phoff;
	ret->n = h.e64.e_phnum;
	ret->entry_bytes = sizeof(Elf64_Phdr);
	return 0;
}

static int read_phdr(int fd, const struct phdrs *h, size_t i, Elf64_Phdr *ret)
{
	uint64_t offset = h->offset + i * h->entry_bytes; /* pread_exact() checks the range */
	Elf32_Phdr p;
	int r;

	if (offset < h->offset)
		return -ENOEXEC;
	if (h->is_64)
		return pread_exact(fd, ret, sizeof(*ret), offset);
	r = pread_exact(fd, &p, sizeof(p), offset);
	if (r)
		return r;
	*ret = (Elf64_Phdr){
		.p_type = p.p_type,
		.p_flags = p.p_flags,
		.p_offset = p.p_offset,
		.p_vaddr = p.p_vaddr,
		.p_filesz = p.p_filesz,
		.p_memsz = p.p_memsz,
		.p_align = p.p_align,
	};
	return 0;
}

size_t elfhead_build_id(const void *notes, size_t size, size_t align, uint8_t *ret, size_t max)
{
	const uint8_t *at = notes;
	size_t left = size;

	if (align != 8)
		align = 4;
	while (left >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr n; /* the same as the 32-bit one */
		size_t name, desc;

		memcpy(&n, at, sizeof(n));
		at += sizeof(n);
		left -= sizeof(n);
		if (n.n_namesz > left || n.n_descsz > left)
			return 0;
		name = (n.n_namesz + align - 1) & ~(align - 1);
		/* Only the start of the descriptor is padded, its end may be the segment's. */
		if (name > left || n.n_descsz > left - name)
			return 0;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 && !memcmp(at, "GNU", 4) &&
		    n.n_descsz > 0 && n.n_descsz <= max) {
			memcpy(ret, at + name, n.n_descsz);
			return n.n_descsz;
		}
		desc = (n.n_descsz + align - 1) & ~(align - 1);
		if (desc > left - name)
			return 0;
		at += name + desc;
		left -= name + desc;
	}
	return 0;
}

static void read_note(int fd, const Elf64_Phdr *p, struct elfhead *e)
{
	uint8_t notes[MAX_NOTE_BYTES];
	size_t size = p->p_filesz < sizeof(notes) ? (size_t)p->p_filesz : sizeof(notes);

	if (pread_exact(fd, notes, size, p->p_offset))
		return;
	e->build_id_size =
		elfhead_build_id(notes, size, p->p_align, e->build_id, sizeof(e->build_id));
}

/* Executable segments before others: those are what must not be left out at the limit. */
static void add_load(struct elfhead *e, const Elf64_Phdr *p)
{
	struct elfhead_load load = {
		.offset = p->p_offset,
		.filesz = p->p_filesz,
		.vaddr = p->p_vaddr,
		.memsz = p->p_memsz,
		.executable = p->p_flags & PF_X,
	};
	size_t at = e->n_loads;

	if (p->p_filesz == 0 || p->p_offset + p->p_filesz < p->p_offset ||
	    p->p_vaddr + p->p_memsz < p->p_vaddr || p->p_memsz < p->p_filesz)
		return;
	if (load.executable) {
		for (at = 0; at < e->n_loads && e->loads[at].executable; at++)
			;
	}
	if (at == ELFHEAD_MAX_LOADS)
		return;
	if (e->n_loads == ELFHEAD_MAX_LOADS)
		e->n_loads--;
	memmove(&e->loads[at + 1], &e->loads[at], (e->n_loads - at) * sizeof(load));
	e->loads[at] = load;
	e->n_loads++;
}

int elfhead_read(int fd, struct elfhead *ret)
{
	size_t note_segments = 0;
	struct phdrs h;
	struct elfhead e;
	int r = read_header(fd, &h);

	if (r)
		return r;
	memset(&e, 0, sizeof(e));
	for (size_t i = 0; i < h.n && i < MAX_PHDRS; i++) {
		Elf64_Phdr p;

		r = read_phdr(fd, &h, i, &p);
		if (r)
			return r;
		if (p.p_type == PT_LOAD)
			add_load(&e, &p);
		else if (p.p_type == PT_NOTE && !e.build_id_size &&
			 note_segments++ < MAX_NOTE_SEGMENTS)
			read_note(fd, &p, &e);
	}
	if (!e.n_loads)
		return -ENOEXEC;
	*ret = e;
	return 0;
}

static bool has(const struct elfhead_load *l, uint64_t offset)
{
	return offset >= l->offset && offset - l->offset < l->filesz;
}

static bool pages_have(const struct elfhead_load *l, uint64_t offset)
{
	uint64_t start = l->offset & ~(uint64_t)(PAGE_BYTES - 1);

	return offset >= start && offset - start < l->filesz + (l->offset - start) + PAGE_BYTES;
}

int elfhead_find(const struct elfhead *e, uint64_t offset)
{
	for (size_t i = 0; i < e->n_loads; i++) {
		/* Executable ones stand first. */
		if (has(&e->loads[i], offset))
			return (int)i;
	}
	for (size_t i = 0; i < e->n_loads && e->loads[i].executable; i++) {
		if (pages_have(&e->loads[i], offset))
			return (int)i;
	}
	return -1;
}

int elfhead_find_code(const struct elfhead *e, uint64_t offset, uint64_t size)
{
	uint64_t end = offset + size < offset ? UINT64_MAX : offset + size, most = 0;
	int found = -1;

	for (size_t i = 0; i < e->n_loads; i++) {
		const struct elfhead_load *l = &e->loads[i];
		uint64_t from = l->offset > offset ? l->offset : offset, to = l->offset + l->filesz;

		if (to > end)
			to = end;
		if (!l->executable || from >= to || to - from <= most)
			continue;
		most = to - from;
		found = (int)i;
	}
	return found;
}

int elfhead_find_address(const struct elfhead *e, uint64_t vaddr)
{
	int found = -1;

	for (size_t i = 0; i < e->n_loads; i++) {
		const struct elfhead_load *l = &e->loads[i];

		if (vaddr >= l->vaddr && vaddr - l->vaddr < l->memsz)
			return (int)i;
		if (found < 0 && l->executable && (vaddr | 4095) >= l->vaddr &&
		    (vaddr & ~UINT64_C(4095)) < l->vaddr + l->memsz)
			found = (int)i;
	}
	return found;
}
