// SPDX-License-Identifier: Apache-2.0
/* segment - writing one; see segment.h. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "store/segment.h"

#include <errno.h>
#include <unistd.h>
#include <zstd.h>

#include "store/segment_file.h"

enum { LEVEL = 3 };

/* Shorter is faster for an hour of a day, longer for the day: measured, see README.md. */
#define SPAN_NS (INT64_C(3) * 3600 * 1000000000)

int segment_writer_init(struct segment_writer *w, int fd, uint32_t dict)
{
	memset(w, 0, sizeof(*w));
	w->fd = fd;
	w->dict = dict;
	vec_init(&w->windows, sizeof(struct segment_window));
	vec_init(&w->types, sizeof(struct segment_type));
	vec_init(&w->series, sizeof(struct segment_series));
	vec_init(&w->blocks, sizeof(struct segment_block));
	vec_init(&w->values, sizeof(int64_t));
	vec_init(&w->out, 1);
	for (size_t i = 0; i < SEGMENT_VALUES; i++)
		bytes_init(&w->columns[i]);
	bytes_init(&w->packed);
	w->zstd = ZSTD_createCCtx();
	if (!w->zstd)
		return -ENOMEM;
	w->error = segment_write_at(fd, 0, SEGMENT_MAGIC, SEGMENT_MAGIC_SIZE);
	w->offset = SEGMENT_MAGIC_SIZE;
	return w->error;
}

void segment_writer_release(struct segment_writer *w)
{
	vec_release(&w->windows);
	vec_release(&w->types);
	vec_release(&w->series);
	vec_release(&w->blocks);
	vec_release(&w->values);
	vec_release(&w->out);
	for (size_t i = 0; i < SEGMENT_VALUES; i++)
		bytes_release(&w->columns[i]);
	bytes_release(&w->packed);
	ZSTD_freeCCtx(w->zstd);
	w->zstd = NULL;
}

/* Appends one column to w->out, packed if that makes it smaller. */
static int put_column(struct segment_writer *w, const struct bytes_out *column,
		      struct segment_column *ret)
{
	size_t size = column->data.n, bound = ZSTD_compressBound(size), stored;

	if (column->failed || vec_reserve(&w->out, bound) < 0)
		return -ENOMEM;
	stored = ZSTD_compressCCtx(w->zstd, vec_at(&w->out, w->out.n), bound, column->data.data,
				   size, LEVEL);
	if (ZSTD_isError(stored) || stored >= size) {
		vec_push(&w->out, column->data.data, size);
		stored = size;
	} else {
		w->out.n += stored;
	}
	*ret = (struct segment_column){.size = (uint32_t)size, .stored = (uint32_t)stored};
	return 0;
}

static int end_block(struct segment_writer *w)
{
	struct segment_block *b = &w->block;
	int r = 0;

	if (!w->open)
		return 0;
	w->packed.data.n = 0;
	for (size_t i = 0; i < w->values.n; i++)
		bytes_put(&w->packed, (uint64_t)(*(int64_t *)vec_at(&w->values, i) / w->divisor));
	w->out.n = 0;
	for (size_t i = 0; i < SEGMENT_VALUES && r == 0; i++)
		r = put_column(w, &w->columns[i], &b->columns[i]);
	r = r ?: put_column(w, &w->packed, &b->columns[SEGMENT_VALUES]);
	b->offset = w->offset;
	b->scale = (uint64_t)w->divisor;
	b->hash = XXH3_64bits(w->out.data, w->out.n);
	if (r == 0 && !vec_push(&w->blocks, b, 1))
		r = -ENOMEM;
	r = r ?: segment_write_at(w->fd, w->offset, w->out.data, w->out.n);
	w->offset += w->out.n;
	w->open = false;
	return r;
}

void segment_span(const struct vec *windows, uint32_t of, uint32_t *ret_first, uint32_t *ret_n)
{
	const struct segment_window *w = windows->data;
	int64_t span = w[of].start_ns / SPAN_NS;
	uint32_t first = of, end = of + 1;

	while (first > 0 && w[first - 1].start_ns / SPAN_NS == span)
		first--;
	while (end < windows->n && w[end].start_ns / SPAN_NS == span)
		end++;
	*ret_first = first;
	*ret_n = end - first;
}

