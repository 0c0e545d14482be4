// SPDX-License-Identifier: Apache-2.0
/* Lines of /proc/PID/cgroup as every runtime writes them, and what is to be read from them. */
#include "agent/cgroup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define C  "4f1c5d3fa3b2e49d8a0c7e6b5a493827160f5e4d3c2b1a09f8e7d6c5b4a39281"
#define D  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define U  "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
#define U_ "f81d4fae_7dec_11d0_a765_00a0c91e6bf6"
#define T  "0a1b2c3d4e5f60718293a4b5c6d7e8f9"

static const struct {
	const char *what, *text, *path, *unit, *slice, *id, *name, *pod;
} cases[] = {
	{"a service", "0::/system.slice/nginx.service\n", "/system.slice/nginx.service",
	 "nginx.service", "system.slice", "", "", ""},
	{"an instance with escapes", "0::/system.slice/system-a\\x2db.slice/a\\x2db@x.service\n",
	 "/system.slice/system-a\\x2db.slice/a\\x2db@x.service", "a\\x2db@x.service",
	 "system-a\\x2db.slice", "", "", ""},
	{"a delegated service's own groups", "0::/system.slice/db.service/workers/7\n",
	 "/system.slice/db.service/workers/7", "db.service", "system.slice", "", "", ""},
	{"a session", "0::/user.slice/user-1000.slice/session-2.scope\n",
	 "/user.slice/user-1000.slice/session-2.scope", "session-2.scope", "user-1000.slice", "",
	 "", ""},
	{"a user's service",
	 "0::/user.slice/user-1000.slice/user@1000.service/app.slice/pulse.service\n",
	 "/user.slice/user-1000.slice/user@1000.service/app.slice/pulse.service", "pulse.service",
	 "app.slice", "", "", ""},
	{"a name that systemd escaped for the kernel", "0::/system.slice/_cpu.service\n",
	 "/system.slice/_cpu.service", "cpu.service", "system.slice", "", "", ""},
	{"init", "0::/init.scope\n", "/init.scope", "init.scope", "", "", "", ""},
	{"v2 root", "0::/\n", "", "", "", "", "", ""},
	{"nothing", "", "", "", "", "", "", ""},

	{"docker, systemd", "0::/system.slice/docker-" C ".scope\n",
	 "/system.slice/docker-" C ".scope", "", "system.slice", C, "", ""},
	{"docker, cgroupfs, v2", "0::/docker/" C "\n", "/docker/" C, "", "", C, "", ""},
	{"docker, cgroupfs, v1",
	 "12:pids:/docker/" C "\n11:memory:/docker/" C "\n1:name=systemd:/docker/" C "\n0::/\n",
	 "/docker/" C, "", "", C, "", ""},
	{"docker, v1, beside a v2 of systemd alone",
	 "11:memory:/docker/" C "\n1:name=systemd:/docker/" C
	 "\n0::/system.slice/containerd.service\n",
	 "/system.slice/containerd.service", "containerd.service", "system.slice", C, "", ""},
	{"rootless docker",
	 "0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" C ".scope\n",
	 "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" C ".scope", "",
	 "user.slice", C, "", ""},
	{"a systemd in docker", "0::/docker/" C "/system.slice/nginx.service\n",
	 "/docker/" C "/system.slice/nginx.service", "nginx.service", "system.slice", C, "", ""},
	{"in a container's group of its own", "0::/system.slice/docker-" C ".scope/init\n",
	 "/system.slice/docker-" C ".scope/init", "", "system.slice", C, "", ""},
	{"nerdctl", "0::/system.slice/nerdctl-" C ".scope\n", "/system.slice/nerdctl-" C ".scope",
	 "", "system.slice", C, "", ""},
	{"containerd without a driver of its own", "0::/default/" C "\n", "/default/" C, "", "", C,
	 "", ""},

	{"podman", "0::/machine.slice/libpod-" C ".scope/container\n",
	 "/machine.slice/libpod-" C ".scope/container", "", "machine.slice", C, "", ""},
	{"podman's monitor", "0::/machine.slice/libpod-conmon-" C ".scope\n",
	 "/machine.slice/libpod-conmon-" C ".scope", "libpod-conmon-" C ".scope", "machine.slice",
	 "", "", ""},
	{"podman, rootless",
	 "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" C
	 ".scope/container\n",
	 "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" C ".scope/container",
	 "", "user.slice", C, "", ""},
	{"podman, in a pod",
	 "0::/machine.slice/machine-libpod_pod_" D ".slice/libpod-" C ".scope\n",
	 "/machine.slice/machine-libpod_pod_" D ".slice/libpod-" C ".scope", "",
	 "machine-libpod_pod_" D ".slice", C, "", ""},
	{"podman, cgroupfs", "0::/libpod_parent/libpod-" C "\n", "/libpod_parent/libpod-" C, "", "",
	 C, "", ""},

	{"kubernetes, containerd, systemd",
	 "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" U_
	 ".slice/cri-containerd-" C ".scope\n",
	 "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" U_
	 ".slice/cri-containerd-" C ".scope",
	 "", "kubepods-burstable.slice", C, "", U},
	{"kubernetes, guaranteed",
	 "0::/kubepods.slice/kubepods-pod" U_ ".slice/cri-containerd-" C ".scope\n",
	 "/kubepods.slice/kubepods-pod" U_ ".slice/cri-containerd-" C ".scope", "",
	 "kubepods.slice", C, "", U},
	{"kubernetes, cgroupfs, v1",
	 "11:memory:/kubepods/burstable/pod" U "/" C "\n"
	 "1:name=systemd:/kubepods/burstable/pod" U "/" C "\n",
	 "/kubepods/burstable/pod" U "/" C, "", "", C, "", U},
	{"kubernetes, a static pod", "0::/kubepods/besteffort/pod" T "/" C "\n",
	 "/kubepods/besteffort/pod" T "/" C, "", "", C, "", T},
	{"kubernetes, drivers that do not agree",
	 "0::/system.slice/containerd.service/kubepods-besteffort-pod" U_ ".slice:cri-containerd:" C
	 "\n",
	 "/system.slice/containerd.service/kubepods-besteffort-pod" U_ ".slice:cri-containerd:" C,
	 "", "system.slice", C, "", U},
	{"CRI-O", "0::/kubepods.slice/kubepods-pod" U_ ".slice/crio-" C ".scope\n",
	 "/kubepods.slice/kubepods-pod" U_ ".slice/crio-" C ".scope", "", "kubepods.slice", C, "",
	 U},
	{"CRI-O's monitor", "0::/kubepods.slice/kubepods-pod" U_ ".slice/crio-conmon-" C ".scope\n",
	 "/kubepods.slice/kubepods-pod" U_ ".slice/crio-conmon-" C ".scope",
	 "crio-conmon-" C ".scope", "kubepods.slice", "", "", U},
	{"kind: a node's container with pods inside",
	 "0::/docker/" D "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
	 "kubelet-kubepods-burstable-pod" U_ ".slice/cri-containerd-" C ".scope\n",
	 "/docker/" D "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
	 "kubelet-kubepods-burstable-pod" U_ ".slice/cri-containerd-" C ".scope",
	 "", "kubelet-kubepods-burstable.slice", C, "", U},
	{"read from another cgroup namespace",
	 "0::/../../kubepods-pod" U_ ".slice/cri-containerd-" C ".scope\n",
	 "/../../kubepods-pod" U_ ".slice/cri-containerd-" C ".scope", "", "", C, "", U},

	{"ECS", "9:memory:/ecs/" T "/" C "\n", "/ecs/" T "/" C, "", "", C, "", ""},
	{"Fargate", "9:memory:/ecs/" T "/" T "-2531612879\n", "/ecs/" T "/" T "-2531612879", "", "",
	 T "-2531612879", "", ""},

	{"LXC, v2", "0::/lxc.payload.web1/system.slice/nginx.service\n",
	 "/lxc.payload.web1/system.slice/nginx.service", "nginx.service", "system.slice", "",
	 "web1", ""},
	{"LXC, v1", "4:memory:/lxc/web1\n1:name=systemd:/lxc/web1/init.scope\n",
	 "/lxc/web1/init.scope", "init.scope", "", "", "web1", ""},
	{"LXC's monitor", "0::/lxc.monitor.web1\n", "/lxc.monitor.web1", "", "", "", "", ""},
	{"LXC 4 with payload folder", "4:memory:/lxc.payload/web1\n", "/lxc.payload/web1", "", "",
	 "", "web1", ""},
	{"nspawn, as a service", "0::/machine.slice/systemd-nspawn@a.service/payload/init.scope\n",
	 "/machine.slice/systemd-nspawn@a.service/payload/init.scope", "init.scope",
	 "machine.slice", "", "a", ""},
	{"nspawn, by machined", "0::/machine.slice/machine-a\\x2db.scope\n",
	 "/machine.slice/machine-a\\x2db.scope", "", "machine.slice", "", "a-b", ""},
	{"a virtual machine", "0::/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/vcpu0\n",
	 "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/vcpu0",
	 "machine-qemu\\x2d1\\x2dvm.scope", "machine.slice", "", "", ""},

	{"v1 without systemd's", "4:memory:/process_api/" T "\n0::/\n", "/process_api/" T, "", "",
	 "", "", ""},
	{"v1, controllers together", "3:cpu,cpuacct:/a\n2:pids:/b\n", "/a", "", "", "", "", ""},
	{"63 digits", "0::/docker/" T "0a1b2c3d4e5f60718293a4b5c6d7e8f\n",
	 "/docker/" T "0a1b2c3d4e5f60718293a4b5c6d7e8f", "", "", "", "", ""},
	{"65 digits", "0::/docker/a" C "\n", "/docker/a" C, "", "", "", "", ""},
	{"capital digits",
	 "0::/docker/4F1C5D3FA3B2E49D8A0C7E6B5A493827160F5E4D3C2B1A09F8E7D6C5B4A39281\n",
	 "/docker/4F1C5D3FA3B2E49D8A0C7E6B5A493827160F5E4D3C2B1A09F8E7D6C5B4A39281", "", "", "", "",
	 ""},
	{"a pod that is none", "0::/kubepods/podracer/pod-1\n", "/kubepods/podracer/pod-1", "", "",
	 "", "", ""},
	{"malformed lines", "0:/x\nx\n::\n:::\n0::relative\n5:\n7:memory:/ok", "/ok", "", "", "",
	 "", ""},
};

