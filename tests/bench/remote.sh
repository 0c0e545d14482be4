#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# remote.sh BUILD [ROUNDS] - what it costs to walk the stacks of threads that sleep, from outside.
#
# 1,000 threads of tests/workloads/asleep: of one process and of 200, with 9 frames and with 110.
# Each round is ours (nine times over all threads, the fastest counts), then elfutils' eu-stack over
# the one process, which stops every thread, without names. Printed: microseconds a walk, the least
# of the rounds, and the ratio.
set -u
build=$(cd "${1:?usage: remote.sh BUILD [ROUNDS]}" && pwd)
rounds=${2:-3}
[ "$(id -u)" = 0 ] || { echo "remote: needs root" >&2; exit 77; }
bench=$(find "$build" -name bench_remote -type f | head -n1)
asleep=$build/tests/workloads/asleep
load=
# shellcheck disable=SC2317
cleanup() {
	[ -z "$load" ] || kill "$load" 2>/dev/null
}
trap cleanup EXIT

# ours KIND PROGRAMS THREADS: a line of NAME=VALUE
ours() {
	"$bench" "$asleep" "$1" "$2" "$3"
}

# theirs KIND: microseconds a thread, and how many lines eu-stack has printed
theirs() {
	local began ended lines
	"$asleep" -n 1000 "$1" >/dev/null &
	load=$!
	sleep 1
	began=$(date +%s%N)
	lines=$(eu-stack -n 0 -q -p "$load" 2>/dev/null | wc -l)
	ended=$(date +%s%N)
	kill "$load"
	wait "$load" 2>/dev/null
	load=
	echo "$(((ended - began) / 1000000)) $lines"
}

value() {
	tr ' ' '\n' | sed -n "s/^$1=//p"
}

least() {
	sort -n | head -n1
}

for kind in nanosleep deep; do
	one='' many='' other=''
	for ((i = 0; i < rounds; i++)); do
		line=$(ours $kind 1 1000) || exit 1
		one+="$(value us <<<"$line")"$'\n'
		many+="$(ours $kind 200 5 | value us)"$'\n'
		read -r us lines < <(theirs $kind)
		other+="$us"$'\n'
	done
	a=$(printf %s "$one" | least) b=$(printf %s "$many" | least) c=$(printf %s "$other" | least)
	echo "$kind: $line"
	echo "  least of $rounds: $a us a walk in one process, $b in 200; eu-stack $c us ($lines lines):" \
		"$(awk -v a="$a" -v c="$c" 'BEGIN { printf "%.2f", a / c }') of it"
done
