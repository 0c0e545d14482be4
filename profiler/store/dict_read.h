// SPDX-License-Identifier: Apache-2.0
/*
 * dict_read - entries of a dictionary, by id, for queries.
 *
 * A chunk is read when the first of its entries is asked for, and its entries are kept. What goes
 * into a profile is only what a stack of the answer needs, each once; ids of the profile are kept
 * beside. A damaged chunk is not an error: its strings are "[damaged]", its series have no labels,
 * and its stacks are one frame that says so, which the reader counts,
 * as it does chunks of the other kinds.
 */
#ifndef STORE_DICT_READ_H
#define STORE_DICT_READ_H

#include "core/arena.h"
#include "store/catalog.h"
#include "store/dict_code.h"

struct dict_reader;

/* The catalogue must be in one transaction for as long as the reader lives. */
int dict_reader_new(struct catalog *c, uint32_t dict, struct dict_reader **ret,
		    struct cresset_error *err);
void dict_reader_free(struct dict_reader *d);

/* Ids run from 1 to this. */
uint32_t dict_reader_count(const struct dict_reader *d, enum dict_kind kind);
/* "" for 0 and for ids that there are not. Lasts as long as the reader. */
const char *dict_reader_string(struct dict_reader *d, uint32_t id);
/* Lasts as long as the reader. */
const struct cresset_label *dict_reader_series(struct dict_reader *d, uint32_t id, size_t *ret_n);

/*
 * ret_ids[i] becomes the profile's id of stack stacks[i]; stacks in rising order, from 1. Called
 * for one profile only.
 */
int dict_reader_stacks(struct dict_reader *d, struct cresset_profile *p, const uint32_t *stacks,
		       size_t n, uint32_t *ret_ids);
/* Stacks that were asked for and could not be read; chunks of all other kinds. */
uint64_t dict_reader_missing(const struct dict_reader *d);
uint64_t dict_reader_damaged(const struct dict_reader *d);
/* The first failure that is not damage (memory, I/O), or 0: to be asked at the end. */
int dict_reader_error(const struct dict_reader *d);

#endif
