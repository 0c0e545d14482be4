// SPDX-License-Identifier: Apache-2.0
/*
 * segment - an immutable file of rows, in columns.
 *
 *     "CRSTSEG1"
 *     blocks: each four columns, one behind the other: stacks, counts, times, values
 *     index: windows, types, and of each block its type, span, series, sizes and checksum
 *     trailer: where the index is, its checksum, "CRSTEND1"
 *
 * A row says that in a window (time) a stack of a series had a value of a type. Rows stand sorted
 * by type, span, series, stack and time, not by time first: the same stack comes again window after
 * window, so that a stack's id is written once for all its rows of a span, times and values become
 * small numbers that zstd packs well, and a query sums runs without looking at times. A span is
 * three hours of the clock, so that a query of an hour inside a long segment reads the blocks of
 * one span or two, not all. What that trades away is that a stack that is there all day is named
 * eight times.
 *
 * A block has some 16,000 rows of one type and span; it begins and ends between two stacks, and has
 * the windows of its span. Each column is a run of base-128 numbers: stack ids as differences (from
 * 0 at each series), the number of rows of each stack less one, times as differences (from the
 * span's first at each stack), and values divided by a number that all of the block's have in
 * common. A column is kept as it is where zstd does not help.
 *
 * Version 1 had no such spans: a block's span was all windows. It is still read, and merged into
 * new segments.
 *
 * All ids are those of one dictionary (dict.h), whose number the index has. Everything in a file is
 * checked when it is read; a block that does not fit its checksum is -EBADMSG and the others can
 * still be read.
 */
#ifndef STORE_SEGMENT_H
#define STORE_SEGMENT_H

#include "core/vec.h"
#include "store/bytes.h"

#include <cresset/types.h>

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

enum { SEGMENT_STACKS, SEGMENT_COUNTS, SEGMENT_TIMES, SEGMENT_VALUES, SEGMENT_COLUMNS };
enum {
	SEGMENT_VERSION = 2,
	SEGMENT_OLDEST_VERSION = 1,
	SEGMENT_BLOCK_ROWS = 16384, /* a block is ended once it has as many … */
	SEGMENT_MAX_ROWS = 1 << 18, /* … and never has more than this */
	SEGMENT_MAX_WINDOWS = 1 << 16,
	SEGMENT_MAX_TYPES = 64,
};

struct segment_window {
	int64_t start_ns;
	int64_t end_ns;
	uint64_t count; /* windows merged into this one */
};

/* String ids. */
struct segment_type {
	uint32_t type;
	uint32_t unit;
};

/* The part of a series in a block. */
struct segment_series {
	uint32_t series;
	uint32_t n_stacks;
};

struct segment_column {
	uint32_t size;	 /* of the numbers */
	uint32_t stored; /* in the file; the same if it is not compressed */
};

struct segment_block {
	uint64_t offset;
	uint64_t hash; /* of the four columns as stored */
	uint64_t scale;
	uint32_t type; /* position in types */
	uint32_t n_rows;
	uint32_t n_stacks;
	uint32_t first_series; /* position in series */
	uint32_t n_series;
	uint32_t first_window; /* of the span; position in windows */
	uint32_t n_windows;
	uint32_t pad;
	struct segment_column columns[SEGMENT_COLUMNS];
};

struct segment {
	int fd;
	uint32_t dict;
	uint32_t version;
	uint64_t n_rows;
	struct vec windows; /* struct segment_window, by start */
	struct vec types;   /* struct segment_type */
	struct vec series;  /* struct segment_series */
	struct vec blocks;  /* struct segment_block, by type, span, then series */
};

/* A block's rows, unpacked. Stacks of its series one behind the other, as in the block. */
struct segment_rows {
	struct vec stacks;	  /* uint32_t */
	struct vec counts;	  /* uint32_t: rows of each stack */
	struct vec times;	  /* uint32_t: of each row; empty if not asked for */
	struct vec values;	  /* int64_t: of each row */
	bool small;		  /* no sum of values overflows */
	struct vec stored, plain; /* bytes, in between */
	struct ZSTD_DCtx_s *zstd;
};

/* Takes over fd on success. -EBADMSG: it is damaged; -EPROTO: of a newer version. */
int segment_open(int fd, struct segment **ret);
void segment_close(struct segment *s);

int segment_rows_init(struct segment_rows *rows);
void segment_rows_release(struct segment_rows *rows);
/* -EBADMSG, -EIO, -ENOMEM. Every time is in the block's span, and counts add up. */
int segment_read(const struct segment *s, const struct segment_block *block, bool times,
		 struct segment_rows *rows);

/* ---- Writing. */

struct segment_writer {
	int fd;
	int error; /* the first one; later calls do nothing */
	uint32_t dict;
	bool open; /* a block is being filled */
	uint64_t offset;
	uint64_t n_rows;
	struct vec windows, types, series, blocks; /* as in struct segment */
	struct segment_block block;
	uint32_t last_stack;
	int64_t divisor;
	struct bytes_out columns[SEGMENT_VALUES];
	struct vec values; /* int64_t */
	struct bytes_out packed;
	struct vec out;
	struct ZSTD_CCtx_s *zstd;
};

struct segment_row {
	uint32_t time; /* position in windows */
	uint32_t pad;
	int64_t value; /* at least 1 */
};

/* fd stays the caller's. Windows and types are filled in by the caller before the first row. */
int segment_writer_init(struct segment_writer *w, int fd, uint32_t dict);
void segment_writer_release(struct segment_writer *w);
/* The windows that begin in the same span as window `of`. */
void segment_span(const struct vec *windows, uint32_t of, uint32_t *ret_first, uint32_t *ret_n);
/* All rows of one stack in one span (n of at least 1), by time, none of them twice. Calls come in
 * the order of type, span, series, stack. */
int segment_writer_stack(struct segment_writer *w, uint32_t type, uint32_t series, uint32_t stack,
			 const struct segment_row *rows, size_t n);
/* Writes what is left, and the index, and syncs the file. */
int segment_writer_finish(struct segment_writer *w, uint64_t *ret_bytes);

#endif
