// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_image.c - see cfi_image.h. Layouts: gABI chapters 4 and 5, <elf.h>; .eh_frame_hdr: LSB core
 * specification, 10.6.2. Little-endian 64-bit files only, as are the machines.
 */
#include "unwind/cfi_image.h"

#include "pread_exact.h"

#include <dwarf.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum {
	MAX_PHDRS = 256,
	MAX_SHDRS = 16 << 10,
	MAX_NAMES = 1 << 20,
	MAX_HDR = 64 << 20,
};

struct reading {
	const struct cfi_bytes *bytes;
	Elf64_Ehdr ehdr;
	Elf64_Phdr *phdrs;
	size_t n_phdrs;
};

/* ---- Bytes. */

/* All of size bytes, or -ENOEXEC. */
static int read_exact(const struct cfi_bytes *b, void *buf, size_t size, uint64_t offset)
{
	if (offset > b->size || size > b->size - offset)
		return -ENOEXEC;
	if (b->fd < 0) {
		memcpy(buf, b->data + offset, size);
		return 0;
	}
	return pread_exact(b->fd, buf, size, offset);
}

/* size > 0 bytes in memory of their own, with a NUL behind them. */
static int read_alloc(const struct cfi_bytes *b, size_t size, uint64_t offset, void **ret)
{
	char *data;
	int r;

	if (!size || offset > b->size || size > b->size - offset)
		return -ENOEXEC;
	data = malloc(size + 1);
	if (!data)
		return -ENOMEM;
	r = read_exact(b, data, size, offset);
	if (r) {
		free(data);
		return r;
	}
	data[size] = 0;
	*ret = data;
	return 0;
}

/* ---- Head and segments. */

static int read_head(struct reading *rd, struct cfi_image *image)
{
	const Elf64_Ehdr *h = &rd->ehdr;
	int r = read_exact(rd->bytes, &rd->ehdr, EI_NIDENT, 0);

	if (r || memcmp(h->e_ident, ELFMAG, SELFMAG))
		return r ? r : -ENOEXEC;
	if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOTSUP;
	r = read_exact(rd->bytes, &rd->ehdr, sizeof(rd->ehdr), 0);
	if (r)
		return r;
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return -ENOEXEC;
	image->arch = cfi_arch_of(h->e_machine);
	if (!image->arch)
		return -ENOTSUP;
	rd->n_phdrs = h->e_phnum < MAX_PHDRS ? h->e_phnum : MAX_PHDRS;
	if (h->e_phentsize != sizeof(Elf64_Phdr))
		return -ENOEXEC;
	return read_alloc(rd->bytes, rd->n_phdrs * sizeof(Elf64_Phdr), h->e_phoff,
			  (void **)&rd->phdrs);
}

/* Bytes of the segment that are in the file. */
static uint64_t in_file(const struct reading *rd, const Elf64_Phdr *p)
{
	uint64_t size = p->p_filesz;

	if (p->p_offset >= rd->bytes->size || p->p_vaddr + size < p->p_vaddr)
		return 0;
	if (size > rd->bytes->size - p->p_offset)
		size = rd->bytes->size - p->p_offset;
	return size;
}

static void find_exec(const struct reading *rd, struct cfi_image *image)
{
	for (size_t i = 0; i < rd->n_phdrs && image->n_exec < CFI_MAX_SEGMENTS; i++) {
		const Elf64_Phdr *p = &rd->phdrs[i];
		uint64_t size = in_file(rd, p);

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X) || !size)
			continue;
		image->exec[image->n_exec++] =
			(struct cfi_segment){.start = p->p_vaddr, .end = p->p_vaddr + size};
	}
}

/* ---- By sections. */

static int decompress(const uint8_t *from, size_t size, const Elf64_Chdr *h, uint8_t *to)
{
	uLongf n = h->ch_size;

	if (h->ch_type == ELFCOMPRESS_ZLIB)
		return uncompress(to, &n, from, size) == Z_OK && n == h->ch_size ? 0 : -ENOEXEC;
	if (h->ch_type == 2 /* ELFCOMPRESS_ZSTD */)
		return ZSTD_decompress(to, h->ch_size, from, size) == h->ch_size ? 0 : -ENOEXEC;
	return -ENOEXEC;
}

