// SPDX-License-Identifier: Apache-2.0
/*
 * secret - tokens and passwords: where they come from, and that they go nowhere else.
 *
 * A secret is named by file or environment variable and read anew before each try, as those are
 * renewed while we run. It lives in one struct, is overwritten when that is released, and is cut
 * out of any text that a server sends back.
 */
#ifndef EXPORT_SECRET_H
#define EXPORT_SECRET_H

#include "export/inside.h"

struct secret {
	char *text; /* NULL: none */
};

/* The first line of a file. -EINVAL if it is empty or has control characters. */
int secret_from_file(struct secret *s, const char *path, struct cresset_error *err);
int secret_from_env(struct secret *s, const char *name, struct cresset_error *err);
/* From whichever of the two is not NULL; none if both are. */
int secret_from(struct secret *s, const char *path, const char *env, struct cresset_error *err);
/* A whole file of at most max bytes, NUL-terminated. */
int secret_read_all(struct secret *s, const char *path, size_t max, struct cresset_error *err);
void secret_release(struct secret *s);
/*
 * Overwrite each occurrence of the secret in text by '*': whole, or one of its words, or what is
 * left of it at the end of a text that was cut. Secrets under 4 bytes are let be.
 */
void secret_redact(const struct secret *s, char *text);
/* … in the coding of HTTP Basic; user NULL: it is in the secret already. */
void secret_redact_basic(const char *user, const struct secret *password, char *text);

/*
 * Headers from a file, one a line, '#' for remarks: s becomes the whole text, each() gets the lines
 * that are headers (NULL: they are only checked). -EINVAL: a line is none.
 */
int secret_each_header(struct secret *s, const char *path,
		       int (*each)(void *data, const char *line), void *data,
		       struct cresset_error *err);
/* … of the values in such a text. */
void secret_redact_headers(const struct secret *s, char *text);

/* "Name: value" as HTTP allows it, and none that would break the request. */
bool header_valid(const char *line);

#endif
