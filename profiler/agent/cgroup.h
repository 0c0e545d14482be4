// SPDX-License-Identifier: Apache-2.0
/*
 * cgroup - what /proc/PID/cgroup says: path, systemd unit and slice, container and pod.
 *
 * Each line is HIERARCHY:CONTROLLERS:PATH; "0::" is cgroup v2, the others are v1. A process can be
 * in a different place in each. The path that counts is the first of these that is not "/":
 *
 *     1. v2, where systemd and every runtime of today put things;
 *     2. v1's name=systemd, where systemd does on a host of the older kind;
 *     3. v1's memory, cpu, cpuacct, pids, devices, freezer, in this order: a runtime without
 * systemd.
 *
 * If there is no container on that path but on another of the list, the container is taken from the
 * other. Directories are read from the outside in, and the innermost container wins (kind: a
 * node's container has the pods' inside).
 *
 * The unit is the innermost *.service or *.scope, the slice the innermost *.slice that is no pod's.
 * In a container only units inside of it count (a systemd within), not the runtime's that
 * is around it (/system.slice/containerd.service/…), nor the container's own scope, which only
 * says the id again.
 */
#ifndef AGENT_CGROUP_H
#define AGENT_CGROUP_H

#include "agent/container.h"

enum { CGROUP_PATH_BYTES = 512, CGROUP_UNIT_BYTES = 256 };

/* "" is: none. */
struct cgroup {
	char path[CGROUP_PATH_BYTES]; /* cut if longer */
	char unit[CGROUP_UNIT_BYTES];
	char slice[CGROUP_UNIT_BYTES];
	char container_id[CONTAINER_ID_BYTES];
	char container_name[CONTAINER_NAME_BYTES];
	char pod_uid[POD_UID_BYTES];
};

/* text[0 … n) is the file; anything that is no such line is passed over. */
void cgroup_parse(const char *text, size_t n, struct cgroup *ret);

#endif
