#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh VERSION - boots Debian's kernel of that version (6.1, 6.12) under qemu and tests in it.
#
# The machine is an initramfs: busybox, the release build of cresset with its shared libraries, the
# workloads and the live tests; /init is inside.sh. Emulated (TCG), so it needs no virtualisation;
# times in it mean nothing, only results are looked at. Kernels come as Debian packages, by apt, into
# build/vm, and stay there. Exit status 77 with the reason when qemu or the kernel cannot be had.
set -u
version=${1:?usage: run.sh VERSION}
here=$(cd "$(dirname "$0")" && pwd)
src=$(cd "$here/../.." && pwd)
release=${RELEASE:-$src/build/release}
cache=$src/build/vm
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C

skip() {
	echo "skipped: $*"
	exit 77
}

# A plain `ctest` without root is to be quick.
[ "$(id -u)" = 0 ] || [ -n "${VM:-}" ] || skip "takes minutes: only as root, or with VM=1 set"
for tool in qemu-system-x86_64 busybox cpio dpkg-deb; do
	command -v $tool >/dev/null || skip "no $tool (apt-get install qemu-system-x86 busybox-static cpio)"
done
[ "$(uname -m)" = x86_64 ] || skip "kernels for x86_64 only"
ldd "$(command -v busybox)" >/dev/null 2>&1 && skip "busybox is not the static one (busybox-static)"
[ -x "$release/cresset" ] || { echo "no $release/cresset: run scripts/build vm_programs"; exit 1; }

# The newest cloud kernel of that version that apt knows of.
kernel_package() {
	apt-cache search --names-only "^linux-image-${version//./\\.}\\.[0-9]+([-+][a-z0-9]+)*-cloud-amd64\$" |
		awk '{ print $1 }' | grep -v unsigned | sort -V | tail -n1
}

# A kernel in the cache is used as it is, without a network.
fetch_kernel() {
	local package part
	vmlinuz=$(find "$cache/$version" -name 'vmlinuz-*' 2>/dev/null | sort -V | tail -n1)
	[ -n "$vmlinuz" ] && return
	command -v apt-get >/dev/null || skip "no apt-get to fetch a kernel with"
	package=$(kernel_package)
	if [ -z "$package" ] && [ "$(id -u)" = 0 ]; then
		apt-get update >/dev/null 2>&1
		package=$(kernel_package)
	fi
	[ -n "$package" ] || skip "apt knows no linux-image-$version.*-cloud-amd64"
	part=$cache/$version.part
	rm -rf "$part" && mkdir -p "$part" || exit 1
	(cd "$part" && apt-get download "$package" >download.log 2>&1) ||
		skip "cannot download $package: $(tail -n1 "$part/download.log")"
	dpkg-deb --fsys-tarfile "$part"/*.deb | tar -x -C "$part" --wildcards './boot/vmlinuz-*' || exit 1
	rm -rf "${cache:?}/$version" && mkdir -p "$cache/$version" &&
		mv "$part"/boot/vmlinuz-* "$cache/$version/" && rm -rf "$part" || exit 1
	vmlinuz=$(find "$cache/$version" -name 'vmlinuz-*')
}

# Copies programs and the libraries that they are linked with.
copy_programs() {
	local to=$1 program lib
	shift
	for program; do
		cp -L "$program" "$to/" || return 1
		for lib in $(ldd "$program" 2>/dev/null | grep -o '/[^ ]*'); do
			[ -e "$root$lib" ] || { mkdir -p "$root$(dirname "$lib")" && cp -L "$lib" "$root$lib"; } ||
				return 1
		done
	done
}

fetch_kernel
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{bin,proc,sys,dev,tmp,etc,live,workloads}
shopt -s nullglob
copy_programs "$root/bin" "$(command -v busybox)" "$release/cresset" || exit 1
mapfile -t workloads < <(find "$release/tests/workloads" -maxdepth 1 -type f -perm -u+x)
copy_programs "$root/workloads" "${workloads[@]}" || exit 1
cp "$here/../workloads/shortlived.sh" "$root/workloads/"
live=("$release"/tests/live_*)
[ ${#live[@]} = 0 ] || copy_programs "$root/live" "${live[@]}" || exit 1
echo 'nobody:x:65534:65534:nobody:/:/bin/false' >"$root/etc/passwd"
cp "$here/inside.sh" "$root/init" && chmod 755 "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet) | gzip -1 >"$work/initrd.gz" || exit 1

# Both emulated CPUs are run by one thread in turn: with a thread each, a CPU may execute a byte that
# the other has just patched, and the kernel dies of it (README.md).
timeout -k 5 "${VM_TIMEOUT:-1400}" qemu-system-x86_64 -M pc -accel tcg,thread=single -cpu max -smp 2 \
	-m 1536 -nographic -no-reboot -nic none -kernel "$vmlinuz" -initrd "$work/initrd.gz" \
	-append "console=ttyS0 panic=-1 quiet" </dev/null >"$work/console" 2>&1
status=$?
tr -d '\r' <"$work/console" >"$work/text"
cp "$work/text" "$cache/console-$version.log" 2>/dev/null

if ! grep -q '^VM END' "$work/text"; then
	tail -n 40 "$work/text"
	echo "FAIL: $(basename "$vmlinuz") did not get to the end (qemu: $status)"
	exit 1
fi
grep -E '^VM (PASS|FAIL|SKIP|INFO)' "$work/text"
if grep -q '^VM FAIL' "$work/text" || ! grep -q '^VM PASS' "$work/text"; then
	grep -v '^VM' "$work/text" | tail -n 60
	exit 1
fi