static void begin_block(struct segment_writer *w, uint32_t type, uint32_t time)
{
	w->block = (struct segment_block){.type = type, .first_series = (uint32_t)w->series.n};
	segment_span(&w->windows, time, &w->block.first_window, &w->block.n_windows);
	for (size_t i = 0; i < SEGMENT_VALUES; i++)
		w->columns[i].data.n = 0;
	w->values.n = 0;
	w->divisor = 0;
	w->open = true;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
	while (b) {
		int64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static int begin_series(struct segment_writer *w, uint32_t series)
{
	const struct segment_series entry = {.series = series};

	if (!vec_push(&w->series, &entry, 1))
		return -ENOMEM;
	w->block.n_series++;
	w->last_stack = 0;
	return 0;
}

/* Are the rows of the block's span? Its windows stand one behind the other. */
static bool is_in_span(const struct segment_block *b, const struct segment_row *rows, size_t n)
{
	return rows[0].time >= b->first_window && rows[n - 1].time - b->first_window < b->n_windows;
}

static int put_stack(struct segment_writer *w, uint32_t type, uint32_t series, uint32_t stack,
		     const struct segment_row *rows, size_t n)
{
	struct segment_series *last;
	uint32_t time;
	int r = 0;

	if (w->open && (w->block.type != type || w->block.n_rows >= SEGMENT_BLOCK_ROWS ||
			!is_in_span(&w->block, rows, n)))
		r = end_block(w);
	if (r == 0 && !w->open)
		begin_block(w, type, rows[0].time);
	if (r == 0 && !is_in_span(&w->block, rows, n))
		r = -EINVAL;
	time = w->block.first_window;
	last = w->block.n_series ? vec_at(&w->series, w->series.n - 1) : NULL;
	if (r == 0 && (!last || last->series != series)) {
		r = begin_series(w, series);
		last = r < 0 ? NULL : vec_at(&w->series, w->series.n - 1);
	}
	if (r < 0 || vec_reserve(&w->values, n) < 0)
		return r ?: -ENOMEM;
	last->n_stacks++;
	bytes_put(&w->columns[SEGMENT_STACKS], stack - w->last_stack);
	bytes_put(&w->columns[SEGMENT_COUNTS], n - 1);
	for (size_t i = 0; i < n; i++) {
		bytes_put(&w->columns[SEGMENT_TIMES], rows[i].time - time);
		time = rows[i].time;
		vec_push(&w->values, &rows[i].value, 1);
		if (w->divisor != 1)
			w->divisor = common_divisor(rows[i].value, w->divisor);
	}
	w->last_stack = stack;
	w->block.n_stacks++;
	w->block.n_rows += (uint32_t)n;
	w->n_rows += n;
	return 0;
}

int segment_writer_stack(struct segment_writer *w, uint32_t type, uint32_t series, uint32_t stack,
			 const struct segment_row *rows, size_t n)
{
	if (!w->error)
		w->error = put_stack(w, type, series, stack, rows, n);
	return w->error;
}

static void put_windows(struct bytes_out *out, const struct vec *windows)
{
	int64_t last = 0;

	bytes_put(out, windows->n);
	for (size_t i = 0; i < windows->n; i++) {
		const struct segment_window *win = vec_at(windows, i);

		bytes_put(out, (uint64_t)(win->start_ns - last));
		bytes_put(out, (uint64_t)(win->end_ns - win->start_ns));
		bytes_put(out, win->count);
		last = win->start_ns;
	}
}

static void put_blocks(struct bytes_out *out, const struct segment_writer *w)
{
	bytes_put(out, w->blocks.n);
	for (size_t i = 0; i < w->blocks.n; i++) {
		const struct segment_block *b = vec_at(&w->blocks, i);
		uint32_t last = 0;

		bytes_put(out, b->type);
		bytes_put(out, b->first_window);
		bytes_put(out, b->n_windows);
		bytes_put(out, b->n_rows);
		bytes_put(out, b->scale);
		bytes_put_u64(out, b->hash);
		for (size_t c = 0; c < SEGMENT_COLUMNS; c++) {
			bytes_put(out, b->columns[c].size);
			bytes_put(out, b->columns[c].stored);
		}
		bytes_put(out, b->n_series);
		for (size_t k = 0; k < b->n_series; k++) {
			const struct segment_series *s = vec_at(&w->series, b->first_series + k);

			bytes_put(out, s->series - last);
			bytes_put(out, s->n_stacks);
			last = s->series;
		}
	}
}

static int put_index(struct segment_writer *w, struct bytes_out *index)
{
	struct segment_trailer trailer = {.version = SEGMENT_VERSION, .offset = w->offset};
	struct segment_column size;
	int r;

	bytes_put(index, w->dict);
	put_windows(index, &w->windows);
	bytes_put(index, w->types.n);
	for (size_t i = 0; i < w->types.n; i++) {
		const struct segment_type *t = vec_at(&w->types, i);

		bytes_put(index, t->type);
		bytes_put(index, t->unit);
	}
	put_blocks(index, w);
	w->out.n = 0;
	r = put_column(w, index, &size);
	if (r < 0)
		return r;
	trailer.size = size.size;
	trailer.stored = size.stored;
	trailer.hash = XXH3_64bits(w->out.data, w->out.n);
	memcpy(trailer.magic, SEGMENT_END_MAGIC, SEGMENT_MAGIC_SIZE);
	if (!vec_push(&w->out, &trailer, sizeof(trailer)))
		return -ENOMEM;
	r = segment_write_at(w->fd, w->offset, w->out.data, w->out.n);
	w->offset += w->out.n;
	return r;
}

int segment_writer_finish(struct segment_writer *w, uint64_t *ret_bytes)
{
	struct bytes_out index;
	int r = w->error ?: end_block(w);

	bytes_init(&index);
	r = r ?: put_index(w, &index);
	bytes_release(&index);
	if (r == 0 && fsync(w->fd) < 0)
		r = -errno;
	w->error = r;
	if (r == 0)
		*ret_bytes = w->offset;
	return r;
}

int segment_write_at(int fd, uint64_t offset, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t n = pwrite(fd, at, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}
