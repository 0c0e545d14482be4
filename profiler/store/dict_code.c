// SPDX-License-Identifier: Apache-2.0
/* dict_code - see dict_code.h. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "store/dict_code.h"

#include <errno.h>
#include <zstd.h>

enum { LEVEL = 3 };

void dict_code_init(struct dict_code *c, enum dict_kind kind)
{
	memset(c, 0, sizeof(*c));
	c->kind = kind;
	vec_init(&c->frames, sizeof(uint32_t));
	vec_init(&c->lines, sizeof(struct cresset_line));
	vec_init(&c->labels, sizeof(struct cresset_label));
}

void dict_code_release(struct dict_code *c)
{
	vec_release(&c->frames);
	vec_release(&c->lines);
	vec_release(&c->labels);
}

void dict_code_begin(struct dict_code *c)
{
	c->n = 0;
	c->frames.n = 0;
	c->line_function = 0;
	memset(&c->function, 0, sizeof(c->function));
	memset(&c->location, 0, sizeof(c->location));
}

static void put_near(struct bytes_out *out, uint32_t x, uint32_t before)
{
	bytes_put_signed(out, (int64_t)x - before);
}

/* An id that is given as its distance from another one. */
static uint32_t get_near(struct bytes_in *in, uint32_t before)
{
	int64_t x = bytes_get_signed(in);

	if (x < -(int64_t)UINT32_MAX || x > UINT32_MAX)
		return (uint32_t)bytes_fail(in);
	x += before;
	return x < 0 || x > INT32_MAX ? (uint32_t)bytes_fail(in) : (uint32_t)x;
}

static void encode_mapping(struct bytes_out *out, const struct cresset_mapping *m)
{
	bytes_put(out, m->file);
	bytes_put(out, m->build_id);
	bytes_put(out, m->start);
	bytes_put(out, m->limit);
	bytes_put(out, m->offset);
	bytes_put(out, m->pid);
	bytes_put(out, m->kind);
	bytes_put(out, m->flags);
}

static void decode_mapping(struct bytes_in *in, struct cresset_mapping *m)
{
	memset(m, 0, sizeof(*m));
	m->file = (uint32_t)bytes_get_max(in, INT32_MAX);
	m->build_id = (uint32_t)bytes_get_max(in, INT32_MAX);
	m->start = bytes_get(in);
	m->limit = bytes_get(in);
	m->offset = bytes_get(in);
	m->pid = (uint32_t)bytes_get_max(in, UINT32_MAX);
	m->kind = (uint8_t)bytes_get_max(in, UINT8_MAX);
	m->flags = (uint8_t)bytes_get_max(in, UINT8_MAX);
}

static void encode_function(struct dict_code *c, struct bytes_out *out,
			    const struct cresset_function *f)
{
	put_near(out, f->name, c->function.name);
	put_near(out, f->system_name, c->function.system_name);
	put_near(out, f->filename, c->function.filename);
	bytes_put(out, f->start_line);
	c->function = *f;
}

static void decode_function(struct dict_code *c, struct bytes_in *in, struct cresset_function *f)
{
	f->name = get_near(in, c->function.name);
	f->system_name = get_near(in, c->function.system_name);
	f->filename = get_near(in, c->function.filename);
	f->start_line = (uint32_t)bytes_get_max(in, UINT32_MAX);
	c->function = *f;
}

static void encode_location(struct dict_code *c, struct bytes_out *out, const struct dict_entry *e)
{
	const struct cresset_location *l = &e->location;

	put_near(out, l->mapping, c->location.mapping);
	bytes_put(out, l->flags);
	bytes_put(out, l->address);
	bytes_put(out, e->n);
	for (size_t i = 0; i < e->n; i++) {
		put_near(out, e->lines[i].function, c->line_function);
		bytes_put(out, e->lines[i].line);
		bytes_put(out, e->lines[i].column);
		c->line_function = e->lines[i].function;
	}
	c->location = *l;
}

