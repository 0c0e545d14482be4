// SPDX-License-Identifier: Apache-2.0
/*
 * auth - who may ask: HTTP Basic (RFC 7617) and Bearer (RFC 6750), either of them or both.
 *
 * Secrets are the first lines of files, read once. Comparing takes the same time wherever the first
 * difference is, and however long the two are: both are compared over AUTH_MAX bytes.
 */
#ifndef WEB_AUTH_H
#define WEB_AUTH_H

#include <cresset/types.h>

enum { AUTH_MAX = 1024 };

struct auth {
	bool basic_set, bearer_set;
	char basic[AUTH_MAX]; /* "user:password" */
	char bearer[AUTH_MAX];
};

/* Each may be NULL, but user and password_file go together. -EINVAL, or what reading says. */
int auth_init(struct auth *a, const char *user, const char *password_file, const char *bearer_file,
	      struct cresset_error *err);
void auth_release(struct auth *a);

bool auth_wanted(const struct auth *a);
/* header: the value of "Authorization"; NULL: there was none. True also if none is wanted. */
bool auth_allows(const struct auth *a, const char *header);
/* Values for "WWW-Authenticate"; the i-th, NULL past the end. */
const char *auth_challenge(const struct auth *a, size_t i);

#endif
