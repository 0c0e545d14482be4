#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Code that cannot be opened by its path: deleted and replaced binaries, memfd, dlopen while it is
# recorded, dlclose before the end, JIT code with a perf map, a stripped binary, kernel and vdso.
. "$(dirname "$0")/lib.sh"
need_bpf

for mode in deleted replaced memfd; do
	start "$WORKLOADS/oddbin" $mode 60
	wait_for 5 grep -q ready oddbin.json
	record -p "$pid" -F 499 -d 1s -o $mode.folded || continue
	at_least "$(share $mode.folded ';main;work_loop;odd_work')" 90 "named in a $mode binary"
	# A raw recording must keep these names: nothing can open the file later.
	record -p "$pid" -F 499 -d 1s -o $mode.cresset || continue
	kill "$pid"
	wait "$pid" 2>/dev/null
	"$CRESSET" convert $mode.cresset -o later.folded || fail "convert $mode.cresset"
	at_least "$(share later.folded ';main;work_loop;odd_work')" 90 "named later in a $mode binary"
	: >oddbin.json
done
rm -f /tmp/oddbin-??????

for mode in dlopen dlclose; do
	start "$WORKLOADS/oddbin" $mode 1 "$WORKLOADS/plugin.so"
	record -p "$pid" -F 499 -o $mode.folded || continue
	at_least "$(share $mode.folded ';plugin_entry;plugin_inner')" 85 "named in a library opened by $mode"
	wait "$pid"
done

start "$WORKLOADS/jit" 60
wait_for 5 grep -q ready jit.json
record -p "$pid" -F 499 -d 1s -o jit.folded -o jit.svg || finish
at_least "$(share jit.folded ';main;run;jit_outer;jit_hot$')" 90 "JIT frames by the perf map"
kill "$pid"
rm -f "/tmp/perf-$pid.map"

# What cannot be named is [binary+0xaddress], by the ELF's own addresses: objdump finds code there.
cp "$WORKLOADS/cputree" bare && strip bare
start ./bare 60
record -p "$pid" -F 499 -d 1s -o bare.folded || finish
has bare.folded '^bare;.*\[bare\+0x[0-9a-f]+\]'
has_not bare.folded 'parse_field|fold_step'
address=$(sed -n 's/.*\[bare+0x\([0-9a-f]*\)\] [0-9]*$/\1/p' bare.folded | head -n1)
section=$(objdump -h bare | awk '$2 == ".text" { print $4, $3 }')
awk -v a="0x$address" -v s="0x${section% *}" -v n="0x${section#* }" 'function hex(x,  i, v) { x = tolower(substr(x, 3)); v = 0; for (i = 1; i <= length(x); i++) v = v * 16 + index("0123456789abcdef", substr(x, i, 1)) - 1; return v } BEGIN { exit !(hex(a) >= hex(s) && hex(a) < hex(s) + hex(n)) }' ||
	fail "0x$address is not in .text of the stripped binary ($section)"
kill "$pid"

# A stripped binary whose debug file lies beside it is named again.
objcopy --only-keep-debug "$WORKLOADS/cputree" split.debug
cp "$WORKLOADS/cputree" split && strip split && objcopy --add-gnu-debuglink=split.debug split
start ./split 60
record -p "$pid" -F 499 -d 1s -o split.folded || finish
at_least "$(share split.folded ';main;run;work_for;work_slice;')" 90 "named through .gnu_debuglink"
kill "$pid"
finish
