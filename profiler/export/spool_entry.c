// SPDX-License-Identifier: Apache-2.0
/* spool_entry - see spool_entry.h. */
#include "export/spool_entry.h"

#include "formats/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

enum { MAGIC_BYTES = 16, HEAD_BYTES = MAGIC_BYTES + 8, ZSTD_LEVEL = 3, SUFFIX_MAX = 16384 };
enum {
	ENTRY_TYPE = 1,
	ENTRY_ID = 2,
	ENTRY_TIME = 3,
	ENTRY_FLAGS = 4,
	ENTRY_SUFFIX = 5,
	ENTRY_BYTES = 6,
	ENTRY_BODY = 7,
};

static const char magic[MAGIC_BYTES + 1] = "cresset!spool\0\0\1";

static int put_body(const struct export_request *r, struct wire_out *w)
{
	size_t bound = ZSTD_compressBound(r->bytes), n;
	void *packed = malloc(bound);

	if (!packed)
		return -ENOMEM;
	n = ZSTD_compress(packed, bound, r->body, r->bytes, ZSTD_LEVEL);
	if (!ZSTD_isError(n))
		wire_field_bytes(w, ENTRY_BODY, packed, n);
	free(packed);
	return ZSTD_isError(n) ? -ENOMEM : 0;
}

int spool_entry_write(const struct export_request *r, const char *type, struct vec *out)
{
	struct wire_out w;
	uint8_t sum[8];
	XXH64_hash_t hash;
	int e;

	wire_init(&w);
	wire_field_bytes(&w, ENTRY_TYPE, type, strlen(type));
	wire_field_bytes(&w, ENTRY_ID, r->id, strlen(r->id));
	wire_field(&w, ENTRY_TIME, (uint64_t)r->time_ns);
	wire_field(&w, ENTRY_FLAGS, r->flags);
	wire_field_bytes(&w, ENTRY_SUFFIX, r->suffix, strlen(r->suffix));
	wire_field(&w, ENTRY_BYTES, r->bytes);
	e = r->bytes > SPOOL_BODY_MAX ? -EFBIG : put_body(r, &w);
	e = e ? e : w.error;
	if (e == 0) {
		hash = XXH3_64bits(w.bytes.data, w.bytes.n);
		for (size_t i = 0; i < sizeof(sum); i++)
			sum[i] = (uint8_t)(hash >> (8 * i));
		if (!vec_push(out, magic, MAGIC_BYTES) || !vec_push(out, sum, sizeof(sum)) ||
		    !vec_push(out, w.bytes.data, w.bytes.n))
			e = -ENOMEM;
	}
	wire_release(&w);
	return e;
}

struct fields {
	struct wire_in type, id, suffix, body;
	uint64_t time, flags, bytes;
};

static bool read_fields(const uint8_t *data, size_t n, struct fields *ret)
{
	struct wire_in in = wire_in(data, n);
	struct wire_in *texts[] = {[ENTRY_TYPE] = &ret->type,
				   [ENTRY_ID] = &ret->id,
				   [ENTRY_SUFFIX] = &ret->suffix,
				   [ENTRY_BODY] = &ret->body};
	struct wire_field f;

	while (wire_next(&in, &f)) {
		if (f.type == WIRE_BYTES && f.number <= ENTRY_BODY && texts[f.number])
			*texts[f.number] = f.bytes;
		else if (f.type == WIRE_VARINT && f.number == ENTRY_TIME)
			ret->time = f.value;
		else if (f.type == WIRE_VARINT && f.number == ENTRY_FLAGS)
			ret->flags = f.value;
		else if (f.type == WIRE_VARINT && f.number == ENTRY_BYTES)
			ret->bytes = f.value;
	}
	return !in.bad;
}

static bool id_valid(struct wire_in id)
{
	if (wire_left(&id) != EXPORT_ID_SIZE - 1)
		return false;
	for (size_t i = 0; i < EXPORT_ID_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? id.at[i] != '-'
			 : !id.at[i] || !strchr("0123456789abcdef", (char)id.at[i]))
			return false;
	}
	return true;
}

/* A part of a URL that we wrote: nothing that could be another request. */
static bool suffix_valid(struct wire_in s)
{
	if (wire_left(&s) > SUFFIX_MAX)
		return false;
	for (; s.at < s.end; s.at++)
		if (*s.at <= ' ' || *s.at >= 0x7f)
			return false;
	return true;
}

static int unpack(const struct fields *f, struct export_request *r)
{
	size_t n = wire_left(&f->body), got;

	if (f->bytes > SPOOL_BODY_MAX || ZSTD_getFrameContentSize(f->body.at, n) != f->bytes)
		return -EBADMSG;
	r->body = malloc(f->bytes ? f->bytes : 1);
	if (!r->body)
		return -ENOMEM;
	got = ZSTD_decompress(r->body, f->bytes, f->body.at, n);
	if (ZSTD_isError(got) || got != f->bytes)
		return -EBADMSG;
	r->bytes = f->bytes;
	return 0;
}

static int make(const struct fields *f, struct export_request **ret)
{
	struct export_request *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	r->suffix = strndup((const char *)f->suffix.at, wire_left(&f->suffix));
	e = r->suffix ? unpack(f, r) : -ENOMEM;
	if (e < 0) {
		export_request_free(r);
		return e;
	}
	memcpy(r->id, f->id.at, EXPORT_ID_SIZE - 1);
	r->time_ns = (int64_t)f->time;
	r->flags = (unsigned int)f->flags & EXPORT_GZIP;
	*ret = r;
	return 0;
}

int spool_entry_read(const void *data, size_t n, const char *type, struct export_request **ret)
{
	const uint8_t *at = data;
	struct fields f = {.type = wire_in(NULL, 0)};
	XXH64_hash_t sum = 0;

	f.id = f.suffix = f.body = f.type;
	if (n < HEAD_BYTES || memcmp(at, magic, MAGIC_BYTES) != 0)
		return -EBADMSG;
	for (size_t i = 0; i < 8; i++)
		sum |= (XXH64_hash_t)at[MAGIC_BYTES + i] << (8 * i);
	if (XXH3_64bits(at + HEAD_BYTES, n - HEAD_BYTES) != sum ||
	    !read_fields(at + HEAD_BYTES, n - HEAD_BYTES, &f) || !id_valid(f.id) ||
	    !suffix_valid(f.suffix))
		return -EBADMSG;
	if (wire_left(&f.type) != strlen(type) || memcmp(f.type.at, type, strlen(type)) != 0)
		return -EPROTONOSUPPORT;
	return make(&f, ret);
}
