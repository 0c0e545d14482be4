// SPDX-License-Identifier: Apache-2.0
/*
 * dwarf_reader - a cursor over hostile bytes.
 *
 * Reading past the end gives zeros, sets `bad` and leaves the cursor at the end, so a parser can
 * read on and look once; every loop over a reader must stop when it is bad or at its end.
 * Little-endian.
 */
#ifndef SYMBOLIZE_DWARF_READER_H
#define SYMBOLIZE_DWARF_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct dwarf_reader {
	const uint8_t *p;
	const uint8_t *end;
	bool bad;
};

static inline uint64_t reader_fail(struct dwarf_reader *r)
{
	r->bad = true;
	r->p = r->end;
	return 0;
}

static inline size_t reader_left(const struct dwarf_reader *r)
{
	return (size_t)(r->end - r->p);
}

static inline void reader_skip(struct dwarf_reader *r, uint64_t n)
{
	if (n > reader_left(r))
		reader_fail(r);
	else
		r->p += n;
}

/* n is 1 to 8. */
static inline uint64_t reader_uint(struct dwarf_reader *r, size_t n)
{
	uint64_t v = 0;

	if (n > reader_left(r))
		return reader_fail(r);
	memcpy(&v, r->p, n);
	r->p += n;
	return v;
}

static inline uint8_t reader_u8(struct dwarf_reader *r)
{
	return r->p < r->end ? *r->p++ : (uint8_t)reader_fail(r);
}

static inline uint16_t reader_u16(struct dwarf_reader *r)
{
	return (uint16_t)reader_uint(r, 2);
}

static inline uint32_t reader_u32(struct dwarf_reader *r)
{
	return (uint32_t)reader_uint(r, 4);
}

static inline uint64_t reader_u64(struct dwarf_reader *r)
{
	return reader_uint(r, 8);
}

/* Bits past the 64th are dropped. */
static inline uint64_t reader_uleb(struct dwarf_reader *r)
{
	uint64_t v = 0;
	unsigned int shift = 0;

	while (r->p < r->end) {
		uint8_t b = *r->p++;

		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
		shift += 7;
	}
	return reader_fail(r);
}

static inline int64_t reader_sleb(struct dwarf_reader *r)
{
	uint64_t v = 0;
	unsigned int shift = 0;

	while (r->p < r->end) {
		uint8_t b = *r->p++;

		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		shift += 7;
		if (b & 0x80)
			continue;
		if (shift < 64 && (b & 0x40))
			v |= ~0ull << shift;
		return (int64_t)v;
	}
	return (int64_t)reader_fail(r);
}

static inline void reader_skip_leb(struct dwarf_reader *r)
{
	while (r->p < r->end)
		if (!(*r->p++ & 0x80))
			return;
	reader_fail(r);
}

/* A NUL-terminated string; "" when bad. */
static inline const char *reader_string(struct dwarf_reader *r, size_t *ret_len)
{
	const char *s = (const char *)r->p;
	const uint8_t *nul = reader_left(r) ? memchr(r->p, 0, reader_left(r)) : NULL;

	if (!nul) {
		reader_fail(r);
		*ret_len = 0;
		return "";
	}
	*ret_len = (size_t)(nul - r->p);
	r->p = nul + 1;
	return s;
}

#endif
