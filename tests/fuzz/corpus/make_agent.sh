#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes the seeds of fuzz_agent_config and fuzz_agent_proc. The results are committed.
set -eu
cd "$(dirname "$0")"
mkdir -p agent_config agent_proc

sample=../../../examples/agent/cresset.conf
cp "$sample" agent_config/sample
sed 's/^#\([a-z_]* = \)/\1/; s/^#\[/[/' "$sample" > agent_config/sample_all
sed '/^#\[upload/,$d; s/^#\([a-z_]* = \)/\1/' "$sample" > agent_config/sample_without_uploads
printf '[labels]\nkeep = (a|b){1,3}=[^x]*\ndrop = [[:alpha:]]+\nrename = (.)(.) n\\1_\\2\nservice = env:A text:b\n' > agent_config/rules
printf '[labels]\nkeep = (((\ndrop = a{1,99}{99}\nrename = \\1 x\n' > agent_config/bad_rules
printf '\357\273\277[agent]\r\nfreq=1\r\n[agent]\nx\n=\n[\n]\n[upload]\n[upload a/b]\n' > agent_config/malformed
printf '[agent]\nfreq = 19\000\nwindow = 1d\n' > agent_config/nul

id=4f1c5d3fa3b2e49d8a0c7e6b5a493827160f5e4d3c2b1a09f8e7d6c5b4a39281
uid=f81d4fae-7dec-11d0-a765-00a0c91e6bf6
slice=$(echo $uid | tr - _)
printf '0::/system.slice/docker-%s.scope\n' $id > agent_proc/docker
printf '0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod%s.slice/cri-containerd-%s.scope\n' "$slice" $id > agent_proc/kubernetes
printf '0::/system.slice/containerd.service/kubepods-besteffort-pod%s.slice:cri-containerd:%s\n' "$slice" $id > agent_proc/drivers
printf '12:pids:/kubepods/pod%s/%s\n4:cpu,cpuacct:/x\n1:name=systemd:/lxc/web/init.scope\n0::/\n' $uid $id > agent_proc/v1
printf '0::/lxc.payload.a\\x2db/system.slice/_cpu.service\n' > agent_proc/lxc
printf '0::/machine.slice/machine-a\\x2d\\x2.scope\n' > agent_proc/machine
printf '9:memory:/ecs/0a1b2c3d4e5f60718293a4b5c6d7e8f9/0a1b2c3d4e5f60718293a4b5c6d7e8f9-2531612879\n' > agent_proc/fargate
printf '0:/x\nx\n::\n:::\n0::relative\n5:\n7:memory:/ok' > agent_proc/malformed
printf '7 (a b) R) R 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 123456 9 9' > agent_proc/stat
printf 'A=1\000OTEL_RESOURCE_ATTRIBUTES=service.name=sh%%6fp, b = c%%2C%%3d ,\000B=\000=\000C' > agent_proc/environ
printf 'service.name=\303\244\342\200\256,Key-1=%%ff%%00,x=' > agent_proc/attributes
printf 'a=b,c,%%=%%2' > agent_proc/bad_attributes
