// SPDX-License-Identifier: Apache-2.0
/* profile.proto, gzipped or bare. What was read must be written and read again as the same. */
#include <stdint.h>

#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_format("pprof", data, size);
	return 0;
}
