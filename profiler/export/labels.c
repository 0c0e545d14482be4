// SPDX-License-Identifier: Apache-2.0
/* labels - see labels.h. */
#include "export/labels.h"

#include "export/words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *labels_find(const struct export_input *in, const char *name)
{
	for (size_t i = 0; i < in->n_labels; i++)
		if (!strcmp(in->labels[i].name, name))
			return in->labels[i].value;
	return "";
}

const char *labels_service(const struct export_input *in)
{
	static const char *const names[] = {"service", "service_name", "service.name", "comm"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *value = labels_find(in, names[i]);

		if (*value)
			return value;
	}
	return "unknown";
}

/* OpenTelemetry's names (semantic conventions) of what the agent knows. */
static const char *otel_name(const char *name)
{
	static const struct {
		const char *ours;
		const char *theirs;
	} names[] = {
		{"host", "host.name"},
		{"exe", "process.executable.path"},
		{"comm", "process.executable.name"},
		{"container", "container.id"},
		{"container_id", "container.id"},
		{"pod", "k8s.pod.uid"},
		{"pod_uid", "k8s.pod.uid"},
		{"service_name", "service.name"},
		{"service", "service.name"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i].ours, name))
			return names[i].theirs;
	return name;
}

static bool has(const struct labels *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->list[i].name, name))
			return true;
	return false;
}

static int add(struct labels *l, enum labels_style style, size_t max, const char *name,
	       const char *value)
{
	struct label *to = &l->list[l->n];
	char clean[LABEL_NAME_MAX], text[LABEL_VALUE_MAX];

	if (style == LABELS_OTEL)
		words_utf8(otel_name(name), clean, sizeof(clean));
	else
		words_identifier(name, clean, sizeof(clean));
	/* A name with "__" first is the server's own to give. */
	if (has(l, clean) || !*value || !*clean)
		return 0;
	if (l->n >= max || !strncmp(clean, "__", 2)) {
		l->cut++;
		return 0;
	}
	words_utf8(value, text, sizeof(text));
	to->value = strdup(text);
	if (!to->value)
		return -ENOMEM;
	memcpy(to->name, clean, sizeof(clean));
	l->n++;
	return 0;
}

int labels_init(struct labels *l, enum labels_style style, const struct export_input *in,
		size_t reserved)
{
	size_t max = LABELS_MAX - reserved;
	int r;

	l->n = 0;
	l->cut = 0;
	r = add(l, style, max, "service_name", labels_service(in));
	for (size_t i = 0; i < in->n_labels && r == 0; i++)
		if (strcmp(in->labels[i].name, "service") != 0)
			r = add(l, style, max, in->labels[i].name, in->labels[i].value);
	if (r < 0)
		labels_release(l);
	else if (in->labels_cut)
		*in->labels_cut = l->cut;
	return r;
}

void labels_release(struct labels *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->list[i].value);
	l->n = 0;
}
