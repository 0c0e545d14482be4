// SPDX-License-Identifier: Apache-2.0
/*
 * btfsubset_make() of any bytes, by the names in themselves: what comes of it is a BTF, of which
 * all is in a subset of itself.
 */
#include <stdint.h>
#include <stdlib.h>

#include "btfsubset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct btfsubset_bytes in = {data, size}, out;
	struct vec once, twice;

	vec_init(&once, 1);
	vec_init(&twice, 1);
	if (!btfsubset_make(&in, &in, &once)) {
		out = (struct btfsubset_bytes){once.data, once.n};
		if (btfsubset_make(&out, &out, &twice) || twice.n != once.n)
			abort();
	}
	vec_release(&once);
	vec_release(&twice);
	return 0;
}
