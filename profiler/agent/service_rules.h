// SPDX-License-Identifier: Apache-2.0
/*
 * service_rules - where the label "service" comes from: rules in order, the first that has a value.
 *
 *     otel           OTEL_SERVICE_NAME, else service.name of OTEL_RESOURCE_ATTRIBUTES
 *     env:VARIABLE   an environment variable
 *     unit           the systemd unit if it is a service, without ".service"; not user@UID, which
 *                    is a whole session
 *     container      the container's name, where its cgroup tells one (LXC, nspawn); ids are no
 *                    names
 *     container_id   its first 12 digits
 *     pod_uid, slice, cgroup, exe, comm
 *     text:NAME      this very name
 */
#ifndef AGENT_SERVICE_RULES_H
#define AGENT_SERVICE_RULES_H

#include <cresset/types.h>

enum service_rule_kind {
	SERVICE_OTEL,
	SERVICE_UNIT,
	SERVICE_CONTAINER,
	SERVICE_CONTAINER_ID,
	SERVICE_POD_UID,
	SERVICE_SLICE,
	SERVICE_CGROUP,
	SERVICE_EXE,
	SERVICE_COMM,
	SERVICE_ENV,
	SERVICE_TEXT,
};

struct service_rule {
	enum service_rule_kind kind;
	const char *argument; /* of env: and text:, within the text that was parsed */
};

int service_rule_parse(const char *text, struct service_rule *ret, struct cresset_error *err);
/* For the table of keys; key is not looked at. */
int service_rule_check(const char *key, const char *text, struct cresset_error *err);

#endif
