// SPDX-License-Identifier: Apache-2.0
/*
 * perfmap_parse() on any text: no crash, names out of the text, and memory in proportion to it,
 * however the ranges overlap.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "perfmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct perfmap *m, uint64_t address, const uint8_t *data, size_t size)
{
	const char *name = perfmap_lookup(m, address);

	if (name && (!*name || !memmem(data, size, name, strlen(name))))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct perfmap *m;

	if (perfmap_parse((const char *)data, size, &m) < 0)
		return 0;
	if (perfmap_bytes(m) > 4096 + size * 24)
		abort();
	check(m, 0, data, size);
	check(m, UINT64_MAX, data, size);
	for (size_t i = 0; i + 16 <= size && i < 4096; i += 3) {
		char digits[17] = {0};
		uint64_t address;

		memcpy(digits, data + i, 16);
		address = strtoull(digits, NULL, 16);
		check(m, address, data, size);
		check(m, address - 1, data, size);
		check(m, address + 0x10, data, size);
	}
	perfmap_free(m);
	return 0;
}
