// SPDX-License-Identifier: Apache-2.0
/* catalog_statement - the prepared statements of the catalogue, for its own files. */
#ifndef STORE_CATALOG_STATEMENT_H
#define STORE_CATALOG_STATEMENT_H

#include "store/catalog.h"

enum catalog_sql {
	SQL_SEGMENTS,
	SQL_MERGEABLE,
	SQL_BUCKET,
	SQL_OLDEST,
	SQL_EXPIRED,
	SQL_HAS,
	SQL_ADD,
	SQL_REMOVE,
	SQL_DAMAGED,
	SQL_STATS,
	SQL_NUMBER,
	SQL_SET_NUMBER,
	SQL_ADD_TYPE,
	SQL_TYPES,
	SQL_PUT_CHUNK,
	SQL_CHUNK,
	SQL_DICT_BYTES,
	SQL_DROP_CHUNKS,
	SQL_FIRST_CHUNK,
	SQL_DICT_USED,
	SQL_PAGES,
};

/* The statement, reset. */
int catalog_prepare(struct catalog *c, enum catalog_sql which, sqlite3_stmt **ret,
		    struct cresset_error *err);
/* 1: a row; 0: no more; -errno. It is reset unless there is a row. */
int catalog_step(struct catalog *c, sqlite3_stmt *s, const char *doing, struct cresset_error *err);

#endif
