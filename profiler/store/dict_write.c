// SPDX-License-Identifier: Apache-2.0
/* dict_write - see dict_write.h. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "store/dict_write.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

struct full_chunk {
	enum dict_kind kind;
	uint32_t first;
	uint32_t n;
	struct vec plain;
};

/* Hashes of an entry's content, whatever its place in a chunk. */
static struct dict_key key_of(const struct dict_writer *d, enum dict_kind kind,
			      const struct dict_entry *e)
{
	XXH128_hash_t a = {0}, b;
	uint64_t fixed[2];

	switch (kind) {
	case DICT_STRING:
		a = XXH3_128bits_withSeed(e->string.text, e->string.len, d->seed);
		break;
	case DICT_MAPPING:
		/* All but the flags, which are what is known about it. */
		a = XXH3_128bits_withSeed(&e->mapping, offsetof(struct cresset_mapping, flags),
					  d->seed);
		break;
	case DICT_FUNCTION:
		a = XXH3_128bits_withSeed(&e->function, sizeof(e->function), d->seed);
		break;
	case DICT_LOCATION:
		fixed[0] = e->location.address;
		fixed[1] = (uint64_t)e->location.mapping << 32 | e->location.flags;
		a = XXH3_128bits_withSeed(fixed, sizeof(fixed), d->seed);
		b = XXH3_128bits_withSeed(e->lines, e->n * sizeof(*e->lines), a.low64);
		a.low64 ^= b.low64;
		a.high64 = a.high64 * 31 ^ b.high64;
		break;
	case DICT_STACK:
		a = XXH3_128bits_withSeed(e->frames, e->n * sizeof(*e->frames), d->seed);
		break;
	default:
		a = XXH3_128bits_withSeed(e->labels, e->n * sizeof(*e->labels), d->seed);
		break;
	}
	return (struct dict_key){.low = a.low64, .high = a.high64};
}

uint32_t dict_writer_count(const struct dict_writer *d, enum dict_kind kind)
{
	return table_count(&d->kinds[kind].keys);
}

size_t dict_writer_memory(const struct dict_writer *d)
{
	size_t sum = sizeof(*d);

	for (size_t i = 0; i < DICT_KINDS; i++)
		sum += table_memory(&d->kinds[i].keys) + vec_bytes(&d->kinds[i].plain.data);
	return sum;
}

bool dict_writer_is_full(const struct dict_writer *d)
{
	for (size_t i = 0; i < DICT_KINDS; i++)
		if (dict_writer_count(d, (enum dict_kind)i) > DICT_MAX_ENTRIES)
			return true;
	return false;
}

/* Takes the chunk away, to be stored by the next flush. */
static int end_chunk(struct dict_writer *d, enum dict_kind kind)
{
	struct dict_writer_kind *k = &d->kinds[kind];
	const struct full_chunk full = {
		.kind = kind, .first = k->first, .n = k->code.n, .plain = k->plain.data};

	if (k->changed) {
		if (!vec_push(&d->full, &full, 1))
			return -ENOMEM;
		vec_init(&k->plain.data, 1);
	}
	k->plain.data.n = 0;
	k->first += k->code.n;
	k->changed = false;
	dict_code_begin(&k->code);
	return 0;
}

static bool chunk_is_full(const struct dict_writer_kind *k)
{
	return k->code.n >= DICT_CHUNK_ENTRIES || k->plain.data.n >= DICT_CHUNK_BYTES;
}

int dict_writer_add(struct dict_writer *d, enum dict_kind kind, const struct dict_entry *e,
		    uint32_t *ret_id)
{
	struct dict_writer_kind *k = &d->kinds[kind];
	const struct dict_key key = key_of(d, kind, e);
	bool is_new;
	uint32_t id;
	int r = table_add(&k->keys, &key, &id, &is_new);

	if (r < 0)
		return r;
	if (is_new) {
		if (chunk_is_full(k))
			r = end_chunk(d, kind);
		k->changed = true;
		r = r ?: dict_encode(&k->code, &k->plain, e);
	}
	if (r == 0)
		*ret_id = id;
	return r;
}

