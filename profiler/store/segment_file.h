// SPDX-License-Identifier: Apache-2.0
/* segment_file - what the writer and the reader of segments share. The trailer is little-endian, as
 * all machines are that this runs on. */
#ifndef STORE_SEGMENT_FILE_H
#define STORE_SEGMENT_FILE_H

#include <stddef.h>
#include <stdint.h>

#define SEGMENT_MAGIC	   "CRSTSEG1"
#define SEGMENT_END_MAGIC  "CRSTEND1"
#define SEGMENT_MAGIC_SIZE 8

struct segment_trailer {
	uint64_t offset; /* of the index */
	uint64_t hash;	 /* of the index as stored */
	uint32_t size;
	uint32_t stored;
	uint32_t version;
	uint32_t pad;
	char magic[SEGMENT_MAGIC_SIZE];
};
_Static_assert(sizeof(struct segment_trailer) == 40, "the trailer is 40 bytes");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "segments are little-endian");

/* All of it, or -errno. */
int segment_write_at(int fd, uint64_t offset, const void *data, size_t size);

#endif
