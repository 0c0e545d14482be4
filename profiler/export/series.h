// SPDX-License-Identifier: Apache-2.0
/*
 * series - what Pyroscope's push and both of Parca's writes have in common: one series, whose
 * labels are Prometheus', with one sample, which is a profile as gzipped pprof.
 */
#ifndef EXPORT_SERIES_H
#define EXPORT_SERIES_H

#include "export/labels.h"

struct wire_out;

/* Makes the body out of what it is given and lets the request take it over. */
typedef int (*series_build_fn)(const struct export_input *in, const struct labels *labels,
			       const struct vec *pprof, struct export_request *r);

/* A target's encode(). reserved: labels that build() adds by itself. */
int series_encode(const struct export_input *in, struct export_request *r, size_t reserved,
		  series_build_fn build, struct cresset_error *err);

/* Field 1 of the message that is open, once a label: Label { name = 1, value = 2 }. */
void series_put_label(struct wire_out *w, const char *name, const char *value);
void series_put_labels(struct wire_out *w, const struct labels *labels);

#endif
