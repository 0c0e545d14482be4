// SPDX-License-Identifier: Apache-2.0
/*
 * gunzip - with libdeflate, which wants to know the size beforehand. The member's last four bytes
 * say it (modulo 2^32), if they can be believed; so they are taken as a first guess no larger than
 * what deflate can make of the input, and the guess is doubled while it is too small.
 */
#include "formats/gunzip.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdint.h>
#include <stdlib.h>

enum { HEADER_MIN = 18, DEFLATE_RATIO = 1032, ROOM_MIN = 4096 };

bool gunzip_sniff(const void *data, size_t size)
{
	const uint8_t *b = data;

	return size >= 3 && b[0] == 0x1f && b[1] == 0x8b && b[2] == 8;
}

static size_t first_guess(const uint8_t *data, size_t size, size_t most)
{
	const uint8_t *tail = data + size - 4;
	size_t guess =
		tail[0] | (size_t)tail[1] << 8 | (size_t)tail[2] << 16 | (size_t)tail[3] << 24;

	if (guess > most)
		guess = most;
	return guess < ROOM_MIN ? ROOM_MIN : guess;
}

static int gunzip_into(struct libdeflate_decompressor *d, const void *data, size_t size, size_t max,
		       void **ret, size_t *ret_size, struct cresset_error *err)
{
	size_t most = size < max / DEFLATE_RATIO ? size * DEFLATE_RATIO : max;
	size_t room, used, n;

	/* A member of nothing needs a buffer all the same. */
	if (most < ROOM_MIN)
		most = ROOM_MIN;
	room = first_guess(data, size, most);
	for (;;) {
		void *out = malloc(room);
		enum libdeflate_result result;

		if (!out)
			return -ENOMEM;
		result = libdeflate_gzip_decompress_ex(d, data, size, out, room, &used, &n);
		if (result == LIBDEFLATE_SUCCESS && used == size) {
			*ret = out;
			*ret_size = n;
			return 0;
		}
		free(out);
		if (result == LIBDEFLATE_SUCCESS)
			return cresset_error_set(
				err, -EINVAL, "%s after the end of the gzip data",
				gunzip_sniff((const uint8_t *)data + used, size - used)
					? "another gzip member (two files joined?)"
					: "more bytes");
		if (result != LIBDEFLATE_INSUFFICIENT_SPACE)
			return cresset_error_set(err, -EINVAL,
						 "the gzip data is damaged or cut off");
		if (room >= most)
			return cresset_error_set(err, -EFBIG, "more than %zu MiB when unpacked",
						 max >> 20);
		room = room < most / 2 ? room * 2 : most;
	}
}

int gunzip(const void *data, size_t size, size_t max, void **ret, size_t *ret_size,
	   struct cresset_error *err)
{
	struct libdeflate_decompressor *d;
	int r;

	if (size < HEADER_MIN)
		return cresset_error_set(err, -EINVAL, "the gzip data is cut off");
	d = libdeflate_alloc_decompressor();
	if (!d)
		return -ENOMEM;
	r = gunzip_into(d, data, size, max, ret, ret_size, err);
	libdeflate_free_decompressor(d);
	return r;
}
