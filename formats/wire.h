// SPDX-License-Identifier: Apache-2.0
/*
 * wire - base-128 numbers, and the protobuf fields made of them (protobuf.dev/programming-guides/
 * encoding). Written and read by hand because that needs a buffer and a pointer, where protobuf-c
 * needs the whole message as a tree of structs, several times its size.
 *
 * Both directions keep a sticky failure, so that a caller asks once at the end: a writer that ran
 * out of memory writes nothing more, a reader that met bad bytes reads only zeros from then on.
 */
#ifndef FORMATS_WIRE_H
#define FORMATS_WIRE_H

#include "core/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Writing. */

struct wire_out {
	struct vec bytes;
	int error;
};

void wire_init(struct wire_out *w);
void wire_release(struct wire_out *w);
void wire_put(struct wire_out *w, uint64_t x);
/* Small for small negative numbers too. */
void wire_put_signed(struct wire_out *w, int64_t x);
void wire_put_bytes(struct wire_out *w, const void *data, size_t size);

/* Fields of a protobuf message. A number that is 0 is not written, as it is the default. */
void wire_field(struct wire_out *w, unsigned int field, uint64_t x);
void wire_field_bytes(struct wire_out *w, unsigned int field, const void *data, size_t size);
/* What is written between the two is the field's content. begin's result goes to end. */
size_t wire_begin(struct wire_out *w, unsigned int field);
void wire_end(struct wire_out *w, size_t begin);

/* ---- Reading. */

struct wire_in {
	const uint8_t *at;
	const uint8_t *end;
	bool bad;
};

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct wire_field {
	unsigned int number;
	unsigned int type;    /* WIRE_* */
	uint64_t value;	      /* of a number */
	struct wire_in bytes; /* of WIRE_BYTES */
};

struct wire_in wire_in(const void *data, size_t size);
uint64_t wire_get(struct wire_in *w);
int64_t wire_get_signed(struct wire_in *w);
/* A number of at most max; the reader is bad if it is larger. */
uint32_t wire_get_max(struct wire_in *w, uint64_t max);
/* The next size bytes as a reader of their own. */
struct wire_in wire_get_part(struct wire_in *w, uint64_t size);
static inline size_t wire_left(const struct wire_in *w)
{
	return (size_t)(w->end - w->at);
}
/* The next field of a message; false at its end and when the bytes are bad. */
bool wire_next(struct wire_in *w, struct wire_field *ret);

#endif
