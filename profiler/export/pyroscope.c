// SPDX-License-Identifier: Apache-2.0
/*
 * pyroscope - Grafana Pyroscope's push.v1: a Connect unary call, one POST of a protobuf message.
 *
 *     PushRequest { series = 1: RawProfileSeries {
 *             labels = 1: LabelPair { name = 1, value = 2 },
 *             samples = 2: RawSample { raw_profile = 1: gzipped pprof, ID = 2: a UUID } } }
 *
 * The kind of profile is said in the label __name__, so off-CPU time stays off-CPU time, which
 * /ingest would guess to be CPU time. "__delta__" says that values are not running totals. The
 * profile's own time counts: the server takes from an hour ago to ten minutes ahead.
 */
#include "export/series.h"

#include "formats/wire.h"

#include <string.h>

static int build(const struct export_input *in, const struct labels *labels,
		 const struct vec *pprof, struct export_request *r)
{
	char name[LABEL_NAME_MAX];
	struct wire_out w;
	size_t series, sample;
	int e;

	wire_init(&w);
	export_profile_name(in->profile, name, sizeof(name));
	series = wire_begin(&w, 1);
	series_put_label(&w, "__name__", name);
	series_put_label(&w, "__delta__", "false");
	series_put_labels(&w, labels);
	sample = wire_begin(&w, 2);
	wire_field_bytes(&w, 1, pprof->data, pprof->n);
	wire_field_bytes(&w, 2, r->id, strlen(r->id));
	wire_end(&w, sample);
	wire_end(&w, series);
	e = w.error;
	if (e == 0)
		export_request_take(r, &w.bytes);
	wire_release(&w);
	return e;
}

static int encode(const struct export_input *in, struct export_request *r,
		  struct cresset_error *err)
{
	return series_encode(in, r, 2, build, err);
}

const struct export_target export_target_pyroscope = {
	.name = "pyroscope",
	.help = "Grafana Pyroscope, push.v1 (port 4040)",
	.path = "/push.v1.PusherService/Push",
	.content_type = "application/proto",
	.header = "Connect-Protocol-Version: 1",
	.method = "POST",
	.max_samples = 12000,
	.max_raw_bytes = 3u << 20,
	.max_age_s = 55 * 60,
	.encode = encode,
};
