// SPDX-License-Identifier: Apache-2.0
/* auth - see auth.h. */
#include "web/auth.h"

#include "export/secret.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static int load(char to[AUTH_MAX], const char *user, const char *file, struct cresset_error *err)
{
	struct secret secret = {NULL};
	int n, r = secret_from_file(&secret, file, err);

	if (r < 0)
		return r;
	n = snprintf(to, AUTH_MAX, "%s%s%s", user ? user : "", user ? ":" : "", secret.text);
	secret_release(&secret);
	if (n < AUTH_MAX)
		return 0;
	return cresset_error_set(err, -EINVAL, "%s: the secret is too long (at most %d bytes)",
				 file, AUTH_MAX - 64);
}

int auth_init(struct auth *a, const char *user, const char *password_file, const char *bearer_file,
	      struct cresset_error *err)
{
	int r = 0;

	memset(a, 0, sizeof(*a));
	if (!user != !password_file)
		return cresset_error_set(err, -EINVAL,
					 "a user and a password file go together: %s is missing",
					 user ? "the file" : "the user");
	if (user && (!*user || strpbrk(user, ":\r\n")))
		return cresset_error_set(err, -EINVAL, "the user '%.60s' is empty or has a ':'",
					 user);
	if (user) {
		r = load(a->basic, user, password_file, err);
		a->basic_set = r == 0;
	}
	if (r == 0 && bearer_file) {
		r = load(a->bearer, NULL, bearer_file, err);
		a->bearer_set = r == 0;
	}
	if (r < 0)
		auth_release(a);
	return r;
}

void auth_release(struct auth *a)
{
	explicit_bzero(a, sizeof(*a));
}

bool auth_wanted(const struct auth *a)
{
	return a->basic_set || a->bearer_set;
}

/* Both are AUTH_MAX bytes, zero after their text. */
static bool equal(const char *a, const char *b)
{
	volatile unsigned char differ = 0;

	for (size_t i = 0; i < AUTH_MAX; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return !differ;
}

static int sextet(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* False if it is no base64, or too long, or has a NUL. to is zeroed. */
static bool base64_decode(const char *s, char to[AUTH_MAX])
{
	uint32_t bits = 0;
	size_t n = 0, have = 0;

	for (; *s && *s != '='; s++) {
		int v = sextet(*s);

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (n == AUTH_MAX - 1)
			return false;
		to[n] = (char)(bits >> have & 0xff);
		if (!to[n++])
			return false;
	}
	return s[strspn(s, "=")] == '\0' && have < 6;
}

/* What follows the scheme's name, NULL if it is another. */
static const char *after_scheme(const char *header, const char *scheme)
{
	size_t n = strlen(scheme);

	if (strncasecmp(header, scheme, n) != 0 || header[n] != ' ')
		return NULL;
	return header + n + strspn(header + n, " ");
}

bool auth_allows(const struct auth *a, const char *header)
{
	char given[AUTH_MAX] = "";
	const char *text;
	bool allowed = false;

	if (!auth_wanted(a))
		return true;
	if (!header)
		return false;
	text = after_scheme(header, "Basic");
	if (text && a->basic_set)
		allowed = base64_decode(text, given) && equal(given, a->basic);
	text = after_scheme(header, "Bearer");
	if (text && a->bearer_set && strlen(text) < AUTH_MAX) {
		memcpy(given, text, strlen(text));
		allowed = equal(given, a->bearer);
	}
	explicit_bzero(given, sizeof(given));
	return allowed;
}

const char *auth_challenge(const struct auth *a, size_t i)
{
	static const char basic[] = "Basic realm=\"cresset\", charset=\"UTF-8\"";
	static const char bearer[] = "Bearer realm=\"cresset\"";

	if (i == 0)
		return a->basic_set ? basic : a->bearer_set ? bearer : NULL;
	return i == 1 && a->basic_set && a->bearer_set ? bearer : NULL;
}
