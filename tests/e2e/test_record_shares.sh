#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Two programs with exactly known CPU shares, 10 s at 499 Hz: shares within 1.5 points, every user
# stack complete, inlined calls shown as frames, file and line right.
. "$(dirname "$0")/lib.sh"
need_bpf

start "$WORKLOADS/cputree" 14
tree=$pid
start "$WORKLOADS/cpptree" 14
cpp=$pid
sleep 0.3
record -p "$tree,$cpp" -F 499 -d 10s -o x.folded -o x.pb.gz || finish
wait "$tree" "$cpp"

# 1.5 points, of 10 s of CPU. On a machine so busy that far fewer samples come together, the sampling
# error grows by the root of their number, and the tolerance with it.
tolerance() {
	awk -v n="$(total x.folded "$1")" 'BEGIN { print (n >= 2500 || n < 1 ? 1.5 : 1.5 * sqrt(2500 / n)) }'
}
c=$(tolerance '^cputree;')
cc=$(tolerance '^cpptree;')
for name in parse_field fold_step emit_block; do
	within "$(share x.folded "[;]$name(;|\$)" '^cputree;')" "$(truth cputree.json $name)" "$c" "share of $name"
done
within "$(share x.folded ';Alpha::work\(unsigned long\)' '^cpptree;')" \
	"$(truth cpptree.json Alpha::work)" "$cc" "share of Alpha::work"
within "$(share x.folded ';zoo::Beta<int>::work\(unsigned long\)' '^cpptree;')" \
	"$(truth cpptree.json 'zoo::Beta<int>::work')" "$cc" "share of Beta::work"

# Of 5000 ticks, on CPUs that others may also use.
at_least "$(total x.folded '^cputree;')" 400 "samples of cputree"
at_least "$(total x.folded '^cpptree;')" 400 "samples of cpptree"

# Complete: from main to the function that runs, with no broken walk.
has_not x.folded '\[error' "an incomplete stack"
# (The C library's own leaf functions have no frame, so their direct caller may be missing.)
within "$(share x.folded ';main(;|$)')" 100 0.01 "stacks with main"
at_least "$(share x.folded ';main;run;' '^cputree;')" 99 "cputree stacks with main;run"
at_least "$(share x.folded ';main;drive\(double\);' '^cpptree;')" 99 "cpptree stacks with main;drive"
at_least "$(share x.folded ';main;run;work_for;work_slice;(parse;parse_line;parse_field|compute;fold_all;fold_step|emit;emit_block)' '^cputree;')" 98 \
	"the whole chain of the C tree, two inlined calls in it"

# Inlined templates are frames of their own, in order. (They exist in the debug information only, which
# has their bare names: no linkage name, no namespace.)
at_least "$(share x.folded ';Alpha::work\(unsigned long\);mix_all<8>;mix_one<long unsigned int>(;|$)' ';Alpha::work')" 70 \
	"the inlined chain under Alpha::work"
at_least "$(share x.folded ';zoo::Beta<int>::work\(unsigned long\);(zoo::)?scramble(;|$)' 'Beta<int>')" 60 \
	"inlined call under Beta::work"

# File and line, as pprof's own reader sees them.
if command -v go >/dev/null; then
	export HOME=$TMP PPROF_TMPDIR=$TMP
	go tool pprof -raw x.pb.gz >raw.txt 2>raw.err || fail "go tool pprof: $(head -n 3 raw.err)"
	for mark in A B; do
		line=$(grep -n "LINE-$mark \*/" "$SRC/tests/workloads/cpptree.cc" | head -n1 | cut -d: -f1)
		grep -Eq "(mix_one|scramble).* [^ ]*tests/workloads/cpptree\.cc:$line( |:|\$)" raw.txt ||
			fail "no frame at cpptree.cc:$line in the pprof file"
	done
	go tool pprof -sample_index=samples -lines -top x.pb.gz >lines.txt 2>>raw.err
	within "$(awk '/mix_one.*cpptree.cc:/ { sub("%", "", $2); s += $2 } END { print s + 0 }' lines.txt)" \
		"$(share x.folded 'mix_one<long unsigned int>$')" 1 "self share of mix_one's lines"
else
	echo "no go: lines not checked"
fi

# The closing lines.
has record.err '100\.0 % of [0-9]+ user stacks are complete'
has record.err 'samples +[0-9]+ taken = [0-9]+ written \+ [0-9]+ filtered \+ [0-9]+ lost'
finish
