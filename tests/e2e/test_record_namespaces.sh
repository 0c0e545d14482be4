#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A process in namespaces of its own: its binary lies on a tmpfs that only its mount namespace sees,
# under a changed root, and its pid (so its perf map's name) is another one outside.
. "$(dirname "$0")/lib.sh"
need_bpf
need unshare chroot
unshare -m -p -f true 2>/dev/null || skip "no new mount and pid namespaces here"

# inside NAME SECONDS: runs a workload, with its libraries, in a root that nobody else can see.
cat >inside.sh <<'INSIDE'
set -e
mount --make-rprivate /
mount -t tmpfs none "$1"
mkdir -p "$1/app" "$1/tmp" "$1/proc"
cp "$2" "$1/app/"
for lib in $(ldd "$2" | grep -o '/[^ ]*'); do
	mkdir -p "$1$(dirname "$lib")" && cp -L "$lib" "$1$lib"
done
mount -t proc none "$1/proc"
exec chroot "$1" "/app/$(basename "$2")" "$3"
INSIDE
mkdir root

# inner_pid NAME: the pid out here of the workload in there.
inner_pid() {
	pgrep -n -x "$1"
}

for name in cputree jit; do
	start unshare -m -p -f --kill-child sh inside.sh "$PWD/root" "$WORKLOADS/$name" 60
	outer=$pid
	wait_for 10 inner_pid $name >/dev/null || { fail "$name did not start"; continue; }
	inner=$(inner_pid $name)
	sleep 0.3
	record -p "$inner" -F 499 -d 1s -o $name.folded
	# It is the first of its pid namespace: the kernel keeps a mere SIGTERM from it.
	kill -KILL "$inner" 2>/dev/null
	wait "$outer" 2>/dev/null
done
[ ! -e root/app ] || fail "the namespace's files can be seen from outside: the test proves nothing"
at_least "$(share cputree.folded ';main;run')" 95 "named in another mount namespace"
has cputree.folded 'parse_field'
at_least "$(share jit.folded 'jit_outer;jit_hot$')" 90 "JIT frames by the inner pid's perf map"
finish
