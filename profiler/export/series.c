// SPDX-License-Identifier: Apache-2.0
/* series - see series.h. */
#include "export/series.h"

#include "formats/wire.h"

#include <string.h>

void series_put_label(struct wire_out *w, const char *name, const char *value)
{
	size_t at = wire_begin(w, 1);

	wire_field_bytes(w, 1, name, strlen(name));
	wire_field_bytes(w, 2, value, strlen(value));
	wire_end(w, at);
}

void series_put_labels(struct wire_out *w, const struct labels *labels)
{
	for (size_t i = 0; i < labels->n; i++)
		series_put_label(w, labels->list[i].name, labels->list[i].value);
}

int series_encode(const struct export_input *in, struct export_request *r, size_t reserved,
		  series_build_fn build, struct cresset_error *err)
{
	struct labels labels;
	struct vec pprof;
	int e = labels_init(&labels, LABELS_PROMETHEUS, in, reserved);

	if (e < 0)
		return e;
	vec_init(&pprof, 1);
	e = export_pprof(in->profile, &pprof, &r->raw_bytes, err);
	e = e ? e : build(in, &labels, &pprof, r);
	vec_release(&pprof);
	labels_release(&labels);
	return e;
}
