// SPDX-License-Identifier: Apache-2.0
/* dict_chunk - see dict_chunk.h. */
#include "store/dict_chunk.h"

#include <errno.h>
#include <zstd.h>

enum { MAX_ID = 1 << 22 }; /* far more than a writer puts into one dictionary */

int dict_chunks_init(struct dict_chunks *c, struct catalog *catalog, pthread_mutex_t *lock,
		     uint32_t dict)
{
	c->catalog = catalog;
	c->lock = lock;
	c->dict = dict;
	vec_init(&c->packed, 1);
	vec_init(&c->plain, 1);
	c->zstd = ZSTD_createDCtx();
	return c->zstd ? 0 : -ENOMEM;
}

void dict_chunks_release(struct dict_chunks *c)
{
	ZSTD_freeDCtx(c->zstd);
	vec_release(&c->packed);
	vec_release(&c->plain);
}

/* The catalogue has no checksums of its own. */
static bool is_sound(const struct catalog_chunk *chunk)
{
	return chunk->first && chunk->first < MAX_ID && chunk->n && chunk->n <= DICT_CHUNK_ENTRIES;
}

int dict_chunks_open(struct dict_chunks *c, enum dict_kind kind, uint32_t id,
		     struct dict_range *ret)
{
	struct catalog_chunk chunk;
	int r;

	*ret = (struct dict_range){.first = id, .n = 1};
	c->packed.n = 0;
	pthread_mutex_lock(c->lock);
	r = catalog_chunk(c->catalog, c->dict, kind, id, &chunk, NULL);
	if (r == 0 && (!is_sound(&chunk) || id - chunk.first >= chunk.n))
		r = -ENOENT;
	if (r == 0 && chunk.size && !vec_push(&c->packed, chunk.data, chunk.size))
		r = -ENOMEM;
	pthread_mutex_unlock(c->lock);
	if (r == 0) {
		*ret = (struct dict_range){.first = chunk.first, .n = chunk.n};
		r = dict_unpack(c->zstd, c->packed.data, c->packed.n, &c->plain);
	}
	return r == -EBADMSG ? -ENOENT : r;
}

int dict_chunks_last(struct dict_chunks *c, enum dict_kind kind, uint32_t *ret,
		     struct cresset_error *err)
{
	struct catalog_chunk chunk;
	int r = catalog_chunk(c->catalog, c->dict, kind, INT32_MAX, &chunk, err);

	*ret = 0;
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (!is_sound(&chunk))
		return 1;
	*ret = chunk.first + chunk.n - 1;
	return 0;
}
