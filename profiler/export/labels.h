// SPDX-License-Identifier: Apache-2.0
/*
 * labels - whose profile it is, in the words of each family of servers.
 *
 * Pyroscope and Parca take names as Prometheus has them; two names that become the same are one
 * (the first wins), as servers refuse duplicates. OpenTelemetry has its own names for common
 * things. What does not fit the servers' limits is left out and counted.
 */
#ifndef EXPORT_LABELS_H
#define EXPORT_LABELS_H

#include "export/inside.h"

/* Pyroscope's default limits: 30 labels, names of 1024 bytes, values of 2048. */
enum { LABELS_MAX = 30, LABEL_NAME_MAX = 128, LABEL_VALUE_MAX = 2048 };

struct label {
	char name[LABEL_NAME_MAX];
	char *value;
};

struct labels {
	struct label list[LABELS_MAX];
	size_t n;
	unsigned int cut;
};

enum labels_style {
	LABELS_PROMETHEUS, /* first: service_name */
	LABELS_OTEL,	   /* first: service.name; host.name, container.id … */
};

/* reserved: how many places the caller needs for labels of its own. */
int labels_init(struct labels *l, enum labels_style style, const struct export_input *in,
		size_t reserved);
void labels_release(struct labels *l);
/* "" if there is none. */
const char *labels_find(const struct export_input *in, const char *name);
/* The label "service" (or "service_name", "comm"), never "". */
const char *labels_service(const struct export_input *in);

#endif
