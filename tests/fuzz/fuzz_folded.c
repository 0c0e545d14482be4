// SPDX-License-Identifier: Apache-2.0
/* Folded stacks. What was read must be written and read again as the same. */
#include <stdint.h>

#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_format("folded", data, size);
	return 0;
}
