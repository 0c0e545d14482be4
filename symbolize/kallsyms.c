// SPDX-License-Identifier: Apache-2.0
/*
 * The list is read as a stream, since the kernel hands it out a page at a time and two thirds of
 * its 5 MB are addresses in hex. What is kept per symbol is 16 bytes and its name. Runs of bounds
 * are folded into one while the list comes in order, which it does for the kernel proper; a list
 * that turns out not to be sorted is sorted at the end, stably, so that the first of several names
 * for one address stays the first.
 *
 * Invariant after sealing: entries are strictly ascending by address.
 */
#include "kallsyms.h"

#include "core/vec.h"
#include "openfile.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES (64u << 10)

/* name 0: a bound that owns nothing. Offsets into text; its first byte is a NUL. */
struct entry {
	uint64_t address;
	uint32_t name;
	uint32_t module; /* an offset into text as well; 0: the kernel itself */
};

struct kallsyms {
	struct vec entries;
	struct vec text; /* char */
	uint32_t last_module;
	size_t named;
	bool unsorted;
	bool any_address;
	bool any_text;
};

static int add_text(struct kallsyms *k, const char *s, size_t len, uint32_t *ret)
{
	size_t at = k->text.n;
	char *to;

	if (at + len + 1 > UINT32_MAX)
		return -EFBIG;
	to = vec_push(&k->text, NULL, len + 1);
	if (!to)
		return -ENOMEM;
	memcpy(to, s, len);
	*ret = (uint32_t)at;
	return 0;
}

/* Modules come in runs, so comparing with the last one finds nearly all repetitions. */
static int add_module(struct kallsyms *k, const char *s, size_t len, uint32_t *ret)
{
	const char *last = (const char *)k->text.data + k->last_module;
	int r = 0;

	if (strlen(last) != len || memcmp(last, s, len) != 0)
		r = add_text(k, s, len, &k->last_module);
	*ret = k->last_module;
	return r;
}

static int add_entry(struct kallsyms *k, uint64_t address, const char *name, size_t name_len,
		     const char *module, size_t module_len)
{
	struct entry *last = k->entries.n ? vec_at(&k->entries, k->entries.n - 1) : NULL;
	struct entry e = {.address = address};
	int r = 0;

	if (last && address < last->address)
		k->unsorted = true;
	if (last && address == last->address && (last->name || !name_len))
		return 0;
	if (last && !last->name && !name_len && address > last->address)
		return 0;
	if (module_len && name_len)
		r = add_module(k, module, module_len, &e.module);
	if (r == 0 && name_len)
		r = add_text(k, name, name_len, &e.name);
	if (r < 0)
		return r;
	if (last && address == last->address) {
		*last = e;
		return 0;
	}
	return vec_push(&k->entries, &e, 1) ? 0 : -ENOMEM;
}

static bool is_end_mark(const char *name, size_t len)
{
	return (len == 6 && memcmp(name, "_etext", 6) == 0) ||
	       (len == 10 && memcmp(name, "_einittext", 10) == 0);
}

/* The digits at s[0 … len); 16 at most. The count of digits, 0 for too many as well. */
static size_t parse_hex(const char *s, size_t len, uint64_t *ret)
{
	uint64_t value = 0;
	size_t n;

	for (n = 0; n < len; n++) {
		unsigned int c = (unsigned char)s[n], digit = c - '0';

		if (digit > 9)
			digit = c - 'a' <= 5 ? c - 'a' + 10 : 16;
		if (digit > 15)
			break;
		value = value << 4 | digit;
	}
	*ret = value;
	return n <= 16 ? n : 0;
}

static bool is_text_type(char c)
{
	return c == 't' || c == 'T' || c == 'w' || c == 'W';
}

/* One line without its newline. Lines of another shape are passed over. */
static int add_line(struct kallsyms *k, const char *line, size_t len)
{
	uint64_t address;
	size_t digits = parse_hex(line, len, &address), name_len, module_len = 0;
	const char *name, *module;
	bool is_text;

	if (digits == 0 || len - digits < 4 || line[digits] != ' ' || line[digits + 2] != ' ')
		return 0;
	is_text = is_text_type(line[digits + 1]);
	k->any_text |= is_text;
	k->any_address |= address != 0;
	if (address == 0)
		return 0;
	name = line + digits + 3;
	name_len = len - digits - 3;
	module = memchr(name, '\t', name_len);
	if (module) {
		module_len = name_len - (size_t)(module + 1 - name);
		name_len = (size_t)(module - name);
		module++;
	}
	if (!is_text || is_end_mark(name, name_len) || *name == '\0')
		name_len = 0;
	return add_entry(k, address, name, name_len, module, module_len);
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	/* Names before bounds; text offsets grow with the position in the list. */
	if (!x->name != !y->name)
		return x->name ? -1 : 1;
	return (x->name > y->name) - (x->name < y->name);
}

static int seal(struct kallsyms *k)
{
	struct entry *e = k->entries.data;
	size_t kept = 0;

	if (k->any_text && !k->any_address)
		return -EACCES;
	if (k->unsorted) {
		qsort(e, k->entries.n, sizeof(*e), compare_entries);
		for (size_t i = 0; i < k->entries.n; i++) {
			if (kept == 0 || e[kept - 1].address != e[i].address)
				e[kept++] = e[i];
		}
		k->entries.n = kept;
	}
	for (size_t i = 0; i < k->entries.n; i++)
		k->named += e[i].name != 0;
	return 0;
}

