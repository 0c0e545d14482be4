// SPDX-License-Identifier: Apache-2.0
/* What the agent reads in /proc for labels: cgroup, stat and environ files, and resource
 * attributes. All is the process's own word. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cgroup.h"
#include "agent/environ.h"
#include "agent/label_sets.h"
#include "agent/procinfo.h"

static void bounded(const char *text, size_t size)
{
	if (!memchr(text, '\0', size))
		abort();
}

static int on_attribute(void *arg, const char *key, size_t key_n, const char *value, size_t value_n)
{
	struct label_draft *d = arg;
	char name[LABEL_NAME_BYTES];

	if (!key_n)
		abort();
	label_name_from(name, key, key_n);
	if (!*name)
		return 0;
	if (!label_name_valid(name))
		abort();
	label_draft_add(d, name, value, value_n);
	return 0;
}

static void check_labels(struct label_draft *d)
{
	const char *name, *value, *before = "";
	struct label_sets sets;
	uint32_t id = 0, again = 0;

	if (label_sets_init(&sets, 10, 1 << 20) || label_sets_intern(&sets, d, &id) ||
	    label_sets_intern(&sets, d, &again) || id != again)
		abort();
	for (size_t i = 0; label_sets_at(&sets, id, i, &name, &value); i++) {
		if (strcmp(before, name) >= 0 || !*value || strlen(value) > LABEL_VALUE_MAX)
			abort();
		for (const char *s = value; *s; s++)
			if ((unsigned char)*s < 0x20 || *s == 0x7f)
				abort();
		before = name;
	}
	label_sets_release(&sets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct label_draft draft;
	const char *text = (const char *)data, *value;
	struct procinfo_stat stat;
	struct cgroup c;
	size_t n;

	cgroup_parse(text, size, &c);
	bounded(c.path, sizeof(c.path));
	bounded(c.unit, sizeof(c.unit));
	bounded(c.slice, sizeof(c.slice));
	bounded(c.container_id, sizeof(c.container_id));
	bounded(c.container_name, sizeof(c.container_name));
	bounded(c.pod_uid, sizeof(c.pod_uid));
	if (procinfo_parse_stat(text, size, &stat) == 0)
		bounded(stat.comm, sizeof(stat.comm));
	draft.n = 0;
	label_draft_add(&draft, "path", c.path, strlen(c.path));
	value = environ_find(text, size, "OTEL_RESOURCE_ATTRIBUTES", &n);
	if (value) {
		if (value < text || value + n > text + size)
			abort();
		otel_attributes_each(value, n, on_attribute, &draft);
	}
	otel_attributes_each(text, size, on_attribute, &draft);
	check_labels(&draft);
	return 0;
}