static int expand(void *packed, size_t size, struct cfi_section *ret)
{
	Elf64_Chdr h;
	uint8_t *data;
	int r;

	if (size <= sizeof(h))
		return -ENOEXEC;
	memcpy(&h, packed, sizeof(h));
	if (!h.ch_size || h.ch_size > CFI_MAX_SECTION)
		return -EFBIG;
	data = malloc(h.ch_size);
	if (!data)
		return -ENOMEM;
	r = decompress((uint8_t *)packed + sizeof(h), size - sizeof(h), &h, data);
	if (r) {
		free(data);
		return r;
	}
	ret->data = data;
	ret->size = h.ch_size;
	return 0;
}

/* The first of its name; one that cannot be read is as none. Only memory is worth an error. */
static int take_section(const struct reading *rd, const Elf64_Shdr *s, struct cfi_section *ret)
{
	void *data;
	int r;

	if (ret->data || s->sh_type == SHT_NOBITS || !s->sh_size)
		return 0;
	if (s->sh_size > CFI_MAX_SECTION)
		return -EFBIG;
	r = read_alloc(rd->bytes, s->sh_size, s->sh_offset, &data);
	if (r)
		return r == -ENOMEM ? r : 0;
	ret->address = s->sh_addr;
	if (!(s->sh_flags & SHF_COMPRESSED)) {
		ret->data = data;
		ret->size = s->sh_size;
		return 0;
	}
	r = expand(data, s->sh_size, ret);
	free(data);
	return r == -ENOEXEC ? 0 : r;
}

/* Linkers name what Go brings along differently, but one of these is always there. */
static bool is_go_section(const char *name)
{
	return !strcmp(name, ".gopclntab") || !strcmp(name, ".data.rel.ro.gopclntab") ||
	       !strcmp(name, ".go.buildinfo") || !strcmp(name, ".note.go.buildid");
}

static int take_sections(const struct reading *rd, const Elf64_Shdr *shdrs, size_t n,
			 const char *names, size_t names_size, struct cfi_image *image)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		const char *name = shdrs[i].sh_name < names_size ? names + shdrs[i].sh_name : "";

		if (!strcmp(name, ".eh_frame"))
			r = take_section(rd, &shdrs[i], &image->eh_frame);
		else if (!strcmp(name, ".debug_frame"))
			r = take_section(rd, &shdrs[i], &image->debug_frame);
		else if (is_go_section(name))
			image->is_go = true;
	}
	return r;
}

static int find_sections(const struct reading *rd, struct cfi_image *image)
{
	const Elf64_Ehdr *h = &rd->ehdr;
	Elf64_Shdr first, *shdrs = NULL;
	char *names = NULL;
	size_t n, index, names_size = 0;
	int r;

	if (h->e_shentsize != sizeof(first) || !h->e_shoff ||
	    read_exact(rd->bytes, &first, sizeof(first), h->e_shoff))
		return 0;
	/* Numbers that do not fit into the head are in the first section's. */
	n = h->e_shnum ? h->e_shnum : first.sh_size;
	index = h->e_shstrndx == SHN_XINDEX ? first.sh_link : h->e_shstrndx;
	n = n < MAX_SHDRS ? n : MAX_SHDRS;
	r = read_alloc(rd->bytes, n * sizeof(*shdrs), h->e_shoff, (void **)&shdrs);
	if (!r && index < n) {
		names_size = shdrs[index].sh_size < MAX_NAMES ? shdrs[index].sh_size : MAX_NAMES;
		r = read_alloc(rd->bytes, names_size, shdrs[index].sh_offset, (void **)&names);
	}
	if (!r && names)
		r = take_sections(rd, shdrs, n, names, names_size, image);
	free(shdrs);
	free(names);
	return r == -ENOEXEC ? 0 : r;
}

/* ---- By PT_GNU_EH_FRAME. */

/* File offset of an address, and how many bytes of its segment follow. */
static bool locate(const struct reading *rd, uint64_t address, uint64_t *ret_offset,
		   uint64_t *ret_size)
{
	for (size_t i = 0; i < rd->n_phdrs; i++) {
		const Elf64_Phdr *p = &rd->phdrs[i];

		if (p->p_type != PT_LOAD || address < p->p_vaddr ||
		    address - p->p_vaddr >= in_file(rd, p))
			continue;
		*ret_offset = p->p_offset + (address - p->p_vaddr);
		*ret_size = in_file(rd, p) - (address - p->p_vaddr);
		return true;
	}
	return false;
}

