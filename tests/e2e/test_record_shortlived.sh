#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A shell loop of 20 ms processes: at least 95 % of their samples are named, though every one of
# them has ended long before names are looked up.
. "$(dirname "$0")/lib.sh"
need_bpf

"$SRC/tests/workloads/shortlived.sh" "$WORKLOADS/burner" 1000 >/dev/null 2>&1 &
started_pids+=($!)
record -a -F 499 -d 4s -o short.folded -o short.cresset || finish
at_least "$(total short.folded '^burner;')" 200 "samples of short-lived processes"
at_least "$(share short.folded ';main;burn' '^burner;')" 85 "their share in main;burn"
# What counts is the function that ran (kernel frames may follow it): callers that a walk makes up in
# code without frame pointers, the dynamic loader's, are nowhere. A stripped libc names only what it
# exports, so [libc.so.6+0x…] is right.
unresolved=$(share short.folded '[[](unknown|burner[+])[^;]*(;(asm_|entry_|ret_from_).*)?$' '^burner;')
at_least "$(awk -v u="$unresolved" 'BEGIN { print 100 - u }')" 95 "resolved share of short-lived processes"

# And of a command's children.
record -F 999 -o loop.folded -- "$SRC/tests/workloads/shortlived.sh" "$WORKLOADS/burner" 60 || finish
at_least "$(share loop.folded 'burn_round' '^burner;')" 80 "burn_round in a command's children"
has_not loop.folded '^burner;.*burner\+0x' "a frame of a dead process without a name"
finish
