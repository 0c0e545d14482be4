// SPDX-License-Identifier: Apache-2.0
/*
 * maps.c - see maps.h. A number is at most 16 digits, so no value overflows; the text is parsed
 * where it lies, and one entry (with room for the longest path) is reused for all lines.
 */
#include "maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAPS_MAX_BYTES = 64 << 20, MAPS_FIRST_BYTES = 32 << 10 };

struct cursor {
	const char *at;
	const char *end;
};

static bool take(struct cursor *c, char ch)
{
	if (c->at == c->end || *c->at != ch)
		return false;
	c->at++;
	return true;
}

static int digit_value(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'a' && ch <= 'f')
		return ch - 'a' + 10;
	return 99;
}

static bool take_number(struct cursor *c, int base, uint64_t *ret)
{
	uint64_t value = 0;
	int n = 0, max = base == 16 ? 16 : 19;

	while (c->at < c->end && n < max && digit_value(*c->at) < base) {
		value = value * (uint64_t)base + (uint64_t)digit_value(*c->at++);
		n++;
	}
	*ret = value;
	return n > 0;
}

static bool take_perms(struct cursor *c, bool *ret_executable)
{
	if (c->end - c->at < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		if (!strchr("rwxps-", c->at[i]))
			return false;
	}
	*ret_executable = c->at[2] == 'x';
	c->at += 4;
	return true;
}

/* Copies the path, with its octal escapes undone; cut at the first NUL and at MAPS_PATH_MAX. */
static void take_path(struct cursor *c, struct maps_entry *e)
{
	size_t n = 0;

	while (c->at < c->end && *c->at && n + 1 < MAPS_PATH_MAX) {
		if (c->end - c->at >= 4 && !memcmp(c->at, "\\012", 4)) {
			e->path[n++] = '\n';
			c->at += 4;
		} else {
			e->path[n++] = *c->at++;
		}
	}
	e->path[n] = '\0';
	e->path_len = n;
}

int maps_parse(const char *line, size_t len, struct maps_entry *ret)
{
	struct cursor c = {.at = line, .end = line + len};
	uint64_t major, minor;

	if (!take_number(&c, 16, &ret->start) || !take(&c, '-') ||
	    !take_number(&c, 16, &ret->end) || !take(&c, ' ') ||
	    !take_perms(&c, &ret->executable) || !take(&c, ' ') ||
	    !take_number(&c, 16, &ret->pgoff) || !take(&c, ' ') || !take_number(&c, 16, &major) ||
	    !take(&c, ':') || !take_number(&c, 16, &minor) || !take(&c, ' ') ||
	    !take_number(&c, 10, &ret->ino))
		return -EINVAL;
	if (c.at < c.end && *c.at != ' ')
		return -EINVAL;
	if (ret->start >= ret->end || major > UINT32_MAX || minor > UINT32_MAX)
		return -EINVAL;
	ret->dev_major = (uint32_t)major;
	ret->dev_minor = (uint32_t)minor;
	while (take(&c, ' '))
		;
	take_path(&c, ret);
	return 0;
}

int maps_each(const char *text, size_t len, maps_fn fn, void *arg, size_t *ret_malformed)
{
	const char *end = text + len;
	struct maps_entry *e = malloc(sizeof(*e));
	size_t malformed = 0;
	int r = 0;

	if (!e)
		return -ENOMEM;
	while (text < end && !r) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));

		if (!eol)
			eol = end;
		if (maps_parse(text, (size_t)(eol - text), e))
			malformed++;
		else if (e->executable)
			r = fn(arg, e);
		text = eol + (eol < end);
	}
	free(e);
	if (ret_malformed)
		*ret_malformed = malformed;
	return r;
}

/* All of a file that has no size, into memory that the caller frees. */
static int read_whole(int fd, char **ret, size_t *ret_len)
{
	size_t capacity = MAPS_FIRST_BYTES, len = 0;
	char *text = malloc(capacity);
	int r = text ? 0 : -ENOMEM;

	while (!r) {
		ssize_t n;

		if (len == capacity) {
			char *bigger =
				capacity < MAPS_MAX_BYTES ? realloc(text, capacity * 2) : NULL;

			if (!bigger)
				break; /* what was read is better than nothing */
			text = bigger;
			capacity *= 2;
		}
		n = read(fd, text + len, capacity - len);
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			r = -errno;
		len += n > 0 ? (size_t)n : 0;
	}
	if (r) {
		free(text);
		return r;
	}
	*ret = text;
	*ret_len = len;
	return 0;
}

int maps_read(uint32_t pid, maps_fn fn, void *arg, size_t *ret_malformed)
{
	char path[32], *text;
	size_t len;
	int fd, r;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = read_whole(fd, &text, &len);
	close(fd);
	if (r)
		return r;
	r = maps_each(text, len, fn, arg, ret_malformed);
	free(text);
	return r;
}
