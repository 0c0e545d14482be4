#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_query.sh - `cresset query` on a store with known windows: every output, ranges, matches and
# tables, and while a writer goes on. Needs no BPF: tests/store_driver fills the store.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lib.sh
. "$here/lib.sh"
driver=$BUILD/tests/store_driver
[ -x "$driver" ] || skip "no store_driver in $BUILD/tests"
start=$(($(date +%s) / 60 * 60 - 7200))
mkdir mem
"$driver" mem/store $start 20 180 >fill.out 2>fill.err || fail "the store was not filled"

# query ARGUMENTS: what is printed goes to out and err
query() {
	"$CRESSET" query --store mem/store "$@" >query.out 2>query.err || fail "query $*: $(cat query.err)"
}

# total FILE: the sum of the last numbers of its lines
total() {
	awk '{ sum += $NF } END { printf "%.0f\n", sum }' "$1"
}

# ---- Ranges and matches add up.
query --from $start --to $((start + 3600)) -o all.folded
grep -q '^store    180 windows of ' query.err || fail "not 180 windows: $(cat query.err)"
[ -s all.folded ] || fail "no folded stacks"
query --from $start --to $((start + 1200)) -o first.folded
query --from $((start + 1200)) --to $((start + 3600)) -o rest.folded
[ $(($(total first.folded) + $(total rest.folded))) = "$(total all.folded)" ] ||
	fail "two ranges do not add up to their whole"
sum=0
for service in service0 service1 service2; do
	query --from $start --to $((start + 3600)) -m "service=\"$service\"" -o one.folded
	grep -v "^comm${service#service}-" one.folded | grep -q . && fail "$service has others' stacks"
	sum=$((sum + $(total one.folded)))
done
[ $sum = "$(total all.folded)" ] || fail "services do not add up to the whole"
query --from $start --to $((start + 3600)) -m 'comm=~"comm[01]-1",service!="service0"' -o one.folded
cut -d';' -f1 one.folded | sort -u | tr '\n' ' ' | grep -qx 'comm1-1 ' || fail "a match took others"

# ---- Events: off-cpu and cpu make wall.
for event in cpu off-cpu wall; do
	query --from $start --to $((start + 3600)) -e $event --idle -o $event.folded
done
[ $(($(total cpu.folded) + $(total off-cpu.folded))) = "$(total wall.folded)" ] ||
	fail "cpu and off-cpu do not add up to wall"
grep -q ';\[blocked\] ' wall.folded || fail "no state in wall"
grep -q ';\[blocked\] ' cpu.folded && fail "a state in cpu"

# ---- Every format, each readable again.
query --from $start --to $((start + 3600)) --keep comm --keep service -o a.svg -o a.pb.gz -o a.cresset -o a.folded
for file in a.pb.gz a.cresset; do
	"$CRESSET" convert $file -f folded >again.folded 2>again.err || fail "$file: $(cat again.err)"
	[ "$(total again.folded)" = "$(total a.folded)" ] || fail "$file has another sum"
done
grep -q '<svg ' a.svg || fail "no SVG"
grep -q 'cpu, 2[0-9-]* [0-9:]* to ' a.svg || fail "the SVG's title does not say what it is"
query --from $start --to $((start + 3600)) -f pprof -o - && [ -s query.out ] || fail "nothing on standard output"

# ---- Tables.
query --from $start --to $((start + 3600)) --top 5
[ "$(grep -c 'service[0-2]_function' query.out)" = 5 ] || fail "not five rows: $(cat query.out)"
query --from $start --to $((start + 3600)) --by service -e wall
[ "$(grep -c '^service[0-2] ' query.out)" = 3 ] || fail "not three services"
grep -q '^all .* 100.0% .* 100.0%' query.out || fail "no sum of all"
[ "$(awk '{ if (length > 80) n++ } END { print n + 0 }' query.out)" = 0 ] || fail "a table wider than 80 columns"
query --from $start --to $((start + 3600)) --by comm --top 2
grep -q '^4 more ' query.out || fail "what is left out is not counted: $(cat query.out)"
query --by nothing --from $start --to $((start + 3600))
grep -q "no series has the label 'nothing'" query.err || fail "an unknown label is not said"
query --list
for line in '^ranges .* 180 windows' '^labels .*comm .* 6 ' '^ .*service .* 3  service0, service1, service2$' \
	'^series   6$' '^store    180 windows'; do
	grep -qE "$line" query.out || fail "--list has no line like $line: $(cat query.out)"
done

# ---- Nothing is no error, and is explained.
query --from 2001-01-01 --to 2001-01-02
grep -q 'no window begins in that range; the store has 20' query.err || fail "no reason for nothing"
query --from $start --to $((start + 3600)) -m 'service="none"' -o none.folded
grep -q 'nothing matches in that range: service="none" has no cpu time' query.err || fail "no reason"
[ -e none.folded ] || fail "no file for an empty answer"

# ---- Damage is said.
segment=$(find mem/store/segments -name '*.seg' | sort | head -n 1)
cp "$segment" kept && truncate -s 100 "$segment"
query --from $start --to $((start + 3600)) -o less.folded
grep -q "^damaged  1 segments, the first is $(basename "$segment")" query.err || fail "damage is not said: $(cat query.err)"
[ "$(total less.folded)" -lt "$(total all.folded)" ] || fail "a damaged segment was counted"
cp kept "$segment"

# ---- While a writer goes on.
"$driver" mem/store $((start + 3600)) 20 60 20 >more.out 2>more.err &
writer=$!
started_pids+=($writer)
while kill -0 $writer 2>/dev/null; do
	query --from $start --to $((start + 3600)) -o beside.folded
	cmp -s beside.folded all.folded || fail "another answer beside a writer"
	[ $failures = 0 ] || break
done
wait $writer || fail "the writer failed: $(cat more.err)"
query --from $start --to $((start + 4800)) -o more.folded
grep -q '^store    240 windows of ' query.err || fail "not all of the writer's windows: $(cat query.err)"
finish
