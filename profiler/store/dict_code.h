// SPDX-License-Identifier: Apache-2.0
/*
 * dict_code - how a dictionary's entries stand in a chunk.
 *
 * A chunk is some hundred entries of one kind, each written as its difference from the one before:
 * a stack says how many frames from the root it shares with its predecessor and then only the rest,
 * ids say how far they are from the id before. Entries are added in an order that makes this short.
 * The whole is packed by zstd and has a checksum, as SQLite has none. So a chunk can only be read
 * from its beginning; that is what its size is about.
 */
#ifndef STORE_DICT_CODE_H
#define STORE_DICT_CODE_H

#include "store/bytes.h"

#include <cresset/profile.h>

struct ZSTD_DCtx_s;

enum dict_kind {
	DICT_STRING,
	DICT_MAPPING,
	DICT_FUNCTION,
	DICT_LOCATION,
	DICT_STACK,
	DICT_SERIES,
	DICT_KINDS
};

enum {
	DICT_CHUNK_ENTRIES = 256,
	DICT_CHUNK_BYTES = 1 << 16, /* a chunk is ended once it has as many */
	DICT_MAX_CHUNK_BYTES = 4 << 20,
	DICT_MAX_STRING = 65535,
	DICT_MAX_FRAMES = 16384,
	DICT_MAX_LINES = 4096,
};

/* Ids in here are the dictionary's. */
struct dict_entry {
	union {
		struct {
			const char *text;
			size_t len;
		} string;
		struct cresset_mapping mapping;
		struct cresset_function function;
		struct cresset_location location;
	};
	/* Of a location, a stack (root first), a series. */
	const struct cresset_line *lines;
	const uint32_t *frames;
	const struct cresset_label *labels;
	size_t n;
	/* Of a stack that was read: frames from the root that are those of the entry before. */
	size_t shared;
};

/* Encoder or decoder of one chunk: what the next entry is a difference from. */
struct dict_code {
	enum dict_kind kind;
	uint32_t n; /* entries so far */
	struct cresset_function function;
	struct cresset_location location;
	uint32_t line_function;
	struct vec frames; /* uint32_t */
	struct vec lines;  /* struct cresset_line; of the decoder */
	struct vec labels; /* struct cresset_label; of the decoder */
};

void dict_code_init(struct dict_code *c, enum dict_kind kind);
void dict_code_release(struct dict_code *c);
/* Back to the beginning of a chunk. */
void dict_code_begin(struct dict_code *c);
/* out->failed, or -ENOMEM. */
int dict_encode(struct dict_code *c, struct bytes_out *out, const struct dict_entry *e);
/* e's texts and arrays last until the next call. -EBADMSG, -ENOMEM. */
int dict_decode(struct dict_code *c, struct bytes_in *in, struct dict_entry *e);

/* A chunk as it is stored. */
int dict_pack(const struct vec *plain, struct vec *packed);
/* Into plain; -EBADMSG. zstd may be NULL: to use one again saves a third of the time. */
int dict_unpack(struct ZSTD_DCtx_s *zstd, const void *data, size_t size, struct vec *plain);

#endif
