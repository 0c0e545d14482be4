// SPDX-License-Identifier: Apache-2.0
/*
 * elf_view - a section's contents, whole or page by page. See elf_image.h.
 *
 * A view of an uncompressed section of a file reserves address space and fills its pages when they
 * are needed: pointers stay simple, and memory is what was looked at. Sections of memory images,
 * and compressed ones, are there whole. Decompression is bounded twice: by MAX_CONTENTS, and by the
 * ratio that the compression can reach at most, so a lying header cannot make us allocate gigabytes
 * for a small file. Formats: ELF gABI, "Section Compression"; .zdebug_*: "ZLIB" and a big-endian
 * size.
 */
#include "elf_image.h"

#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <zstd.h>

enum { PAGE = 4096, ZLIB_RATIO = 1032, ZSTD_RATIO = 32 << 10 };
#define MAX_CONTENTS (2ull << 30)
#define MAX_RESERVED (64ull << 30)

#ifndef ELFCOMPRESS_ZSTD
#define ELFCOMPRESS_ZSTD 2
#endif

static int inflate_zlib(const uint8_t *in, size_t in_size, uint8_t *out, size_t size)
{
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	enum libdeflate_result r;

	if (!d)
		return -ENOMEM;
	r = libdeflate_zlib_decompress(d, in, in_size, out, size, NULL);
	libdeflate_free_decompressor(d);
	return r == LIBDEFLATE_SUCCESS ? 0 : -EBADMSG;
}

static int inflate(uint32_t method, const uint8_t *in, size_t in_size, uint64_t size,
		   uint8_t **ret_data, size_t *ret_size)
{
	uint64_t ratio = method == ELFCOMPRESS_ZSTD ? ZSTD_RATIO : ZLIB_RATIO;
	uint8_t *out;
	int r = 0;

	if (method != ELFCOMPRESS_ZLIB && method != ELFCOMPRESS_ZSTD)
		return -EBADMSG;
	if (size > MAX_CONTENTS || size / ratio > in_size)
		return -EFBIG;
	out = malloc(size + 1);
	if (!out)
		return -ENOMEM;
	if (method == ELFCOMPRESS_ZLIB)
		r = inflate_zlib(in, in_size, out, size);
	else if (ZSTD_decompress(out, size, in, in_size) != size)
		r = -EBADMSG;
	if (r < 0) {
		free(out);
		return r;
	}
	out[size] = '\0';
	*ret_data = out;
	*ret_size = size;
	return 0;
}

/* What stands before compressed contents: method and size, and the bytes they take. */
static int parse_chdr(const struct elf_image *e, const struct elf_section *s, const uint8_t *raw,
		      uint32_t *ret_method, uint64_t *ret_size)
{
	Elf64_Chdr c64;
	Elf32_Chdr c32;

	if (!(s->flags & SHF_COMPRESSED)) {
		uint64_t size;

		if (s->size < 12 || memcmp(raw, "ZLIB", 4) != 0)
			return -EBADMSG;
		memcpy(&size, raw + 4, 8);
		*ret_method = ELFCOMPRESS_ZLIB;
		*ret_size = be64toh(size);
		return 12;
	}
	if (elf_image_is_64bit(e)) {
		if (s->size < sizeof(c64))
			return -EBADMSG;
		memcpy(&c64, raw, sizeof(c64));
		*ret_method = c64.ch_type;
		*ret_size = c64.ch_size;
		return sizeof(c64);
	}
	if (s->size < sizeof(c32))
		return -EBADMSG;
	memcpy(&c32, raw, sizeof(c32));
	*ret_method = c32.ch_type;
	*ret_size = c32.ch_size;
	return sizeof(c32);
}

static bool is_compressed(const struct elf_section *s)
{
	return (s->flags & SHF_COMPRESSED) || strncmp(s->name, ".zdebug_", 8) == 0;
}

/* Whether the bytes are in the file at all, before any memory is asked for. */
static int check_bounds(const struct elf_image *e, const struct elf_section *s)
{
	uint8_t last;

	if (s->type == SHT_NOBITS || s->type == SHT_NULL || !s->size)
		return -ENOENT;
	if (s->offset + s->size < s->offset)
		return -EIO;
	return elf_image_pread(e, s->offset + s->size - 1, &last, 1);
}

