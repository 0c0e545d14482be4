// SPDX-License-Identifier: Apache-2.0
/*
 * dict_chunk - chunks of a dictionary, out of the catalogue and unpacked. One reader for each
 * thread; they share the catalogue by a lock, which is held while a chunk is copied out of it.
 */
#ifndef STORE_DICT_CHUNK_H
#define STORE_DICT_CHUNK_H

#include <pthread.h>

#include "store/catalog.h"
#include "store/dict_code.h"

struct dict_chunks {
	struct catalog *catalog;
	pthread_mutex_t *lock;
	uint32_t dict;
	struct ZSTD_DCtx_s *zstd;
	struct vec packed;
	struct vec plain; /* bytes of the chunk that was opened last */
};

/* Ids of entries. */
struct dict_range {
	uint32_t first, n;
};

/* -ENOMEM. Catalogue and lock stay the caller's. */
int dict_chunks_init(struct dict_chunks *c, struct catalog *catalog, pthread_mutex_t *lock,
		     uint32_t dict);
void dict_chunks_release(struct dict_chunks *c);
/*
 * The chunk that has id becomes `plain`; *ret are its entries, or those that cannot be read.
 * -ENOENT, also of one that is damaged; -EIO, -ENOMEM.
 */
int dict_chunks_open(struct dict_chunks *c, enum dict_kind kind, uint32_t id,
		     struct dict_range *ret);
/* The last id of a kind, 0 if there is none. 1: what the catalogue says cannot be. -EIO, -ENOMEM.
 */
int dict_chunks_last(struct dict_chunks *c, enum dict_kind kind, uint32_t *ret,
		     struct cresset_error *err);

#endif
