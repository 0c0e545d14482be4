// SPDX-License-Identifier: Apache-2.0
/*
 * Reading folded stacks; see fmt_folded.c for the format.
 *
 * Every element of a line becomes a frame, the first one too: whether it is a process name or a
 * function cannot be told, and this way what was read is written as it was. Frames keep an
 * annotation "_[k]" (kernel), "_[i]" (inlined), "_[j]" (JIT) in their name, for the same reason,
 * and get the flag that it stands for. Lines that are blank or begin with '#' are skipped; line
 * ends may be CRLF; the count is a whole number. Anything else is an error that names the line.
 *
 * For speed, a line is compared with the one before: files are mostly sorted, so most of its frames
 * are the same bytes in the same place and their ids are known without looking at them.
 */
#include "formats/fmt_folded.h"

#include "core/hash.h"
#include "core/vec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SNIFF_BYTES = 4096 };

/* A name that has been seen: where it first stood, and its location. */
struct known {
	const char *name;
	size_t size;
	uint32_t location;
};

struct reader {
	struct cresset_profile *p;
	struct cresset_error *err;
	size_t line;	      /* number of the line at hand, from 1 */
	const char *previous; /* the stack of the line before … */
	size_t previous_size;
	struct vec ends;       /* … where each of its frames ends (size_t, from its start) … */
	struct vec locations;  /* … and their ids, root first (uint32_t) */
	struct vec leaf_first; /* uint32_t */
	struct vec known;      /* struct known; [0] is none */
	struct hash index;     /* name → known */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The number that s[0 … n) is. */
static int parse_count(const char *s, size_t n, int64_t *ret)
{
	int64_t x = 0;

	if (!n)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(x, 10, &x) || __builtin_add_overflow(x, s[i] - '0', &x))
			return -ERANGE;
	}
	*ret = x;
	return 0;
}

static bool ends_with(const char *s, size_t n, const char *end)
{
	size_t len = strlen(end);

	return n >= len && memcmp(s + n - len, end, len) == 0;
}

static uint32_t frame_flags(const char *s, size_t n)
{
	if (ends_with(s, n, "_[k]"))
		return CRESSET_LOCATION_KERNEL;
	if (ends_with(s, n, "_[i]"))
		return CRESSET_LOCATION_INLINED;
	if (ends_with(s, n, "_[j]"))
		return CRESSET_LOCATION_JIT;
	if (n > 8 && memcmp(s, "[error: ", 8) == 0)
		return CRESSET_LOCATION_ERROR;
	return 0;
}

static bool known_equal(const void *table, uint32_t id, const void *key)
{
	const struct known *a = vec_at(table, id), *b = key;

	return a->size == b->size && memcmp(a->name, b->name, a->size) == 0;
}

/* The location of a name. The profile would find it again by itself, but by three look-ups. */
static int add_frame(struct reader *d, const char *s, size_t n)
{
	struct known k = {.name = n ? s : "[unknown]", .size = n ? n : strlen("[unknown]")};
	uint64_t hash = hash_bytes(k.name, k.size, 0);
	uint32_t id = hash_find(&d->index, hash, known_equal, &d->known, &k);
	int r = 0;

	if (!id) {
		r = cresset_profile_add_frame(d->p, k.name, k.size, frame_flags(k.name, k.size),
					      &k.location);
		if (r == 0 && (hash_reserve(&d->index) < 0 || !vec_push(&d->known, &k, 1)))
			r = -ENOMEM;
		if (r < 0)
			return r;
		id = (uint32_t)d->known.n - 1;
		hash_insert(&d->index, hash, id);
	}
	k = *(struct known *)vec_at(&d->known, id);
	return vec_push(&d->locations, &k.location, 1) ? 0 : -ENOMEM;
}

/* How many frames at the start of the line are those of the line before. */
static size_t same_frames(const struct reader *d, const char *s, size_t n)
{
	size_t max = n < d->previous_size ? n : d->previous_size, same = 0, frames = 0;
	const size_t *ends = d->ends.data;

	for (; same + 8 <= max && memcmp(s + same, d->previous + same, 8) == 0;)
		same += 8;
	while (same < max && s[same] == d->previous[same])
		same++;
	/* A frame is the same if what ends it is, too. */
	while (frames < d->ends.n && ends[frames] <= same &&
	       (ends[frames] == n || (ends[frames] < n && s[ends[frames]] == ';')))
		frames++;
	return frames;
}

