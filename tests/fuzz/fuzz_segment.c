// SPDX-License-Identifier: Apache-2.0
/*
 * A segment's index and the columns of its blocks, behind the checksums (which no fuzzer guesses;
 * tests/unit/test_store_damage.c is about them): two bytes, the length of the index; the index;
 * what the blocks have. All of it is read as each version there was. Whatever is read keeps to what
 * segment.h says of it.
 */
#include "store/segment_read.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rows(const struct segment *s, const struct segment_block *b,
		       const struct segment_rows *rows)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < b->n_stacks; i++)
		n += ((uint32_t *)rows->counts.data)[i];
	if (n != b->n_rows)
		abort();
	if (b->first_window + b->n_windows > s->windows.n)
		abort();
	for (uint32_t i = 0; i < b->n_rows; i++)
		if (((uint32_t *)rows->times.data)[i] - b->first_window >= b->n_windows ||
		    ((int64_t *)rows->values.data)[i] < 0)
			abort();
	if (rows->small) {
		int64_t sum = 0;

		for (uint32_t i = 0; i < b->n_rows; i++)
			if (__builtin_add_overflow(sum, ((int64_t *)rows->values.data)[i], &sum))
				abort();
	}
}

static void read_columns(const struct segment *s, const struct segment_block *b,
			 struct segment_rows *rows, const char *data, size_t size)
{
	const uint64_t offset = b->offset - SEGMENT_MAGIC_SIZE;
	uint64_t stored = 0;
	int r = 0;

	for (size_t c = 0; c < SEGMENT_COLUMNS; c++)
		stored += b->columns[c].stored;
	if (offset > size || stored > size - offset)
		abort(); /* the index was checked against the size */
	if (resize(&rows->stacks, b->n_stacks) < 0 || resize(&rows->counts, b->n_stacks) < 0 ||
	    resize(&rows->times, b->n_rows) < 0 || resize(&rows->values, b->n_rows) < 0)
		return;
	data += offset;
	for (size_t c = 0; c < SEGMENT_COLUMNS && r == 0; c++) {
		r = read_column(rows, s, b, c, data);
		data += b->columns[c].stored;
	}
	if (r == 0)
		check_rows(s, b, rows);
}

static void read_version(uint32_t version, const uint8_t *data, size_t size, size_t n)
{
	struct segment *s = calloc(1, sizeof(*s));
	struct segment_rows rows;

	if (!s || segment_rows_init(&rows) < 0)
		abort();
	s->fd = -1;
	s->version = version;
	vec_init(&s->windows, sizeof(struct segment_window));
	vec_init(&s->types, sizeof(struct segment_type));
	vec_init(&s->series, sizeof(struct segment_series));
	vec_init(&s->blocks, sizeof(struct segment_block));
	if (parse_index(s, bytes_in(data + 2, n), SEGMENT_MAGIC_SIZE + size - 2 - n) == 0)
		for (size_t i = 0; i < s->blocks.n && i < 8; i++)
			read_columns(s, vec_at(&s->blocks, i), &rows, (const char *)data + 2 + n,
				     size - 2 - n);
	segment_rows_release(&rows);
	segment_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n = size < 2 ? 0 : (size_t)data[0] | (size_t)data[1] << 8;

	if (size < 2 || n > size - 2)
		return 0;
	for (uint32_t version = SEGMENT_OLDEST_VERSION; version <= SEGMENT_VERSION; version++)
		read_version(version, data, size, n);
	return 0;
}
