// SPDX-License-Identifier: Apache-2.0
/*
 * Chunks of a dictionary: a byte that says of which kind, then entries, behind the checksum and the
 * compression (which are given the same bytes too). What was decoded must be encoded and decoded
 * again as the same.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/dict_code.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Encodes up to a chunk of entries; *ret_n how many there were. */
static void recode(enum dict_kind kind, const void *data, size_t size, struct bytes_out *out)
{
	struct bytes_in in = bytes_in(data, size);
	struct dict_code decoder, encoder;

	dict_code_init(&decoder, kind);
	dict_code_init(&encoder, kind);
	for (unsigned int i = 0; i < DICT_CHUNK_ENTRIES && bytes_left(&in); i++) {
		struct dict_entry e;

		if (dict_decode(&decoder, &in, &e) < 0)
			break;
		if (e.n > DICT_MAX_FRAMES || dict_encode(&encoder, out, &e) < 0)
			abort();
	}
	dict_code_release(&decoder);
	dict_code_release(&encoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes_out once, twice;
	enum dict_kind kind;
	struct vec plain;

	if (!size)
		return 0;
	kind = (enum dict_kind)(*data % DICT_KINDS);
	vec_init(&plain, 1);
	dict_unpack(NULL, data, size, &plain);
	vec_release(&plain);
	bytes_init(&once);
	bytes_init(&twice);
	recode(kind, data + 1, size - 1, &once);
	recode(kind, once.data.data, once.data.n, &twice);
	if (once.data.n != twice.data.n ||
	    (once.data.n && memcmp(once.data.data, twice.data.data, once.data.n) != 0))
		abort();
	bytes_release(&once);
	bytes_release(&twice);
	return 0;
}
