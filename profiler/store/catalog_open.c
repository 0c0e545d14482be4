// SPDX-License-Identifier: Apache-2.0
/*
 * catalog - opening the SQLite file, and what its errors mean; see catalog.h.
 *
 * A reader that may not write into the folder can still use a WAL database while a writer has it
 * open, or left its log behind. Without a log SQLite would have to create one; then the file is
 * opened as immutable, which is safe as nobody is writing.
 */
#include "store/catalog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/catalog_sql.h"

static const char schema[] =
	"CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE segments (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, dict INTEGER NOT NULL,"
	" level INTEGER NOT NULL, from_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL,"
	" to_ns INTEGER NOT NULL, windows INTEGER NOT NULL, n_rows INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL, damaged INTEGER NOT NULL DEFAULT 0);"
	"CREATE INDEX segments_by_time ON segments (from_ns);"
	"CREATE TABLE types (type BLOB NOT NULL, unit BLOB NOT NULL, PRIMARY KEY (type, unit))"
	" WITHOUT ROWID;"
	/* id: dict << 36 | kind << 32 | first. */
	"CREATE TABLE chunks (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, data BLOB NOT NULL);";

int catalog_error(const struct catalog *c, int code, const char *doing, struct cresset_error *err)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return cresset_error_set(
			err, -ENOSPC,
			"cannot %s %s: the disk is full (free some space, or lower "
			"max_bytes)",
			doing, c->path);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return cresset_error_set(err, -EBUSY,
					 "cannot %s %s: it is locked by another process", doing,
					 c->path);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
	case SQLITE_SCHEMA:
	case SQLITE_ERROR:
		return cresset_error_set(
			err, -EBADMSG,
			"cannot %s %s: the store's catalogue is damaged, or not one "
			"of cresset's: %s (move the folder away to begin a new store)",
			doing, c->path, sqlite3_errmsg(c->db));
	case SQLITE_READONLY:
		return cresset_error_set(err, -EROFS, "cannot %s %s: it may not be written to",
					 doing, c->path);
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return cresset_error_set(err, -EACCES, "cannot %s %s: %s (try sudo)", doing,
					 c->path, sqlite3_errmsg(c->db));
	case SQLITE_IOERR:
		if (sqlite3_system_errno(c->db) == ENOSPC)
			return catalog_error(c, SQLITE_FULL, doing, err);
		/* fall through */
	default:
		return cresset_error_set(err, -EIO, "cannot %s %s: %s", doing, c->path,
					 sqlite3_errmsg(c->db));
	}
}

int catalog_exec(struct catalog *c, const char *sql, const char *doing, struct cresset_error *err)
{
	return catalog_error(c, sqlite3_exec(c->db, sql, NULL, NULL, NULL), doing, err);
}

