// SPDX-License-Identifier: Apache-2.0
/*
 * container - what one directory of a cgroup path says of containers and pods.
 *
 * Every runtime has its own way to call a container's cgroup. All but LXC and nspawn have 64 hex
 * digits in it (C), which is what is looked for, so that a runtime that is not listed here is found
 * too:
 *
 *     docker, podman, CRI-O, containerd with systemd   docker-C.scope, libpod-C.scope,
 * crio-C.scope, cri-containerd-C.scope, nerdctl-C.scope containerd when the kubelet's driver is
 * another  …-podUID.slice:cri-containerd:C docker, CRI with cgroupfs docker/C,
 * kubepods/burstable/podUID/C podman with cgroupfs libpod_parent/libpod-C ECS ecs/TASK/C ECS on
 * Fargate                                   ecs/TASK/TASK-NUMBER (32 hex digits) LXC, LXD lxc/NAME,
 * lxc.payload/NAME, lxc.payload.NAME systemd-nspawn machine-NAME.scope, systemd-nspawn@NAME.service
 *     pods                                             podUID, kubepods[-QOS]-podUID.slice
 *
 * A runtime's own helper beside a container (crio-conmon-C.scope, libpod-conmon-C.scope,
 * lxc.monitor.NAME) is not in it. libvirt's virtual machines (machine-qemu-…) are not containers.
 */
#ifndef AGENT_CONTAINER_H
#define AGENT_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

enum {
	CONTAINER_ID_BYTES = 65, /* with the NUL */
	CONTAINER_NAME_BYTES = 128,
	POD_UID_BYTES = 37,
};

/* The id in directory name[0 … n) below parent[0 … parent_n); false: it is no container's. */
bool container_id(const char *parent, size_t parent_n, const char *name, size_t n,
		  char ret_id[CONTAINER_ID_BYTES]);
/* The same for containers that have a name. */
bool container_name(const char *parent, size_t parent_n, const char *name, size_t n,
		    char ret_name[CONTAINER_NAME_BYTES]);
/* A pod's uid, with dashes, or the 32 digits of a static pod. */
bool container_pod(const char *name, size_t n, char ret_uid[POD_UID_BYTES]);

#endif
