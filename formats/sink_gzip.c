// SPDX-License-Identifier: Apache-2.0
/*
 * A sink that compresses into another one with zlib, for output that is too large to hold: a writer
 * that has all of its bytes at hand is faster with libdeflate (see fmt_pprof.c). The header has no
 * name and no time, so the same bytes give the same file.
 */
#include "formats/sink.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

struct sink_gzip {
	struct cresset_sink sink;
	struct cresset_sink *inner;
	z_stream z;
	unsigned char out[SINK_BUFFER];
};

enum { GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8 };

/* Runs deflate until it has taken all input, and with Z_FINISH until it is through. */
static int gzip_run(struct sink_gzip *g, int flush)
{
	int z;

	do {
		g->z.next_out = g->out;
		g->z.avail_out = sizeof(g->out);
		z = deflate(&g->z, flush);
		if (z == Z_STREAM_ERROR)
			return -EIO;
		cresset_sink_write(g->inner, g->out, sizeof(g->out) - g->z.avail_out);
		if (cresset_sink_error(g->inner) < 0)
			return cresset_sink_error(g->inner);
	} while (g->z.avail_out == 0 || (flush == Z_FINISH && z != Z_STREAM_END));
	return 0;
}

static int gzip_write(struct cresset_sink *s, const void *data, size_t size)
{
	struct sink_gzip *g = (struct sink_gzip *)s;
	const unsigned char *at = data;

	while (size) {
		uInt part = size < (1u << 30) ? (uInt)size : 1u << 30;
		int r;

		g->z.next_in = (unsigned char *)at;
		g->z.avail_in = part;
		r = gzip_run(g, Z_NO_FLUSH);
		if (r < 0)
			return r;
		at += part;
		size -= part;
	}
	return 0;
}

static void gzip_abort(struct cresset_sink *s)
{
	struct sink_gzip *g = (struct sink_gzip *)s;

	deflateEnd(&g->z);
	cresset_sink_abort(g->inner);
}

static int gzip_close(struct cresset_sink *s, int r)
{
	struct sink_gzip *g = (struct sink_gzip *)s;

	g->z.avail_in = 0;
	if (r == 0)
		r = gzip_run(g, Z_FINISH);
	deflateEnd(&g->z);
	return cresset_sink_finish(g->inner, r);
}

int cresset_sink_gzip(struct cresset_sink *inner, int level, struct cresset_sink **ret)
{
	static const struct sink_ops ops = {
		.write = gzip_write, .close = gzip_close, .abort = gzip_abort};
	struct cresset_sink *s;
	struct sink_gzip *g;
	int r = sink_new(&ops, sizeof(*g), &s);

	if (r < 0)
		return r;
	g = (struct sink_gzip *)s;
	g->inner = inner;
	r = deflateInit2(&g->z, level ? level : Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW,
			 GZIP_MEMORY, Z_DEFAULT_STRATEGY);
	if (r != Z_OK) {
		sink_free(s);
		return r == Z_MEM_ERROR ? -ENOMEM : -EINVAL;
	}
	*ret = s;
	return 0;
}
