// SPDX-License-Identifier: Apache-2.0
/*
 * dict_write - the dictionary that new windows add to.
 *
 * A dictionary numbers strings, mappings, functions, locations, stacks and series from 1 upwards.
 * Segments name one dictionary and its ids. There is a new one every day and whenever one becomes
 * large; a dictionary goes when no segment names it any more. So nothing has to be counted or
 * searched for, and what is not needed is gone after at most a day more than its samples; the price
 * is that stacks which come every day are stored once a day.
 *
 * In memory an entry is 128 bits of its hash, under a seed of this process: 24 to 40 bytes each
 * with the table. Nothing is written before dict_flush(); when a transaction fails the dictionary
 * is to be thrown away and loaded again.
 */
#ifndef STORE_DICT_WRITE_H
#define STORE_DICT_WRITE_H

#include "core/table.h"
#include "store/catalog.h"
#include "store/dict_code.h"

enum { DICT_MAX_ENTRIES = 400000 };

struct dict_key {
	uint64_t low, high;
};

struct dict_writer_kind {
	struct table keys; /* struct dict_key */
	struct dict_code code;
	struct bytes_out plain; /* the chunk that is not full yet */
	uint32_t first;		/* of its entries */
	bool changed;		/* it has something that is not stored */
};

struct dict_writer {
	uint32_t dict;
	uint64_t seed;
	struct dict_writer_kind kinds[DICT_KINDS];
	struct vec full; /* struct full_chunk, to be stored */
};

/* With all that the catalogue has of that dictionary. -EBADMSG: a chunk is damaged. */
int dict_writer_load(struct catalog *c, uint32_t dict, struct dict_writer **ret,
		     struct cresset_error *err);
void dict_writer_free(struct dict_writer *d);
/* The id of an entry, added if it is new. -ENOMEM, -E2BIG. */
int dict_writer_add(struct dict_writer *d, enum dict_kind kind, const struct dict_entry *e,
		    uint32_t *ret_id);
uint32_t dict_writer_count(const struct dict_writer *d, enum dict_kind kind);
/* Memory that it takes. */
size_t dict_writer_memory(const struct dict_writer *d);
/* Is it so large that the next window should begin another one? */
bool dict_writer_is_full(const struct dict_writer *d);
/* Puts what is new into the catalogue; within a transaction. */
int dict_writer_flush(struct dict_writer *d, struct catalog *c, struct cresset_error *err);

#endif
