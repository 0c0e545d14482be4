// SPDX-License-Identifier: Apache-2.0
/*
 * DWARF of any kind in any bytes: no crash, no loop without end, frames with names, memory in
 * bounds. The file is its own supplementary file too, so that references to one are followed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_FRAMES = 8, MAX_LOOKUPS = 512, MAX_PATH_TEXT = 1 << 20 };

static void look_up(struct symbol_index *x, uint64_t address)
{
	struct symbol_frame frames[MAX_FRAMES];
	size_t n = symbol_index_lookup(x, address, frames, MAX_FRAMES);

	if (n > MAX_FRAMES)
		abort();
	for (size_t i = 0; i < n; i++)
		if (!*frames[i].name || strlen(frames[i].filename) > MAX_PATH_TEXT)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct symbol_index *x = NULL;
	const struct elf_section *s;
	struct elf_image *e;
	uint8_t *copy = malloc(size + 1);
	size_t n, looked = 0;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (elf_image_open_memory(copy, size, &e) < 0) {
		free(copy);
		return 0;
	}
	s = elf_image_sections(e, &n);
	if (symbol_index_new(&x) == 0 && symbol_index_add_dwarf(x, e, size % 2 ? e : NULL) == 0 &&
	    symbol_index_seal(x) == 0) {
		for (size_t i = 0; i < n; i++)
			for (uint64_t at = 0; at < s[i].size && looked < MAX_LOOKUPS; at++)
				if (s[i].flags & 4) /* SHF_EXECINSTR */
					look_up(x, s[i].addr + at), looked++;
				else
					break;
		look_up(x, 0);
		look_up(x, UINT64_MAX);
		if (symbol_index_bytes(x) > (64u << 20) + size * 64)
			abort();
	}
	symbol_index_free(x);
	elf_image_free(e);
	return 0;
}
