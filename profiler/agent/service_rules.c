// SPDX-License-Identifier: Apache-2.0
/* service_rules - see service_rules.h. */
#include "agent/service_rules.h"

#include "agent/label_text.h"

#include "suggest.h"

#include <errno.h>
#include <string.h>

static const char *const kinds[] = {
	[SERVICE_OTEL] = "otel",	   [SERVICE_UNIT] = "unit",
	[SERVICE_CONTAINER] = "container", [SERVICE_CONTAINER_ID] = "container_id",
	[SERVICE_POD_UID] = "pod_uid",	   [SERVICE_SLICE] = "slice",
	[SERVICE_CGROUP] = "cgroup",	   [SERVICE_EXE] = "exe",
	[SERVICE_COMM] = "comm",
};

static int parse_argument(const char *text, size_t prefix, enum service_rule_kind kind,
			  struct service_rule *ret, struct cresset_error *err)
{
	size_t n = strlen(text + prefix);

	if (!n || n > LABEL_VALUE_MAX)
		return cresset_error_set(err, -EINVAL, "service: '%.40s' needs 1 to %d bytes more",
					 text, LABEL_VALUE_MAX);
	if (kind == SERVICE_ENV && strchr(text, '='))
		return cresset_error_set(err, -EINVAL, "service: '%.60s' is not like env:VARIABLE",
					 text);
	*ret = (struct service_rule){.kind = kind, .argument = text + prefix};
	return 0;
}

int service_rule_parse(const char *text, struct service_rule *ret, struct cresset_error *err)
{
	struct suggestion s;

	if (!strncmp(text, "env:", 4))
		return parse_argument(text, 4, SERVICE_ENV, ret, err);
	if (!strncmp(text, "text:", 5))
		return parse_argument(text, 5, SERVICE_TEXT, ret, err);
	suggestion_init(&s, text);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!strcmp(kinds[i], text)) {
			*ret = (struct service_rule){.kind = (enum service_rule_kind)i};
			return 0;
		}
		suggestion_try(&s, kinds[i]);
	}
	return cresset_error_set(err, -EINVAL,
				 "service: no rule '%.40s'%s%s%s (otel, env:VARIABLE, unit, "
				 "container, container_id, pod_uid, slice, cgroup, exe, comm, "
				 "text:NAME)",
				 text, s.best ? ", did you mean '" : "", s.best ? s.best : "",
				 s.best ? "'?" : "");
}

int service_rule_check(const char *key, const char *text, struct cresset_error *err)
{
	struct service_rule rule;

	return service_rule_parse(text, &rule, err);
}
