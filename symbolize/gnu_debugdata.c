// SPDX-License-Identifier: Apache-2.0
/*
 * gnu_debugdata - see gnu_debugdata.h. The output grows by doubling, so a lying section costs at
 * most twice what it really unpacks to before it is refused.
 */
#include "gnu_debugdata.h"

#include "elf_image.h"

#include <errno.h>
#include <lzma.h>
#include <stdint.h>
#include <stdlib.h>

static int lzma_errno(lzma_ret r)
{
	switch (r) {
	case LZMA_OK:
	case LZMA_STREAM_END:
		return 0;
	case LZMA_MEM_ERROR:
		return -ENOMEM;
	case LZMA_MEMLIMIT_ERROR:
		return -EFBIG;
	default:
		return -EBADMSG;
	}
}

static int unpack(lzma_stream *s, uint8_t **out, size_t *size)
{
	size_t capacity = 0;

	for (;;) {
		lzma_ret r;

		if (s->total_out == capacity) {
			uint8_t *more;

			if (capacity >= GNU_DEBUGDATA_MAX_BYTES)
				return -EFBIG;
			capacity = capacity ? capacity * 2 : 64u << 10;
			more = realloc(*out, capacity);
			if (!more)
				return -ENOMEM;
			*out = more;
			s->next_out = more + s->total_out;
			s->avail_out = capacity - s->total_out;
		}
		r = lzma_code(s, LZMA_FINISH);
		if (r == LZMA_STREAM_END) {
			*size = s->total_out;
			return 0;
		}
		/* LZMA_BUF_ERROR: the input ends before the stream does. */
		if (r != LZMA_OK)
			return lzma_errno(r);
	}
}

int gnu_debugdata_unpack(const void *data, size_t size, void **ret, size_t *ret_size)
{
	lzma_stream s = LZMA_STREAM_INIT;
	uint8_t *out = NULL;
	size_t out_size = 0;
	int r;

	r = lzma_errno(lzma_stream_decoder(&s, GNU_DEBUGDATA_MAX_DECODER_BYTES, 0));
	if (r == 0) {
		s.next_in = data;
		s.avail_in = size;
		r = unpack(&s, &out, &out_size);
		lzma_end(&s);
	}
	if (r < 0) {
		free(out);
		return r;
	}
	*ret = out;
	*ret_size = out_size;
	return 0;
}

int gnu_debugdata_open(struct elf_image *img, struct elf_image **ret)
{
	const uint8_t *packed;
	size_t packed_size, size;
	void *data;
	int r;

	r = elf_image_section(img, ".gnu_debugdata", &packed, &packed_size);
	if (r < 0)
		return r;
	r = gnu_debugdata_unpack(packed, packed_size, &data, &size);
	if (r < 0)
		return r;
	r = elf_image_open_memory(data, size, ret);
	if (r < 0)
		free(data);
	return r;
}