static int pragma_number(struct catalog *c, const char *sql, int64_t *ret,
			 struct cresset_error *err)
{
	sqlite3_stmt *s = NULL;
	int code = sqlite3_prepare_v2(c->db, sql, -1, &s, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(s);
	if (code == SQLITE_ROW)
		*ret = sqlite3_column_int64(s, 0);
	else
		*ret = 0;
	sqlite3_finalize(s);
	return catalog_error(c, code, "open", err);
}

/* "file:/a%3Fb?immutable=1" */
static char *immutable_uri(const char *path)
{
	char *uri = malloc(strlen(path) * 3 + 32), *at = uri;

	if (!uri)
		return NULL;
	at = stpcpy(at, "file:");
	for (; *path; path++) {
		if (strchr("%?#", *path))
			at += sprintf(at, "%%%02X", (unsigned char)*path);
		else
			*at++ = *path;
	}
	strcpy(at, "?mode=ro&immutable=1");
	return uri;
}

static bool has_log(const char *path)
{
	char *log;
	bool has;

	if (asprintf(&log, "%s-wal", path) < 0)
		return true;
	has = access(log, F_OK) == 0;
	free(log);
	return has;
}

static int open_db(struct catalog *c, const char *name, int flags)
{
	int code;

	sqlite3_close(c->db);
	c->db = NULL;
	code = sqlite3_open_v2(name, &c->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
			       NULL);
	if (!c->db)
		return SQLITE_NOMEM;
	if (code == SQLITE_OK) {
		sqlite3_busy_timeout(c->db, 10000);
		sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
		code = sqlite3_exec(c->db,
				    "PRAGMA cache_size=-4000; PRAGMA cell_size_check=1;"
				    "PRAGMA user_version; SELECT count(*) FROM sqlite_master",
				    NULL, NULL, NULL);
	}
	return code;
}

static int open_reader(struct catalog *c, struct cresset_error *err)
{
	int code = open_db(c, c->path, SQLITE_OPEN_READONLY);
	char *uri;

	if ((code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_READONLY) {
		if (access(c->path, R_OK) == 0 && !has_log(c->path)) {
			uri = immutable_uri(c->path);
			if (!uri)
				return -ENOMEM;
			code = open_db(c, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
			free(uri);
		}
	}
	return catalog_error(c, code, "open", err);
}

static int create(struct catalog *c, struct cresset_error *err)
{
	char sql[128];
	int r = catalog_exec(c, "BEGIN IMMEDIATE", "create", err);

	snprintf(sql, sizeof(sql), "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT",
		 CATALOG_APPLICATION_ID, CATALOG_VERSION);
	r = r ?: catalog_exec(c, schema, "create", err);
	return r ?: catalog_exec(c, sql, "create", err);
}

/* The tables are those of version 1. Version 2 says that segments can have spans, so that one that
 * knows none refuses the store, rather than to take them for damaged. */
static int upgrade(struct catalog *c, struct cresset_error *err)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", CATALOG_VERSION);
	return catalog_exec(c, sql, "write", err);
}

static int check_version(struct catalog *c, bool read_only, struct cresset_error *err)
{
	int64_t version, application, tables;
	int r = pragma_number(c, "PRAGMA user_version", &version, err);

	r = r ?: pragma_number(c, "PRAGMA application_id", &application, err);
	r = r ?: pragma_number(c, "SELECT count(*) FROM sqlite_master", &tables, err);
	if (r < 0)
		return r;
	if (!tables && !version && !application) {
		if (read_only)
			return cresset_error_set(err, -ENOENT, "there is no store yet in %s",
						 c->path);
		return create(c, err);
	}
	if (application != CATALOG_APPLICATION_ID)
		return cresset_error_set(err, -EBADMSG,
					 "%s is not the catalogue of a cresset store", c->path);
	if (version > CATALOG_VERSION)
		return cresset_error_set(err, -EPROTO,
					 "the store of %s was written by a newer cresset (layout "
					 "%lld, this one knows %d): update this one, or choose "
					 "another folder",
					 c->path, (long long)version, CATALOG_VERSION);
	return version < CATALOG_VERSION && !read_only ? upgrade(c, err) : 0;
}

static int open_writer(struct catalog *c, struct cresset_error *err)
{
	int code = open_db(c, c->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	int r = catalog_error(c, code, "open", err);

	if (r == 0 && sqlite3_db_readonly(c->db, "main") == 1)
		return catalog_error(c, SQLITE_READONLY, "open", err);
	/* auto_vacuum must be said before there is a table. */
	r = r
		    ?: catalog_exec(c,
				    "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;"
				    "PRAGMA synchronous=FULL; PRAGMA journal_size_limit=1048576;"
				    "PRAGMA wal_autocheckpoint=250",
				    "open", err);
	return r;
}

int catalog_open(const char *folder, bool read_only, struct catalog **ret,
		 struct cresset_error *err)
{
	struct catalog *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	if (asprintf(&c->path, "%s/" CATALOG_FILE, folder) < 0) {
		free(c);
		return -ENOMEM;
	}
	if (read_only && access(c->path, F_OK) < 0)
		r = cresset_error_set(
			err, -errno, "there is no store in %s: %s%s", folder, strerror(errno),
			errno == EACCES ? " (try sudo)" : " (the agent makes one; see --store)");
	else
		r = read_only ? open_reader(c, err) : open_writer(c, err);
	r = r ?: check_version(c, read_only, err);
	if (r < 0) {
		catalog_close(c);
		return r;
	}
	*ret = c;
	return 0;
}

void catalog_close(struct catalog *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CATALOG_STATEMENTS; i++)
		sqlite3_finalize(c->statements[i]);
	sqlite3_close(c->db);
	free(c->path);
	free(c);
}
