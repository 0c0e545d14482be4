// SPDX-License-Identifier: Apache-2.0
/*
 * Raw profiles, in two ways: as a file, whose checksum stops nearly all damage, and as a payload
 * for which the header is made here, so that the tables are reached. What was read must be written
 * and read again as the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "formats/fmt_cresset.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t bound = ZSTD_compressBound(size), n;
	uint64_t hash = XXH3_64bits(data, size), size64 = size;
	uint32_t version = CRESSET_RAW_VERSION;
	uint8_t *file;

	fuzz_format("cresset", data, size);
	file = calloc(1, CRESSET_HEADER + bound);
	if (!file)
		return 0;
	memcpy(file, CRESSET_MAGIC, 8);
	memcpy(file + 8, &version, 4);
	memcpy(file + 16, &size64, 8);
	memcpy(file + 24, &hash, 8);
	n = ZSTD_compress(file + CRESSET_HEADER, bound, data, size, 1);
	if (!ZSTD_isError(n))
		fuzz_format("cresset", file, CRESSET_HEADER + n);
	free(file);
	return 0;
}