/* The address of the last FDE in the search table, 0 if there is none of the usual form. */
static uint64_t last_fde(struct dwarf_reader *r, uint64_t hdr, uint8_t count_encoding,
			 uint8_t table_encoding)
{
	uint64_t last = 0, n;

	if (count_encoding != DW_EH_PE_udata4 ||
	    table_encoding != (DW_EH_PE_datarel | DW_EH_PE_sdata4))
		return 0;
	n = reader_u32(r);
	for (; n && reader_left(r) >= 8; n--) {
		uint64_t fde;

		reader_skip(r, 4);
		fde = hdr + (uint64_t)(int32_t)reader_u32(r);
		if (fde > last)
			last = fde;
	}
	return last;
}

/*
 * Where .eh_frame begins, and how long it is: no header says, so it ends with the last FDE that the
 * search table names, or else with its segment, which then may be followed by anything.
 */
static int parse_hdr(const struct reading *rd, const uint8_t *hdr, const Elf64_Phdr *p,
		     uint64_t *ret_address, uint64_t *ret_offset, uint64_t *ret_size)
{
	struct cfi_section s = {.data = hdr, .size = p->p_filesz, .address = p->p_vaddr};
	struct dwarf_reader r = {.p = hdr, .end = hdr + p->p_filesz};
	uint8_t version = reader_u8(&r), pointer = reader_u8(&r);
	uint8_t count = reader_u8(&r), table = reader_u8(&r);
	uint64_t address, last, offset, left;
	uint32_t length;

	if (version != 1 || pointer == DW_EH_PE_omit)
		return -ENOEXEC;
	address = cfi_read_address(&r, &s, pointer);
	if (r.bad || !locate(rd, address, ret_offset, ret_size))
		return -ENOEXEC;
	*ret_address = address;
	last = last_fde(&r, p->p_vaddr, count, table);
	if (last >= address && locate(rd, last, &offset, &left) &&
	    !read_exact(rd->bytes, &length, sizeof(length), offset) && last - address < *ret_size &&
	    length <= *ret_size - (last - address) - sizeof(length))
		*ret_size = last - address + sizeof(length) + length;
	return 0;
}

static int find_by_hdr(const struct reading *rd, struct cfi_image *image)
{
	uint64_t address, offset, size;
	const Elf64_Phdr *p = NULL;
	void *data;
	int r;

	for (size_t i = 0; i < rd->n_phdrs && !p; i++)
		if (rd->phdrs[i].p_type == PT_GNU_EH_FRAME)
			p = &rd->phdrs[i];
	if (!p || p->p_filesz > MAX_HDR || p->p_filesz < 4)
		return 0;
	r = read_alloc(rd->bytes, p->p_filesz, p->p_offset, &data);
	if (r)
		return r == -ENOMEM ? r : 0;
	r = parse_hdr(rd, data, p, &address, &offset, &size);
	free(data);
	if (r)
		return 0;
	if (size > CFI_MAX_SECTION)
		return -EFBIG;
	r = read_alloc(rd->bytes, size, offset, &data);
	if (r)
		return r == -ENOMEM ? r : 0;
	image->eh_frame.data = data;
	image->eh_frame.size = size;
	image->eh_frame.address = address;
	return 0;
}

int cfi_image_read(const struct cfi_bytes *bytes, struct cfi_image *ret)
{
	struct cfi_image image = {.eh_frame = {.is_eh = true}};
	struct reading rd = {.bytes = bytes};
	int r = read_head(&rd, &image);

	if (!r) {
		find_exec(&rd, &image);
		r = find_sections(&rd, &image);
	}
	if (!r && !image.eh_frame.data)
		r = find_by_hdr(&rd, &image);
	free(rd.phdrs);
	if (r) {
		cfi_image_release(&image);
		return r;
	}
	*ret = image;
	return 0;
}

void cfi_image_release(struct cfi_image *image)
{
	free((void *)image->eh_frame.data);
	free((void *)image->debug_frame.data);
	memset(image, 0, sizeof(*image));
}
