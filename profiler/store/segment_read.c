// SPDX-License-Identifier: Apache-2.0
/*
 * segment - reading one; see segment.h. The file may hold anything: sizes are checked against the
 * file's and against fixed limits before memory is taken, and every id that indexes something of
 * this file is checked. Ids of the dictionary are not: whoever looks them up does that.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "store/segment.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "store/segment_file.h"

enum {
	MAX_INDEX = 64 << 20,
};

static int read_at(int fd, uint64_t offset, void *data, size_t size)
{
	char *at = data;

	while (size) {
		ssize_t n = pread(fd, at, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -EIO : -EBADMSG;
		at += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

/* ---- The index. */

static int read_windows(struct bytes_in *in, struct segment *s)
{
	uint64_t n = bytes_get_max(in, SEGMENT_MAX_WINDOWS);
	uint64_t last = 0;

	for (uint64_t i = 0; i < n && !in->bad; i++) {
		struct segment_window win;
		uint64_t start, end, length;

		start = bytes_get_max(in, INT64_MAX);
		length = bytes_get_max(in, INT64_MAX);
		win.count = bytes_get(in);
		if (__builtin_add_overflow(last, start, &start) ||
		    __builtin_add_overflow(start, length, &end) || end > INT64_MAX)
			return -EBADMSG;
		last = start;
		win.start_ns = (int64_t)start;
		win.end_ns = (int64_t)end;
		if (!vec_push(&s->windows, &win, 1))
			return -ENOMEM;
	}
	return in->bad ? -EBADMSG : 0;
}

static int read_types(struct bytes_in *in, struct segment *s)
{
	uint64_t n = bytes_get_max(in, SEGMENT_MAX_TYPES);

	for (uint64_t i = 0; i < n && !in->bad; i++) {
		struct segment_type t;

		t.type = (uint32_t)bytes_get_max(in, INT32_MAX);
		t.unit = (uint32_t)bytes_get_max(in, INT32_MAX);
		if (!vec_push(&s->types, &t, 1))
			return -ENOMEM;
	}
	return in->bad ? -EBADMSG : 0;
}

static int read_block_series(struct bytes_in *in, struct segment *s, struct segment_block *b)
{
	uint64_t last = 0, stacks = 0;

	b->first_series = (uint32_t)s->series.n;
	b->n_series = (uint32_t)bytes_get_max(in, SEGMENT_MAX_ROWS);
	for (uint32_t i = 0; i < b->n_series && !in->bad; i++) {
		struct segment_series entry;

		last += bytes_get_max(in, INT32_MAX);
		if (last > INT32_MAX)
			return -EBADMSG;
		entry.series = (uint32_t)last;
		entry.n_stacks = (uint32_t)bytes_get_max(in, SEGMENT_MAX_ROWS);
		stacks += entry.n_stacks;
		if (!vec_push(&s->series, &entry, 1))
			return -ENOMEM;
	}
	if (in->bad || stacks > b->n_rows)
		return -EBADMSG;
	b->n_stacks = (uint32_t)stacks;
	return 0;
}

static int read_block(struct bytes_in *in, struct segment *s, uint64_t *offset, uint64_t end)
{
	struct segment_block b = {.offset = *offset};
	int r;

	b.type = (uint32_t)bytes_get_max(in, s->types.n ? s->types.n - 1 : 0);
	b.n_windows = (uint32_t)s->windows.n;
	if (s->version > 1) {
		b.first_window = (uint32_t)bytes_get_max(in, s->windows.n);
		b.n_windows = (uint32_t)bytes_get_max(in, s->windows.n - b.first_window);
	}
	b.n_rows = (uint32_t)bytes_get_max(in, SEGMENT_MAX_ROWS);
	b.scale = bytes_get_max(in, INT64_MAX);
	b.hash = bytes_get_u64(in);
	for (size_t c = 0; c < SEGMENT_COLUMNS; c++) {
		b.columns[c].size = (uint32_t)bytes_get_max(in, b.n_rows * 10ull);
		b.columns[c].stored = (uint32_t)bytes_get_max(in, b.columns[c].size);
		*offset += b.columns[c].stored;
	}
	if (in->bad || !s->types.n || !b.n_windows || *offset > end)
		return -EBADMSG;
	r = read_block_series(in, s, &b);
	if (r == 0 && !vec_push(&s->blocks, &b, 1))
		r = -ENOMEM;
	s->n_rows += b.n_rows;
	return r;
}

