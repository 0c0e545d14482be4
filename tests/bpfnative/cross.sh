#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# cross.sh - the BPF programs are compiled for the other architecture, linked and looked at: all of
# bpf/kernel.h and bpf/unwind_arch.h that this machine never runs. Exit status 77: no headers for it.
set -u
bpf=${SRC:?}/bpf
include=/usr/aarch64-linux-gnu/include
clang=$(command -v clang-14 || command -v clang) || { echo "skipped: no clang"; exit 77; }
bpftool=$(PATH=$PATH:/usr/sbin command -v bpftool) || { echo "skipped: no bpftool"; exit 77; }
[ -e $include/asm/types.h ] || { echo "skipped: no $include (linux-libc-dev-arm64-cross)"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
# In the order of bpf/CMakeLists.txt.
sources=$(sed -n '/^cresset_bpf_skeleton(cresset_bpf$/,/)/s/^\t\([a-z_]*\.bpf\.c\).*/\1/p' "$bpf/CMakeLists.txt")
[ "$(echo "$sources" | wc -l)" -ge 8 ] || { echo "cannot read the list of programs"; exit 1; }
objects=()
for source in $sources procmap.bpf.c; do
	"$clang" -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_arm64 -Wall -Wextra -Werror \
		-Wno-unused-parameter -fno-stack-protector -I"$bpf" -idirafter $include \
		-c "$bpf/$source" -o "$dir/${source%.c}.o" || exit 1
	[ "$source" = procmap.bpf.c ] || objects+=("$dir/${source%.c}.o")
done
"$bpftool" gen object "$dir/linked.o" "${objects[@]}" || exit 1
"$bpftool" gen skeleton "$dir/linked.o" name cresset_bpf >"$dir/skel.h" || exit 1
grep -q cresset_unwind_epoch "$dir/skel.h" || { echo "no walker in the linked object"; exit 1; }
echo "$(echo "$sources" | wc -w) programs compiled and linked for aarch64"
