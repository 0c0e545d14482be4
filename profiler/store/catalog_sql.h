// SPDX-License-Identifier: Apache-2.0
/* catalog_sql - the inside of the catalogue, for its own files. */
#ifndef STORE_CATALOG_SQL_H
#define STORE_CATALOG_SQL_H

#include "store/catalog.h"

/* -errno for an SQLite code (0 for OK, DONE, ROW), with the text. doing: "open", "write", …. */
int catalog_error(const struct catalog *c, int code, const char *doing, struct cresset_error *err);
int catalog_exec(struct catalog *c, const char *sql, const char *doing, struct cresset_error *err);

#endif