static int new_list(struct kallsyms **ret)
{
	struct kallsyms *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	vec_init(&k->entries, sizeof(struct entry));
	vec_init(&k->text, 1);
	if (!vec_push(&k->text, NULL, 1)) {
		kallsyms_free(k);
		return -ENOMEM;
	}
	*ret = k;
	return 0;
}

/* Takes the whole lines of buf; *ret_rest is what is left of the last one. */
static int add_lines(struct kallsyms *k, const char *buf, size_t size, size_t *ret_rest)
{
	const char *at = buf, *end = buf + size, *newline;

	while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
		int r = add_line(k, at, (size_t)(newline - at));

		if (r < 0)
			return r;
		at = newline + 1;
	}
	*ret_rest = (size_t)(end - at);
	return 0;
}

static int read_list(struct kallsyms *k, int fd, char *buf)
{
	size_t have = 0, total = 0;
	bool skipping = false;
	int r;

	for (;;) {
		ssize_t n = read(fd, buf + have, CHUNK_BYTES - have);
		size_t rest;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return have && !skipping ? add_line(k, buf, have) : 0;
		total += (size_t)n;
		if (total > KALLSYMS_MAX_BYTES)
			return -EFBIG;
		have += (size_t)n;
		if (skipping) {
			char *newline = memchr(buf, '\n', have);

			if (!newline) {
				have = 0;
				continue;
			}
			have -= (size_t)(newline + 1 - buf);
			memmove(buf, newline + 1, have);
			skipping = false;
		}
		r = add_lines(k, buf, have, &rest);
		if (r < 0)
			return r;
		memmove(buf, buf + have - rest, rest);
		have = rest;
		/* A line that fills the buffer is none of the kernel's. */
		if (have == CHUNK_BYTES) {
			skipping = true;
			have = 0;
		}
	}
}

int kallsyms_load(const char *path, struct kallsyms **ret)
{
	struct kallsyms *k = NULL;
	char *buf = NULL;
	int fd, r;

	fd = openfile_regular(path, NULL);
	if (fd < 0)
		return fd;
	buf = malloc(CHUNK_BYTES);
	r = buf ? new_list(&k) : -ENOMEM;
	if (r == 0)
		r = read_list(k, fd, buf);
	if (r == 0)
		r = seal(k);
	free(buf);
	close(fd);
	if (r < 0) {
		kallsyms_free(k);
		return r;
	}
	*ret = k;
	return 0;
}

int kallsyms_parse(const char *text, size_t size, struct kallsyms **ret)
{
	struct kallsyms *k;
	size_t rest;
	int r;

	if (size > KALLSYMS_MAX_BYTES)
		return -EFBIG;
	r = new_list(&k);
	if (r < 0)
		return r;
	r = add_lines(k, text, size, &rest);
	if (r == 0 && rest)
		r = add_line(k, text + size - rest, rest);
	if (r == 0)
		r = seal(k);
	if (r < 0) {
		kallsyms_free(k);
		return r;
	}
	*ret = k;
	return 0;
}

void kallsyms_free(struct kallsyms *k)
{
	if (!k)
		return;
	vec_release(&k->entries);
	vec_release(&k->text);
	free(k);
}

bool kallsyms_lookup(const struct kallsyms *k, uint64_t address, struct kallsym *ret)
{
	const struct entry *e = k->entries.data;
	const char *text = k->text.data;
	size_t lo = 0, hi = k->entries.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (e[mid].address <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0 || !e[lo - 1].name)
		return false;
	e += lo - 1;
	if ((lo == k->entries.n || e[1].module != e[0].module) &&
	    address - e->address >= KALLSYMS_TAIL_BYTES)
		return false;
	*ret = (struct kallsym){.name = text + e->name, .module = text + e->module};
	return true;
}

/* Notes are {name size, description size, type}, name and description, each padded to 4 bytes. */
static int find_build_id(const unsigned char *notes, size_t size, char *ret)
{
	size_t at = 0;

	while (size - at >= 12) {
		uint32_t head[3], name, desc;

		memcpy(head, notes + at, sizeof(head));
		at += sizeof(head);
		if (head[0] > size || head[1] > size)
			break;
		name = (head[0] + 3) & ~3u;
		desc = (head[1] + 3) & ~3u;
		if (name > size - at || desc > size - at - name)
			break;
		if (head[2] == NT_GNU_BUILD_ID && head[0] == 4 && head[1] && head[1] <= 64 &&
		    memcmp(notes + at, "GNU", 4) == 0) {
			for (uint32_t i = 0; i < head[1]; i++)
				snprintf(ret + 2 * i, 3, "%02x", notes[at + name + i]);
			return 0;
		}
		at += name + desc;
	}
	return -ENOENT;
}

int kallsyms_build_id(char ret[KALLSYMS_BUILD_ID_BYTES])
{
	unsigned char notes[4096];
	int fd = openfile_regular("/sys/kernel/notes", NULL);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = openfile_read(fd, notes, sizeof(notes), 0);
	close(fd);
	return n < 0 ? (int)n : find_build_id(notes, (size_t)n, ret);
}

size_t kallsyms_count(const struct kallsyms *k)
{
	return k->named;
}

size_t kallsyms_bytes(const struct kallsyms *k)
{
	return sizeof(*k) + k->entries.capacity * sizeof(struct entry) + k->text.capacity;
}
