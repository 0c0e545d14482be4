// SPDX-License-Identifier: Apache-2.0
/* A sink that compresses into another one with zstd. The frame carries a checksum. */
#include "formats/sink.h"

#include <errno.h>
#include <zstd.h>

struct sink_zstd {
	struct cresset_sink sink;
	struct cresset_sink *inner;
	ZSTD_CCtx *z;
	unsigned char out[SINK_BUFFER];
};

static int zstd_run(struct sink_zstd *d, const void *data, size_t size, ZSTD_EndDirective end)
{
	ZSTD_inBuffer in = {.src = data, .size = size};
	size_t left;

	do {
		ZSTD_outBuffer out = {.dst = d->out, .size = sizeof(d->out)};

		left = ZSTD_compressStream2(d->z, &out, &in, end);
		if (ZSTD_isError(left))
			return -EIO;
		cresset_sink_write(d->inner, d->out, out.pos);
		if (cresset_sink_error(d->inner) < 0)
			return cresset_sink_error(d->inner);
	} while (in.pos < in.size || (end == ZSTD_e_end && left));
	return 0;
}

static int zstd_write(struct cresset_sink *s, const void *data, size_t size)
{
	return zstd_run((struct sink_zstd *)s, data, size, ZSTD_e_continue);
}

static void zstd_abort(struct cresset_sink *s)
{
	struct sink_zstd *d = (struct sink_zstd *)s;

	ZSTD_freeCCtx(d->z);
	cresset_sink_abort(d->inner);
}

static int zstd_close(struct cresset_sink *s, int r)
{
	struct sink_zstd *d = (struct sink_zstd *)s;

	if (r == 0)
		r = zstd_run(d, NULL, 0, ZSTD_e_end);
	ZSTD_freeCCtx(d->z);
	return cresset_sink_finish(d->inner, r);
}

int cresset_sink_zstd(struct cresset_sink *inner, int level, struct cresset_sink **ret)
{
	static const struct sink_ops ops = {
		.write = zstd_write, .close = zstd_close, .abort = zstd_abort};
	struct cresset_sink *s;
	struct sink_zstd *d;
	int r = sink_new(&ops, sizeof(*d), &s);

	if (r < 0)
		return r;
	d = (struct sink_zstd *)s;
	d->inner = inner;
	d->z = ZSTD_createCCtx();
	if (!d->z || ZSTD_isError(ZSTD_CCtx_setParameter(d->z, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(d->z, ZSTD_c_checksumFlag, 1))) {
		r = d->z ? -EINVAL : -ENOMEM;
		ZSTD_freeCCtx(d->z);
		sink_free(s);
		return r;
	}
	*ret = s;
	return 0;
}
