// SPDX-License-Identifier: Apache-2.0
/* wire - see wire.h. */
#include "formats/wire.h"

#include <errno.h>
#include <string.h>

enum { VARINT_MAX = 10 };

void wire_init(struct wire_out *w)
{
	vec_init(&w->bytes, 1);
	w->error = 0;
}

void wire_release(struct wire_out *w)
{
	vec_release(&w->bytes);
}

static size_t wire_encode(uint8_t *to, uint64_t x)
{
	size_t n = 0;

	for (; x >= 0x80; x >>= 7)
		to[n++] = (uint8_t)(x | 0x80);
	to[n++] = (uint8_t)x;
	return n;
}

void wire_put(struct wire_out *w, uint64_t x)
{
	if (w->error || (w->bytes.capacity - w->bytes.n < VARINT_MAX &&
			 (w->error = vec_reserve(&w->bytes, VARINT_MAX)) < 0))
		return;
	w->bytes.n += wire_encode((uint8_t *)w->bytes.data + w->bytes.n, x);
}

void wire_put_signed(struct wire_out *w, int64_t x)
{
	wire_put(w, (uint64_t)x << 1 ^ (uint64_t)(x >> 63));
}

void wire_put_bytes(struct wire_out *w, const void *data, size_t size)
{
	if (!w->error && size && !vec_push(&w->bytes, data, size))
		w->error = -ENOMEM;
}

void wire_field(struct wire_out *w, unsigned int field, uint64_t x)
{
	if (!x)
		return;
	wire_put(w, field << 3 | WIRE_VARINT);
	wire_put(w, x);
}

void wire_field_bytes(struct wire_out *w, unsigned int field, const void *data, size_t size)
{
	wire_put(w, field << 3 | WIRE_BYTES);
	wire_put(w, size);
	wire_put_bytes(w, data, size);
}

size_t wire_begin(struct wire_out *w, unsigned int field)
{
	wire_put(w, field << 3 | WIRE_BYTES);
	/* One byte for the length, which suffices for most; wire_end() makes more room. */
	wire_put(w, 0);
	return w->bytes.n;
}

void wire_end(struct wire_out *w, size_t begin)
{
	uint8_t length[VARINT_MAX];
	size_t size, n;
	uint8_t *data;

	if (w->error)
		return;
	size = w->bytes.n - begin;
	n = wire_encode(length, size);
	if (n > 1 && !vec_push(&w->bytes, NULL, n - 1)) {
		w->error = -ENOMEM;
		return;
	}
	data = w->bytes.data;
	memmove(data + begin + n - 1, data + begin, size);
	memcpy(data + begin - 1, length, n);
}

struct wire_in wire_in(const void *data, size_t size)
{
	const uint8_t *at = size ? data : (const uint8_t *)"";

	return (struct wire_in){.at = at, .end = at + size};
}

static uint64_t wire_fail(struct wire_in *w)
{
	w->bad = true;
	w->at = w->end;
	return 0;
}

uint64_t wire_get(struct wire_in *w)
{
	uint64_t x = 0;

	if (w->at < w->end && *w->at < 0x80)
		return *w->at++;
	for (unsigned int shift = 0; w->at < w->end; shift += 7) {
		uint8_t byte = *w->at++;

		/* The tenth byte has room for one bit. */
		if (shift == 63 && byte > 1)
			break;
		x |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return x;
	}
	return wire_fail(w);
}

int64_t wire_get_signed(struct wire_in *w)
{
	uint64_t x = wire_get(w);

	return (int64_t)(x >> 1 ^ (0 - (x & 1)));
}

uint32_t wire_get_max(struct wire_in *w, uint64_t max)
{
	uint64_t x = wire_get(w);

	return (uint32_t)(x <= max ? x : wire_fail(w));
}

struct wire_in wire_get_part(struct wire_in *w, uint64_t size)
{
	struct wire_in part = {.at = w->at, .end = w->at};

	if (size > wire_left(w)) {
		wire_fail(w);
		part.bad = true;
		return part;
	}
	part.end = w->at += size;
	return part;
}

static uint64_t wire_fixed(struct wire_in *w, size_t size)
{
	uint64_t x = 0;

	if (wire_left(w) < size)
		return wire_fail(w);
	for (size_t i = 0; i < size; i++)
		x |= (uint64_t)w->at[i] << (8 * i);
	w->at += size;
	return x;
}

bool wire_next(struct wire_in *w, struct wire_field *ret)
{
	uint64_t tag;

	if (w->at == w->end)
		return false;
	tag = wire_get(w);
	if (tag >> 3 == 0 || tag >> 3 >= 1u << 29) {
		wire_fail(w);
		return false;
	}
	*ret = (struct wire_field){.number = (unsigned int)(tag >> 3), .type = tag & 7};
	switch (ret->type) {
	case WIRE_VARINT:
		ret->value = wire_get(w);
		break;
	case WIRE_FIXED64:
		ret->value = wire_fixed(w, 8);
		break;
	case WIRE_FIXED32:
		ret->value = wire_fixed(w, 4);
		break;
	case WIRE_BYTES:
		ret->bytes = wire_get_part(w, wire_get(w));
		break;
	default: /* groups, long out of use */
		wire_fail(w);
	}
	return !w->bad;
}
