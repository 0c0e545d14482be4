// SPDX-License-Identifier: Apache-2.0
/*
 * bytes - base-128 numbers in a buffer: what segments and dictionaries are made of.
 *
 * Both directions keep a sticky failure, so that a caller asks once at the end: a writer that ran
 * out of memory writes nothing more, a reader that met bad bytes reads only zeros from then on.
 * Reading is inline, since a query reads ten million numbers.
 */
#ifndef STORE_BYTES_H
#define STORE_BYTES_H

#include "core/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes_out {
	struct vec data; /* uint8_t */
	bool failed;	 /* out of memory */
};

struct bytes_in {
	const uint8_t *at;
	const uint8_t *end;
	bool bad;
};

static inline void bytes_init(struct bytes_out *out)
{
	vec_init(&out->data, 1);
	out->failed = false;
}

static inline void bytes_release(struct bytes_out *out)
{
	vec_release(&out->data);
}

static inline void bytes_put_raw(struct bytes_out *out, const void *data, size_t size)
{
	if (size && !out->failed && !vec_push(&out->data, data, size))
		out->failed = true;
}

static inline void bytes_put(struct bytes_out *out, uint64_t x)
{
	uint8_t buf[10];
	size_t n = 0;

	for (; x >= 0x80; x >>= 7)
		buf[n++] = (uint8_t)(x | 0x80);
	buf[n++] = (uint8_t)x;
	bytes_put_raw(out, buf, n);
}

/* Small for small negative numbers too. */
static inline void bytes_put_signed(struct bytes_out *out, int64_t x)
{
	bytes_put(out, (uint64_t)x << 1 ^ (uint64_t)(x >> 63));
}

static inline void bytes_put_u64(struct bytes_out *out, uint64_t x)
{
	bytes_put_raw(out, &x, sizeof(x));
}

static inline struct bytes_in bytes_in(const void *data, size_t size)
{
	const uint8_t *at = data;

	return (struct bytes_in){.at = at, .end = size ? at + size : at};
}

static inline size_t bytes_left(const struct bytes_in *in)
{
	return (size_t)(in->end - in->at);
}

static inline uint64_t bytes_fail(struct bytes_in *in)
{
	in->bad = true;
	in->at = in->end;
	return 0;
}

/* A number of any length, or one close to the end. */
static inline uint64_t bytes_get_long(struct bytes_in *in)
{
	uint64_t x = 0;

	for (unsigned int shift = 0; in->at < in->end && shift < 64; shift += 7) {
		uint8_t b = *in->at++;

		if (shift == 63 && b > 1)
			break;
		x |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80)
			return x;
	}
	return bytes_fail(in);
}

/* Nearly all have up to three bytes. */
static inline uint64_t bytes_get(struct bytes_in *in)
{
	const uint8_t *at = in->at;
	size_t left = bytes_left(in);

	if (left && at[0] < 0x80) {
		in->at += 1;
		return at[0];
	}
	if (left >= 3 && at[1] < 0x80) {
		in->at += 2;
		return (uint64_t)(at[0] & 0x7f) | (uint64_t)at[1] << 7;
	}
	if (left >= 3 && at[2] < 0x80) {
		in->at += 3;
		return (uint64_t)(at[0] & 0x7f) | (uint64_t)(at[1] & 0x7f) << 7 |
		       (uint64_t)at[2] << 14;
	}
	return bytes_get_long(in);
}

/* Eight numbers of one byte each, if those are what comes next. */
static inline bool bytes_get_eight(struct bytes_in *in, uint8_t ret[8])
{
	uint64_t word;

	if (bytes_left(in) < sizeof(word))
		return false;
	memcpy(&word, in->at, sizeof(word));
	if (word & UINT64_C(0x8080808080808080))
		return false;
	memcpy(ret, &word, sizeof(word));
	in->at += sizeof(word);
	return true;
}

static inline int64_t bytes_get_signed(struct bytes_in *in)
{
	uint64_t x = bytes_get(in);

	return (int64_t)(x >> 1) ^ -(int64_t)(x & 1);
}

/* A number of at most max; the reader is bad if it is larger. */
static inline uint64_t bytes_get_max(struct bytes_in *in, uint64_t max)
{
	uint64_t x = bytes_get(in);

	return x <= max ? x : bytes_fail(in);
}

static inline uint64_t bytes_get_u64(struct bytes_in *in)
{
	uint64_t x;

	if (bytes_left(in) < sizeof(x))
		return bytes_fail(in);
	memcpy(&x, in->at, sizeof(x));
	in->at += sizeof(x);
	return x;
}

/* The next size bytes; NULL if there are not as many. */
static inline const void *bytes_get_raw(struct bytes_in *in, uint64_t size)
{
	const uint8_t *at = in->at;

	if (size > bytes_left(in)) {
		bytes_fail(in);
		return NULL;
	}
	in->at += size;
	return at;
}

#endif