static int decode_location(struct dict_code *c, struct bytes_in *in, struct dict_entry *e)
{
	struct cresset_location *l = &e->location;

	memset(l, 0, sizeof(*l));
	l->mapping = get_near(in, c->location.mapping);
	l->flags = (uint32_t)bytes_get_max(in, UINT32_MAX);
	l->address = bytes_get(in);
	l->n_lines = (uint32_t)bytes_get_max(in, DICT_MAX_LINES);
	c->lines.n = 0;
	for (uint32_t i = 0; i < l->n_lines && !in->bad; i++) {
		struct cresset_line line = {.function = get_near(in, c->line_function)};

		line.line = (uint32_t)bytes_get_max(in, UINT32_MAX);
		line.column = (uint32_t)bytes_get_max(in, UINT32_MAX);
		c->line_function = line.function;
		if (!vec_push(&c->lines, &line, 1))
			return -ENOMEM;
	}
	c->location = *l;
	e->lines = c->lines.data;
	e->n = l->n_lines;
	return 0;
}

static int encode_stack(struct dict_code *c, struct bytes_out *out, const struct dict_entry *e)
{
	const uint32_t *before = c->frames.data;
	size_t shared = 0;

	while (shared < e->n && shared < c->frames.n && before[shared] == e->frames[shared])
		shared++;
	bytes_put(out, shared);
	bytes_put(out, e->n - shared);
	for (size_t i = shared; i < e->n; i++)
		put_near(out, e->frames[i], i ? e->frames[i - 1] : 0);
	c->frames.n = 0;
	/* Pushing nothing onto nothing gives NULL, and a stack may be empty. */
	if (e->n && !vec_push(&c->frames, e->frames, e->n))
		return -ENOMEM;
	return 0;
}

static int decode_stack(struct dict_code *c, struct bytes_in *in, struct dict_entry *e)
{
	uint64_t shared = bytes_get_max(in, c->frames.n);
	uint64_t rest = bytes_get_max(in, DICT_MAX_FRAMES - shared), before;
	struct bytes_in own; /* in registers: a large answer has millions of frames */
	uint32_t *frames;

	if (rest > bytes_left(in))
		rest = bytes_fail(in);
	c->frames.n = shared;
	if (vec_reserve(&c->frames, rest + 1) < 0)
		return -ENOMEM;
	frames = c->frames.data;
	before = shared ? frames[shared - 1] : 0;
	own = *in;
	for (uint64_t i = shared; i < shared + rest; i++) {
		before += (uint64_t)bytes_get_signed(&own);
		if (before > INT32_MAX)
			before = bytes_fail(&own);
		frames[i] = (uint32_t)before;
	}
	*in = own;
	c->frames.n = shared + rest;
	e->frames = frames;
	e->n = c->frames.n;
	e->shared = shared;
	return 0;
}

static void encode_series(struct bytes_out *out, const struct dict_entry *e)
{
	bytes_put(out, e->n);
	for (size_t i = 0; i < e->n; i++) {
		bytes_put(out, e->labels[i].key);
		bytes_put(out, e->labels[i].str);
		bytes_put_signed(out, e->labels[i].num);
		bytes_put(out, e->labels[i].unit);
	}
}

static int decode_series(struct dict_code *c, struct bytes_in *in, struct dict_entry *e)
{
	uint64_t n = bytes_get_max(in, 64);

	c->labels.n = 0;
	for (uint64_t i = 0; i < n && !in->bad; i++) {
		struct cresset_label l = {.key = (uint32_t)bytes_get_max(in, INT32_MAX)};

		l.str = (uint32_t)bytes_get_max(in, INT32_MAX);
		l.num = bytes_get_signed(in);
		l.unit = (uint32_t)bytes_get_max(in, INT32_MAX);
		if (!vec_push(&c->labels, &l, 1))
			return -ENOMEM;
	}
	e->labels = c->labels.data;
	e->n = c->labels.n;
	return 0;
}

