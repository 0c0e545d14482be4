// SPDX-License-Identifier: Apache-2.0
/*
 * kallsyms_parse() on any text: no crash, every owner's name stands in the text, and the memory is
 * in proportion to it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kallsyms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct kallsyms *k, uint64_t address, const uint8_t *data, size_t size)
{
	struct kallsym sym;

	if (!kallsyms_lookup(k, address, &sym))
		return;
	if (!*sym.name || !memmem(data, size, sym.name, strlen(sym.name)) ||
	    !memmem(data, size, sym.module, strlen(sym.module)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t fixed[] = {0, 1, 0xffffffff81000000, 0xffffffffc0000000, UINT64_MAX};
	struct kallsyms *k;

	if (kallsyms_parse((const char *)data, size, &k) < 0)
		return 0;
	if (kallsyms_bytes(k) > 4096 + size * 16)
		abort();
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		check(k, fixed[i], data, size);
	for (size_t i = 0; i + 16 <= size && i < 4096; i += 5) {
		char digits[17] = {0};

		memcpy(digits, data + i, 16);
		check(k, strtoull(digits, NULL, 16), data, size);
		check(k, strtoull(digits, NULL, 16) + 1, data, size);
	}
	kallsyms_free(k);
	return 0;
}
