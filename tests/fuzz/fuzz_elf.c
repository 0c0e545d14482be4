// SPDX-License-Identifier: Apache-2.0
/*
 * elf_image, and the symbols of an index, on any bytes: no crash, all contents within bounds, names
 * that end, and answers for symbols that lie in the index' own memory.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_LOOKUPS = 4096 };

static void read_contents(struct elf_image *e)
{
	size_t n;
	const struct elf_section *s = elf_image_sections(e, &n);

	for (size_t i = 0; i < n && i < 64; i++) {
		const uint8_t *contents;
		struct elf_view v;
		size_t length;

		if (elf_image_section(e, s[i].name, &contents, &length) == 0 && length &&
		    contents[0] == 0 && contents[length - 1] == 1 && length > 1ull << 31)
			abort();
		if (elf_view_init(&v, e, s[i].name) < 0)
			continue;
		if (v.size && (!elf_view_need(&v, v.size - 1, 1) || elf_view_need(&v, v.size, 1)))
			abort();
		elf_view_string(&v, v.size / 2, &length);
		elf_view_release(&v);
	}
}

static void look_up(struct symbol_index *x, struct elf_image *e)
{
	size_t n;
	const struct elf_section *s = elf_image_sections(e, &n);
	struct symbol_frame f;

	for (size_t i = 0; i < n && i < 64; i++)
		for (uint64_t at = 0; at < s[i].size && at < MAX_LOOKUPS; at += 7)
			if (symbol_index_lookup(x, s[i].addr + at, &f, 1) && !strlen(f.name))
				abort();
	symbol_index_lookup(x, 0, &f, 1);
	symbol_index_lookup(x, UINT64_MAX, &f, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct symbol_index *x = NULL;
	const char *text, *id;
	struct elf_image *e;
	uint8_t *copy = malloc(size + 1);
	uint32_t crc;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (elf_image_open_memory(copy, size, &e) < 0) {
		free(copy);
		return 0;
	}
	if (strspn(elf_image_build_id(e), "0123456789abcdef") != strlen(elf_image_build_id(e)))
		abort();
	if (elf_image_debuglink(e, &text, &crc) == 0 && (!*text || strchr(text, '/')))
		abort();
	if (elf_image_debugaltlink(e, &text, &id) == 0 && (!*text || strlen(id) % 2))
		abort();
	read_contents(e);
	if (symbol_index_new(&x) == 0) {
		symbol_index_add_symbols(x, e);
		if (symbol_index_seal(x) == 0)
			look_up(x, e);
	}
	symbol_index_free(x);
	elf_image_free(e);
	return 0;
}