int dict_encode(struct dict_code *c, struct bytes_out *out, const struct dict_entry *e)
{
	int r = 0;

	switch (c->kind) {
	case DICT_STRING:
		bytes_put(out, e->string.len);
		bytes_put_raw(out, e->string.text, e->string.len);
		break;
	case DICT_MAPPING:
		encode_mapping(out, &e->mapping);
		break;
	case DICT_FUNCTION:
		encode_function(c, out, &e->function);
		break;
	case DICT_LOCATION:
		encode_location(c, out, e);
		break;
	case DICT_STACK:
		r = encode_stack(c, out, e);
		break;
	default:
		encode_series(out, e);
		break;
	}
	c->n++;
	return r ?: out->failed ? -ENOMEM : 0;
}

int dict_decode(struct dict_code *c, struct bytes_in *in, struct dict_entry *e)
{
	int r = 0;

	e->n = 0;
	switch (c->kind) {
	case DICT_STRING:
		e->string.len = bytes_get_max(in, DICT_MAX_STRING);
		e->string.text = bytes_get_raw(in, e->string.len);
		break;
	case DICT_MAPPING:
		decode_mapping(in, &e->mapping);
		break;
	case DICT_FUNCTION:
		decode_function(c, in, &e->function);
		break;
	case DICT_LOCATION:
		r = decode_location(c, in, e);
		break;
	case DICT_STACK:
		r = decode_stack(c, in, e);
		break;
	default:
		r = decode_series(c, in, e);
		break;
	}
	c->n++;
	return r ?: in->bad ? -EBADMSG : 0;
}

/* Stored: a flag (1: zstd), the plain size, a checksum of what follows, and that. */
struct head {
	uint32_t packed;
	uint32_t size;
	uint64_t hash;
};

int dict_pack(const struct vec *plain, struct vec *packed)
{
	struct head h = {.packed = 1, .size = (uint32_t)plain->n};
	size_t bound = ZSTD_compressBound(plain->n), n;
	char *body;

	packed->n = 0;
	if (vec_reserve(packed, sizeof(h) + bound) < 0)
		return -ENOMEM;
	body = (char *)packed->data + sizeof(h);
	n = ZSTD_compress(body, bound, plain->data, plain->n, LEVEL);
	if (ZSTD_isError(n) || n >= plain->n) {
		h.packed = 0;
		n = plain->n;
		if (n)
			memcpy(body, plain->data, n);
	}
	h.hash = XXH3_64bits(body, n);
	memcpy(packed->data, &h, sizeof(h));
	packed->n = sizeof(h) + n;
	return 0;
}

static size_t decompress(ZSTD_DCtx *zstd, void *to, size_t to_size, const void *from, size_t size)
{
	return zstd ? ZSTD_decompressDCtx(zstd, to, to_size, from, size)
		    : ZSTD_decompress(to, to_size, from, size);
}

int dict_unpack(ZSTD_DCtx *zstd, const void *data, size_t size, struct vec *plain)
{
	const char *body = (const char *)data + sizeof(struct head);
	struct head h;

	if (size < sizeof(h))
		return -EBADMSG;
	memcpy(&h, data, sizeof(h));
	size -= sizeof(h);
	if (h.size > DICT_MAX_CHUNK_BYTES || h.packed > 1 || XXH3_64bits(body, size) != h.hash ||
	    (!h.packed && size != h.size))
		return -EBADMSG;
	plain->n = 0;
	if (vec_reserve(plain, h.size + (size_t)1) < 0)
		return -ENOMEM;
	if (!h.packed)
		memcpy(plain->data, body, size);
	else if (decompress(zstd, plain->data, h.size, body, size) != h.size)
		return -EBADMSG;
	plain->n = h.size;
	return 0;
}