static int parse_index(struct segment *s, struct bytes_in in, uint64_t end)
{
	uint64_t offset = SEGMENT_MAGIC_SIZE, n;
	int r;

	s->dict = (uint32_t)bytes_get_max(&in, INT32_MAX);
	r = read_windows(&in, s);
	r = r ?: read_types(&in, s);
	n = bytes_get(&in);
	for (uint64_t i = 0; i < n && r == 0; i++)
		r = read_block(&in, s, &offset, end);
	if (r == 0 && (in.bad || bytes_left(&in) || offset != end))
		r = -EBADMSG;
	return r;
}

static int load_index(struct segment *s, const struct segment_trailer *t)
{
	char *stored = malloc(t->stored + (size_t)1), *plain = malloc(t->size + (size_t)1);
	int r = stored && plain ? 0 : -ENOMEM;

	r = r ?: read_at(s->fd, t->offset, stored, t->stored);
	if (r == 0 && XXH3_64bits(stored, t->stored) != t->hash)
		r = -EBADMSG;
	if (r == 0 && t->stored != t->size &&
	    ZSTD_decompress(plain, t->size, stored, t->stored) != t->size)
		r = -EBADMSG;
	if (r == 0)
		r = parse_index(s, bytes_in(t->stored == t->size ? stored : plain, t->size),
				t->offset);
	free(stored);
	free(plain);
	return r;
}

static int load(struct segment *s)
{
	struct segment_trailer t;
	char magic[SEGMENT_MAGIC_SIZE];
	struct stat st;
	uint64_t size;
	int r;

	if (fstat(s->fd, &st) < 0)
		return -errno;
	size = (uint64_t)st.st_size;
	if (!S_ISREG(st.st_mode) || size < SEGMENT_MAGIC_SIZE + sizeof(t))
		return -EBADMSG;
	r = read_at(s->fd, 0, magic, sizeof(magic));
	r = r ?: read_at(s->fd, size - sizeof(t), &t, sizeof(t));
	if (r < 0)
		return r;
	if (memcmp(magic, SEGMENT_MAGIC, sizeof(magic)) != 0 ||
	    memcmp(t.magic, SEGMENT_END_MAGIC, sizeof(t.magic)) != 0)
		return -EBADMSG;
	if (t.version > SEGMENT_VERSION)
		return -EPROTO;
	if (t.version < SEGMENT_OLDEST_VERSION)
		return -EBADMSG;
	s->version = t.version;
	if (t.size > MAX_INDEX || t.stored > t.size || t.offset < SEGMENT_MAGIC_SIZE ||
	    t.offset > size || t.stored + sizeof(t) != size - t.offset)
		return -EBADMSG;
	return load_index(s, &t);
}