int elf_image_read(struct elf_image *e, const struct elf_section *s, uint8_t **ret_data,
		   size_t *ret_size)
{
	uint64_t size = 0;
	uint32_t method = 0;
	uint8_t *raw;
	int r;

	r = check_bounds(e, s);
	if (r < 0)
		return r;
	if (s->size > MAX_CONTENTS)
		return -EFBIG;
	raw = malloc(s->size + 1);
	if (!raw)
		return -ENOMEM;
	r = elf_image_pread(e, s->offset, raw, s->size);
	if (r == 0 && !is_compressed(s)) {
		raw[s->size] = '\0';
		*ret_data = raw;
		*ret_size = s->size;
		return 0;
	}
	if (r == 0)
		r = parse_chdr(e, s, raw, &method, &size);
	if (r > 0)
		r = inflate(method, raw + r, s->size - (size_t)r, size, ret_data, ret_size);
	free(raw);
	return r;
}

static int view_reserve(struct elf_view *v, struct elf_image *e, const struct elf_section *s)
{
	size_t pages = (s->size + PAGE - 1) / PAGE;
	void *at;

	if (s->size > MAX_RESERVED)
		return -EFBIG;
	v->pages = calloc((pages + 63) / 64, sizeof(*v->pages));
	if (!v->pages)
		return -ENOMEM;
	at = mmap(NULL, s->size, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return -ENOMEM;
	v->data = at;
	v->reserved = s->size;
	v->offset = s->offset;
	v->size = s->size;
	v->e = e;
	return 0;
}

int elf_view_init(struct elf_view *v, struct elf_image *e, const char *name)
{
	const struct elf_section *s = elf_image_find(e, name);
	uint8_t *data;
	int r;

	memset(v, 0, sizeof(*v));
	if (!s)
		return 0;
	r = check_bounds(e, s);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (!is_compressed(s)) {
		r = view_reserve(v, e, s);
	} else {
		r = elf_image_read(e, s, &data, &v->size);
		if (r == 0)
			v->data = v->owned = data;
	}
	if (r < 0)
		elf_view_release(v);
	return r;
}

void elf_view_release(struct elf_view *v)
{
	if (v->reserved)
		munmap((void *)v->data, v->reserved);
	free(v->pages);
	free(v->owned);
	memset(v, 0, sizeof(*v));
}

static bool view_has(const struct elf_view *v, size_t page)
{
	return v->pages[page / 64] >> page % 64 & 1;
}

bool elf_view_load(struct elf_view *v, size_t at, size_t size)
{
	size_t page = at / PAGE, end = (at + size + PAGE - 1) / PAGE;

	while (page < end) {
		size_t first = page, bytes;

		if (view_has(v, page)) {
			page++;
			continue;
		}
		while (page < end && !view_has(v, page))
			page++;
		bytes = (page * PAGE < v->size ? page * PAGE : v->size) - first * PAGE;
		if (elf_image_pread(v->e, v->offset + first * PAGE,
				    (uint8_t *)v->data + first * PAGE, bytes) < 0)
			return false;
		for (size_t i = first; i < page; i++)
			v->pages[i / 64] |= 1ull << i % 64;
		v->resident += bytes;
	}
	return true;
}

void elf_view_drop(struct elf_view *v)
{
	if (!v->resident)
		return;
	madvise((void *)v->data, v->reserved, MADV_DONTNEED);
	memset(v->pages, 0, (v->reserved + 64 * PAGE - 1) / (64 * PAGE) * sizeof(*v->pages));
	v->resident = 0;
}

const char *elf_view_string(struct elf_view *v, uint64_t at, size_t *ret_len)
{
	uint64_t from = at;

	while (from < v->size) {
		/* A page at a time; strings are short and their end is near. */
		uint64_t to = (from / PAGE + 1) * PAGE;
		const uint8_t *nul;

		if (to > v->size)
			to = v->size;
		if (!elf_view_need(v, from, to - from))
			return NULL;
		nul = memchr(v->data + from, 0, to - from);
		if (nul) {
			*ret_len = (size_t)(nul - (v->data + at));
			return (const char *)v->data + at;
		}
		from = to;
	}
	return NULL;
}