int dict_writer_flush(struct dict_writer *d, struct catalog *c, struct cresset_error *err)
{
	struct vec packed;
	int r = 0;

	vec_init(&packed, 1);
	for (size_t i = 0; i < d->full.n && r == 0; i++) {
		struct full_chunk *f = vec_at(&d->full, i);
		struct catalog_chunk chunk = {.first = f->first, .n = f->n};

		r = dict_pack(&f->plain, &packed);
		chunk.data = packed.data;
		chunk.size = packed.n;
		r = r ?: catalog_put_chunk(c, d->dict, f->kind, &chunk, err);
	}
	for (size_t i = 0; i < DICT_KINDS && r == 0; i++) {
		struct dict_writer_kind *k = &d->kinds[i];
		struct catalog_chunk chunk = {.first = k->first, .n = k->code.n};

		if (!k->changed)
			continue;
		r = dict_pack(&k->plain.data, &packed);
		chunk.data = packed.data;
		chunk.size = packed.n;
		r = r ?: catalog_put_chunk(c, d->dict, (uint32_t)i, &chunk, err);
		k->changed = false;
	}
	vec_release(&packed);
	for (size_t i = 0; i < d->full.n; i++)
		vec_release(&((struct full_chunk *)vec_at(&d->full, i))->plain);
	d->full.n = 0;
	return r;
}

/* Adds the keys of a stored chunk; the last one stays open to be added to. */
static int load_chunk(struct dict_writer *d, enum dict_kind kind, uint32_t n)
{
	struct dict_writer_kind *k = &d->kinds[kind];
	struct bytes_in in = bytes_in(k->plain.data.data, k->plain.data.n);
	int r = 0;

	for (uint32_t i = 0; i < n && r == 0; i++) {
		struct dict_entry e;
		bool is_new;
		uint32_t id;

		r = dict_decode(&k->code, &in, &e);
		if (r == 0) {
			struct dict_key key = key_of(d, kind, &e);

			r = table_add(&k->keys, &key, &id, &is_new);
			/* Ids are positions: an entry that is there twice would shift them. */
			if (r == 0 && !is_new)
				r = -EBADMSG;
		}
	}
	return r ?: bytes_left(&in) ? -EBADMSG : 0;
}

static int load_kind(struct catalog *c, struct dict_writer *d, enum dict_kind kind,
		     struct cresset_error *err)
{
	struct dict_writer_kind *k = &d->kinds[kind];
	struct catalog_chunk chunk;
	uint32_t next = 1;
	int r;

	while ((r = catalog_chunk(c, d->dict, kind, next, &chunk, err)) == 0) {
		if (chunk.first != next)
			break; /* the one before it again: there is no more */
		k->first = next;
		dict_code_begin(&k->code);
		r = chunk.n ? dict_unpack(NULL, chunk.data, chunk.size, &k->plain.data) : -EBADMSG;
		r = r ?: load_chunk(d, kind, chunk.n);
		if (r < 0)
			break;
		next += chunk.n;
	}
	if (r == -ENOENT)
		r = 0;
	if (r == -EBADMSG && err && !err->text[0])
		cresset_error_set(err, r, "a part of the dictionary in %s is damaged", c->path);
	return r;
}

static int dict_writer_new(uint32_t dict, struct dict_writer **ret)
{
	struct dict_writer *d = calloc(1, sizeof(*d));
	int r = 0;

	if (!d)
		return -ENOMEM;
	d->dict = dict;
	if (getrandom(&d->seed, sizeof(d->seed), GRND_NONBLOCK) != sizeof(d->seed))
		d->seed = (uintptr_t)d;
	vec_init(&d->full, sizeof(struct full_chunk));
	for (size_t i = 0; i < DICT_KINDS; i++) {
		struct dict_writer_kind *k = &d->kinds[i];

		dict_code_init(&k->code, (enum dict_kind)i);
		bytes_init(&k->plain);
		k->first = 1;
		r = r ?: table_init(&k->keys, sizeof(struct dict_key), sizeof(struct dict_key));
	}
	if (r < 0) {
		dict_writer_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

int dict_writer_load(struct catalog *c, uint32_t dict, struct dict_writer **ret,
		     struct cresset_error *err)
{
	struct dict_writer *d;
	int r = dict_writer_new(dict, &d);

	if (r < 0)
		return r;
	for (size_t i = 0; i < DICT_KINDS && r == 0; i++)
		r = load_kind(c, d, (enum dict_kind)i, err);
	if (r < 0) {
		dict_writer_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void dict_writer_free(struct dict_writer *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < DICT_KINDS; i++) {
		table_release(&d->kinds[i].keys);
		dict_code_release(&d->kinds[i].code);
		bytes_release(&d->kinds[i].plain);
	}
	for (size_t i = 0; i < d->full.n; i++)
		vec_release(&((struct full_chunk *)vec_at(&d->full, i))->plain);
	vec_release(&d->full);
	free(d);
}
