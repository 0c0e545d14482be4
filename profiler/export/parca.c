// SPDX-License-Identifier: Apache-2.0
/*
 * parca - Parca's WriteRaw, and that of what speaks its language, as a unary gRPC call.
 *
 * gRPC needs no gRPC library for this: an HTTP/2 POST of the message behind five bytes (not
 * compressed, and its length), and the outcome in the trailers grpc-status and grpc-message.
 *
 *     WriteRawRequest { series = 2: RawProfileSeries {
 *             labels = 1: LabelSet { labels = 1: Label { name = 1, value = 2 } },
 *             samples = 2: RawSample { raw_profile = 1: gzipped pprof } }, normalized = 3 }
 *
 * "normalized" says that addresses are the ELF files' own, as ours are.
 */
#include "export/series.h"

#include "formats/wire.h"

enum { GRPC_PREFIX_BYTES = 5 };

static int build(const struct export_input *in, const struct labels *labels,
		 const struct vec *pprof, struct export_request *r)
{
	static const uint8_t prefix[GRPC_PREFIX_BYTES];
	char name[LABEL_NAME_MAX];
	struct wire_out w;
	size_t series, part, n;
	uint8_t *data;
	int e;

	wire_init(&w);
	export_profile_name(in->profile, name, sizeof(name));
	wire_put_bytes(&w, prefix, sizeof(prefix));
	series = wire_begin(&w, 2);
	part = wire_begin(&w, 1);
	series_put_label(&w, "__name__", name);
	series_put_labels(&w, labels);
	wire_end(&w, part);
	part = wire_begin(&w, 2);
	wire_field_bytes(&w, 1, pprof->data, pprof->n);
	wire_end(&w, part);
	wire_end(&w, series);
	wire_field(&w, 3, 1);
	e = w.error;
	if (e == 0) {
		data = w.bytes.data;
		n = w.bytes.n - GRPC_PREFIX_BYTES;
		for (size_t i = 1; i < GRPC_PREFIX_BYTES; i++)
			data[i] = (uint8_t)(n >> (8 * (GRPC_PREFIX_BYTES - 1 - i)));
		export_request_take(r, &w.bytes);
	}
	wire_release(&w);
	return e;
}

static int encode(const struct export_input *in, struct export_request *r,
		  struct cresset_error *err)
{
	return series_encode(in, r, 1, build, err);
}

const struct export_target export_target_parca = {
	.name = "parca",
	.help = "Parca and Polar Signals, WriteRaw over gRPC (port 7070)",
	.path = "/parca.profilestore.v1alpha1.ProfileStoreService/WriteRaw",
	.content_type = "application/grpc+proto",
	.header = "TE: trailers",
	.method = "POST",
	.grpc = true,
	.max_samples = 12000,
	.max_raw_bytes = 3u << 20,
	.max_age_s = 24 * 3600,
	.encode = encode,
};
