// SPDX-License-Identifier: Apache-2.0
/* secret - see secret.h. */
#include "export/secret.h"

#include "export/words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { SECRET_MAX = 16384, HEADERS_MAX = 65536, REDACT_MIN = 4 };

int secret_read_all(struct secret *s, const char *path, size_t max, struct cresset_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text;
	size_t n = 0;
	ssize_t got = 1;

	if (fd < 0)
		return cresset_error_set(err, -errno, "cannot read %s: %s", path, strerror(errno));
	text = calloc(1, max + 2);
	while (text && n <= max && got > 0) {
		got = read(fd, text + n, max + 1 - n);
		if (got > 0)
			n += (size_t)got;
		else if (got < 0)
			got = -errno;
	}
	close(fd);
	if (!text || got < 0 || n > max) {
		if (text)
			explicit_bzero(text, max + 2);
		free(text);
		if (!text)
			return -ENOMEM;
		return cresset_error_set(err, got < 0 ? (int)got : -EFBIG, "cannot read %s: %s",
					 path, got < 0 ? strerror((int)-got) : "it is too large");
	}
	s->text = text;
	return 0;
}

static bool is_plain(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

int secret_from_file(struct secret *s, const char *path, struct cresset_error *err)
{
	struct secret whole = {NULL};
	int r = secret_read_all(&whole, path, SECRET_MAX, err);

	if (r < 0)
		return r;
	whole.text[strcspn(whole.text, "\r\n")] = '\0';
	if (!whole.text[0] || !is_plain(whole.text)) {
		secret_release(&whole);
		return cresset_error_set(
			err, -EINVAL, "%s: its first line is %s", path,
			"empty or has control characters (write the secret there)");
	}
	*s = whole;
	return 0;
}

int secret_from_env(struct secret *s, const char *name, struct cresset_error *err)
{
	const char *text = getenv(name);

	if (!text || !*text)
		return cresset_error_set(err, -ENOENT, "the environment variable %s is not set",
					 name);
	if (!is_plain(text) || strlen(text) > SECRET_MAX)
		return cresset_error_set(
			err, -EINVAL, "the environment variable %s has control characters", name);
	s->text = strdup(text);
	return s->text ? 0 : -ENOMEM;
}

int secret_from(struct secret *s, const char *path, const char *env, struct cresset_error *err)
{
	if (path)
		return secret_from_file(s, path, err);
	return env ? secret_from_env(s, env, err) : 0;
}

void secret_release(struct secret *s)
{
	if (s->text)
		explicit_bzero(s->text, strlen(s->text));
	free(s->text);
	s->text = NULL;
}

static void redact_bytes(const char *secret, size_t n, char *text)
{
	size_t length = strlen(text), tail = n - 1 < length ? n - 1 : length;

	if (n < REDACT_MIN)
		return;
	for (char *at = text; (at = memmem(at, strlen(at), secret, n)); at += n)
		memset(at, '*', n);
	/* Texts are cut to fit: the last one may be there in part. */
	for (; tail >= REDACT_MIN; tail--) {
		if (!memcmp(text + length - tail, secret, tail)) {
			memset(text + length - tail, '*', tail);
			break;
		}
	}
}

void secret_redact(const struct secret *s, char *text)
{
	size_t n;

	if (!s->text)
		return;
	redact_bytes(s->text, strlen(s->text), text);
	for (const char *word = s->text; *word; word += n) {
		word += strspn(word, " :");
		n = strcspn(word, " :");
		redact_bytes(word, n, text);
	}
}

void secret_redact_basic(const char *user, const struct secret *password, char *text)
{
	struct secret coded = {NULL};
	struct vec pair, out;
	int r;

	if (!password->text)
		return;
	vec_init(&pair, 1);
	vec_init(&out, 1);
	r = user ? words_put(&pair, user) : 0;
	r = r ? r : words_put(&pair, user ? ":" : "");
	r = r ? r : words_put(&pair, password->text);
	r = r ? r : words_put_base64(&out, pair.data, pair.n);
	if (r == 0 && vec_push(&out, "", 1)) {
		coded.text = out.data;
		secret_redact(&coded, text);
	} else {
		text[0] = '\0';
	}
	if (pair.n)
		explicit_bzero(pair.data, pair.n);
	vec_release(&pair);
	vec_release(&out);
}

int secret_each_header(struct secret *s, const char *path,
		       int (*each)(void *data, const char *line), void *data,
		       struct cresset_error *err)
{
	int r = secret_read_all(s, path, HEADERS_MAX, err);
	struct secret copy = {r == 0 ? strdup(s->text) : NULL};
	char *line, *rest = NULL;

	if (r == 0 && !copy.text)
		r = -ENOMEM;
	for (line = r == 0 ? strtok_r(copy.text, "\r\n", &rest) : NULL; line && r == 0;
	     line = strtok_r(NULL, "\r\n", &rest)) {
		if (*line == '#')
			continue;
		r = header_valid(line)
			    ? each ? each(data, line) : 0
			    : cresset_error_set(err, -EINVAL,
						"%s: a line is not like 'X-Name: value', or is a "
						"header that cresset sets itself",
						path);
	}
	secret_release(&copy);
	return r;
}

void secret_redact_headers(const struct secret *s, char *text)
{
	const char *line = s->text ? s->text : "", *value;
	size_t n;

	for (; *line; line += n + strspn(line + n, "\r\n")) {
		n = strcspn(line, "\r\n");
		value = memchr(line, ':', n);
		value = value ? value + 1 : line;
		while (value < line + n) {
			size_t word;

			value += strspn(value, " ");
			word = strcspn(value, " \r\n");
			redact_bytes(value, word, text);
			value += word;
			if (!word)
				break;
		}
	}
}

bool header_valid(const char *line)
{
	static const char *const ours[] = {"Host",	   "Content-Length",   "Transfer-Encoding",
					   "Content-Type", "Content-Encoding", "Connection",
					   "Expect"};
	const char *colon = strchr(line, ':');
	size_t n = colon ? (size_t)(colon - line) : 0;

	if (!n || !is_plain(line) || !colon[1 + strspn(colon + 1, " ")])
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = line[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c && strchr("!#$%&'*+-.^_`|~", c))))
			return false;
	}
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (strlen(ours[i]) == n && !strncasecmp(ours[i], line, n))
			return false;
	return true;
}
