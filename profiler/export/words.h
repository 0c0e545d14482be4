// SPDX-License-Identifier: Apache-2.0
/*
 * words - any text made into what a server takes in that place: identifiers, UTF-8 of a bounded
 * length, parts of a URL, JSON strings, base64, one line for a person.
 *
 * Process names, units, containers and environment variables are other people's text: none may
 * break out of the place that it is put in.
 */
#ifndef EXPORT_WORDS_H
#define EXPORT_WORDS_H

#include "core/vec.h"

#include <cresset/types.h>

/* [A-Za-z_][A-Za-z0-9_]*, at least "_": every other byte becomes '_'. */
void words_identifier(const char *s, char *buf, size_t size);
/* Valid UTF-8 without control characters, cut between characters. */
void words_utf8(const char *s, char *buf, size_t size);
/* One line for a message, from any bytes: a blank for whatever cannot be shown. */
void words_line(const void *data, size_t length, char *buf, size_t size);

/* These append to a vec of bytes and return 0 or -ENOMEM. */
int words_put(struct vec *out, const char *s);
/* RFC 3986's unreserved characters stay, all others become %XX. */
int words_put_url(struct vec *out, const char *s);
/* With the quotes; s is made valid UTF-8. */
int words_put_json(struct vec *out, const char *s);
int words_put_base64(struct vec *out, const void *data, size_t n);

#endif