int segment_open(int fd, struct segment **ret)
{
	struct segment *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->fd = fd;
	vec_init(&s->windows, sizeof(struct segment_window));
	vec_init(&s->types, sizeof(struct segment_type));
	vec_init(&s->series, sizeof(struct segment_series));
	vec_init(&s->blocks, sizeof(struct segment_block));
	r = load(s);
	if (r < 0) {
		s->fd = -1;
		segment_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void segment_close(struct segment *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	vec_release(&s->windows);
	vec_release(&s->types);
	vec_release(&s->series);
	vec_release(&s->blocks);
	free(s);
}

/* ---- Rows. */

int segment_rows_init(struct segment_rows *rows)
{
	memset(rows, 0, sizeof(*rows));
	vec_init(&rows->stacks, sizeof(uint32_t));
	vec_init(&rows->counts, sizeof(uint32_t));
	vec_init(&rows->times, sizeof(uint32_t));
	vec_init(&rows->values, sizeof(int64_t));
	vec_init(&rows->stored, 1);
	vec_init(&rows->plain, 1);
	rows->zstd = ZSTD_createDCtx();
	return rows->zstd ? 0 : -ENOMEM;
}

void segment_rows_release(struct segment_rows *rows)
{
	vec_release(&rows->stacks);
	vec_release(&rows->counts);
	vec_release(&rows->times);
	vec_release(&rows->values);
	vec_release(&rows->stored);
	vec_release(&rows->plain);
	ZSTD_freeDCtx(rows->zstd);
	rows->zstd = NULL;
}

static int resize(struct vec *v, size_t n)
{
	v->n = 0;
	if (vec_reserve(v, n ? n : 1) < 0)
		return -ENOMEM;
	v->n = n;
	return 0;
}

/* The numbers of a column that begins at `stored`. */
static int unpack(struct segment_rows *rows, const struct segment_column *c, const char *stored,
		  struct bytes_in *ret)
{
	if (c->stored == c->size) {
		*ret = bytes_in(stored, c->size);
		return 0;
	}
	if (resize(&rows->plain, c->size) < 0)
		return -ENOMEM;
	if (ZSTD_decompressDCtx(rows->zstd, rows->plain.data, c->size, stored, c->stored) !=
	    c->size)
		return -EBADMSG;
	*ret = bytes_in(rows->plain.data, c->size);
	return 0;
}

/* Numbers of at most INT32_MAX, as all ids, counts and times are. Most of them are small, and eight
 * of those are taken at once. */
static bool get_ids(struct bytes_in *in, uint32_t n, uint32_t *out)
{
	uint64_t all = 0;
	uint8_t eight[8];

	for (uint32_t i = 0; i < n && !in->bad;) {
		uint32_t end = n - i < 8 ? n : i + 8;

		if (end == i + 8 && bytes_get_eight(in, eight)) {
			for (uint32_t k = 0; k < 8; k++)
				out[i + k] = eight[k];
			i = end;
		}
		for (; i < end; i++) {
			uint64_t x = bytes_get(in);

			all |= x;
			out[i] = (uint32_t)x;
		}
	}
	return !in->bad && !bytes_left(in) && all <= INT32_MAX;
}

/* The same for values; *ret_all has all bits that any of them has. */
static bool get_values(struct bytes_in *in, uint32_t n, int64_t *out, uint64_t *ret_all)
{
	uint64_t all = 0;
	uint8_t eight[8];

	for (uint32_t i = 0; i < n && !in->bad;) {
		uint32_t end = n - i < 8 ? n : i + 8;

		if (end == i + 8 && bytes_get_eight(in, eight)) {
			for (uint32_t k = 0; k < 8; k++)
				out[i + k] = eight[k];
			all |= 0x7f;
			i = end;
		}
		for (; i < end; i++) {
			uint64_t x = bytes_get(in);

			all |= x;
			out[i] = (int64_t)x;
		}
	}
	*ret_all = all;
	return !in->bad && !bytes_left(in);
}

/* Differences become sums, each at most max. */
static bool add_up(uint32_t *numbers, uint32_t n, uint64_t from, uint64_t max)
{
	for (uint32_t i = 0; i < n; i++) {
		from += numbers[i];
		numbers[i] = (uint32_t)from;
	}
	/* None is below zero: the last is the largest, and 2^18 of 2^31 do not overflow. */
	return from <= max;
}

static int read_stacks(struct segment_rows *rows, const struct segment *s,
		       const struct segment_block *b, struct bytes_in in)
{
	uint32_t *out = rows->stacks.data;

	if (!get_ids(&in, b->n_stacks, out))
		return -EBADMSG;
	for (uint32_t i = 0; i < b->n_series; i++) {
		const struct segment_series *e = vec_at(&s->series, b->first_series + i);

		if (!add_up(out, e->n_stacks, 0, INT32_MAX))
			return -EBADMSG;
		out += e->n_stacks;
	}
	return 0;
}

static int read_counts(struct segment_rows *rows, const struct segment_block *b, struct bytes_in in)
{
	uint32_t *out = rows->counts.data;
	uint64_t sum = b->n_stacks;

	if (!get_ids(&in, b->n_stacks, out))
		return -EBADMSG;
	for (uint32_t i = 0; i < b->n_stacks; i++)
		sum += out[i]++;
	return sum != b->n_rows ? -EBADMSG : 0;
}

static int read_times(struct segment_rows *rows, const struct segment *s,
		      const struct segment_block *b, struct bytes_in in)
{
	const uint32_t *counts = rows->counts.data;
	uint32_t *out = rows->times.data;
	uint64_t last = (uint64_t)b->first_window + b->n_windows - 1;

	if (!get_ids(&in, b->n_rows, out))
		return -EBADMSG;
	for (uint32_t i = 0; i < b->n_stacks; i++) {
		if (!add_up(out, counts[i], b->first_window, last))
			return -EBADMSG;
		out += counts[i];
	}
	return 0;
}

static int read_values(struct segment_rows *rows, const struct segment_block *b, struct bytes_in in)
{
	uint64_t max = b->scale ? INT64_MAX / b->scale : 0, all;
	int64_t *out = rows->values.data;

	if (!get_values(&in, b->n_rows, out, &all))
		return -EBADMSG;
	if (all > max)
		for (uint32_t i = 0; i < b->n_rows; i++)
			if ((uint64_t)out[i] > max)
				return -EBADMSG;
	for (uint32_t i = 0; i < b->n_rows; i++)
		out[i] *= (int64_t)b->scale;
	/* Most values are so far from the largest that there are, that no sum of them overflows. */
	rows->small = all <= max / SEGMENT_MAX_ROWS;
	return 0;
}

static int read_column(struct segment_rows *rows, const struct segment *s,
		       const struct segment_block *b, size_t column, const char *stored)
{
	struct bytes_in in;
	int r = unpack(rows, &b->columns[column], stored, &in);

	if (r < 0)
		return r;
	switch (column) {
	case SEGMENT_STACKS:
		return read_stacks(rows, s, b, in);
	case SEGMENT_COUNTS:
		return read_counts(rows, b, in);
	case SEGMENT_TIMES:
		return read_times(rows, s, b, in);
	default:
		return read_values(rows, b, in);
	}
}

int segment_read(const struct segment *s, const struct segment_block *block, bool times,
		 struct segment_rows *rows)
{
	const char *at;
	size_t size = 0;
	int r;

	for (size_t c = 0; c < SEGMENT_COLUMNS; c++)
		size += block->columns[c].stored;
	r = resize(&rows->stored, size);
	r = r ?: resize(&rows->stacks, block->n_stacks);
	r = r ?: resize(&rows->counts, block->n_stacks);
	r = r ?: resize(&rows->times, times ? block->n_rows : 0);
	r = r ?: resize(&rows->values, block->n_rows);
	r = r ?: read_at(s->fd, block->offset, rows->stored.data, size);
	if (r == 0 && XXH3_64bits(rows->stored.data, size) != block->hash)
		r = -EBADMSG;
	at = rows->stored.data;
	for (size_t c = 0; c < SEGMENT_COLUMNS && r == 0; c++) {
		if (c != SEGMENT_TIMES || times)
			r = read_column(rows, s, block, c, at);
		at += block->columns[c].stored;
	}
	return r;
}