static void check(const char *what, const char *member, const char *got, const char *wanted)
{
	if (strcmp(got, wanted) != 0) {
		print_error("%s: %s is '%s', not '%s'\n", what, member, got, wanted);
		fail();
	}
}

static void test_lines(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t n = strlen(cases[i].text);
		char *text = malloc(n + 1);
		struct cgroup c;

		memcpy(text, cases[i].text, n);
		cgroup_parse(text, n, &c);
		check(cases[i].what, "path", c.path, cases[i].path);
		check(cases[i].what, "unit", c.unit, cases[i].unit);
		check(cases[i].what, "slice", c.slice, cases[i].slice);
		check(cases[i].what, "container id", c.container_id, cases[i].id);
		check(cases[i].what, "container name", c.container_name, cases[i].name);
		check(cases[i].what, "pod", c.pod_uid, cases[i].pod);
		free(text);
	}
}

/* Longer than anything has room for. */
static void test_long(void **state)
{
	char text[5000];
	struct cgroup c;

	memset(text, 'x', sizeof(text));
	memcpy(text, "0::/", 4);
	memcpy(text + sizeof(text) - 8, ".service", 8);
	cgroup_parse(text, sizeof(text), &c);
	assert_int_equal(strlen(c.path), CGROUP_PATH_BYTES - 1);
	assert_int_equal(strlen(c.unit), CGROUP_UNIT_BYTES - 1);
	memcpy(text, "0::/lxc/", 8);
	cgroup_parse(text, sizeof(text), &c);
	assert_string_equal(c.container_name, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