/* Splits a stack into frames. */
static int read_frames(struct reader *d, const char *s, size_t n)
{
	size_t keep = d->previous ? same_frames(d, s, n) : 0;
	size_t at = keep ? ((size_t *)d->ends.data)[keep - 1] + 1 : 0;
	int r = 0;

	d->locations.n = d->ends.n = keep;
	d->previous = s;
	d->previous_size = n;
	/* at is n + 1 once the last frame is taken, also where that one is empty. */
	while (r == 0 && at <= n) {
		const char *semicolon = memchr(s + at, ';', n - at);
		size_t end = semicolon ? (size_t)(semicolon - s) : n;

		r = add_frame(d, s + at, end - at);
		if (r == 0 && !vec_push(&d->ends, &end, 1))
			r = -ENOMEM;
		at = end + 1;
	}
	return r;
}

static int add_stack(struct reader *d, int64_t count)
{
	const uint32_t *ids = d->locations.data;
	size_t n = d->locations.n;
	uint32_t *reversed, stack;
	int r;

	d->leaf_first.n = 0;
	reversed = vec_push(&d->leaf_first, NULL, n);
	if (!reversed)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		reversed[i] = ids[n - 1 - i];
	r = cresset_profile_add_stack(d->p, reversed, n, &stack);
	return r < 0 ? r : cresset_profile_add_sample(d->p, stack, 0, &count);
}

static int line_error(const struct reader *d, int r, const char *what)
{
	return cresset_error_set(d->err, r, "line %zu: %s", d->line, what);
}

/* The place of the blank before the last word of s[0 … n); n if there is none. */
static size_t last_blank(const char *s, size_t n)
{
	size_t i = n;

	while (i && !is_blank(s[i - 1]))
		i--;
	return i ? i - 1 : n;
}

static int read_line(struct reader *d, const char *s, size_t n)
{
	size_t blank, other;
	int64_t count, before;
	int r;

	if (n && s[n - 1] == '\r')
		n--;
	while (n && is_blank(s[n - 1]))
		n--;
	if (!n || s[0] == '#')
		return 0;
	if (memchr(s, '\0', n))
		return line_error(d, -EINVAL, "holds a NUL byte, this is not text");
	blank = last_blank(s, n);
	if (blank == n)
		return line_error(d, -EINVAL, "no count: a line is `root;...;leaf COUNT`");
	r = parse_count(s + blank + 1, n - blank - 1, &count);
	if (r == -ERANGE)
		return line_error(d, r, "the count is too large");
	if (r < 0)
		return line_error(d, r, "the count (the last word) is not a whole number");
	if (!blank)
		return line_error(d, -EINVAL, "a count without a stack");
	other = last_blank(s, blank);
	if (other < blank && parse_count(s + other + 1, blank - other - 1, &before) == 0)
		return line_error(d, -EINVAL,
				  "two counts: this is the diff of two profiles, not a profile");
	r = read_frames(d, s, blank);
	return r < 0 || !count ? r : add_stack(d, count);
}

int folded_read(const void *data, size_t size, struct cresset_profile *p, struct cresset_error *err)
{
	struct reader d = {.p = p, .err = err};
	const char *at = data, *end = at + size;
	int r = cresset_profile_add_value_type(p, "samples", "count");

	vec_init(&d.ends, sizeof(size_t));
	vec_init(&d.locations, sizeof(uint32_t));
	vec_init(&d.leaf_first, sizeof(uint32_t));
	vec_init(&d.known, sizeof(struct known));
	if (r == 0 && !vec_push(&d.known, NULL, 1))
		r = -ENOMEM;
	while (r == 0 && at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		d.line++;
		r = read_line(&d, at, (size_t)((newline ? newline : end) - at));
		at = newline ? newline + 1 : end;
	}
	vec_release(&d.ends);
	vec_release(&d.locations);
	vec_release(&d.leaf_first);
	vec_release(&d.known);
	hash_release(&d.index);
	return r;
}

/* Text whose first line that is no comment ends in a number. */
bool folded_sniff(const void *data, size_t size)
{
	const char *at = data, *end = at + (size < SNIFF_BYTES ? size : SNIFF_BYTES);

	for (const char *c = at; c < end; c++)
		if ((unsigned char)*c < ' ' && *c != '\n' && *c != '\r' && *c != '\t')
			return false;
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((newline ? newline : end) - at);

		/* A line that is longer than what is looked at may end in anything. */
		if (!newline && size > SNIFF_BYTES)
			return memchr(at, ';', n) != NULL;
		while (n && (is_blank(at[n - 1]) || at[n - 1] == '\r'))
			n--;
		if (n && at[0] != '#')
			return at[n - 1] >= '0' && at[n - 1] <= '9' && last_blank(at, n) < n;
		at = newline ? newline + 1 : end;
	}
	return false;
}
