#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# System-wide while a compiler builds a real program: the accounting adds up exactly, as the raw
# file states it, and in every format the values add up to what was written.
. "$(dirname "$0")/lib.sh"
need_bpf
need gcc

(
	end=$((SECONDS + 6))
	while [ $SECONDS -lt $end ]; do
		gcc -O2 -g -c -I"$SRC/include" -I"$SRC" -D_GNU_SOURCE -o compile.o \
			"$SRC/profiler/core/profile.c" -I"$SRC/profiler" || exit 1
	done
) >compile.out 2>&1 &
started_pids+=($!)
record -a -F 999 -d 4s -o all.cresset -o all.folded -o all.pb.gz || finish
has all.folded '^(cc1|as|gcc);' "the compiler"

# accounting FILE: taken, written, filtered and lost, as the closing line has them.
accounting() {
	sed -n 's/^samples  *\([0-9]*\) taken = \([0-9]*\) written + \([0-9]*\) filtered + \([0-9]*\) lost.*/\1 \2 \3 \4/p' "$1"
}
sum=$(accounting record.err)
echo "$sum" | awk 'NF == 4 { ok = $1 > 0 && $1 == $2 + $3 + $4 && $4 * 100 <= $1 } END { exit !ok }' ||
	fail "accounting: taken, written, filtered, lost: ${sum:-none}"
for f in all.cresset all.pb.gz; do
	"$CRESSET" report $f >report.out 2>&1 || fail "report $f"
	[ "$(accounting report.out)" = "$sum" ] || fail "$f says: $(accounting report.out), the recording said: $sum"
done

# Every sample that was written is in every format.
written=$(echo "$sum" | cut -d' ' -f2)
"$CRESSET" convert all.cresset -o raw.folded 2>convert.err || fail "convert: $(cat convert.err)"
"$CRESSET" convert all.pb.gz -o pprof.folded 2>convert.err || fail "convert: $(cat convert.err)"
for f in all raw pprof; do
	[ "$(total $f.folded)" = "${written:-none}" ] || fail "$f.folded has $(total $f.folded) samples of ${written:-none}"
done
cmp -s all.folded pprof.folded || fail "the pprof file gives other stacks than the recording"
# The raw file is named later; what has been deleted since has lost its names, the compiler has not.
for f in all raw; do
	grep -E '^(cc1|as);' $f.folded | grep -v '\[' >$f.compiler
done
[ -s all.compiler ] && cmp -s all.compiler raw.compiler ||
	fail "the raw file gives other stacks of the compiler: $(diff all.compiler raw.compiler | head -n 4 | cut -c1-300)"
finish
